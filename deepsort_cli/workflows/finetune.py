"""`deepsort finetune` as a library call: prepare a checkpoint for other data and, where asked to, train it there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepsort_cli.core.events import Listener, LoggingListener
from deepsort_cli.settings.finetune import FinetuneSettings
from deepsort_cli.settings.keywords import from_keywords

if TYPE_CHECKING:
    from deepsort_cli.reid.finetune import Prepared
    from deepsort_cli.reid.train_result import TrainResult


@dataclass(frozen=True)
class Finetuned:
    """What came of it: the prepared checkpoint, and the training where there was one."""

    prepared: Prepared
    training: TrainResult | None


def finetune(checkpoint: Path | str | None = None, *, listener: Listener | None = None, **keywords: Any) -> Finetuned:
    """Prepare a checkpoint for other people, as `deepsort finetune` does: the same backbone, a fresh classifier.

    Args:
        checkpoint: ours, torchreid's or fast-reid's, or the name of bundled weights.
        listener: told what happens, by `happened` a `Prepared`, then what a training tells; None: remarks go to the
            logger `deepsort`.
        keywords: the command's flags with underscores (`target=`, `train=True`, `epochs=`), or whole sections.

    Raises:
        InputError: the checkpoint, the data or the output cannot be used, or they do not fit each other.
        RunError: the file cannot be written, or the training failed.
        KeyboardInterrupt: interrupted; the state of the training was saved.
    """
    if checkpoint is not None:
        keywords["source_checkpoint"] = checkpoint
    return run_finetune(from_keywords(FinetuneSettings, keywords), listener or LoggingListener())


def run_finetune(settings: FinetuneSettings, listener: Listener) -> Finetuned:
    """What `finetune` does, with the settings of `deepsort finetune`.

    Raises:
        InputError, RunError, KeyboardInterrupt: see `finetune`.
    """
    from deepsort_cli.reid.finetune import prepare_checkpoint
    from deepsort_cli.reid.training import train

    prepared = prepare_checkpoint(settings, listener)
    listener.happened(prepared)
    for remark in prepared.remarks:
        listener.warn(remark)
    return Finetuned(prepared, train(prepared.config, listener, prepared.full_rate) if settings.train else None)
