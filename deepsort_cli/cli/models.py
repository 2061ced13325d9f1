"""`deepsort models`: what comes with the package, what can be fetched, what the cache holds."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from typer.core import TyperGroup

from deepsort_cli.cli import USAGE_ERROR, without_switch_types
from deepsort_cli.cli.console import Reporter
from deepsort_cli.cli.options import Json, Quiet, command_app, examples
from deepsort_cli.core.errors import InputError

if TYPE_CHECKING:
    from deepsort_cli.perception.bundled import BundledModel
    from deepsort_cli.perception.catalogue import CatalogueModel

Name = Annotated[str, typer.Argument(help="Name of the model.", show_default=False, metavar="NAME")]
Names = Annotated[list[str], typer.Argument(help="Names of the models.", show_default=False, metavar="NAME...")]


class _ModelsGroup(TyperGroup):
    """`deepsort models NAME` is short for `deepsort models show NAME`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        first = next((position for position, word in enumerate(args) if not word.startswith("-")), None)
        if first is not None and args[first] not in self.commands:
            near = difflib.get_close_matches(args[first].lower(), self.commands, n=1)
            if near and args[first] not in [model.name for model in _models()]:
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
def models(ctx: typer.Context, json: Json = False) -> None:
    """Models known by name: those that come with the package and those that are fetched when they are named.

    Without a command, list them. Fetched models are kept in your cache folder (see the list), or in the folder that
    [bold]DEEPSORT_MODELS[/bold] names. Every file is checked by its SHA-256.
    """
    if ctx.invoked_subcommand is not None:
        return
    from deepsort_cli.perception.bundled import bundled_models
    from deepsort_cli.perception.catalogue import CATALOGUE, DEFAULT_DETECTOR, cache_folder

    report = Reporter(json)
    described = [_bundled(model) for model in bundled_models()] + [_catalogued(model) for model in CATALOGUE]
    report.result(described)
    held = [model for model in described if model["state"] == "cached"]
    size = f"{sum(model['bytes'] for model in held) / 1e6:.1f} MB" if held else "empty"
    report.table(_table(described), f"cache: {escape(str(cache_folder()))} ({size})")
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
    model = _known(name)
    if _is_catalogued(model):
        report.result(_catalogued(model), _facts(model))
        return
    report.result(_bundled(model) if json else None)
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
        )
    )


@app.command()
def download(names: Names, json: Json = False, quiet: Quiet = False) -> None:
    """Fetch models into the cache, checked by their SHA-256; what is there already is left alone."""
    report = Reporter(json, quiet)
    wanted = [_fetchable(name) for name in names]
    done = []
    for model in wanted:
        held = model.cached() is not None
        with transfer_bar(report) as progress:
            path = model.obtain(report.info, progress)
        report.info(f"{model.name}: {'already in the cache' if held else 'fetched'}: {path}")
        done.append({"name": model.name, "path": str(path), "fetched": not held})
    report.result(done)


@app.command()
def add(
    name: Name,
    file: Annotated[Path, typer.Argument(help="The file, brought by hand.", show_default=False)],
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Put a file brought by hand into the cache, if it is the published one."""
    report = Reporter(json, quiet)
    path = _fetchable(name).add(file)
    report.info(f"{name}: in the cache: {path}")
    report.result({"name": name, "path": str(path)})


@app.command()
def path(name: Name, json: Json = False) -> None:
    """Print where a model's file is; exit code 1 where it is not in the cache."""
    model = _known(name)
    found = model.cached() if _is_catalogued(model) else model.checked()
    if found is None:
        from deepsort_cli.core.errors import RunError

        raise RunError(f"{name} is not in the cache. Get it with: deepsort models download {name}")
    Reporter(json).result({"name": name, "path": str(found)}, str(found))


@app.command()
def remove(names: Names, json: Json = False, quiet: Quiet = False) -> None:
    """Delete models from the cache."""
    report = Reporter(json, quiet)
    removed = []
    for model in [_fetchable(name) for name in names]:
        there = model.path.exists()
        try:
            model.path.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"{model.path}: cannot be deleted ({error.strerror or error}).") from None
        report.info(f"{model.name}: {'deleted' if there else 'is not in the cache'}: {model.path}")
        removed.append({"name": model.name, "path": str(model.path), "removed": there})
    report.result(removed)


def transfer_bar(report: Reporter) -> Any:
    """A context that gives the callback for a transfer's progress; shows a bar on a terminal."""
    import contextlib

    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    @contextlib.contextmanager
    def shown() -> Any:
        columns = (BarColumn(bar_width=30), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=report.console, disable=not report.interactive, transient=True) as bars:
            task = bars.add_task("")
            yield lambda done, total: bars.update(task, completed=done, total=total)

    return shown()


def _is_catalogued(model: Any) -> bool:
    from deepsort_cli.perception.catalogue import CatalogueModel

    return isinstance(model, CatalogueModel)


def _models() -> list[Any]:
    from deepsort_cli.perception.bundled import bundled_models
    from deepsort_cli.perception.catalogue import CATALOGUE

    return [*bundled_models(), *CATALOGUE]


def _known(name: str) -> Any:
    """The bundled or fetchable model of this name."""
    models = _models()
    found = next((model for model in models if model.name == name), None)
    if found is None:
        names = [model.name for model in models]
        near = difflib.get_close_matches(name, names, n=1)
        meant = f" Did you mean {near[0]}?" if near else ""
        raise InputError(f"{name}: no model of this name.{meant} Known: {', '.join(names)}.")
    return found


def _fetchable(name: str) -> CatalogueModel:
    model = _known(name)
    if not _is_catalogued(model):
        raise InputError(f"{name}: comes with the package; there is nothing to fetch or to delete.")
    return model  # type: ignore[no-any-return]


def _bundled(model: BundledModel) -> dict[str, Any]:
    from deepsort_cli.perception.embedders import Embedder
    from deepsort_cli.perception.runtime import open_session
    from deepsort_cli.perception.settings import RuntimeSettings

    path = model.checked()
    metadata = Embedder(open_session(path, RuntimeSettings(device="cpu"))).metadata
    return {
        "name": model.name,
        "task": "reid",
        "state": "bundled",
        "path": str(path),
        "bytes": path.stat().st_size,
        "sha256": model.sha256,
        "architecture": metadata.architecture,
        "embedding_size": metadata.embedding_size,
        "input": [metadata.height, metadata.width],
        "threshold": metadata.threshold,
        "training_data": metadata.training_data,
        "metrics": metadata.metrics,
        "license": metadata.license,
    }


def _catalogued(model: CatalogueModel) -> dict[str, Any]:
    held = model.cached()
    return {
        "name": model.name,
        "task": model.task,
        "state": "fetchable" if held is None else "cached",
        "path": None if held is None else str(held),
        "bytes": model.bytes,
        "sha256": model.sha256,
        "title": model.title,
        "input": model.input,
        "url": model.url,
        "license": model.licence,
        "license_source": model.licence_source,
        "checked": model.checked,
        "figures": model.figures,
    }


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
