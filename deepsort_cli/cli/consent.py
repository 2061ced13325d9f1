"""The one question that is asked: whether to fetch a detector where none is named and none is at hand."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deepsort_cli.cli.console import Reporter
from deepsort_cli.cli.encoding import literal
from deepsort_cli.core.errors import DeepsortError

if TYPE_CHECKING:
    from deepsort_cli.perception.catalogue import CatalogueModel
    from deepsort_cli.perception.settings import DetectorSettings

DECLINED = "declined.txt"
"""In the cache folder: names of the models that were offered and not wanted."""


def settle_detector(detector: DetectorSettings, report: Reporter, *, needed: bool) -> DetectorSettings:
    """The detector's settings, with its file fetched where that was asked for.

    A detector that is named is fetched. Where none is named, the usual one is offered once, and only where somebody
    sits at a terminal; without an answer nothing is fetched.

    Args:
        needed: there is something to detect in.
    """
    from deepsort_cli.perception.catalogue import DEFAULT_DETECTOR, OFFLINE, find

    name = detector.model_path
    model = find(DEFAULT_DETECTOR if name is None else name)
    if not needed:
        return detector
    if model is None or model.task != "detector" or model.cached() is not None:
        return detector
    if name is not None:
        if not Path(name).is_file():
            _fetch(model, report)
    elif not os.environ.get(OFFLINE) and _somebody_is_there(report) and not _declined(model):
        wanted = _wanted(model, report)
        if wanted:
            try:
                _fetch(model, report)
            except DeepsortError as error:
                report.warn(f"{error} This run goes on with hog.")
        elif wanted is not None:
            _remember(model)
    return detector


def _somebody_is_there(report: Reporter) -> bool:
    return report.interactive and not report.json and sys.stdin is not None and sys.stdin.isatty()


def _wanted(model: CatalogueModel, report: Reporter) -> bool | None:
    """What is answered; None where somebody would rather not, with Ctrl-D."""
    report.console.print(
        f"No detector is named. [bold]{model.name}[/bold] finds far more people than the built-in hog: "
        f"{literal(model.title)}.\n{model.megabytes}, weights under {model.licence}, from {literal(model.address)}"
    )
    try:
        answer = report.console.input("Fetch it once and use it from now on? [bold]\\[Y/n][/bold] ")
    except EOFError:
        report.console.print()
        return None
    return answer.strip().lower() in ("", "y", "yes", "j", "ja", "o", "oui", "s", "si", "sí")


def _fetch(model: CatalogueModel, report: Reporter) -> None:
    from deepsort_cli.cli.models import transfer_bar

    with transfer_bar(report) as progress:
        model.obtain(report.info, progress)


def _declined(model: CatalogueModel) -> bool:
    try:
        return model.name in (model.path.parent / DECLINED).read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        return False


def _remember(model: CatalogueModel) -> None:
    path = model.path.parent / DECLINED
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as stream:
            stream.write(f"{model.name}\n")
    except OSError:
        pass  # asked again next time
