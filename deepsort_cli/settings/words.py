"""Values as they were written: YAML reads `off` as false, `007` as 7 and `2026-01-01` as a date, which is right only
where a truth value, a number or a date is wanted. Here the settings field decides.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, SecretStr

OFF = frozenset({"off", "no", "false", "none"})
"""Words for nothing; of them each field allows its own, if any."""

NULL = frozenset({"none", "null"})
"""What stands for no value on a command line and in a variable, where YAML's null cannot be written."""


@dataclass(frozen=True)
class Scalar:
    """A plain YAML value that is not text: what YAML makes of it, and how it was written."""

    value: Any
    text: str


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, but scalars remember how they were written."""


def _scalar(loader: _Loader, node: yaml.ScalarNode) -> Scalar:
    kind = node.tag.rsplit(":", 1)[-1]
    value = getattr(yaml.SafeLoader, f"construct_yaml_{kind}")(loader, node)
    return Scalar(value, str(node.value))


for _kind in ("bool", "int", "float", "timestamp"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _scalar)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Any:
    """A mapping whose keys are all different: YAML's own loader lets the last of two win in silence."""
    seen: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag == MERGE:
            continue
        line = key.start_mark.line + 1
        if key.value in seen:
            first = "on this line" if seen[key.value] == line else f"on line {seen[key.value]}"
            problem = f"{key.value} was given already, {first}; keep one of the two"
            raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
        seen[key.value] = line
    return loader.construct_yaml_map(node)


MERGE = "tag:yaml.org,2002:merge"
"""Of the key `<<`, which brings in another mapping; what is written beside it is meant to win."""

_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def load_yaml(text: str) -> Any:
    """Like `yaml.safe_load`, with a `Scalar` for each truth value, number and date.

    Raises:
        yaml.YAMLError: it is no YAML, a mapping has a key twice, or it is endless or far too large.
    """
    loader = _Loader(text)  # a safe one
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _values(node, {})
        return loader.construct_document(node)
    except RecursionError:
        raise yaml.YAMLError("it is nested too deep") from None
    finally:
        loader.dispose()


MOST_VALUES = 100_000
"""Values in a file, those counted again that an alias repeats: nine lines can mean a billion."""


def _values(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values there are in a node.

    Args:
        known: of the nodes seen so far, −1 while they are counted.

    Raises:
        yaml.YAMLError: too many, or one that contains itself.
    """
    count = known.setdefault(id(node), 0)
    if not count:
        known[id(node)] = -1
        parts = node.value if isinstance(node, yaml.CollectionNode) else []
        items = [item for part in parts for item in (part if isinstance(part, tuple) else (part,))]
        count = known[id(node)] = 1 + sum(_values(item, known) for item in items)
    if not 0 < count <= MOST_VALUES:
        problem = "a value that contains itself" if count < 0 else f"more than {MOST_VALUES:,} values"
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
    return count


def settle(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values for a settings model in the types its fields want; `~` at the start of text becomes the home folder."""
    settled = {}
    for key, value in values.items():
        name = written(key)
        field = model.model_fields.get(name)
        kinds: frozenset[Any] = frozenset() if field is None else frozenset(_leaves(field.annotation))
        found = _off(_settled(value, kinds), kinds)
        settled[name] = None if field is not None and _is_null(found, field.annotation, kinds) else found
    return settled


def plain(value: Any) -> Any:
    """A value from `load_yaml` as YAML means it."""
    return _settled(value, frozenset())


def _settled(value: Any, kinds: frozenset[Any]) -> Any:
    if isinstance(value, Mapping):
        model = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        if model is not None:
            return settle(model, value)
        return {written(key): _settled(item, kinds) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_settled(item, kinds) for item in value]
    if isinstance(value, Scalar):
        return _chosen(value, kinds)
    if isinstance(value, str | Path) and str(value).startswith("~"):
        with contextlib.suppress(RuntimeError):  # nobody of that name: then it is no home folder
            value = type(value)(Path(value).expanduser())
    if isinstance(value, Path) and str in kinds and Path not in kinds:
        return str(value)  # a name or a file, in a field of text
    return value


def _off(value: Any, kinds: frozenset[Any]) -> Any:
    """The field's own word for off, where it allows a few words only and another word for that is given."""
    words = _words(kinds)
    if isinstance(value, str) and value.lower() in OFF and value not in words:
        return next((word for word in ("off", "none") if word in words), value)
    return value


def _is_null(value: Any, annotation: Any, kinds: frozenset[Any]) -> bool:
    """Whether a word means no value: the field may be without one, and knows neither this word nor any text."""
    if not isinstance(value, str) or value.strip().lower() not in NULL or value.strip().lower() in _words(kinds):
        return False
    return type(None) in get_args(annotation) and not kinds & {str, Path, SecretStr}


def _chosen(scalar: Scalar, kinds: frozenset[Any]) -> Any:
    """The value where the field wants one of its type, else the text, which no number is then made of in silence."""
    kind = type(scalar.value)
    kinds |= {type(word) for word in _words(kinds)}
    if not kinds or kind in kinds or (kind is int and float in kinds):
        return scalar.value
    if kinds & {str, Path, SecretStr}:
        return scalar.text
    # A truth value is no number, though Python counts with it. What does not fit is shown as it was written.
    return scalar.value if kind in (int, float) else scalar.text


def _words(kinds: frozenset[Any]) -> set[Any]:
    """What the field's `Literal`s allow."""
    return {word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)}


def written(key: Any) -> str:
    """A key as it was written: YAML makes a number or a truth value of some."""
    return key.text if isinstance(key, Scalar) else str(key)


def _leaves(annotation: Any) -> Iterator[Any]:
    """The types and `Literal`s a field's values may have, those within lists, mappings and unions included."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _leaves(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for part in get_args(annotation):
            yield from _leaves(part)
    elif origin is not None and origin is not Literal:
        parts = get_args(annotation)
        # Of a mapping, only its values: keys are text.
        for part in parts[1:] if issubclass(origin, Mapping) else parts:
            yield from _leaves(part)
    elif annotation is not None and annotation is not Ellipsis:
        yield annotation
