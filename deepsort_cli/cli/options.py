"""Flags shared by all commands, and those made from a command's table of options (`settings/options.py`), so that help,
YAML and code cannot disagree.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args, get_origin

import typer
from pydantic_core import PydanticUndefined
from rich.markup import escape
from typer.core import TyperCommand

from deepsort_cli.cli import USAGE_ERROR, without_switch_types
from deepsort_cli.cli.console import Reporter, write, writing
from deepsort_cli.cli.wording import Spelling, speak
from deepsort_cli.settings import CommandSettings, all_commands, field_at, resolve, to_yaml
from deepsort_cli.settings.loader import default_at, setting_keys
from deepsort_cli.settings.options import Option, alternatives, choices, flag

_GENERAL = ("--config", "--set", "--json", "--help-all", "--help")
"""Flags of every command that `--help` always shows, of those in `General`."""

_ALL = "deepsort_cli.help_all"
_REPEATED = "deepsort_cli.repeated"

_NUMBERS = {int: "<int>", float: "<float>"}
"""What help calls them."""


def _help_all(ctx: Any, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        ctx.meta[_ALL] = True
        typer.echo(ctx.get_help())
        raise typer.Exit


Config = Annotated[
    Path | None, typer.Option("--config", "-c", help="YAML file with settings.", rich_help_panel="General")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set any key, e.g. section.key=1.", rich_help_panel="General"),
]
PrintConfig = Annotated[
    bool,
    typer.Option("--print-config", help="Print the resolved settings as YAML and exit.", rich_help_panel="General"),
]


_ALL_HELP: dict[str, Any] = {"help": "Show every flag.", "is_eager": True, "callback": _help_all}
HelpAll = Annotated[bool, typer.Option("--help-all", rich_help_panel="General", **_ALL_HELP)]
AllShown = Annotated[bool, typer.Option("--help-all", hidden=True, **_ALL_HELP)]
"""The same where --help shows every flag: no error, and not worth a line."""
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.", rich_help_panel="General")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only errors and warnings.", rich_help_panel="General")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more.", rich_help_panel="General")]

GENERAL: dict[str, tuple[Any, Any]] = {
    "config": (Config, None),
    "set_": (Set, None),
    "print_config": (PrintConfig, False),
    "json": (Json, False),
    "quiet": (Quiet, False),
    "verbose": (Verbose, False),
    "help_all": (HelpAll, False),
}
"""The last flags of every command that has settings: parameter → its type with the option, its default."""

Model = TypeVar("Model", bound=CommandSettings)
Function = TypeVar("Function", bound=Callable[..., Any])


class Flags(Generic[Model]):
    """Makes a Typer command with a flag for each row of a command's `OPTIONS`, and settings of what was given.

    Example:
        app = command_app()
        flags = Flags(TrackSettings)

        @flags.command(app, epilog=examples("deepsort track demo"))
        def track(ctx: typer.Context, sources: Sources = None, **_: Any) -> None:
            settings, report = flags.start(ctx)
    """

    def __init__(self, model: type[Model]) -> None:
        self.model = model
        self.daily = frozenset(option.flag for option in model.options if option.daily)

    def command(self, app: CommandApp, name: str | None = None, **options: Any) -> Callable[[Function], Function]:
        """Register a function as the app's command: its own parameters first, then the flags, then the general ones.

        Args:
            name: of the command; None: the function's.
            options: as for Typer's `command`.
        """

        def register(function: Function) -> Function:
            given = inspect.signature(function, eval_str=True).parameters.values()
            own = [parameter for parameter in given if parameter.kind is not inspect.Parameter.VAR_KEYWORD]
            rows = {option.word: (self._annotated(option), None) for option in self.model.options} | GENERAL
            if not self.daily:
                rows["help_all"] = AllShown, False
            flags = [
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
                for name, (annotation, default) in rows.items()
            ]

            @functools.wraps(function)
            def called(**values: Any) -> Any:
                return function(**values)

            called.__signature__ = inspect.Signature([*own, *flags])  # type: ignore[attr-defined]
            called.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *flags)}
            app.command(name, daily=self.daily, **options)(called)
            return function

        return register

    def _annotated(self, option: Option) -> Any:
        """The type of a flag's value, with the Typer option."""
        field = field_at(self.model, option.key)
        kind = _value_type(field.annotation, option.repeat)
        words = choices(field.annotation)
        spelled = option.flag
        if kind is bool and option.off:
            spelled = f"{option.flag}/{option.off}"
        return Annotated[
            kind | None,
            typer.Option(
                spelled,
                *(flag(word) for word in option.also),
                *([f"-{option.short}"] if option.short else []),
                help=_help(self._spelling(field.description or ""), default_at(self.model, option.key)),
                show_default=False,
                metavar=option.metavar or ("|".join(words) or _NUMBERS.get(_kind(field.annotation))),
                autocompletion=_completion(words),
                rich_help_panel=option.panel or None,
            ),
        ]

    def start(self, ctx: typer.Context, **extra: Any) -> tuple[Model, Reporter]:
        """Resolve the settings of a called command; with `--print-config`, print them and exit.

        Args:
            ctx: the call's context, from which all flags are read.
            extra: further values by dotted key with `__` for the dot, weaker than flags given on the command line.
        """
        params, options = ctx.params, self.model.options
        speak(self._spelling)
        given = {key.replace("__", "."): value for key, value in extra.items() if value is not None}
        given |= {
            option.key: self._read(option, value)
            for option in options
            if (value := params.get(option.word)) not in (None, [], ())
        }
        report = Reporter(params.get("json", False), params.get("quiet", False), params.get("verbose", False))
        for name, values in ctx.meta.get(_REPEATED, {}).items():
            report.warn(f"{name} is given {len(values)} times: only the last counts, {values[-1]}.")
        settings = resolve(
            self.model,
            config=params.get("config"),
            overrides=params.get("set_") or (),
            flags=given,
        )
        if params.get("print_config"):
            write(to_yaml(settings).rstrip("\n"))
            raise typer.Exit
        return settings, report

    def _read(self, option: Option, value: Any) -> Any:
        """A number where a number is wanted and this is one; all else as it was written, for the settings to refuse."""
        kind = _kind(field_at(self.model, option.key).annotation)
        try:
            return kind(value) if kind in _NUMBERS else value
        except ValueError:
            return value

    @functools.cached_property
    def _spelling(self) -> Spelling:
        """How this command's keys are shown in messages."""
        flags: dict[str, tuple[str, str | None]] = {"config": ("--config", None), "set": ("--set", None)}
        for option in self.model.options:
            switch = _value_type(field_at(self.model, option.key).annotation, option.repeat) is bool
            flags[option.key] = (option.flag, (option.off or "") if switch else None)
        keys = set(setting_keys(self.model))
        for also, section in self.model.also_called.items():
            flags |= {
                key.replace(section, also, 1): flag for key, flag in flags.items() if key.startswith(f"{section}.")
            }
            keys |= {key.replace(section, also, 1) for key in keys if key.startswith(f"{section}.")}
        return Spelling(flags, frozenset(keys), flag_elsewhere)


