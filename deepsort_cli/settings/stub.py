"""The text of `deepsort_cli/__init__.pyi`: what editors and type checkers know of the package.

A verb's function takes `**keywords`; here they are written out, with the types, defaults and descriptions of their
settings fields. The functions are read as text, so that nothing heavy is imported.
"""

from __future__ import annotations

import ast
import builtins
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from deepsort_cli.settings import COMMAND_SETTINGS, CommandSettings, settings_of
from deepsort_cli.settings.loader import default_at, field_at, submodel
from deepsort_cli.settings.options import alternatives

COMMANDS = {"evaluate": "eval"}
"""Functions whose command has another name."""

HEAD = '''\
"""Types of the package's public names, made from the commands' tables of options: `make configs`."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

'''
PROVIDED = frozenset({"Mapping", "Sequence", "PathLike", "Path", "Any", "Literal", *dir(builtins)})
WIDTH = 120
_TEXTS = "str | Sequence[str]"
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Keyword:
    """A keyword of a verb: its type and default as text, and what it does."""

    word: str
    kind: str
    default: str
    text: str

    @property
    def parameter(self) -> str:
        return f"{self.word}: {self.kind} = {self.default}"


def stub_text(homes: Mapping[str, str]) -> str:
    """The stub's text.

    Args:
        homes: public name → the module within the package that defines it.
    """
    imports: set[tuple[str, str]] = set()
    verbs = []
    for name, home in homes.items():
        module, function = _find(f"deepsort_cli.{home}", name)
        command = COMMANDS.get(name, name)
        if function is None or command not in COMMAND_SETTINGS:
            imports.add((module, f"{name} as {name}"))
            continue
        model = settings_of(command)
        verbs.append(_verb(function, model))
        imports |= set(_used(function, model, module))
    imports = {(module, name) for module, name in imports if f"{name} as {name}" not in {other for _, other in imports}}
    public = "".join(f'    "{name}",\n' for name in sorted(homes))
    parts = [
        _import_lines(imports),
        "",
        "__version__: str",
        "_HOMES: dict[str, str]",
        "_Path = str | PathLike[str]",
        f"__all__ = [\n{public}]",
    ]
    return HEAD + "\n\n".join(["\n".join(parts), *sorted(verbs)]) + "\n"


def _import_lines(imports: set[tuple[str, str]]) -> str:
    plain: dict[str, list[str]] = {}
    for module, name in sorted(imports):
        plain.setdefault(f"{module} {name if ' as ' in name else ''}", []).append(name)
    lines = []
    for key, names in sorted(plain.items()):
        line = f"from {key.split()[0]} import {', '.join(names)}"
        if len(line) > WIDTH:
            line = f"from {key.split()[0]} import (\n" + "".join(f"    {name},\n" for name in names) + ")"
        lines.append(line)
    return "\n".join(lines)


def _verb(function: ast.FunctionDef, model: type[CommandSettings]) -> str:
    """A verb's signature and documentation."""
    args = function.args
    own = {argument.arg for argument in (*args.args, *args.kwonlyargs)}
    keywords = [keyword for keyword in _keywords(model) if keyword.word not in own]
    defaults = [None] * (len(args.args) - len(args.defaults)) + list(args.defaults)
    parameters = [_parameter(argument, default) for argument, default in zip(args.args, defaults, strict=True)]
    parameters.append("*" if args.vararg is None else f"*{_parameter(args.vararg, None)}")
    parameters += [
        _parameter(argument, default) for argument, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)
    ]
    parameters += [keyword.parameter for keyword in keywords]
    signature = "".join(f"    {parameter},\n" for parameter in parameters)
    documentation = _documentation(ast.get_docstring(function) or "", keywords)
    returns = ast.unparse(function.returns) if function.returns else "None"
    return f'def {function.name}(\n{signature}) -> {returns}:\n    """{documentation}\n    """'


def _documentation(text: str, keywords: list[Keyword]) -> str:
    """A function's documentation with a line for each keyword in place of that for `keywords`."""
    lines = [
        textwrap.fill(f"{keyword.word}: {keyword.text}", WIDTH - 4, initial_indent=" " * 4, subsequent_indent=" " * 8)
        for keyword in keywords
    ]
    written = "\n".join(lines) + "\n"
    text, found = re.subn(r"^    keywords: .*\n?(?:^        .*\n?)*", lambda match: written, text + "\n", flags=re.M)
    assert found, "a verb documents its keywords"
    return textwrap.indent(text, "    ").strip()


