"""Output formats of ONNX detectors: which one a model has, and how its boxes are read.

Every module of this package holds a family of heads and lists them as `HEADS`; being there is all the registration
there is. A model is recognised once, when it is opened, from its outputs for a plain grey image: names, shapes, what
the values can be, and the model's metadata. Where nothing fits, or several heads fit equally well, the model is
refused with the list of its outputs.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from deepsort_cli.core.errors import InputError
from deepsort_cli.perception.heads.base import Array, Format, Head, Match, Output, Seen, Unfit

__all__ = ["Format", "Head", "Output", "Seen", "formats", "head_names", "recognise"]

OTHER_TASKS = {"classify": "classes of whole pictures", "semantic": "classes of pixels", "depth": "depths of pixels"}
"""Values of Ultralytics' `task` property whose models have no boxes, and what they give."""

REMEDY = "Export a detector with a usual head (docs/DETECTORS.md lists them), or name it: `detector.head`=NAME."


@lru_cache(maxsize=1)
def formats() -> tuple[Format, ...]:
    """All heads there are, from the modules of this package."""
    modules = (
        importlib.import_module(f"{__name__}.{found.name}")
        for found in pkgutil.iter_modules(__path__)
        if found.name != "base"
    )
    return tuple(sorted((head for module in modules for head in module.HEADS), key=lambda head: head.name))


def head_names() -> tuple[str, ...]:
    """What `detector.head` may be, beside auto."""
    return tuple(head.name for head in formats())


def check_name(name: str) -> None:
    """Refuse a head that does not exist.

    Raises:
        ValueError: naming the nearest, and all.
    """
    names = head_names()
    if name != "auto" and name not in names:
        close = difflib.get_close_matches(name, names, n=1)
        hint = f" (nearest: {close[0]})" if close else ""
        raise ValueError(f"no head is called {name!r}{hint}; expected auto, {', '.join(names)}")


def recognise(seen: Seen, wanted: str = "auto") -> Head:
    """Find the head of a detector.

    Args:
        seen: what is known of the model.
        wanted: the format the user named, or auto.

    Raises:
        InputError: the outputs are those of no head known here, or of several.
    """
    other = OTHER_TASKS.get(seen.task)
    if other is not None:
        raise InputError(f"its metadata says task: {seen.task}, which gives {other} and no boxes. {REMEDY}")
    candidates = [head for head in formats() if wanted in ("auto", head.name)]
    found, reasons = _matches(candidates, replace(seen, forced=wanted != "auto"))
    shown = shapes({output.name: output.value for output in seen.outputs})
    where = f"for an input of {seen.size[0]}×{seen.size[1]} it gives {shown}"
    if not found:
        known = f"no head known here ({', '.join(head_names())}) gives that"
        if wanted != "auto":
            known = f"expected for {wanted}: {candidates[0].outputs}"
        if reasons:
            known = "; ".join(reasons)
        vectors = {output.value.shape[:-1] for output in seen.outputs} == {(1,)}
        swapped = "One vector of a picture is what a Re-ID model gives: those go to `reid.model_path`. "
        raise InputError(f"{where}; {known}. {swapped if vectors and wanted == 'auto' else ''}{REMEDY}")
    best = max(match.certainty for match in found)
    chosen = [match.head for match in found if match.certainty == best]
    if len(chosen) > 1:
        names = " or ".join(head.name for head in chosen)
        raise InputError(f"{where}, which could be {names}. Say which: `detector.head`={chosen[0].name}.")
    return chosen[0]


def _matches(candidates: list[Format], seen: Seen) -> tuple[list[Match], list[str]]:
    found, reasons = [], []
    for candidate in candidates:
        try:
            match = candidate.match(seen)
        except Unfit as error:
            reasons.append(str(error))
        else:
            if match is not None:
                found.append(match)
    return found, reasons


def shapes(outputs: Mapping[str, Array]) -> str:
    """`boxes (1, 8400, 4), scores (1, 8400, 80)`."""
    listed = ", ".join(f"{name} {tuple(value.shape)}" for name, value in outputs.items())
    return listed or "nothing"
