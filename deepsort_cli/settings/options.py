"""The options of a command: one row each, from which its flags, its keywords in Python and their types are made.

A row ties a word to a settings key. The word is the keyword (`max_age=50`) and, with hyphens, the flag
(`--max-age 50`); help, default and type come from the field behind the key.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel

from deepsort_cli.core.errors import InputError
from deepsort_cli.settings.loader import CommandSettings, Layer, build, nest, setting_keys, submodel
from deepsort_cli.settings.words import Scalar, settle

Model = TypeVar("Model", bound=CommandSettings)


@dataclass(frozen=True)
class Option:
    """One option of a command.

    Attributes:
        key: dotted key of the settings field.
        word: the keyword in Python; the flag is the same with hyphens.
        panel: heading of the help under which the flag stands; empty: the first one, without a name.
        daily: `--help` shows the flag. Where no option of a command is daily, it shows all.
        short: the letter of its short flag; empty: none.
        also: other words for the same.
        negative: the word that turns a switch off; None: `no_` and the word; empty: the switch has none.
        metavar: what the help shows for the value; None: the words the field allows, or its type.
        repeat: the flag may be given several times; the field is a list.
    """

    key: str
    word: str
    panel: str = ""
    daily: bool = False
    short: str = ""
    also: tuple[str, ...] = ()
    negative: str | None = None
    metavar: str | None = None
    repeat: bool = False

    @property
    def flag(self) -> str:
        return flag(self.word)

    @property
    def off(self) -> str | None:
        """The flag that turns a switch off; of no meaning for other options."""
        word = f"no_{self.word}" if self.negative is None else self.negative
        return flag(word) if word else None


def flag(word: str) -> str:
    """The flag of a keyword."""
    return f"--{word.replace('_', '-')}"


def alternatives(annotation: Any) -> list[Any]:
    """The types and `Literal`s a field's value may have, None left out, without what only checks them."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return alternatives(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [kind for part in get_args(annotation) if part is not type(None) for kind in alternatives(part)]
    return [annotation]


def choices(annotation: Any) -> list[str]:
    """The words a field allows, where it allows a few words only."""
    return [
        word
        for kind in alternatives(annotation)
        if get_origin(kind) is Literal
        for word in get_args(kind)
        if isinstance(word, str)
    ]


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