def _parameter(argument: ast.arg, default: ast.expr | None) -> str:
    kind = f": {ast.unparse(argument.annotation)}" if argument.annotation else ""
    return f"{argument.arg}{kind}" + (f" = {ast.unparse(default)}" if default else "")


def _keywords(model: type[CommandSettings]) -> Iterator[Keyword]:
    """Everything that `from_keywords` takes: options, then sections and fields that have no option."""
    sections = {name: kind.__name__ for name, field in model.model_fields.items() if (kind := submodel(field))}
    words = {word: option for option in model.options for word in (option.word, *option.also)}
    for word, option in words.items():
        field = field_at(model, option.key)
        taken = _type(field.annotation)
        if option.repeat and taken == _TEXTS:
            taken = "str | Sequence[Any]"  # camera numbers, the numbers of a line
        if word in sections:
            taken += f" | {sections[word]} | Mapping[str, Any]"
        yield Keyword(word, taken, _default(default_at(model, option.key)), _text(field.description))
    covered = {option.key for option in model.options}
    for name, field in model.model_fields.items():
        text = _text(field.description)
        if name in sections and name not in words:
            yield Keyword(name, f"{sections[name]} | Mapping[str, Any]", "...", f"Section: {text}")
        elif name not in words and name not in covered:
            yield Keyword(name, _type(field.annotation), _default(default_at(model, name)), text)


def _text(description: str | None) -> str:
    return re.sub(r"\bnull\b", "None", description or "")  # YAML's word


def _default(value: Any) -> str:
    """The default as the stub shows it; what is no plain value is left out."""
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    return f'"{value}"' if isinstance(value, str) and '"' not in value else "..."


def _type(annotation: Any) -> str:
    """What a caller may give for a field."""
    kinds = [_one(kind) for kind in alternatives(annotation)]
    if type(None) in get_args(annotation):
        kinds.append("None")
    return " | ".join(dict.fromkeys(kinds))


def _one(kind: Any) -> str:
    origin = get_origin(kind)
    if origin is Literal:
        return "Literal[" + ", ".join(f'"{word}"' for word in get_args(kind)) + "]"
    if kind is Path:
        return "_Path"
    if origin is tuple:
        inner = _type(get_args(kind)[0])
        single = "_Path" if inner == "_Path" else f"{inner} | str" if inner != "str" else "str"
        return f"{single} | Sequence[{inner}]"
    if origin is dict:
        return f"Mapping[{', '.join(_type(part) for part in get_args(kind))}]"
    return str(kind.__name__)


def _used(function: ast.FunctionDef, model: type[BaseModel], module: str) -> Iterator[tuple[str, str]]:
    """Module and name of every type in a verb's signature."""
    kinds = [kind for field in model.model_fields.values() if (kind := submodel(field))]
    yield from ((kind.__module__, kind.__name__) for kind in kinds)
    args = function.args
    arguments = [*args.args, *args.kwonlyargs, *([args.vararg] if args.vararg else [])]
    for part in (function.returns, *(argument.annotation for argument in arguments)):
        for node in ast.walk(part) if part else ():
            if isinstance(node, ast.Name) and node.id not in PROVIDED:
                yield _places(module).get(node.id, module), node.id


def _find(module: str, name: str) -> tuple[str, ast.FunctionDef | None]:
    """The module that defines a name, found through those that only pass it on, and its function if it is one."""
    for node in _tree(module).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return module, node
    passed_on = _places(module).get(name)
    internal = passed_on is not None and passed_on.startswith("deepsort_cli")
    return _find(passed_on, name) if passed_on and internal else (module, None)


@cache
def _places(module: str) -> dict[str, str]:
    """Every name a module imports, also for type checkers only → where from."""
    return {
        alias.asname or alias.name: node.module
        for node in ast.walk(_tree(module))
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


@cache
def _tree(module: str) -> ast.Module:
    """A module's text, parsed; it is not imported."""
    path = ROOT.joinpath(*module.split("."))
    file = path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"
    return ast.parse(file.read_text(encoding="utf-8"))
