"""Merge the layers of settings and explain what is wrong with them.

Precedence, weakest first: defaults, preset, YAML file, environment (`DEEPSORT_TRACKER__MAX_AGE=30`),
`--set tracker.max_age=30`, command line flags. Each layer knows where its values come from, so that an error names the
file, variable or flag and the nearest valid key.
"""

from __future__ import annotations

import codecs
import difflib
import functools
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, get_args

import yaml
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.faults import KINDS, in_words
from deepsort_cli.core.files import at_home, is_same_file
from deepsort_cli.core.settings import Settings
from deepsort_cli.core.urls import hide_in, hide_secrets
from deepsort_cli.settings.commands import all_commands
from deepsort_cli.settings.options import alternatives
from deepsort_cli.settings.words import load_yaml, plain, settle, written

if TYPE_CHECKING:
    from deepsort_cli.settings.options import Option

ENV_PREFIX = "DEEPSORT_"
ENV_SWITCHES = frozenset(
    {
        "DEEPSORT_TRACEBACK",
        "DEEPSORT_TEST_DATA",
        "DEEPSORT_MODELS",
        "DEEPSORT_MODELS_URL",
        "DEEPSORT_OFFLINE",
        "DEEPSORT_UNPACK",
    }
)
"""Variables with our prefix that are no settings keys."""


class CommandSettings(Settings):
    """Base of the settings of one subcommand.

    A command with a field `preset` names in `presets` what each of its values sets.
    """

    options: ClassVar[tuple[Option, ...]] = ()
    """The keys that have a flag on the command line and a keyword in Python."""
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Preset → values by dotted key."""
    instead_of: ClassVar[Mapping[str, str]] = {}
    """Key in a preset → another; where a stronger layer sets the other, the preset's value does not count."""
    also_called: ClassVar[Mapping[str, str]] = {}
    """Other name of a section → its name, where the same section is called so in other commands."""


Model = TypeVar("Model", bound=CommandSettings)


@dataclass(frozen=True)
class Layer:
    """Settings from one place.

    Attributes:
        values: nested as the settings are.
        name: where the value of a dotted key was given, in words.
    """

    values: Mapping[str, Any]
    name: Callable[[str], str]


def resolve(
    model: type[Model],
    *,
    config: Path | None = None,
    overrides: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
) -> Model:
    """Build the settings of a command.

    Args:
        model: the command's settings class.
        config: a YAML file, or None.
        overrides: `key.sub=value` strings from `--set`; values are read as YAML.
        flags: values by dotted key from command line flags; None means not given.

    Raises:
        InputError: for an unreadable or malformed file, an unknown key, or a value that does not fit, naming where it
            was given and the nearest valid key; for the file itself as an output.
    """
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    layers = [
        Layer({} if config is None else _read_yaml(at_home(config)), lambda key: str(config)),
        Layer(nest(_environment(model)), lambda key: f"environment variable {_variable(key)}"),
        Layer(nest(dict(_parse_override(text) for text in overrides)), lambda key: f"`set` {key}"),
        Layer(nest(given), lambda key: f"`{key}`"),
    ]
    settings = build(model, [Layer(settle(model, layer.values), layer.name) for layer in layers])
    if config is not None:
        refuse_config(settings, at_home(config))
    return settings


