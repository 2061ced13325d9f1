"""`deepsort finetune`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepsort_cli.cli.console import Reporter
from deepsort_cli.cli.next_commands import train_command
from deepsort_cli.cli.options import Flags, command_app, examples
from deepsort_cli.cli.requirements import require_torch
from deepsort_cli.settings.finetune import FinetuneSettings

if TYPE_CHECKING:
    from deepsort_cli.reid.finetune import Prepared
    from deepsort_cli.reid.train_result import TrainResult

app = command_app()
flags = Flags(FinetuneSettings)


@flags.command(
    app,
    epilog=examples(
        "deepsort finetune osnet.pth --target people/ --train",
        "deepsort finetune osnet.pth --target people/ --output prepared.pth",
    ),
)
def finetune(
    ctx: typer.Context,
    checkpoint: Annotated[
        Path | None,
        typer.Argument(
            help="Checkpoint to start from: ours, torchreid's or fast-reid's, or the name of a bundled model.",
            show_default=False,
        ),
    ] = None,
    **_: Any,
) -> None:
    """Prepare a checkpoint for other data: the same backbone, a fresh classifier for the people there.

    With [bold]--train[/bold] it goes straight on: the head learns alone at first, then the backbone slowly with it.
    [bold]--verbose[/bold] lists every tensor.
    """
    settings, report = flags.start(ctx, source_checkpoint=checkpoint)
    require_torch("fine-tuning")

    from deepsort_cli.cli.train_closing import close, tell
    from deepsort_cli.cli.train_display import TrainDisplay
    from deepsort_cli.reid.finetune import Prepared
    from deepsort_cli.workflows.finetune import run_finetune

    class Display(TrainDisplay):
        def happened(self, event: object) -> None:
            if isinstance(event, Prepared):
                _show(event, report)
            super().happened(event)

    with Display(report, settings.training.resume) as display:
        done = run_finetune(settings, display)
    prepared, result = done.prepared, done.training
    if result is None:
        command = {"train it": train_command(prepared), "or": "add --train --overwrite to this command"}
        tell(report, f"prepared: {prepared.path}", command)
    else:
        close(report, result, prepared.config)
    report.result(_summary(prepared, result))


def _show(prepared: Prepared, report: Reporter) -> None:
    from rich.table import Table

    source, info = prepared.source, prepared.info
    necks = [
        f"{model.neck} (embedding {model.neck_feature} it)" if model.neck == "bnneck" else model.neck
        for model in (source, info)
    ]
    report.info(f"{source.name} from a {source.source} checkpoint, neck {' → '.join(necks)}")
    table = Table("part", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("kept", "re-initialised", "ignored"):
        table.add_column(name, justify="right")
    for part, counts in prepared.tensors.parts().items():
        table.add_row(part, *(str(counts.get(what, "")) for what in ("kept", "fresh", "ignored")))
    report.show(table)
    for name in prepared.tensors.kept:
        report.detail(f"kept            {name}")
    for name, why in prepared.tensors.fresh:
        report.detail(f"re-initialised  {name} ({why})")
    for name, why in prepared.tensors.ignored:
        report.detail(f"ignored         {name} ({why})")
    held_out = f", {prepared.held_out} more are held out to validate on" if prepared.held_out else ""
    report.info(
        f"classifier for {prepared.identities} identities ({prepared.images:,} images of "
        f"{prepared.config.data.root}){held_out}"
    )


def _summary(prepared: Prepared, result: TrainResult | None) -> dict[str, Any]:
    def with_reasons(found: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
        return [{"tensor": name, "reason": why} for name, why in found]

    summary: dict[str, Any] = {
        "output": str(prepared.path),
        "model": prepared.info.name,
        "source_format": prepared.source.source,
        "identities": prepared.identities,
        "held_out_identities": prepared.held_out,
        "images": prepared.images,
        "kept": list(prepared.tensors.kept),
        "reinitialised": with_reasons(prepared.tensors.fresh),
        "ignored": with_reasons(prepared.tensors.ignored),
        "remarks": list(prepared.remarks),
        "train_command": train_command(prepared),
        "training": None,
    }
    if result is not None:
        from deepsort_cli.cli.train_closing import summary as training_summary

        summary["training"] = training_summary(result)
    return summary
