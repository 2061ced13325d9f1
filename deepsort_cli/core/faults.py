"""What is wrong with a value, in the words of those who wrote it: pydantic's own are for programmers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from deepsort_cli.core.counted import counted

KINDS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "string": "text",
    "path": "a file or folder",
    "dict": "`name: value` pairs",
    "model": "a section, `key: value` lines",
}
"""Beginning of the types of errors about a type → what was expected."""

BOUNDS = {"greater_than_equal": "at least", "greater_than": "above", "less_than_equal": "at most", "less_than": "below"}
LENGTHS = {"tuple_type", "list_type", "missing", "too_short", "too_long"}


def in_words(error: Mapping[str, Any], annotation: Any = None, default: Any = None) -> str:
    """What was expected instead of a value.

    Args:
        error: one of pydantic's.
        annotation: type of the field.
        default: of the field.
    """
    kind, details = str(error["type"]), error.get("ctx", {})
    if kind in BOUNDS:
        bound = next(details[name] for name in ("ge", "gt", "le", "lt") if name in details)
        return f"must be {BOUNDS[kind]} {bound:g}" if isinstance(bound, int | float) else str(error["msg"])
    if kind == "int_from_float":
        return "must be a whole number"
    if kind == "finite_number":
        return "must be a finite number"
    if kind == "literal_error":
        return f"must be {details['expected']}"
    if kind in LENGTHS:
        return _several(annotation, default)
    family = kind.partition("_")[0]
    if family in KINDS:
        return f"must be {KINDS[family]}"
    return str(error["msg"]).removeprefix("Value error, ")


def first_fault(error: ValidationError, model: type[BaseModel]) -> tuple[str, str]:
    """The dotted key of the first value that does not fit, and what was expected instead of it, of data in files."""
    first = error.errors()[0]
    field = model.model_fields.get(str(first["loc"][0])) if len(first["loc"]) == 1 else None
    key = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        return key, "is not known here"
    return key, in_words(first, None if field is None else field.annotation)


def _several(annotation: Any, default: Any) -> str:
    """How many values a field takes."""
    example = ""
    if isinstance(default, tuple) and len(default) > 1:
        example = f", for example {','.join(map(str, default))}"
    kinds = get_args(annotation) if get_origin(annotation) is tuple else ()
    if kinds and Ellipsis not in kinds:
        return f"must be {counted(len(kinds), 'value')}{example}"
    return f"must be one value or several{example or ', separated by commas'}"
