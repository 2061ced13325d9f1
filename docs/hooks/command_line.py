"""The page that lists every command with all its flags, made from the commands themselves."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import typer
from mkdocs.structure.files import File, Files
from rich.text import Text

from deepsort_cli.cli import COMMANDS, MODULES

PAGE = "command-line.md"
INTRODUCTION = """\
# Command line

All flags of all commands, as `deepsort COMMAND --help` shows them, or `--help-all` where there are many.
"""


def plain(text: str | None) -> str:
    """Text without the marks of the terminal, fit for a cell of a table."""
    shown = Text.from_markup(text or "").plain
    for sign, written in (("|", "\\|"), ("<", "&lt;"), ("*", "\\*"), ("_", "\\_"), ("\n", " ")):
        shown = shown.replace(sign, written)
    return shown


def flag_rows(params: list[Any]) -> Iterator[str]:
    for param in params:
        names = ", ".join(f"`{name}`" for name in (*param.opts, *param.secondary_opts))
        if param.param_type_name == "argument":
            names = f"`{(param.metavar or param.name).upper()}`"
        elif param.metavar and not param.is_flag:
            names += f" *{plain(param.metavar)}*"
        yield f"| {names} | {plain(getattr(param, 'help', ''))} |"


def described(command: Any, name: str, depth: int) -> Iterator[str]:
    """A command: what it does, a table of flags for each panel, examples, then its own commands."""
    yield f"{'#' * depth} deepsort {name}\n"
    yield Text.from_markup(command.help or "").plain.replace("<", "&lt;").replace("*", "\\*") + "\n"
    panels: dict[str, list[Any]] = {}
    for param in command.params:
        if not getattr(param, "hidden", False):
            panels.setdefault(getattr(param, "rich_help_panel", None) or "", []).append(param)
    for panel, params in panels.items():
        yield f"| {panel or 'Arguments and flags'} | |\n|---|---|"
        yield from flag_rows(params)
        yield ""
    lines = [line for line in Text.from_markup(command.epilog or "").plain.splitlines() if line.strip()]
    examples = [line for line in lines if line.startswith(("deepsort", " "))]
    if examples:
        yield "```console\n" + "\n".join(examples) + "\n```\n"
    for child, inner in getattr(command, "commands", {}).items():
        yield from described(inner, f"{name} {child}", depth + 1)


def on_files(files: Files, config: Any) -> Files:
    parts = [INTRODUCTION]
    for name in COMMANDS:
        module = importlib.import_module(f"deepsort_cli.cli.{MODULES.get(name, name)}")
        parts += described(typer.main.get_command(module.app), name, 2)
    files.append(File.generated(config, PAGE, content="\n".join(parts)))
    return files
