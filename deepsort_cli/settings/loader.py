"""Merge the layers of settings and explain what is wrong with them.

Precedence, weakest first: defaults, preset, YAML file, environment (`DEEPSORT_TRACKER__MAX_AGE=30`),
`--set tracker.max_age=30`, command line flags. pydantic-settings does the merging; this module adds where each value
came from, so that an error names the file, variable or flag and the nearest valid key.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.files import at_home
from deepsort_cli.core.urls import hide_in, hide_secrets
from deepsort_cli.settings.words import load_yaml, plain, settle

ENV_PREFIX = "DEEPSORT_"
ENV_SWITCHES = frozenset(
    {"DEEPSORT_TRACEBACK", "DEEPSORT_TEST_DATA", "DEEPSORT_MODELS", "DEEPSORT_MODELS_URL", "DEEPSORT_OFFLINE"}
)
"""Variables with our prefix that are no settings keys."""


class CommandSettings(BaseSettings):
    """Base of the settings of one subcommand.

    A command with a field `preset` names in `presets` what each of its values sets.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Preset → values by dotted key."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        enable_decoding=False,
        extra="forbid",
        frozen=True,
        validate_default=True,
        nested_model_default_partial_update=True,
    )


Model = TypeVar("Model", bound=CommandSettings)


def resolve(
    model: type[Model],
    *,
    config: Path | None = None,
    overrides: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
    flag_names: Mapping[str, str] | None = None,
) -> Model:
    """Build the settings of a command.

    Args:
        model: the command's settings class.
        config: a YAML file, or None.
        overrides: `key.sub=value` strings from `--set`; values are read as YAML.
        flags: values by dotted key from command line flags; None means not given.
        flag_names: the flag behind each dotted key, for messages.

    Raises:
        InputError: for an unreadable or malformed file, an unknown key, or a value that does not fit, naming where it
            was given and the nearest valid key.
    """
    yaml_values = settle(model, _read_yaml(at_home(config))) if config is not None else {}
    set_values = settle(model, _nest(dict(_parse_override(text) for text in overrides)))
    flag_values = settle(model, _nest({key: value for key, value in (flags or {}).items() if value is not None}))
    names = flag_names or {}

    class Layered(model):  # type: ignore[valid-type,misc]
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            given = (
                InitSettingsSource(settings_cls, init_kwargs=flag_values),
                InitSettingsSource(settings_cls, init_kwargs=set_values),
                InitSettingsSource(settings_cls, init_kwargs=settle(model, _of_this_command(model, env_settings()))),
                InitSettingsSource(settings_cls, init_kwargs=yaml_values),
            )
            preset = next((values["preset"] for source in given if "preset" in (values := source())), None)
            # One that does not exist is left to validation.
            values = _nest(model.presets.get(preset, {})) if isinstance(preset, str) else {}
            return (*given, InitSettingsSource(settings_cls, init_kwargs=values))

    def origin(key: str) -> str:
        if _holds(flag_values, key):
            return names.get(key, f"--{key}")
        if _holds(set_values, key):
            return f"--set {key}"
        variable = ENV_PREFIX + key.upper().replace(".", "__")
        if any(name.upper() == variable for name in os.environ):
            return f"environment variable {variable}"
        if config is not None and _holds(yaml_values, key):
            return str(config)
        return "settings"

    _check_environment(model)
    try:
        layered = Layered()
    except ValidationError as error:
        raise InputError("\n".join(_explain(model, item, origin) for item in error.errors())) from None
    values = {name: getattr(layered, name) for name in model.model_fields}
    return cast(Model, model.model_construct(**values))


def field_at(model: type[BaseModel], key: str) -> FieldInfo:
    """The field of a settings model at a dotted key.

    Raises:
        KeyError: if there is no such key.
    """
    head, _, rest = key.partition(".")
    field = model.model_fields[head]
    if not rest:
        return field
    inner = _submodel(field)
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


def to_yaml(settings: BaseModel) -> str:
    """The settings as YAML text that can be given back with `--config`, but for passwords in URLs, which are hidden."""
    values = settings.model_dump(mode="json")
    shown = _without_secrets(values)
    remark = "# Passwords and other secrets of URLs are hidden (…); write them in again.\n" if shown != values else ""
    return remark + yaml.safe_dump(shown, sort_keys=False, allow_unicode=True)


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        return hide_secrets(value)
    if isinstance(value, dict):
        return {key: _without_secrets(inner) for key, inner in value.items()}
    return [_without_secrets(inner) for inner in value] if isinstance(value, list | tuple) else value


def documented_yaml(model: type[BaseModel], title: str) -> str:
    """A YAML text with every key of a settings model, its default and its description as a comment."""
    lines = [
        f"# {title}",
        "# Every key with its default. Flags, --set and DEEPSORT_… variables win over this file.",
        "",
    ]
    lines += _document(model, model.model_construct(), 0)
    return "\n".join(lines) + "\n"