def build(
    model: type[Model], layers: Sequence[Layer], unknown: Callable[[str], str | None] = lambda key: None
) -> Model:
    """Settings from defaults, the preset and layers.

    Args:
        layers: the weakest first; settled.
        unknown: the message for a key that does not exist; None for the usual one.

    Raises:
        InputError: an unknown key, or a value that does not fit.
    """
    chosen = next((layer.values["preset"] for layer in reversed(layers) if "preset" in layer.values), None)
    # One that does not exist is left to validation.
    wanted = model.presets.get(chosen, {}) if isinstance(chosen, str) else {}
    meant = {key for key, usual in model.instead_of.items() if any(_holds(layer.values, usual) for layer in layers)}
    preset = nest({key: value for key, value in wanted.items() if key not in meant})
    for layer in layers:
        _check_sections(model, layer)
    values: dict[str, Any] = {}
    for stronger in (_section_defaults(model), preset, *(layer.values for layer in layers)):
        values = merged(values, stronger)

    def origin(key: str, parts: Sequence[str]) -> str:
        return next((layer.name(key) for layer in reversed(layers) if _at(layer.values, parts)), "settings")

    try:
        return model.model_validate(values)
    except ValidationError as error:
        texts = []
        for item in error.errors():
            parts = [str(part) for part in item["loc"] if not isinstance(part, int)]
            key = ".".join(parts) or "settings"
            special = unknown(key) if item["type"] == "extra_forbidden" else None
            texts.append(special or _explain(model, item, key, origin(key, parts)))
        raise InputError("\n".join(texts)) from None


def _check_sections(model: type[BaseModel], layer: Layer) -> None:
    """Refuse a plain value for a section: merged with what is said of the section elsewhere, it would go unheard.

    Raises:
        InputError: naming it.
    """

    def check(inner: type[BaseModel], values: Mapping[str, Any], prefix: str) -> None:
        for name, field in inner.model_fields.items():
            section = submodel(field)
            if section is None or name not in values:
                continue
            key, value = f"{prefix}{name}", values[name]
            if isinstance(value, Mapping):
                check(section, value, f"{key}.")
            elif not isinstance(value, BaseModel) and not (value is None and _may_be_none(field)):
                where = layer.name(key)
                label = where if where.endswith(key) or where.startswith("`") else f"{where}: {key}"
                raise InputError(f"{label} {hide_in(repr(value))}: must be {KINDS['model']}.")

    check(model, layer.values, "")


def _may_be_none(field: FieldInfo) -> bool:
    return type(None) in get_args(field.annotation)


def merged(weak: Mapping[str, Any], strong: Mapping[str, Any]) -> dict[str, Any]:
    """Both, at every depth; where both say something the second counts."""
    both = {
        key: merged(weak[key], strong[key])
        for key in weak.keys() & strong.keys()
        if isinstance(weak[key], Mapping) and isinstance(strong[key], Mapping)
    }
    return {**weak, **strong, **both}


def _section_defaults(model: type[BaseModel]) -> dict[str, Any]:
    """What sections have by default that their classes have not, to be merged with what is given of the section."""
    found = {}
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            values = merged(_section_defaults(type(default)), default.model_dump(exclude_unset=True))
            if values:
                found[name] = values
    return found


def refuse_config(settings: BaseModel, config: Path) -> None:
    """Refuse settings that name their own file once more: as an output it would be gone, also with `overwrite`.

    Raises:
        InputError: naming the setting.
    """
    whole: Any = settings
    for key in setting_keys(type(settings)):
        named = functools.reduce(lambda inner, part: getattr(inner, part, None), key.split("."), whole)
        for path in named if isinstance(named, tuple) else (named,):
            if isinstance(path, Path) and is_same_file(at_home(path), config):
                raise InputError(f"`{key}` {path}: `config` reads this file. Choose another name.")


def field_at(model: type[BaseModel], key: str) -> FieldInfo:
    """The field of a settings model at a dotted key.

    Raises:
        KeyError: if there is no such key.
    """
    head, _, rest = key.partition(".")
    field = model.model_fields[head]
    if not rest:
        return field
    inner = submodel(field)
    if inner is None:
        raise KeyError(key)
    return field_at(inner, rest)


def default_at(model: type[BaseModel], key: str) -> Any:
    """The default of a settings model at a dotted key, PydanticUndefined where a value is required."""
    head, _, rest = key.partition(".")
    field = model.model_fields[head]
    value = field.get_default(call_default_factory=True)
    for part in rest.split(".") if rest else ():
        value = getattr(value, part)
    return value


HIDDEN = str(SecretStr("any"))
"""What pydantic gives instead of a secret."""


