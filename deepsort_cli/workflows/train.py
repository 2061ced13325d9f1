"""`deepsort train` as a library call."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepsort_cli.core.events import Listener, LoggingListener
from deepsort_cli.settings.keywords import from_keywords
from deepsort_cli.settings.train import TrainSettings

if TYPE_CHECKING:
    from deepsort_cli.reid.train_result import TrainResult


def train(root: Path | str | None = None, *, listener: Listener | None = None, **keywords: Any) -> TrainResult:
    """Train a Re-ID model on a folder of person crops, or go on with an interrupted training, as `deepsort train` does.

    Args:
        root: the folder, or a CSV that names images.
        listener: told what happens, by `happened` the events of `deepsort_cli.reid.events`; None: remarks go to the
            logger `deepsort`.
        keywords: the command's flags with underscores (`model=`, `epochs=`), or whole sections (`loss={…}`).

    Raises:
        InputError: something given, or in the data, cannot be used.
        RunError: the loss diverged, memory ran out, or a file could not be written.
        KeyboardInterrupt: interrupted; the state was saved.
    """
    if root is not None:
        keywords["root"] = root
    return run_train(from_keywords(TrainSettings, keywords), listener or LoggingListener())


def run_train(settings: TrainSettings, listener: Listener) -> TrainResult:
    """What `train` does, with the settings of `deepsort train`.

    Raises:
        InputError, RunError, KeyboardInterrupt: see `train`.
    """
    from deepsort_cli.reid.training import train as run

    return run(settings, listener)