def flag_elsewhere(key: str) -> str | None:
    """The flag of the first command that has one for this key."""
    return next((row.flag for model in all_commands() for row in model.options if row.key == key), None)


def _value_type(annotation: Any, repeat: bool) -> Any:
    """The type of what is written after a flag; a list where the flag may be repeated."""
    kind = _kind(annotation)
    if get_origin(kind) is tuple:
        return list[get_args(kind)[0]] if repeat else str  # type: ignore[misc]
    # Numbers are read where all other values are, with the same words where they are none.
    return str if get_origin(kind) is Literal or kind in _NUMBERS else kind


def _kind(annotation: Any) -> Any:
    """The type of what is written after a flag."""
    kinds = alternatives(annotation)
    return Path if Path in kinds else kinds[0]


def _is_off(param: Any) -> bool:
    """Whether this is a switch that is off where it is not given."""
    return bool(param.secondary_opts) and "default: off]" in (getattr(param, "help", None) or "")


class Command(TyperCommand):
    """A subcommand whose help has flowing paragraphs, no types on switches, and --help among the general options.

    Attributes:
        daily: flags that `--help` shows; empty: all. `--help-all` shows the others too.
    """

    daily: frozenset[str] = frozenset()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.help:
            self.help = re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(self.help))

    def make_context(self, *args: Any, **options: Any) -> Any:
        with writing():  # --help prints and ends here
            return super().make_context(*args, **options)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        long = {name for param in self.get_params(ctx) for name in (*param.opts, *param.secondary_opts)}
        for word in args:
            if word == "--":
                break
            name = word.partition("=")[0]
            if len(name) > 2 and name[1] != "-" and f"-{name}" in long and not ctx.resilient_parsing:
                # It would be read as a short flag with its value: -save as -s ave.
                raise USAGE_ERROR(f"No such option: {name}. Did you mean -{name}?", ctx=ctx)
        given = {word.partition("=")[0] for word in args}
        ctx.meta[_REPEATED] = self.repeated(ctx, args)
        ctx.allow_extra_args = True  # refused below, with the flags that were probably left out
        rest = list(super().parse_args(ctx, args))
        if rest and not ctx.resilient_parsing:
            from deepsort_cli.cli.suggestions import no_such_argument

            raise USAGE_ERROR(no_such_argument(rest, long - given, ctx.command_path), ctx=ctx)
        return rest

    def repeated(self, ctx: Any, args: list[str]) -> dict[str, list[str]]:
        """Flags that take one value and are given several: their first name → the values, as they were written."""
        taking = [param for param in self.get_params(ctx) if param.param_type_name == "option" and not param.is_flag]
        flags = {name: param for param in taking for name in param.opts}
        found: dict[str, list[str]] = {}
        words = iter(args)
        for word in words:
            if word == "--":
                break
            name, equals, value = word.partition("=")
            if name in flags and (equals or word == name):
                value = value if equals and name.startswith("--") else next(words, "")
                if not flags[name].multiple:
                    found.setdefault(flags[name].opts[0], []).append(value)
        return {name: values for name, values in found.items() if len(set(values)) > 1}

    def format_help(self, ctx: Any, formatter: Any) -> None:
        if ctx.meta.get(_ALL) or not self.daily:
            super().format_help(ctx, formatter)
            return
        rare, epilog = self.rare(ctx), self.epilog
        # The other name of a switch that is off anyway is left to --help-all.
        switches = {param: param.secondary_opts for param in self.get_params(ctx) if _is_off(param)}
        for param in rare:
            param.hidden = True
        for param in switches:
            param.secondary_opts = []
        self.epilog = f"{len(rare)} more flags: [bold]{ctx.command_path} --help-all[/bold]\n\n{epilog or ''}"
        try:
            super().format_help(ctx, formatter)
        finally:
            self.epilog = epilog
            for param in rare:
                param.hidden = False
            for param, names in switches.items():
                param.secondary_opts = names

    def rare(self, ctx: Any) -> list[Any]:
        """The options that only `--help-all` shows."""
        options = [param for param in self.get_params(ctx) if param.param_type_name == "option"]
        return [option for option in options if not option.hidden and self.daily.isdisjoint(option.opts)]

    def get_help_option(self, ctx: Any) -> Any:
        option: Any = super().get_help_option(ctx)
        if option is not None:
            option.rich_help_panel = "General"
        return option

    def get_params(self, ctx: Any) -> list[Any]:
        return without_switch_types(super().get_params(ctx))


