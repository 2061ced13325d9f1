"""`deepsort models`: what comes with the package, what can be fetched, what the cache holds."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from deepsort_cli.cli import USAGE_ERROR, without_switch_types
from deepsort_cli.cli.console import Reporter
from deepsort_cli.cli.encoding import literal
from deepsort_cli.cli.options import AllShown, Json, Quiet, command_app, examples, flag_elsewhere
from deepsort_cli.cli.wording import Spelling, speak

if TYPE_CHECKING:
    from deepsort_cli.perception.catalogue import CatalogueModel

Name = Annotated[str, typer.Argument(help="Name of the model.", show_default=False, metavar="NAME")]
Names = Annotated[list[str], typer.Argument(help="Names of the models.", show_default=False, metavar="NAME...")]


def _is_model(name: str) -> bool:
    from deepsort_cli.workflows.models import known_models

    return name in [model.name for model in known_models()]


class _ModelsGroup(TyperGroup):
    """`deepsort models NAME` is short for `deepsort models show NAME`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        first = next((position for position, word in enumerate(args) if not word.startswith("-")), None)
        if first is not None and args[first] not in self.commands:
            near = difflib.get_close_matches(args[first].lower(), self.commands, n=1)
            if near and not _is_model(args[first]):
                raise USAGE_ERROR(f"No such command: {args[first]}. Did you mean: deepsort models {near[0]}?", ctx=ctx)
            args = [*args[:first], "show", *args[first:]] if first == 0 else ["show", *args]
        return super().parse_args(ctx, args)

    def get_help_option(self, ctx: Any) -> Any:
        option: Any = super().get_help_option(ctx)
        if option is not None:
            option.rich_help_panel = "General"
        return option

    def get_params(self, ctx: Any) -> list[Any]:
        return without_switch_types(super().get_params(ctx))


app = command_app(
    cls=_ModelsGroup,
    invoke_without_command=True,
    epilog=examples(
        "deepsort models",
        "deepsort models osnet_x0_25",
        "deepsort models runs/people/checkpoints/best.pth",
        "deepsort models download yolox_nano",
        "deepsort track --source video.mp4 --detector yolox_nano",
    ),
)


@app.callback()
def models(ctx: typer.Context, json: Json = False, all_shown: AllShown = False) -> None:
    """Models known by name: those that come with the package and those that are fetched when they are named.

    Without a command, list them. Fetched models are kept in your cache folder (see the list), or in the folder that
    [bold]DEEPSORT_MODELS[/bold] names. Every file is checked by its SHA-256.
    """
    speak(Spelling(elsewhere=flag_elsewhere))
    if ctx.invoked_subcommand is not None:
        return
    from deepsort_cli.perception.catalogue import DEFAULT_DETECTOR
    from deepsort_cli.perception.model_cache import cache_folder
    from deepsort_cli.workflows.models import describe_known, known_models

    report = Reporter(json)
    described = [describe_known(model) for model in known_models()]
    report.result(described)
    held = [model for model in described if model["state"] == "cached"]
    size = f"{sum(model['bytes'] for model in held) / 1e6:.1f} MB" if held else "empty"
    report.table(_table(described), f"cache: {literal(str(cache_folder()))} ({size})")
    if not any(model["name"] == DEFAULT_DETECTOR for model in held):
        report.table(f"get the usual detector: deepsort models download {DEFAULT_DETECTOR}")


@app.command()
def show(name: Name, json: Json = False) -> None:
    """Show what is known of a model: its card, or where it comes from and under which licence.

    For a file, an ONNX embedder or a checkpoint, what it is: network, input, threshold, and whether it is trained.
    """
    report = Reporter(json)
    if Path(name).is_file():
        from deepsort_cli.workflows.extraction import describe

        found = describe(Path(name))
        report.result(found, _file_facts(found))
        return
    from deepsort_cli.perception.catalogue import CatalogueModel
    from deepsort_cli.workflows.models import describe_known, known

    model = known(name)
    if isinstance(model, CatalogueModel):
        report.result(describe_known(model), _facts(model))
        return
    report.result(describe_known(model) if json else None)
    from rich.markdown import Markdown

    report.table(Markdown(model.card))


