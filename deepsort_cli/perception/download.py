"""Fetch one published file: checked by its sum, moved into place whole, resumed where a transfer was cut."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deepsort_cli.core.errors import RunError
from deepsort_cli.perception.model_cache import cache_error

CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 20.0
"""Seconds until an address that does not answer, or a transfer that stalls, is given up."""
ATTEMPTS = 3
BLOCK = 1 << 16
ABANDONED = 2 * READ_TIMEOUT
"""Seconds after which a partial file that does not grow belongs to a program that was killed."""


def download(
    url: str, path: Path, size: int, sha256: str, *, remedy: str, progress: Callable[[int, int], None]
) -> None:
    """Fetch `url` into `path`, which appears only once it is complete and right.

    What a cut transfer brought is kept beside `path` and continued, here for up to three attempts or by a later call.
    Proxies are taken from the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY).

    Args:
        size: bytes of the file.
        sha256: its SHA-256, in hexadecimal.
        remedy: what to do instead, the end of every message.
        progress: is told the bytes there are and the bytes there will be.

    Raises:
        RunError: nothing answers, the transfer is cut again and again, or another file came.
        InputError: the folder of `path` cannot be written.
    """
    import requests

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = _partial_file(path)
        stream = os.fdopen(os.open(partial, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
    except OSError as error:
        raise cache_error(path.parent, error) from None
    try:
        with stream, requests.Session() as session:
            reason = _attempts(session, url, stream, size, progress)
        if reason:
            kept = partial.stat().st_size
            begun = f" {kept:,} of {size:,} bytes came; the next try goes on from there." if kept else ""
            raise RunError(f"{_shown(url)}: cannot be fetched: {reason}.{begun} {remedy}")
        _check(partial, url, size, sha256, remedy)
        partial.replace(path)
    except OSError as error:  # of the disk: those of the network are caught where they arise
        raise cache_error(path.parent, error) from None
    finally:
        _leave(partial, path)


def _attempts(session: Any, url: str, stream: Any, size: int, progress: Callable[[int, int], None]) -> str:
    """Transfer, again where that may help; why it did not work, or nothing."""
    import requests

    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(attempt)
        try:
            _transfer(session, url, stream, size, progress)
            return ""
        except (requests.RequestException, _CutShortError) as error:
            reason = _reason(error)
            if isinstance(error, requests.HTTPError) and error.response.status_code < 500:
                return reason  # asking again changes nothing
    return reason


class _CutShortError(Exception):
    """Fewer bytes came than were announced."""


def _transfer(session: Any, url: str, stream: Any, size: int, progress: Callable[[int, int], None]) -> None:
    """Append what is missing; begin anew where the server cannot send a part."""
    done = stream.seek(0, os.SEEK_END)
    if done >= size:
        return
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={done}-"} if done else {})}
    with session.get(url, headers=headers, stream=True, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT)) as response:
        if response.status_code == 416:
            stream.truncate(0)
            raise _CutShortError("the server has not got the rest of the file")
        response.raise_for_status()
        if done and response.headers.get("Content-Range", "").split("-")[0] != f"bytes {done}":
            done = stream.seek(0)
            stream.truncate()
        progress(done, size)
        for block in response.iter_content(BLOCK):
            stream.write(block)
            done += len(block)
            progress(done, size)
            if done > size:  # not the file that was published
                return
    stream.flush()
    if done < size:
        raise _CutShortError("the transfer was cut")


def _partial_file(path: Path) -> Path:
    """Where to collect the file, by a name of this process's own; what an earlier attempt left is taken over."""
    own = path.with_name(f".{path.name}.{os.getpid()}.part")
    for left in sorted(path.parent.glob(f".{path.name}.*part")):
        with contextlib.suppress(OSError):  # another process was quicker
            if left == _abandoned(path) or time.time() - left.stat().st_mtime > ABANDONED:
                left.replace(own)
                break
    return own


def _abandoned(path: Path) -> Path:
    """The name of a partial file that no process writes to."""
    return path.with_name(f".{path.name}.part")


def _leave(partial: Path, path: Path) -> None:
    """Keep what came of a transfer that did not end well for the next one."""
    with contextlib.suppress(OSError):
        if partial.stat().st_size:
            partial.replace(_abandoned(path))
        else:
            partial.unlink()


def _check(partial: Path, url: str, size: int, sha256: str, remedy: str) -> None:
    digest = hashlib.sha256()
    with partial.open("rb") as stream:
        head = stream.read(512)
        digest.update(head)
        while block := stream.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() == sha256:
        return
    found = partial.stat().st_size
    partial.unlink(missing_ok=True)
    what = "another file"
    if head.lstrip()[:1] == b"<":
        what = "a web page, perhaps a network's login"
    elif head.startswith(b"version https://git-lfs"):
        what = "a Git LFS pointer"
    raise RunError(
        f"{_shown(url)}: {what} came, not the one that was published: SHA-256 {digest.hexdigest()} over {found:,} "
        f"bytes, expected {sha256} over {size:,}. It was deleted. {remedy}"
    )


def _shown(url: str) -> str:
    """The address without user, password and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _reason(error: Exception) -> str:
    """What went wrong, without addresses: those of proxies may hold passwords."""
    import requests

    if isinstance(error, requests.HTTPError):
        return f"the server answers {error.response.status_code} {error.response.reason or ''}".rstrip()
    for kind, text in (
        (requests.exceptions.ProxyError, "the proxy does not let this through"),
        (requests.exceptions.SSLError, "the server's certificate cannot be verified"),
        (requests.exceptions.ConnectTimeout, f"no answer within {CONNECT_TIMEOUT:g} s"),
        (requests.exceptions.ReadTimeout, f"no data for {READ_TIMEOUT:g} s"),
        (requests.exceptions.ChunkedEncodingError, "the transfer was cut"),
        (requests.exceptions.ConnectionError, "no connection to the server, as if this machine were offline"),
        (requests.exceptions.InvalidURL, "not a valid address"),
        (requests.exceptions.MissingSchema, "not a valid address"),
    ):
        if isinstance(error, kind):
            return text
    return str(error) if isinstance(error, _CutShortError) else type(error).__name__
