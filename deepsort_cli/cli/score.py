"""`deepsort score`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepsort_cli.cli.options import Config, Flags, Json, PrintConfig, Quiet, Set, Verbose, command_app, examples
from deepsort_cli.core.errors import InputError
from deepsort_cli.settings.score import ScoreSettings

if TYPE_CHECKING:
    from deepsort_cli.evaluation.mot_score import Score

app = command_app()
flags = Flags(ScoreSettings)

HEADINGS = {
    "HOTA": "HOTA", "DetA": "DetA", "AssA": "AssA", "LocA": "LocA", "MOTA": "MOTA", "MOTP": "MOTP", "IDF1": "IDF1",
    "id_switches": "IDSW", "fragmentations": "Frag", "mostly_tracked": "MT", "mostly_lost": "ML",
    "false_positives": "FP", "misses": "FN",
}  # fmt: skip


@app.command(
    epilog=examples(
        "deepsort score --gt MOT17-05-FRCNN --results out.txt",
        "deepsort score --gt MOT17/train --results results/ --csv scores.csv",
    )
)
def score(
    ctx: typer.Context,
    gt: Annotated[Path | None, flags("gt", "--gt", panel="Scoring")] = None,
    results: Annotated[Path | None, flags("results", "--results", "-r", panel="Scoring")] = None,
    benchmark: Annotated[
        str | None, flags("benchmark", "--benchmark", metavar="MOT15|MOT16|MOT17|MOT20", panel="Scoring")
    ] = None,
    csv: Annotated[Path | None, flags("csv", "--csv", metavar="FILE", panel="Scoring")] = None,
    overwrite: Annotated[bool | None, flags("overwrite", "--overwrite/--no-overwrite", panel="Scoring")] = None,
    config: Config = None,
    set_: Set = None,
    print_config: PrintConfig = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Score tracking results with the official scorer: HOTA, MOTA, IDF1, identity switches and more.

    Needs the extra \\[score]: pip install 'deepsort-cli\\[score]'
    """
    settings, report = flags.start(ctx)
    if settings.gt is None or settings.results is None:
        missing = "--gt" if settings.gt is None else "--results"
        raise InputError(f"{missing} is missing. For example: deepsort score --gt SEQUENCE --results out.txt")
    from deepsort_cli.core.files import check_output_file
    from deepsort_cli.evaluation.mot_score import score as run
    from deepsort_cli.evaluation.mot_score import write_csv

    if settings.csv is not None:
        check_output_file(settings.csv, overwrite=settings.overwrite, option="--csv")
    scores = run(settings.gt, settings.results, settings.benchmark)
    if settings.csv is not None:
        write_csv(settings.csv, scores)
    if report.json:
        report.result([rounded(item) for item in scores])
    else:
        print_scores(scores)


def print_scores(scores: list[Score]) -> None:
    """A table of scores on stdout."""
    from rich.console import Console

    console = Console(highlight=False)
    console.width = max(console.width, 110)  # a wrapped terminal line is easier to read than cut figures
    console.print(_table(scores))


def rounded(score: Score) -> dict[str, Any]:
    """Percentages with two decimals, counts as they are."""
    values = vars(score)
    return {key: round(100 * value, 2) if isinstance(value, float) else value for key, value in values.items()}


def _table(scores: list[Score]) -> Any:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("sequence")
    for heading in HEADINGS.values():
        table.add_column(heading, justify="right")
    for item in scores:
        values = rounded(item)
        cells = [f"{values[key]:.2f}" if isinstance(values[key], float) else str(values[key]) for key in HEADINGS]
        table.add_row(escape(item.sequence), *cells, end_section=item is scores[-2] if len(scores) > 1 else False)
    return table