def _file_facts(found: dict[str, Any]) -> str:
    """What a model file is, a fact a line."""
    size, metrics, people = found["input"], found["metrics"], found.get("validation_identities")
    mean, std = (", ".join(f"{value:.6g}" for value in size[name]) for name in ("mean", "std"))
    facts = [
        ("file", f"{found['path']} ({found['bytes']:,} bytes)"),
        ("format", found["format"]),
        ("network", f"{found['architecture']}, {found['embedding_size']} values per image"),
        ("input", f"{size['height']}×{size['width']} {size['channel_order']}, mean {mean}, deviation {std}"),
        ("", f"({size['origin']})"),
        ("training", found["training_state"] or "unknown"),
        ("data", found["training_data"]),
        ("figures", ", ".join(f"{name} {100 * value:.2f} %" for name, value in metrics.items())),
        ("", f"(on {people:.0f} people)" if metrics and people else ""),
        ("threshold", "" if found["threshold"] is None else f"{found['threshold']:g}"),
        ("licence", found["license"]),
        ("sha-256", found["sha256"]),
    ]
    lines = [f"{label:10}{value}" for label, value in facts if value]
    return "\n".join([*lines, *(f"{'warning':10}{remark}" for remark in found["remarks"])])


def _facts(model: CatalogueModel) -> str:
    """What is known of a model that can be fetched, a fact a line; addresses and sums are not broken."""
    known = "public records, not from a download of ours" if model.checked == "records" else "a download of ours"
    return "\n".join(
        f"{label:8} {value}"
        for label, value in (
            ("name", model.name),
            ("what", model.title),
            ("input", model.input),
            (
                "file",
                f"{model.bytes:,} bytes, {f'in the cache: {model.path}' if model.cached() else 'not in the cache'}",
            ),
            ("from", model.url),
            ("sha-256", model.sha256),
            ("licence", f"{model.licence} (of the weights; {model.licence_source})"),
            ("checked", f"address, size and sum are from {known}"),
            ("figures", model.figures),
            ("scores", _scores(model)),
        )
        if value
    )


def _scores(model: CatalogueModel) -> str:
    """From which scores on tracks begin and continue, and how that is known."""
    if model.scores is None:
        return ""
    known = f"measured on {model.scores.measured}" if model.scores.measured else "the usual pair, not measured for it"
    return f"tracks continue from {model.scores.keep:g} (--conf), --start-score auto is {model.scores.start:g}: {known}"


@app.command()
def download(names: Names, json: Json = False, quiet: Quiet = False) -> None:
    """Fetch models into the cache, checked by their SHA-256; what is there already is left alone."""
    from deepsort_cli.cli.listeners import Transfers
    from deepsort_cli.workflows.models import fetch

    report = Reporter(json, quiet)
    with Transfers(report) as bars:
        done = list(fetch(names, bars))
    report.result([{"name": model.name, "path": str(model.path), "fetched": model.fetched} for model in done])


@app.command()
def add(
    name: Name,
    file: Annotated[Path, typer.Argument(help="The file, brought by hand.", show_default=False)],
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Put a file brought by hand into the cache, if it is the published one."""
    from deepsort_cli.cli.listeners import Told
    from deepsort_cli.workflows.models import add as put

    report = Reporter(json, quiet)
    report.result({"name": name, "path": str(put(name, file, Told(report)))})


@app.command()
def path(name: Name, json: Json = False) -> None:
    """Print where a model's file is; exit code 1 where it is not in the cache."""
    from deepsort_cli.workflows.models import place

    found = place(name)
    Reporter(json).result({"name": name, "path": str(found)}, str(found))


@app.command()
def remove(names: Names, json: Json = False, quiet: Quiet = False) -> None:
    """Delete models from the cache."""
    from deepsort_cli.cli.listeners import Told
    from deepsort_cli.workflows.models import remove as delete

    report = Reporter(json, quiet)
    removed = delete(names, Told(report))
    report.result([{"name": model.name, "path": str(model.path), "removed": there} for model, there in removed])


@contextlib.contextmanager
def transfer_bar(report: Reporter) -> Iterator[Callable[[int, int], None]]:
    """Gives the callback for one transfer's progress; shows a bar on a terminal."""
    from deepsort_cli.cli.listeners import Transfers

    with Transfers(report) as bars:
        yield lambda done, total: bars.progress("", done, total)


def _table(described: list[dict[str, Any]]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("name", "for", "size", "where", "licence"):
        table.add_column(heading, no_wrap=heading != "licence")
    flags = {"reid": "--reid", "detector": "--detector"}
    for model in described:
        size = f"{model['bytes'] / 1e6:.1f} MB"
        table.add_row(model["name"], flags[model["task"]], size, model["state"], model["license"])
    return table
