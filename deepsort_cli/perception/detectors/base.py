"""What every detector promises: live ones, stored detections, and functions that users hand in."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from deepsort_cli.core.types import Detections, Frame, Image
from deepsort_cli.perception.detectors.tally import Tally

Same = TypeVar("Same", bound="Detector")


class Detector(ABC):
    """Finds the objects in the frames of a source. May be asked from several threads at once.

    Attributes:
        name: what to call it in messages.
        class_names: name by class number; of functions, as far as known by now.
        tally: what became of its candidates so far, from all threads.
        conf: lowest confidence of what it gives.
        stored: its detections were computed earlier: it needs no image, and asking it costs nothing.
        has_features: its detections come with appearance embeddings.
        file: the model's file; None where there is none.
        in_turn: it has to be asked for one frame after the other, in their order.
    """

    name: str
    class_names: Mapping[int, str]
    tally: Tally
    conf: float
    stored = False
    has_features = False
    file: Path | None = None
    in_turn = False

    @abstractmethod
    def detect(self, frame: Frame) -> Detections:
        """What is in a frame."""

    def fresh(self: Same) -> Same:
        """The same detector, counting from 0: for another source, at the same time."""
        twin = copy.copy(self)
        twin.tally = self.tally.fresh()
        return twin

    def after(self, frame: int) -> int:
        """How many detections are known of frames behind this one, counted from 1; none but by stored detections."""
        return 0


class ImageDetector(Detector):
    """A detector that looks at a frame's image and nothing else."""

    @abstractmethod
    def __call__(self, image: Image) -> Detections:
        """Detections in a (H, W, 3) uint8 BGR image: boxes clipped to it, by descending score, without features."""

    def detect(self, frame: Frame) -> Detections:
        if frame.image is None:
            raise ValueError("a detector needs frames with images")
        return self(frame.image)
