"""The folder an evaluation leaves behind."""

from __future__ import annotations

import datetime
import json
import shutil
import tempfile
from pathlib import Path

from deepsort_cli.core.events import Listener
from deepsort_cli.core.files import write_failure
from deepsort_cli.evaluation import explanation, metrics_file, page, plots
from deepsort_cli.evaluation.figures import Comparison, Measured
from deepsort_cli.evaluation.settings import ReportSettings
from deepsort_cli.evaluation.summary import summary_text
from deepsort_cli.evaluation.tables import write_tables


def write_report(
    found: Measured,
    settings: ReportSettings,
    against: Comparison | None = None,
    listener: Listener | None = None,
) -> Path:
    """Write a new timestamped folder; it appears under its name only when it is complete.

    Args:
        against: a second model on the same data.
        listener: told how far the drawing is.

    Returns:
        The folder.

    Raises:
        RunError: it cannot be written.
    """
    now = datetime.datetime.now().astimezone()
    drawn = len(plots.TITLES)

    def plot_done(count: int) -> None:
        if listener is not None:
            listener.progress("drawing", count, 2 * drawn - 1)

    evaluation, name = found.evaluation, found.model.name
    other = None if against is None else (against.other.model.name, against.other.evaluation)
    content = metrics_file.as_json(found, against)
    try:
        settings.dir.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=settings.dir, prefix=".eval_"))
        try:
            (work / "csv").mkdir()
            write_tables(evaluation, content, work / "csv")
            _write(work / "summary.txt", summary_text(found, against))
            _write(work / "metrics_explanation.md", explanation.as_markdown())
            dated = {"format_version": 1, "created": now.isoformat(timespec="seconds"), **content}
            _write(work / metrics_file.NAME, json.dumps(dated, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
            if settings.plots:
                (work / "plots").mkdir()
                plots.write_plots(evaluation, work / "plots", name, other, plot_done)
            text = page.render(
                found,
                now.strftime("%Y-%m-%d %H:%M"),
                against,
                pictures=settings.plots,
                on_plot=lambda count: plot_done(drawn + count),
            )
            _write(work / "report.html", text)
            work.chmod(0o755)
            return _take_name(work, settings.dir / f"eval_{now:%Y%m%d_%H%M%S}")
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise
    except OSError as error:
        raise write_failure(
            settings.dir / "eval_…", error, "Free some space, or choose another `report.dir`."
        ) from error


def _take_name(work: Path, wanted: Path) -> Path:
    """Give the finished folder its name, numbered where two runs end in one second."""
    number = 1
    while True:
        target = wanted if number == 1 else wanted.with_name(f"{wanted.name}_{number}")
        if not target.exists():
            return work.rename(target)
        number += 1


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="backslashreplace")
