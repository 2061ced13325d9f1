"""The settings of a command called from Python, by the words of its flags."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral
from os import PathLike
from typing import Any, TypeVar

from pydantic import BaseModel

from deepsort_cli.core.errors import InputError
from deepsort_cli.settings.loader import CommandSettings, Layer, build, nest, setting_keys, submodel
from deepsort_cli.settings.words import Scalar, settle

Model = TypeVar("Model", bound=CommandSettings)


def from_keywords(model: type[Model], keywords: Mapping[str, Any]) -> Model:
    """The settings of a command called from Python.

    A keyword is a flag's word (`max_frames=60`, `save_txt="a.txt"`), a section (`tracker={"n_init": 2}` or
    `tracker=TrackerSettings(n_init=2)`, of which only what was set counts), or a field of the command itself. Values
    are taken as on the command line, and None as YAML's null. Precedence: defaults, preset, sections, other keywords;
    neither a file nor the environment is read.

    Args:
        model: the command's settings class.
        keywords: as given by the caller.

    Raises:
        InputError: an unknown keyword, with the nearest, or a value that does not fit, naming its keyword.
    """
    keys = {word: option.key for option in model.options for word in (option.word, *option.also)}
    words: dict[str, str] = {}
    sections: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for word, value in keywords.items():
        if isinstance(value, Mapping | BaseModel) and _is_section(model, word):
            sections[word] = _as_written(value)
            continue
        key = keys.get(word, word)
        if key in words:
            raise InputError(f"`{words[key]}` and `{word}` are the same; give one of them.")
        words[key] = word
        values[key] = _as_written(value)

    def name(key: str) -> str:
        return f"`{words.get(key, key)}`"

    def unknown(key: str) -> str | None:
        return None if "." in key else f"`{key}`: unknown keyword. {_advice(model, key)}"

    weak = Layer(settle(model, sections), name)
    strong = Layer(settle(model, nest(values)), name)
    return build(model, [weak, strong], unknown)


def with_sources(sources: Sequence[Any], keywords: Mapping[str, Any], *, cameras: bool = False) -> dict[str, Any]:
    """Keywords with the sources that a caller gave by position, each by itself or all in one list.

    Args:
        cameras: numbers are sources as well.

    Raises:
        InputError: they are given by name, too, or one is of no type that names a source.
    """
    if len(sources) == 1 and isinstance(sources[0], list | tuple):
        sources = tuple(sources[0])
    if not sources:
        return dict(keywords)
    if "source" in keywords:
        raise InputError("`source`: sources are given both by position and by name. Give them once.")
    kinds = (str, PathLike, Integral) if cameras else (str, PathLike)
    odd = [source for source in sources if not isinstance(source, kinds)]
    if odd:
        wanted = "a path, a URL, a camera number, or demo" if cameras else "a path"
        raise InputError(f"`source`: a {type(odd[0]).__name__} is no source. Give {wanted}.")
    return {**keywords, "source": [str(source) for source in sources]}


def _is_section(model: type[BaseModel], word: str) -> bool:
    field = model.model_fields.get(word)
    return field is not None and submodel(field) is not None


def _as_written(value: Any) -> Any:
    """A caller's value in the form in which YAML would bring it: a truth value is no number."""
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_unset=True)
    if isinstance(value, Mapping):
        return {key: _as_written(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_as_written(item) for item in value]
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):  # NumPy's numbers
        value = value.item()
    return Scalar(value, str(value)) if isinstance(value, bool) else value


def _advice(model: type[CommandSettings], word: str) -> str:
    """What was probably meant by a keyword that does not exist."""
    known = list(_keywords(model))
    elsewhere = next((key for key in setting_keys(model) if key.rpartition(".")[2] == word), None)
    if elsewhere is not None:
        section, _, last = elsewhere.partition(".")
        return f"It is a key of a section: {section}={_nested(last)}."
    nearest = difflib.get_close_matches(word, known, n=1, cutoff=0.0)
    return f"The nearest is `{nearest[0]}`."


def _nested(key: str) -> str:
    head, _, rest = key.partition(".")
    return f'{{"{head}": {_nested(rest) if rest else "…"}}}'


def _keywords(model: type[CommandSettings]) -> Iterator[str]:
    for option in model.options:
        yield from (option.word, *option.also)
    yield from model.model_fields
