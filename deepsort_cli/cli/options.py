"""Flags shared by all commands, and flags made from settings fields so that help, YAML and code cannot disagree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import typer
from pydantic_core import PydanticUndefined

from deepsort_cli.cli.console import Reporter
from deepsort_cli.settings import CommandSettings, field_at, resolve, to_yaml
from deepsort_cli.settings.loader import default_at

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
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.", rich_help_panel="General")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only errors and warnings.", rich_help_panel="General")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more.", rich_help_panel="General")]

Model = TypeVar("Model", bound=CommandSettings)


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
        return typer.Option(
            *names,
            help=_with_default(help or field.description or "", shown),
            show_default=False,
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
        if params.get("print_config"):
            print(to_yaml(settings), end="")
            raise typer.Exit
        return settings, Reporter(params.get("json", False), params.get("quiet", False), params.get("verbose", False))


def command_app() -> typer.Typer:
    """The Typer app of one subcommand module."""
    return typer.Typer(
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_show_locals=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _with_default(text: str, default: Any) -> str:
    if default is None or default is PydanticUndefined or default == () or default == "":
        return text
    if isinstance(default, tuple | list):
        default = ",".join(str(item) for item in default)
    return f"{text} [dim]\\[default: {default}][/dim]"
