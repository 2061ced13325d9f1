"""The images of a run, ready to be drawn from: kept in memory where they fit, else decoded as needed."""

from __future__ import annotations

from dataclasses import dataclass

from deepsort_cli.core.cpus import available_cpus
from deepsort_cli.core.events import Listener
from deepsort_cli.evaluation.chance import Chance, chance_level
from deepsort_cli.reid.crops import Crops
from deepsort_cli.reid.settings import TrainConfig
from deepsort_cli.reid.train_data import TrainData


@dataclass(frozen=True)
class RunImages:
    """Crops of a run.

    Attributes:
        train: those to learn from.
        validation: the queries, then the gallery; None without validation.
        chance: figures of a random ranking of those; None likewise.
        cached: bytes of training crops kept in memory; 0 where they are decoded as needed.
    """

    train: Crops
    validation: Crops | None
    chance: Chance | None
    cached: int

    def workers(self, config: TrainConfig, device: str) -> int:
        """Processes that prepare batches: `training.workers`, or what suits a type of device."""
        if config.training.workers is not None:
            return config.training.workers
        return 0 if self.cached and device == "cpu" else min(8, available_cpus())


def load_images(data: TrainData, config: TrainConfig, listener: Listener) -> RunImages:
    """Crops for training and validation, decoded now as far as `data.cache_mb` reaches.

    Raises:
        InputError: an image cannot be read.
    """
    budget, size = config.data.cache_mb << 20, config.model.input

    def cache(crops: Crops, limit: int, what: str) -> int:
        return crops.cache(limit, lambda done: listener.progress(what, done, len(crops)))

    train = Crops([data.train.file(i) for i in range(len(data.train))], size)
    cached = cache(train, budget, "decoding training images")
    if data.query is None or data.gallery is None:
        return RunImages(train, None, None, cached)
    validation = Crops([part.file(i) for part in (data.query, data.gallery) for i in range(len(part))], size)
    cache(validation, budget - cached, "decoding validation images")
    q, g = data.query, data.gallery
    return RunImages(train, validation, chance_level(q.pids, g.pids, q.camids, g.camids), cached)
