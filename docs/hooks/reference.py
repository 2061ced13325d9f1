"""The reference of the Python package: the names that `import deepsort_cli` gives, then every module, room by room.

The pages are made from the package itself: a new module or name is there without anything to do.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

import deepsort_cli

PACKAGE = Path(deepsort_cli.__file__).parent
MENU = "Python"
"""The entry of the menu, in mkdocs.yml, under which the pages go."""
FACE = "api/index.md"

ROOMS = {
    "workflows": "One module per command: what joins the rooms.",
    "tracking": "The tracker alone. It takes boxes, and features where there are any, from anywhere.",
    "perception": "Detectors, embedders, camera motion, stored detections, models by name.",
    "video": "Sources of frames, and what is made of the tracks.",
    "serving": "A run in a browser, and its events. The server needs the `serve` extra.",
    "data": "Datasets: layouts, the scan and its checks, loading, splits.",
    "evaluation": "Ranking, figures and reports of Re-ID models; scores of tracks.",
    "reid": "Networks, losses, training, checkpoints, conversion to ONNX. Needs the `train` extra.",
    "settings": "One class of settings per command, made of those of the rooms.",
    "core": "Values, errors, events and files that all rooms share.",
}
"""Folder of the package → what the page says first."""


def modules(room: str) -> list[str]:
    """The modules of a room that hold anything, with their full names."""
    found = []
    for path in sorted((PACKAGE / room).rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        if path.read_text(encoding="utf-8").strip() and "._" not in name:
            found.append(name)
    return found


def fenced(text: str) -> str:
    """Text in which examples that begin with >>> are code: Markdown alone takes them for quotations."""
    return re.sub(r"(?m)^(?:>>>|\.\.\.).*(?:\n(?:>>>|\.\.\.).*)*", r"```python\n\g<0>\n```", text)


def pages() -> dict[str, tuple[str, str]]:
    """Page → title and Markdown."""
    made = {}
    names = getattr(deepsort_cli, "__all__", [])
    if names:
        introduction = fenced(inspect.getdoc(deepsort_cli) or "")
        entries = "\n".join(f"::: deepsort_cli.{name}\n" for name in names if not name.startswith("_"))
        made[FACE] = ("import deepsort_cli", f"# import deepsort_cli\n\n{introduction}\n\n{entries}")
    for room, introduction in ROOMS.items():
        if (PACKAGE / room).is_dir():
            entries = "\n".join(f"::: {name}\n" for name in modules(room))
            made[f"api/{room}.md"] = (room, f"# {room}\n\n{introduction}\n\n{entries}")
    return made


def on_config(config: Any) -> None:
    menu = [{title: page} for page, (title, _) in pages().items()]
    for entry in config.nav:
        for part in entry.get("Reference", []):
            if MENU in part:
                part[MENU] = menu


def on_files(files: Files, config: Any) -> Files:
    for page, (_, text) in pages().items():
        files.append(File.generated(config, page, content=text))
    return files
