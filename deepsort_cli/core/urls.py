"""Addresses: shown without their secrets, and written so that FFmpeg connects with them.

People write passwords into URLs as they are, with `/`, `?`, `#`, `@` or `[` in them, so the rules of RFC 3986 do not
say where a password ends. What is shown errs on the side of hiding; what is connected to is the likeliest reading.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import quote

_BEGIN = r"(?:(?<![\w+.-])[A-Za-z][A-Za-z0-9+.-]+:/|(?<![^\s'\"`(=])(?:[A-Za-z][A-Za-z0-9+.-]*[;:]?)?//)"
"""How an address begins in a message, misspelt ones as well; not the drive of a path."""

_HOST = r"(?:\[[0-9A-Fa-f:.%]+\]|[^\s/?#@:\[\]]+)(?::\d*)?"


def scheme_of(text: str) -> str | None:
    """The scheme of what is written like a URL, in lower case; None for anything else."""
    found = re.match(r"\s*([A-Za-z][A-Za-z0-9+.-]*)://", text)
    return found[1].lower() if found else None


def hide_secrets(text: str) -> str:
    """A text as it may be shown: where it is a URL, without password, query values and fragment.

    The user's name is kept where it is clearly one. Values behind `=` in the path go too; some cameras take the
    password there. Where it cannot be told what is password and what is host, neither is shown. A text that is no URL
    but looks like `user:password@host`, also behind `//`, loses the part before `@`; any other stays as it is.
    """
    found = re.match(r"(\s*[A-Za-z][A-Za-z0-9+.-]*:/+)(.*)", text, re.DOTALL)
    if not found:
        return _hide_user(text)
    scheme, rest = found[1], found[2]
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if scheme.strip().lower().startswith("file:") and "@" not in authority:
        return text
    if "@" not in rest:
        return scheme + (_hide_values(rest) if not authority or re.fullmatch(_HOST, authority) else "…")
    secret, _, place = rest.rpartition("@")
    user, _, password = secret.partition(":")
    known = f"{user}:" if password and re.fullmatch(r"[\w.+~-]+", user) else ""
    if "@" in authority:
        sure = "@" not in rest[len(authority) :]
        return f"{scheme}{known}…@{_hide_values(place) if sure else '…'}"
    if re.fullmatch(_HOST, authority):  # the @ stands in path or query, unless the password begins with digits
        return scheme + (_hide_values(rest) if _is_host(authority) else "…")
    if "@" in secret or not re.match(_HOST, place):
        return f"{scheme}{known}…@…"
    if re.search(r"[?#]", secret):  # the @ may have stood in a query, which then goes on
        place = re.split(r"[?#&;=]", place, maxsplit=1)[0]
    return f"{scheme}{known}…@{_hide_values(place)}"


def _hide_user(text: str) -> str:
    """A text without scheme, as `//user:password@host`, `user:password@host` or `rtsp//user:password@host`."""
    behind = re.sub(r"^([^@]*?//)[^@]*:.*@", r"\1…@", text, flags=re.DOTALL)
    if behind != text:
        return behind
    return re.sub(r"^(?![A-Za-z]:[/\\])[^\s/\\:]+:.*@(?=[\w.-]+)", "…@", text, flags=re.DOTALL)


def hide_in(message: str) -> str:
    """A message with `hide_secrets` done to every URL in it; a net for messages that quote what users typed.

    A password may hold blanks and quotes, so whatever stands between a URL's beginning and the last `@` before the next
    URL is taken for a part of it, unless what stands there can only be a host.
    """
    # To the end of the word: what looks like another URL there is a part of this one.
    begins = [found.start() for found in re.finditer(rf"{_BEGIN}[^\s'\"`]*", message)]
    if not begins:
        return message
    pieces = [message[a:b] for a, b in zip(begins, [*begins[1:], len(message)], strict=True)]
    return message[: begins[0]] + "".join(map(_hide_first, pieces))


def _hide_first(piece: str) -> str:
    """A piece of a message that begins with a URL."""
    end = r"[^\s'\"`]*[^\s'\"`:,.;)]"
    found = re.match(end, piece)
    authority = re.split(r"[/?#\s'\"`]", re.sub(r"^[^/]*/+", "", piece), maxsplit=1)[0].rstrip(":,.;)")
    if not (re.fullmatch(_HOST, authority) and _is_host(authority)) and "…" not in authority:
        found = re.match(rf".*@{end}", piece, re.DOTALL) or found
    return hide_secrets(found[0]) + piece[found.end() :] if found else piece


def _is_host(authority: str) -> bool:
    """It is no `user:password` whose password is a number."""
    host = re.sub(r":\d*$", "", authority)
    return host == authority or host == "localhost" or bool(re.fullmatch(r"[\d.]+|\[.*\]", host))


def _hide_values(place: str) -> str:
    """Host, path and query without values of `key=value`, without what has no key, and without the fragment."""
    place, hash_, _ = place.partition("#")
    path, mark, query = place.partition("?")
    path = re.sub(r"(=|%3[Dd])[^/]*", r"\1…", path)
    keys = [part.partition("=") for part in re.split(r"[&;]", query)]
    shown = "&".join(f"{key}=…" if equals and re.fullmatch(r"[\w.\[\]-]*", key) else "…" for key, equals, _ in keys)
    return path + mark + (shown if query else "") + ("#…" if hash_ else "")


def connectable(url: str) -> str:
    """The URL with user and password percent-encoded, as FFmpeg wants them. What is encoded already stays."""
    found = re.match(r"\s*([A-Za-z][A-Za-z0-9+.-]*://)(.*?)\s*$", url, re.DOTALL)
    if not found:
        return url
    scheme, rest = found[1], found[2]
    end = _end_of_user(rest, scheme)
    if end is None:
        return scheme + rest
    user, colon, password = rest[:end].partition(":")
    return f"{scheme}{_encode(user)}{colon}{_encode(password)}{rest[end:]}"


def _end_of_user(rest: str, scheme: str) -> int | None:
    """Where the `@` stands that ends user and password; None where there are none."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in authority:
        return authority.rindex("@")
    if "@" not in rest or ":" not in authority:
        return None
    if re.fullmatch(_HOST, authority) and (_is_host(authority) or scheme.lower().startswith("http")):
        return None  # a host and its port; the @ belongs to path or query
    at = rest.rindex("@")
    return at if re.match(_HOST, rest[at + 1 :]) else None


def _encode(text: str) -> str:
    return quote(re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", text), safe="%!$&'()*+,;=-._~")


def name_of(url: str) -> str:
    """A short name for what is behind a URL: host and last part of the path, nothing that may be secret."""
    shown = hide_secrets(url)
    rest = shown.partition("://")[2]
    place = re.split(r"[?#]", rest.rpartition("…@")[2], maxsplit=1)[0].replace("…", "")
    host, _, path = place.partition("/")
    host = re.sub(r":\d*$", "", host).strip("[]")
    last = PurePosixPath(path).stem if "=" not in path.rpartition("/")[2] else ""
    return f"{host or 'stream'}_{last}" if last else host or "stream"
