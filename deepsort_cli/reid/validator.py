"""The validation of one run: its images, and the people whose figures are compared from epoch to epoch."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import torch

from deepsort_cli.core.events import Listener
from deepsort_cli.core.preprocess import Float32Array, Preprocess
from deepsort_cli.core.types import FloatArray
from deepsort_cli.reid.backbones import Backbone, NeckFeature
from deepsort_cli.reid.certainty import Certainty, People
from deepsort_cli.reid.distributed import Ranks
from deepsort_cli.reid.meter import Row
from deepsort_cli.reid.run_images import RunImages
from deepsort_cli.reid.train_data import TrainData
from deepsort_cli.reid.validation import Validated, validate


class Validator:
    """Measures a model on the people that a run holds out, where it does.

    Attributes:
        chance: figures of a random ranking; None without validation.
        ap: average precision of each query at the last validation.
        features: of all its pictures then; None before the first one, and without validation.
        seconds: that it took.
    """

    def __init__(self, data: TrainData, images: RunImages, batch_size: int, device: torch.device, ranks: Ranks):
        self.data, self.crops, self.chance = data, images.validation, images.chance
        self.batch_size, self.device, self.ranks = batch_size, device, ranks
        self.people = None if data.query is None else People(data.query.pids)
        self.ap: list[float] = []
        self.features: Float32Array | None = None
        self.seconds = 0.0

    @property
    def held_out(self) -> int:
        """Number of people it measures on."""
        return 0 if self.data.query is None else len(set(self.data.query.pids.tolist()))

    def about(self) -> Row:
        """What a checkpoint says of it; empty without validation."""
        if self.chance is None:
            return {}
        return {"identities": self.held_out, "chance_mAP": self.chance.mAP, "chance_rank1": self.chance.rank1}

    def measure(
        self, model: Backbone, size: Preprocess, found: Mapping[str, Sequence[float]], listener: Listener
    ) -> Row:
        """The figures of a model for the history; empty without validation.

        Args:
            found: as in `Position`: what is known of the start, for what was gained since.
        """
        began = time.perf_counter()
        result = self._look(model, size, listener)
        if result is None:
            return {}
        self.ap, self.features = result.ap.tolist(), result.features
        self.seconds = time.perf_counter() - began
        return result.figures | self._bounds(result.ap, found)

    def features_as(
        self, feature: NeckFeature, model: Backbone, size: Preprocess, listener: Listener
    ) -> Float32Array | None:
        """The features of all its pictures, before or after BNNeck, whichever the model puts out otherwise."""
        usual, model.neck_feature = model.neck_feature, feature
        try:
            result = self._look(model, size, listener)
        finally:
            model.neck_feature = usual
        return None if result is None else result.features

    def _look(self, model: Backbone, size: Preprocess, listener: Listener) -> Validated | None:
        data = self.data
        if self.crops is None or data.query is None or data.gallery is None:
            return None
        return validate(
            model,
            self.crops,
            data.query,
            data.gallery,
            size,
            batch_size=self.batch_size,
            device=self.device,
            ranks=self.ranks,
            listener=listener,
        )

    def certainty(self, found: Mapping[str, Sequence[float]]) -> Certainty | None:
        """How sure the gain over the start is."""
        return None if self.people is None else self.people.certainty(found)

    def _bounds(self, ap: FloatArray, found: Mapping[str, Sequence[float]]) -> Row:
        """The interval of the mAP, and what was gained since the start, with its interval."""
        sure = self.certainty({**found, "best": ap.tolist()})
        if sure is None:
            return {}
        row = {"mAP_low": sure.best.low, "mAP_high": sure.best.high}
        if sure.difference is not None:
            gained = sure.difference.interval
            row |= {"gain": gained.value, "gain_low": gained.low, "gain_high": gained.high}
        return row
