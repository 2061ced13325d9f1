"""What a run leaves on disk while it goes on: checkpoints, history, curves."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import torch

from deepsort_cli.core.preprocess import Preprocess
from deepsort_cli.reid.checkpoint import CheckpointInfo, info_of, read_checkpoint, save_checkpoint
from deepsort_cli.reid.crops import half_size
from deepsort_cli.reid.curves import draw_curves
from deepsort_cli.reid.learner import Learner
from deepsort_cli.reid.resume import Position
from deepsort_cli.reid.run_folder import RunFolder
from deepsort_cli.reid.settings import TrainConfig
from deepsort_cli.reid.train_data import TrainData
from deepsort_cli.reid.validation import METRICS

# Seconds. Drawing takes half of one, which is longer than many an epoch of few people.
CURVES_EVERY = 20.0


def input_of(config: TrainConfig, position: Position, epoch: int) -> Preprocess:
    """What the model of epoch `epoch` (from 0) expects."""
    full = config.model.input
    return half_size(full) if position.is_half(epoch) else full


class Keeper:
    """Writes the files of one run; the processes that have no run folder write nothing.

    Args:
        info: what checkpoints of any epoch say.
        chosen: what the run chose when it began, in words.
    """

    def __init__(
        self, run: RunFolder | None, config: TrainConfig, data: TrainData, info: CheckpointInfo, chosen: Sequence[str]
    ):
        self.run, self.config, self.info, self.chosen = run, config, info, list(chosen)
        self.dataset, self.identity = str(data.train.root), data.identity()
        self._draw: Callable[[], None] | None = None
        self._drawn_at = -math.inf

    def info_after(self, row: Mapping[str, float], position: Position) -> CheckpointInfo:
        """What to write beside the weights after the epoch of a history row."""
        epoch = int(row["epoch"])
        full = self.config.model.input
        at_full = row["height"] == full.height
        threshold, source = position.threshold.at(epoch)
        return replace(
            self.info,
            epoch=epoch,
            metrics={name: row[name] for name in METRICS if name in row} | threshold,
            threshold_source=source,
            preprocess=full if at_full else half_size(full),
            full_size=at_full,
            finished=epoch >= self.config.training.length,
        )

    def save_within(self, learner: Learner, position: Position) -> None:
        """Write last.pth in the middle of an epoch."""
        epoch = position.epoch
        size, full = input_of(self.config, position, epoch), not position.is_half(epoch)
        self.save(learner, replace(self.info, preprocess=size, full_size=full, epoch=epoch), position)

    def save(self, learner: Learner, info: CheckpointInfo, position: Position) -> None:
        """Write last.pth, to go on from."""
        if self.run is None:
            return
        state = {
            "learner": learner.state(),
            "position": position.saved(),
            "config": self.config.model_dump(mode="json"),
            "data": self.identity,
            "chosen": self.chosen,
        }
        save_checkpoint(self.run.last, learner.inference_model.state_dict(), info, state)

    def save_best(self, state: dict[str, torch.Tensor], info: CheckpointInfo) -> None:
        """Write best.pth."""
        if self.run is not None:
            save_checkpoint(self.run.best, state, info)

    def finish_epoch(self, position: Position, best: Mapping[str, float]) -> None:
        """Keep last.pth under the name of its epoch, and write the history; the curves now and then."""
        if self.run is None:
            return
        self.run.keep_epoch(position.epoch, self.config.training.keep_checkpoints)
        self.run.write_history(position.history)
        self.show(position, best)
        if position.epoch >= self.config.training.length or time.monotonic() - self._drawn_at >= CURVES_EVERY:
            self._draw_curves()

    def show(self, position: Position, best: Mapping[str, float]) -> None:
        """Have the curves show a position when they are drawn next."""
        if self.run is not None:
            self._draw = partial(draw_curves, position.history, self.run.curves, best=best, resumes=position.resumes)

    @contextlib.contextmanager
    def drawing(self) -> Iterator[None]:
        """However the epochs within end, the curves show all that were finished."""
        try:
            yield
        except BaseException:
            with contextlib.suppress(OSError):  # what ended them matters more
                self._draw_curves()
            raise

    def _draw_curves(self) -> None:
        if self._draw is not None:
            self._draw()
            self._draw, self._drawn_at = None, time.monotonic()

    def seal(self) -> None:
        """The run is over: say so in best.pth too, which may have been written long before."""
        if self.run is None or not self.run.best.exists():
            return
        content = read_checkpoint(self.run.best)
        info = info_of(content, self.run.best)
        if not info.finished:
            save_checkpoint(self.run.best, content["state_dict"], replace(info, finished=True))

    def write_config(self, start: str) -> None:
        """The settings, with facts about the run."""
        if self.run is None:
            return
        facts = {**self.info.versions, "dataset": self.dataset, "fingerprint": self.info.fingerprint, "start": start}
        if self.chosen:
            facts["chosen at the beginning"] = "; ".join(self.chosen)
        self.run.write_config(self.config, facts)
