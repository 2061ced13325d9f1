"""Where frames come from: cameras, video files, images, MOTChallenge sequences, network streams, the demo scene.

One module per kind; `open_source` recognises what the user writes.
"""

from __future__ import annotations

import glob
import os
import re
import stat
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.files import at_home, look
from deepsort_cli.core.urls import hide_secrets, scheme_of
from deepsort_cli.video.settings import DemoSettings, SourceSettings
from deepsort_cli.video.sources.base import Source, Warn, silent
from deepsort_cli.video.sources.blank import BlankSource, RecordedSource
from deepsort_cli.video.sources.demo import DemoSource, is_demo
from deepsort_cli.video.sources.images import ImagesSource, images_in, images_of_pattern, natural_order
from deepsort_cli.video.sources.live import LiveSource, open_camera
from deepsort_cli.video.sources.network import URL_SCHEMES, open_url
from deepsort_cli.video.sources.pictures import IMAGE_SUFFIXES
from deepsort_cli.video.sources.sequence import open_folder
from deepsort_cli.video.sources.video import STDIN, VideoSource, open_stdin, open_video

__all__ = [
    "BlankSource",
    "DemoSource",
    "ImagesSource",
    "LiveSource",
    "RecordedSource",
    "Source",
    "VideoSource",
    "is_demo",
    "open_source",
    "path_of_url",
    "pictures_of",
]


def open_source(
    spec: str,
    settings: SourceSettings,
    demo: DemoSettings,
    *,
    pixels: bool = True,
    frame_count: int | None = None,
    warn: Warn = silent,
) -> Source:
    """Open what a `--source` argument names.

    Args:
        spec: a camera number, a file, a folder, a glob, a numbered pattern (`%06d.png`), a URL, `-` for standard
            input, `demo`, or a camera of the generated world (`demo:1`, `demo:SEED/1`). A number, `-` or `demo` that is
            meant as a file is written `./0`, `./-`, `./demo`.
        settings: which frames to yield.
        demo: the scene of `demo`, and the world of `demo:1`.
        pixels: whether images are needed. Without, frames carry no image; for a sequence folder no image need exist.
        frame_count: the length of a sequence folder that cannot tell it by itself, where `pixels` is off.
        warn: takes messages while running: a lost connection, a damaged video.

    Raises:
        InputError: it does not exist, is empty or no video, or no camera answers. Nothing was written yet.
    """
    spec = str(spec)
    if not spec.strip():
        raise InputError("`source` is empty. Give a video, a folder of images, a camera number (0), a URL, or demo.")
    if is_demo(spec):
        return DemoSource(spec, demo, settings, pixels=pixels)
    if spec == STDIN:
        return open_stdin(settings, pixels=pixels, warn=warn)
    if spec.isdecimal():
        return open_camera(int(spec), settings, warn)
    scheme = scheme_of(spec)
    if scheme == "file" or (spec.lower().startswith("file:") and not os.path.lexists(spec)):
        return _open_path(path_of_url(spec), spec, settings, pixels=pixels, frame_count=frame_count, warn=warn)
    if scheme is not None:
        if scheme not in URL_SCHEMES:
            known = ", ".join(sorted({*URL_SCHEMES, "file"}))
            raise InputError(f"`source` {hide_secrets(spec)}: unknown kind of address; known are {known}.")
        return open_url(spec, settings, pixels=pixels, warn=warn)
    return _open_path(at_home(spec), spec, settings, pixels=pixels, frame_count=frame_count, warn=warn)


def path_of_url(url: str) -> Path:
    """The file that a `file://` URL names; its name may be percent-encoded or not."""
    if scheme_of(url) is None:  # file:name
        url = "file://./" + url[5:] if not url[5:].startswith("/") else "file://" + url[5:]
    try:
        parts = urlsplit(url.strip().replace("?", "%3F").replace("#", "%23"))
    except ValueError:
        raise InputError(f"`source` {url}: no file name that can be read. Write file:///folder/video.mp4.") from None
    host = "" if parts.netloc in {"", "localhost"} else parts.netloc if parts.netloc in {".", "..", "~"} else None
    if host is None:
        raise InputError(f"`source` {url}: a file on another machine. Write file:///folder/video.mp4.")
    name = host + (url2pathname(parts.path) if os.name == "nt" else unquote(parts.path, errors="surrogateescape"))
    plain = re.sub(r"^\s*file://(localhost)?", "", url, flags=re.IGNORECASE)
    return Path(plain) if not Path(name).exists() and Path(plain).exists() else Path(name)


def _open_path(
    path: Path, spec: str, settings: SourceSettings, *, pixels: bool, frame_count: int | None, warn: Warn
) -> Source:
    found = look(path, key="source", shown=hide_secrets(spec))
    if found is not None:
        if stat.S_ISDIR(found.st_mode):
            return open_folder(path, settings, pixels=pixels, frame_count=frame_count, warn=warn)
        if stat.S_ISCHR(found.st_mode):
            return open_camera(str(path), settings, warn)
        if stat.S_ISFIFO(found.st_mode):
            raise InputError(
                f"`source` {path}: a pipe, which is read as standard input: write - in its place, and < {path} behind "
                "the command."
            )
        if path.suffix.lower() in IMAGE_SUFFIXES:
            return ImagesSource([path], settings, kind="image", name=path.stem, pixels=pixels, warn=warn)
        return open_video(path, settings, pixels=pixels, warn=warn)
    numbered = images_of_pattern(spec)
    if numbered:
        return _several(numbered, settings, pixels=pixels, warn=warn)
    if numbered is not None:
        raise InputError(f"`source` {spec}: no file has a number at this place.")
    if glob.has_magic(spec):
        matches = _matching(path)
        images = natural_order(match for match in matches if match.suffix.lower() in IMAGE_SUFFIXES)
        if not images:
            what = "matches no file" if not matches else f"none of the {len(matches)} files it matches is an image"
            raise InputError(
                f"`source` {spec}: {what}. For many videos, `archive.output_dir`=out gives each a folder of results."
            )
        return _several(images, settings, pixels=pixels, warn=warn)
    raise InputError(
        f"`source` {hide_secrets(spec)}: no such file or folder. Give a video, a folder of images, a camera number "
        "(0), a URL (rtsp://…), - for standard input, or demo."
    )


def _matching(path: Path) -> list[Path]:
    return [Path(match) for match in glob.glob(str(path), recursive=True)]  # noqa: PTH207 (absolute patterns)


def pictures_of(spec: str) -> list[Path]:
    """The pictures that a folder, a sequence, a numbered pattern or a glob stands for; none for other sources."""
    path = at_home(spec)
    if path.is_dir():
        folders = [folder for folder in (path, path / "img1") if folder.is_dir()]
        return [picture for folder in folders for picture in images_in(folder)]
    numbered = images_of_pattern(spec)
    return _matching(path) if numbered is None and glob.has_magic(spec) else numbered or []


def _several(images: list[Path], settings: SourceSettings, *, pixels: bool, warn: Warn) -> ImagesSource:
    name = images[0].parent.resolve().name
    return ImagesSource(images, settings, kind="images", name=name, pixels=pixels, warn=warn)
