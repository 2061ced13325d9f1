"""Formulas as GitHub writes them ($`…`$ and ```math), turned into MathML when the site is built.

Browsers show MathML by themselves: no script, no font and no network is needed to read the pages.
"""

from __future__ import annotations

import logging
from html import unescape
from typing import Any
from xml.etree.ElementTree import tostring

from latex2mathml.converter import convert_to_element
from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor

log = logging.getLogger("mkdocs.hooks.mathematics")

BEFORE_CODE = 200
"""Priority: Python-Markdown looks for `code` at 190, and would take the inner part of $`…`$ for it."""

FUNCTIONS = frozenset({"arg", "cos", "exp", "log", "max", "min", "sin"})


def mathml(formula: str, display: str = "inline") -> str:
    """The formula as MathML. What the converter does not know is told, which ends a strict build."""
    known = formula.replace("{aligned}", "{align*}")  # the same in a formula by itself
    math = convert_to_element(known, display=display)
    for part in math.iter():
        part.text = unescape(part.text or "")
        if part.text in FUNCTIONS:  # they stand apart from what follows
            part.tag = "mo"
            part.attrib.update(form="prefix", lspace="0.17em", rspace="0.17em")
        if part.tag == "msub" and display == "block" and part[0].text in ("min", "max"):
            part.tag = "munder"
        if part.tag == "mi" and part.text.startswith(("\\", "&")):
            log.warning("%s is not understood in the formula %s", part.text, formula)
    return tostring(math, encoding="unicode")


class InlineFormula(InlineProcessor):
    """One formula within a sentence. It is stored away, so that no other rule reads its signs as Markdown."""

    def handleMatch(self, m: Any, data: str) -> tuple[str, int, int]:
        return self.md.htmlStash.store(mathml(m[1])), m.start(0), m.end(0)


class Formulas(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        md.inlinePatterns.register(InlineFormula(r"\$`([^`]+)`\$", md), "formula", BEFORE_CODE)


def displayed(source: str, *_: Any, **__: Any) -> str:
    """A formula on lines of its own; a wide one scrolls instead of widening the page."""
    return f'<div class="formula">{mathml(source, "block")}</div>'


def on_config(config: Any) -> None:
    config.markdown_extensions.append(Formulas())
    fences = config.mdx_configs.setdefault("pymdownx.superfences", {}).setdefault("custom_fences", [])
    fences.append({"name": "math", "class": "formula", "format": displayed})