class CommandApp(typer.Typer):
    """A Typer app whose commands are `Command`."""

    def command(
        self, name: str | None = None, *, cls: type[Any] | None = None, daily: Iterable[str] = (), **options: Any
    ) -> Callable[[Function], Function]:
        """As Typer's.

        Args:
            daily: names of the flags that `--help` shows; empty: all.
        """
        if cls is None:
            shown = frozenset((*daily, *_GENERAL)) if daily else frozenset()
            cls = type("Command", (Command,), {"daily": shown})
        return super().command(name, cls=cls, **options)


def command_app(**options: Any) -> CommandApp:
    """The Typer app of one subcommand module."""
    return CommandApp(
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_show_locals=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        **options,
    )


def examples(*commands: str) -> str:
    """The epilog of a command's help: commands to copy, one a line."""
    return "\n\n".join(["[bold]Examples[/bold]", *map(escape, commands)])


def _completion(words: list[str]) -> Callable[[str], list[str]] | None:
    """What the shell offers after a flag whose field allows a few words only; None for all other fields."""
    return (lambda incomplete: [word for word in words if word.startswith(incomplete)]) if words else None


def _help(text: str, default: Any) -> str:
    """A field's description with its default."""
    if default is None:
        return text.replace("; null: ", "; default: ")  # null is YAML's word; a flag is just not given
    if "; null: " in text:  # of other commands, which have no default
        text = text.partition("; null: ")[0] + "."
    if default is PydanticUndefined or default == () or default == "":
        return text
    if isinstance(default, bool):
        default = "on" if default else "off"
    if isinstance(default, tuple | list):
        default = ",".join(str(item) for item in default)
    return f"{text} [dim]\\[default: {default}][/dim]"