def to_yaml(settings: BaseModel) -> str:
    """The settings as YAML text that can be given back with `--config`, but for secrets, which are hidden."""
    values = settings.model_dump(mode="json")
    shown = _without_secrets(values)
    remark = "# Passwords and other secrets are hidden (…); write them in again.\n" if shown != values else ""
    return remark + yaml.safe_dump(shown, sort_keys=False, allow_unicode=True)


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        return "…" if value == HIDDEN else hide_secrets(value)
    if isinstance(value, dict):
        return {key: _without_secrets(inner) for key, inner in value.items()}
    return [_without_secrets(inner) for inner in value] if isinstance(value, list | tuple) else value


def documented_yaml(model: type[BaseModel], title: str) -> str:
    """A YAML text with every key of a settings model, its default and its description as a comment."""
    lines = [
        f"# {title}",
        "# Every key with its default. The command line and DEEPSORT_… variables win over this file.",
        "",
    ]
    lines += _document(model, model.model_construct(), 0)
    return "\n".join(lines) + "\n"


def _document(model: type[BaseModel], values: BaseModel, depth: int) -> Iterator[str]:
    pad = "  " * depth
    for name, field in model.model_fields.items():
        inner = submodel(field)
        value = getattr(values, name, None)
        if inner is not None and isinstance(value, BaseModel):
            yield f"{pad}{name}:"
            yield from _document(inner, value, depth + 1)
            continue
        dumped = values.model_dump(mode="json", include={name}).get(name) if value is not None else None
        text = yaml.safe_dump({name: dumped}, default_flow_style=True, allow_unicode=True, width=10_000).strip()
        yield f"{pad}{text[1:-1]}  # {field.description or ''}".rstrip(" #")


