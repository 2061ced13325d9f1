"""Pieces that the HTML reports are made of: whatever text comes in, it comes out as text and not as markup."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from deepsort_cli.core.files import printable

STYLE = Path(__file__).with_name("page.css")
"""How everything looks that more than one page has."""


def page_start(title: str, style: Path) -> str:
    """The page up to its body, which follows.

    Args:
        title: plain text.
        style: CSS file of what only this page has.
    """
    rules = "".join(file.read_text(encoding="utf-8") for file in (STYLE, style))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>\n{rules}</style>\n</head>\n<body>\n"
    )


def text(value: Any) -> str:
    """A value as text of a page, odd bytes of file names escaped."""
    return html.escape(printable(str(value)))


def marked(value: Any) -> str:
    """Text with what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", text(value))


def paragraphs(lines: Iterable[str], style: str) -> str:
    """Each line that says something as a paragraph of a CSS class."""
    return "".join(f'<p class="{style}">{text(line)}</p>' for line in lines if line)


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, style: str = "", numbers: int | None = None) -> str:
    """A table that scrolls where it is too wide.

    Args:
        style: its CSS class.
        numbers: first column that holds numbers; None: no column does.
    """

    def cells(start: str, end: str, values: Sequence[object]) -> str:
        return "".join(f"<{start}{_number(place, numbers)}>{text(value)}</{end}>" for place, value in enumerate(values))

    heads = cells('th scope="col"', "th", head)
    body = "".join(f"<tr>{cells('td', 'td', row)}</tr>\n" for row in rows)
    kind = f' class="{style}"' if style else ""
    inner = f"<table{kind}><thead><tr>{heads}</tr></thead>\n<tbody>{body}</tbody></table>"
    return f'<div class="scroll" tabindex="0">{inner}</div>\n'


def _number(place: int, first: int | None) -> str:
    return ' class="number"' if first is not None and place >= first else ""


def data_address(content: bytes, kind: str) -> str:
    """A picture within the page; `kind` is png, jpeg, …"""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
