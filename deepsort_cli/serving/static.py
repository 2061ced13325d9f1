"""The files of the page, by the name they are asked for. Nothing that is not in this table is ever served."""

from __future__ import annotations

from pathlib import Path

from deepsort_cli.core.html_parts import STYLE

_PAGE = Path(__file__).with_name("page")
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def static_files() -> dict[str, tuple[bytes, str]]:
    """Name → content and media type: the page is `index.html`, what all pages of the project share `common.css`."""
    files = {path.name: path for path in sorted(_PAGE.iterdir()) if path.suffix in _TYPES}
    files["common.css"] = STYLE
    return {name: (path.read_bytes(), _TYPES[path.suffix]) for name, path in files.items()}