LARGEST_FILE = 10 << 20
"""Bytes of a file of settings: a video named by mistake is not read to its end."""


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise InputError(f"`config` {path}: larger than {LARGEST_FILE >> 20} MB, which no settings are.")
        # UTF-16 is what Windows PowerShell makes of --print-config > FILE.
        text = data.decode("utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8")
    except FileNotFoundError:
        raise InputError(f"`config` {path}: no such file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"`config` {path}: cannot be read as text ({error}).") from None
    try:
        values = load_yaml(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise InputError(f"`config` {path}{where}: not valid YAML ({problem}).") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InputError(f"`config` {path}: expected `key: value` lines, found a {type(plain(values)).__name__}.")
    return _drop_none_sections({written(key): value for key, value in values.items()})


def _drop_none_sections(values: dict[str, Any]) -> dict[str, Any]:
    """An empty section (`tracker:` with nothing under it) means its defaults; an explicit null below stays."""
    return {key: value for key, value in values.items() if value is not None}


def _parse_override(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise InputError(f"`set` {hide_secrets(text)}: expected key=value, for example `set` tracker.max_age=50.")
    try:
        return key, load_yaml(value)
    except yaml.YAMLError:
        return key, value


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        *parents, last = key.split(".")
        node = nested
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                raise InputError(f"{key}: {parent} was already given a plain value.")
        before = node.get(last)
        if isinstance(before, dict) and not isinstance(value, Mapping):
            raise InputError(f"{key}: is given both as a plain value and as a section.")
        node[last] = merged(before, value) if isinstance(before, dict) else value
    return nested


def _holds(values: Mapping[str, Any], key: str) -> bool:
    return _at(values, key.split("."))


def _at(values: Mapping[str, Any], parts: Sequence[str]) -> bool:
    """Whether something is said of what lies there."""
    node: Any = values
    for part in parts:
        if not isinstance(node, Mapping) or part not in node:
            return False
        node = node[part]
    return True


def submodel(field: FieldInfo) -> type[BaseModel] | None:
    for candidate in (field.annotation, *get_args(field.annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def setting_keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every dotted key of a settings model."""
    for name, field in model.model_fields.items():
        inner = submodel(field)
        if inner is None:
            yield prefix + name
        else:
            yield from setting_keys(inner, f"{prefix}{name}.")


def _field_of(model: type[BaseModel], key: str) -> tuple[Any, Any]:
    """Type and default of a field; None of a whole section, and of what lies within a mapping."""
    try:
        return field_at(model, key).annotation, default_at(model, key)
    except (AttributeError, KeyError):
        return None, None


def _nearest(model: type[BaseModel], key: str) -> str:
    keys = [*setting_keys(model), *(name for name, field in model.model_fields.items() if submodel(field))]
    match = difflib.get_close_matches(key, keys, n=1, cutoff=0.0)
    last = key.rsplit(".", 1)[-1]
    same_name = [candidate for candidate in keys if candidate.rsplit(".", 1)[-1] == last]
    return (same_name or match)[0]


def _variable(key: str) -> str:
    return ENV_PREFIX + key.upper().replace(".", "__")


def _environment(model: type[BaseModel]) -> dict[str, Any]:
    """This command's values in the environment, by dotted key.

    Raises:
        InputError: a variable with our prefix that no command knows; those of other commands are left alone.
    """
    own, mappings = set(setting_keys(model)), _mapping_keys(model)
    values = {}
    for name in sorted(os.environ):
        if not name.upper().startswith(ENV_PREFIX) or name.upper() in ENV_SWITCHES or _tells_of_a_service(name):
            continue
        key = name[len(ENV_PREFIX) :].lower().replace("__", ".")
        if key in own or any(key.startswith(f"{head}.") for head in mappings):
            values[key] = os.environ[name]
            continue
        if not any(key in set(setting_keys(other)) for other in all_commands()):
            nearest = _variable(_nearest(model, key))
            raise InputError(f"environment variable {name}: unknown setting. The nearest valid one is {nearest}.")
    return values


def _tells_of_a_service(name: str) -> bool:
    """Kubernetes tells every program of all services: of one called deepsort by DEEPSORT_SERVICE_HOST and the like."""
    service = re.split(r"_SERVICE_(?=HOST$|PORT(?:_|$))|_PORT(?=_\d|$)", name)[0]
    return service != name and f"{service}_SERVICE_HOST" in os.environ and f"{service}_SERVICE_PORT" in os.environ


def _mapping_keys(model: type[BaseModel]) -> list[str]:
    """Dotted keys whose value is a free mapping (parameter-name patterns, say)."""
    return [key for key in setting_keys(model) if "dict" in str(field_at(model, key).annotation).lower()]


def _explain(model: type[BaseModel], error: Any, key: str, where: str) -> str:
    """What is wrong with a value, or with a key that does not exist.

    Args:
        error: one of pydantic's.
        key: dotted.
        where: it was given.
    """
    if error["type"] == "extra_forbidden":
        if key in setting_keys(model):
            *sections, last = key.split(".")
            inside = "".join(f"{section}: {{" for section in sections)
            return f"{hide_in(where)}: {key} with a dot is no key; write {inside}{last}: …{'}' * len(sections)}."
        # The keys themselves are meant here, so they are not in backticks, which name a setting in the caller's words.
        return f"{hide_in(where)}: unknown key {hide_secrets(key)}. The nearest valid key is {_nearest(model, key)}."
    annotation, default = _field_of(model, key)
    message = in_words(error, annotation, default)
    label = where if where.endswith(key) or where.startswith("`") else f"{where}: {key}"
    # Of a whole section the message itself says which of its values do not go together.
    whole = error["input"] is PydanticUndefined or isinstance(error["input"], Mapping)
    shown = "" if whole or SecretStr in alternatives(annotation) else f" {hide_in(repr(error['input']))}"
    if whole and label == f"`{label[1:-1]}`":  # which is no setting itself
        label = label[1:-1]
    if whole and message.startswith("`") and label in ("settings", key):
        return f"{message}."
    return f"{label}{shown}: {message[0].lower()}{message[1:]}."
