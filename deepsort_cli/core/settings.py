"""Base class of the settings models that live beside their components."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict
from typing_extensions import dataclass_transform


# Without `field_specifiers`, type checkers that do not know pydantic take `Field(30, …)` as the default that it is.
@dataclass_transform(kw_only_default=True)
class Settings(BaseModel):
    """Immutable, typed settings; an unknown key is an error, and so is a number that is infinite or none (NaN).

    Every field carries a one-line description.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


def _split_commas(value: Any) -> Any:
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("["):
            return json.loads(text)
        return [part.strip() for part in text.split(",") if part.strip()]
    if isinstance(value, int | float):
        return [value]
    if isinstance(value, list | tuple):
        return [part for item in value for part in (_split_commas(item) if isinstance(item, str) else [item])]
    return value


def _as_text(value: Any) -> Any:
    value = _split_commas(value)
    return [str(item) for item in value] if isinstance(value, list) else value


CommaStrings = Annotated[tuple[str, ...], BeforeValidator(_as_text)]
"""A list of strings, also written `a,b,c` on the command line, in the environment or in YAML."""

CommaInts = Annotated[tuple[int, ...], BeforeValidator(_split_commas)]
"""A list of integers, also written `1,5,10`."""

CommaFloats = Annotated[tuple[float, ...], BeforeValidator(_split_commas)]
"""A list of numbers, also written `0.5,0.5,0.5`, or one number."""
