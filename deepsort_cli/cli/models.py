"""`deepsort models`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepsort_cli.cli.console import Reporter
from deepsort_cli.cli.options import Json, command_app, examples
from deepsort_cli.core.errors import InputError

if TYPE_CHECKING:
    from deepsort_cli.perception.bundled import BundledModel

app = command_app()


@app.command(
    epilog=examples(
        "deepsort models", "deepsort models osnet_x0_25", "deepsort track --source video.mp4 --reid osnet_x0_25"
    )
)
def models(
    name: Annotated[
        str | None, typer.Argument(help="Show the model card of this one.", show_default=False, metavar="[NAME]")
    ] = None,
    json: Json = False,
) -> None:
    """List the Re-ID models that come with the package; with a name, show its model card.

    The first one is what [bold]track[/bold] uses where no model is named.
    """
    from deepsort_cli.perception.bundled import bundled_models

    report = Reporter(json)
    found = bundled_models()
    if name is not None:
        found = [model for model in found if model.name == name]
        if not found:
            known = ", ".join(model.name for model in bundled_models()) or "none"
            raise InputError(f"{name}: no such model is bundled. Bundled: {known}.")
    if name is not None and not json:
        from rich.markdown import Markdown

        report.table(Markdown(found[0].card))
        return
    described = [_description(model) for model in found]
    report.result(described[0] if name is not None else described)
    report.table(_table(described))


def _description(model: BundledModel) -> dict[str, Any]:
    from deepsort_cli.perception.embedders import Embedder
    from deepsort_cli.perception.runtime import open_session
    from deepsort_cli.perception.settings import RuntimeSettings

    path = model.checked()
    metadata = Embedder(open_session(path, RuntimeSettings(device="cpu"))).metadata
    return {
        "name": model.name,
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


def _table(described: list[dict[str, Any]]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("name", "size", "input", "embedding", "threshold", "trained on", "licence"):
        table.add_column(heading)
    for model in described:
        height, width = model["input"]
        table.add_row(
            model["name"],
            f"{model['bytes'] / 1e6:.2f} MB",
            f"{height}×{width}",
            str(model["embedding_size"]),
            "" if model["threshold"] is None else f"{model['threshold']:.3g}",
            model["training_data"],
            model["license"],
        )
    return table
