"""Flags shared by all commands, and flags made from settings fields so that help, YAML and code cannot disagree."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args, get_origin

import typer
from pydantic_core import PydanticUndefined
from rich.markup import escape
from typer.core import TyperCommand

from deepsort_cli.cli import USAGE_ERROR, without_switch_types
from deepsort_cli.cli.console import Reporter, write, writing
from deepsort_cli.cli.wording import Spelling, speak
from deepsort_cli.settings import CommandSettings, field_at, resolve, to_yaml
from deepsort_cli.settings.loader import default_at, setting_keys

_GENERAL = ("--config", "--set", "--json", "--help-all", "--help")
"""Flags of every command that `--help` always shows, of those in `General`."""

_ALL = "deepsort_cli.help_all"


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
HelpAll = Annotated[
    bool,
    typer.Option(
        "--help-all",
        help="Show every flag.",
        rich_help_panel="General",
        is_eager=True,
        callback=_help_all,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.", rich_help_panel="General")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only errors and warnings.", rich_help_panel="General")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more.", rich_help_panel="General")]

Model = TypeVar("Model", bound=CommandSettings)
Function = TypeVar("Function", bound=Callable[..., Any])


class Flags(Generic[Model]):
    """Makes Typer options from the fields of a settings model and turns what was given into settings.

    Example:
        flags = Flags(TrackSettings)

        @app.command()
        def track(ctx: typer.Context, max_age: Annotated[int | None, flags("tracker.max_age", "--max-age")] = None,
                  config: Config = None, ...):
            settings, report = flags.start(ctx)
    """

    def __init__(self, model: type[Model]) -> None:
        self.model = model
        self._keys: dict[str, str] = {}

    def __call__(self, key: str, *names: str, panel: str | None = None, help: str | None = None, **options: Any) -> Any:
        """A Typer option for the settings field at dotted `key`; help and default come from the field."""
        field = field_at(self.model, key)
        default = default_at(self.model, key)
        self._keys[names[0].split("/")[0]] = key
        shown = {True: "on", False: "off"}.get(default, default) if isinstance(default, bool) else default
        text = help or field.description or ""
        if default is None:
            text = text.replace("; null: ", "; default: ")  # null is YAML's word; a flag is just not given
        elif "; null: " in text:  # of other commands, which have no default
            text = text.partition("; null: ")[0] + "."
        return typer.Option(
            *names,
            help=_with_default(text, shown),
            show_default=False,
            autocompletion=_completion(field.annotation),
            rich_help_panel=panel,
            **options,
        )

    def start(self, ctx: typer.Context, **extra: Any) -> tuple[Model, Reporter]:
        """Resolve the settings of a called command; with `--print-config`, print them and exit.

        Args:
            ctx: the call's context, from which all flags are read.
            extra: further values by dotted key with `__` for the dot, weaker than flags given on the command line.
        """
        given: dict[str, Any] = {key.replace("__", "."): value for key, value in extra.items() if value is not None}
        names: dict[str, str] = {}
        for parameter in ctx.command.params:
            name = parameter.opts[0] if parameter.opts else ""
            value = ctx.params.get(parameter.name or "")
            key = self._keys.get(name)
            if key is not None:
                names[key] = name
                if value is not None and value != [] and value != ():
                    given[key] = value
        params = ctx.params
        settings = resolve(
            self.model,
            config=params.get("config"),
            overrides=params.get("set_") or (),
            flags=given,
            flag_names=names,
        )
        speak(Spelling(self._spelled(ctx), frozenset(setting_keys(self.model))))
        if params.get("print_config"):
            write(to_yaml(settings).rstrip("\n"))
            raise typer.Exit
        return settings, Reporter(params.get("json", False), params.get("quiet", False), params.get("verbose", False))

    def _spelled(self, ctx: typer.Context) -> dict[str, tuple[str, str | None]]:
        """Key → (flag, its negative or None)."""
        return {
            self._keys[param.opts[0]]: (param.opts[0], (*param.secondary_opts, None)[0])
            for param in ctx.command.params
            if param.opts and param.opts[0] in self._keys
        }


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
        return list(super().parse_args(ctx, args))

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
        self, name: str | None = None, *, cls: type[Any] | None = None, daily: str = "", **options: Any
    ) -> Callable[[Function], Function]:
        """As Typer's.

        Args:
            daily: names of the flags that `--help` shows; empty: all.
        """
        if cls is None:
            shown = frozenset((*daily.split(), *_GENERAL)) if daily else frozenset()
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


def _completion(annotation: Any) -> Callable[[str], list[str]] | None:
    """What the shell offers after a flag whose field allows a few words only; None for all other fields."""
    words = [
        word
        for part in (annotation, *get_args(annotation))
        if get_origin(part) is Literal
        for word in get_args(part)
        if isinstance(word, str)
    ]
    return (lambda incomplete: [word for word in words if word.startswith(incomplete)]) if words else None


def _with_default(text: str, default: Any) -> str:
    if default is None or default is PydanticUndefined or default == () or default == "":
        return text
    if isinstance(default, tuple | list):
        default = ",".join(str(item) for item in default)
    return f"{text} [dim]\\[default: {default}][/dim]"