def _document(model: type[BaseModel], values: BaseModel, depth: int) -> Iterator[str]:
    pad = "  " * depth
    for name, field in model.model_fields.items():
        inner = _submodel(field)
        value = getattr(values, name, None)
        if inner is not None and isinstance(value, BaseModel):
            yield f"{pad}{name}:"
            yield from _document(inner, value, depth + 1)
            continue
        dumped = values.model_dump(mode="json", include={name}).get(name) if value is not None else None
        text = yaml.safe_dump({name: dumped}, default_flow_style=True, allow_unicode=True, width=10_000).strip()
        yield f"{pad}{text[1:-1]}  # {field.description or ''}".rstrip(" #")


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"--config {path}: no such file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--config {path}: cannot be read as text ({error}).") from None
    try:
        values = load_yaml(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise InputError(f"--config {path}{where}: not valid YAML ({problem}).") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InputError(f"--config {path}: expected `key: value` lines, found a {type(plain(values)).__name__}.")
    return _drop_none_sections({str(plain(key)): value for key, value in values.items()})


def _drop_none_sections(values: dict[str, Any]) -> dict[str, Any]:
    """An empty section (`tracker:` with nothing under it) means its defaults; an explicit null below stays."""
    return {key: value for key, value in values.items() if value is not None}


def _parse_override(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise InputError(f"--set {hide_secrets(text)}: expected key=value, for example --set tracker.max_age=50.")
    try:
        return key, load_yaml(value)
    except yaml.YAMLError:
        return key, value


def _nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        *parents, last = key.split(".")
        node = nested
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                raise InputError(f"--set {key}: `{parent}` was already given a plain value.")
        node[last] = value
    return nested


def _holds(values: Mapping[str, Any], key: str) -> bool:
    node: Any = values
    for part in key.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return False
        node = node[part]
    return True


def _submodel(field: FieldInfo) -> type[BaseModel] | None:
    for candidate in (field.annotation, *get_args(field.annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def setting_keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every dotted key of a settings model."""
    for name, field in model.model_fields.items():
        inner = _submodel(field)
        if inner is None:
            yield prefix + name
        else:
            yield from setting_keys(inner, f"{prefix}{name}.")


def _nearest(model: type[BaseModel], key: str) -> str:
    keys = list(setting_keys(model))
    match = difflib.get_close_matches(key, keys, n=1, cutoff=0.0)
    last = key.rsplit(".", 1)[-1]
    same_name = [candidate for candidate in keys if candidate.rsplit(".", 1)[-1] == last]
    return (same_name or match or ["--help"])[0]


def _check_environment(model: type[BaseModel]) -> None:
    """Refuse DEEPSORT_ variables that no command knows; those of other commands are left alone."""
    own = set(setting_keys(model))
    for name in sorted(os.environ):
        if not name.upper().startswith(ENV_PREFIX) or name.upper() in ENV_SWITCHES:
            continue
        key = name[len(ENV_PREFIX) :].lower().replace("__", ".")
        if key in own or any(key.startswith(f"{head}.") or key == head for head in _mapping_keys(model)):
            continue
        from deepsort_cli.settings import all_commands

        if not any(key in set(setting_keys(other)) for other in all_commands()):
            nearest = ENV_PREFIX + _nearest(model, key).upper().replace(".", "__")
            raise InputError(f"environment variable {name}: unknown setting. The nearest valid one is {nearest}.")


def _of_this_command(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values from the environment without those that only other commands know; sections are shared among commands."""
    own = {}
    for name, value in values.items():
        field = model.model_fields.get(name)
        if field is not None:
            inner = _submodel(field)
            own[name] = _of_this_command(inner, value) if inner and isinstance(value, Mapping) else value
    return own


def _mapping_keys(model: type[BaseModel]) -> list[str]:
    """Dotted keys whose value is a free mapping (parameter-name patterns, say)."""
    return [key for key in setting_keys(model) if "dict" in str(field_at(model, key).annotation).lower()]


def _explain(model: type[BaseModel], error: Any, origin: Any) -> str:
    key = ".".join(str(part) for part in error["loc"] if not isinstance(part, int)) or "settings"
    where = origin(key)
    if error["type"] == "extra_forbidden":
        return (
            f"{hide_in(where)}: unknown key `{hide_secrets(key)}`. The nearest valid key is `{_nearest(model, key)}`."
        )
    if error["type"] == "missing":
        return f"`{key}` is required. Give it with {origin(key)} or in the configuration file."
    message = error["msg"].removeprefix("Value error, ")
    label = where if where.endswith(key) or where.startswith("-") else f"{where}: `{key}`"
    # Of a whole section the message itself says which of its values do not go together.
    whole = error["input"] is PydanticUndefined or isinstance(error["input"], Mapping)
    shown = "" if whole else f" {hide_in(repr(error['input']))}"
    return f"{label}{shown}: {message[0].lower()}{message[1:]}."
