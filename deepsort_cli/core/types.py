"""The value types that travel through the tracking pipeline."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from deepsort_cli.core import foreign, row_data
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.row_data import RowData

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Image = npt.NDArray[np.uint8]
"""(H, W, 3) pixels in BGR order."""
Index = slice | Sequence[int] | npt.NDArray[np.bool_] | npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a source.

    Attributes:
        index: 0-based position in the source; the MOT frame number is `index + 1`.
        image: (H, W, 3) uint8 BGR, or None where nothing downstream needs pixels.
        time: seconds since the start of the source, by the source's own clock.
        source: name of the source in a run; empty elsewhere.
        arrived: when it came from a camera or stream, by `time.monotonic`; None for what is recorded.
    """

    index: int
    image: Image | None
    time: float
    source: str = ""
    arrived: float | None = None


@dataclass(frozen=True, slots=True)
class Media:
    """The container behind a recorded source: what a written video takes over from it beside the pictures.

    Attributes:
        location: file or URL as PyAV opens it.
        origin: presentation time in the container, in seconds, at which `Frame.time` is 0.
        later: the same behind every place where the container's times begin anew, as far as it has been read.
        audio: it has a sound track.
        sample_aspect_ratio: width / height of a pixel as shown; 1 for square ones.
    """

    location: str
    origin: float = 0.0
    audio: bool = False
    sample_aspect_ratio: Fraction = Fraction(1)
    later: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Detections:
    """N detected objects in one frame.

    Attributes:
        boxes: (N, 4) float64, x1 y1 x2 y2 in pixels.
        scores: (N,) float64 confidences; ones when not given.
        class_ids: (N,) int64; zeros when not given.
        features: (N, D) float32 appearance embeddings, or None when appearance is unknown.
        data: what else is known of each, by name, an array or list with a value per box: `masks` ((N, H, W) arrays or
            `core.masks.Mask`, kept as the latter), `keypoints` ((N, K, 2) x y, or (N, K, 3) with a confidence),
            `corners` ((N, P, 2) of turned boxes), all in pixels, and anything under other names. Tracks bring it along.

    Raises:
        ValueError: if the arrays do not agree in length or shape, or a class is no whole number.
    """

    boxes: FloatArray
    scores: FloatArray = None  # type: ignore[assignment]  # filled in below, so that readers always see an array
    class_ids: IntArray = None  # type: ignore[assignment]
    features: npt.NDArray[np.float32] | None = None
    data: RowData = field(default_factory=dict)

    def __post_init__(self) -> None:
        boxes = np.asarray(self.boxes, dtype=np.float64)
        if boxes.size == 0:
            boxes = boxes.reshape(0, 4)
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ValueError(f"boxes must have shape (N, 4) as x1 y1 x2 y2, got {boxes.shape}")
        n = len(boxes)
        scores = np.ones(n) if self.scores is None else np.asarray(self.scores, dtype=np.float64)
        class_ids = np.zeros(n, dtype=np.int64) if self.class_ids is None else foreign.class_numbers(self.class_ids)
        features = self.features
        if features is not None:
            features = np.asarray(features, dtype=np.float32)
            if n == 0 and features.size == 0 and features.ndim != 2:
                features = features.reshape(0, 0)
            if features.ndim != 2 or len(features) != n:
                raise ValueError(f"features must have shape ({n}, D), one row per box, got {features.shape}")
        for name, array in (("scores", scores), ("class_ids", class_ids)):
            if array.shape != (n,):
                raise ValueError(f"{name} must have shape ({n},), one value per box, got {array.shape}")
        object.__setattr__(self, "boxes", boxes)
        object.__setattr__(self, "scores", scores)
        object.__setattr__(self, "class_ids", class_ids)
        object.__setattr__(self, "features", features)
        object.__setattr__(self, "data", row_data.checked(self.data, n))

    @classmethod
    def empty(cls) -> Detections:
        return cls(boxes=np.empty((0, 4)))

    @classmethod
    def of(cls, answer: Any) -> Detections:
        """Detections from whatever a detector gives.

        Args:
            answer: `Detections`, an (N, 4), (N, 5) or (N, 6) array as `from_xyxy` takes it, supervision `Detections`,
                or Ultralytics `Results` of one picture, also in a list.

        Raises:
            ValueError: it is nothing of these, naming its shape.
        """
        return answer if isinstance(answer, Detections) else cls._of(foreign.columns_of(answer))

    @classmethod
    def from_xyxy(cls, table: npt.ArrayLike) -> Detections:
        """Detections from rows x1 y1 x2 y2, score, class; without the last or the last two, all get class 0 or score 1.

        Raises:
            ValueError: the shape is none of (N, 4), (N, 5), (N, 6).
        """
        return cls._of(foreign.xyxy_columns(table))

    @classmethod
    def from_supervision(cls, detections: Any) -> Detections:
        """From `supervision.Detections`: its boxes, confidences, classes, masks and `data`."""
        return cls._of(foreign.supervision_columns(detections))

    @classmethod
    def from_ultralytics(cls, results: Any) -> Detections:
        """From Ultralytics' `Results` of one picture, an item of what a model answers.

        Masks, key points and corners of turned boxes come along.

        Raises:
            ValueError: they have no boxes.
        """
        return cls._of(foreign.ultralytics_columns(results))

    @classmethod
    def _of(cls, columns: foreign.Columns) -> Detections:
        return cls(columns.boxes, columns.scores, columns.class_ids, data=columns.data)

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: Index) -> Detections:
        """The detections at a slice, boolean mask or array of positions."""
        features = None if self.features is None else self.features[index]
        data = row_data.picked(self.data, index)
        return Detections(self.boxes[index], self.scores[index], self.class_ids[index], features, data)

    def copy(self) -> Detections:
        """The same detections in arrays of their own."""
        return self[np.arange(len(self))]

    def with_features(self, features: npt.NDArray[np.float32] | None) -> Detections:
        """The same detections with other appearance embeddings, (N, D) float32 or None."""
        return replace(self, features=features)

    def with_data(self, data: Mapping[str, Any]) -> Detections:
        """The same detections that carry something else along."""
        return replace(self, data=dict(data))


@dataclass(frozen=True, slots=True)
class Tracks:
    """T tracks as reported for one frame, in ascending order of id.

    Attributes:
        ids: (T,) int64, from 1.
        boxes: (T, 4) float64, x1 y1 x2 y2 in pixels, from the Kalman state unless `tracker.box` says otherwise.
        scores: (T,) float64, confidence of the last matched detection.
        class_ids: (T,) int64, class of the last matched detection.
        time_since_update: (T,) int64 frames since the last matched detection; 0 means matched in this frame.
        detection_index: (T,) int64 row of the matched detection in this frame's input, −1 when predicted only.
        data: what those detections carry along (`Detections.data`), in the order of the tracks. Where there is none,
            arrays of floats have NaN, and lists, which all other values come in, None.
        features: (T, D) float32 appearance of the matched detections, NaN where unknown; None unless somebody asked
            for looks: `output.save_looks`, `refinement.link`.
        people: (T,) int64 the person each track belongs to, from 1, the same in all sources of a run; −1 as long as
            that is undecided. None unless people are told apart across sources.
        names: (T,) str the name of each track's person, empty where unknown; None unless people are enrolled.
    """

    ids: IntArray
    boxes: FloatArray
    scores: FloatArray
    class_ids: IntArray
    time_since_update: IntArray
    detection_index: IntArray
    data: RowData = field(default_factory=dict)
    features: npt.NDArray[np.float32] | None = None
    people: IntArray | None = None
    names: npt.NDArray[np.str_] | None = None

    @classmethod
    def empty(cls) -> Tracks:
        none = np.empty(0, dtype=np.int64)
        return cls(none, np.empty((0, 4)), np.empty(0), none, none, none)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: Index) -> Tracks:
        """The tracks at a slice, boolean mask or array of positions."""
        return Tracks(
            self.ids[index],
            self.boxes[index],
            self.scores[index],
            self.class_ids[index],
            self.time_since_update[index],
            self.detection_index[index],
            row_data.picked(self.data, index),
            None if self.features is None else self.features[index],
            None if self.people is None else self.people[index],
            None if self.names is None else self.names[index],
        )

    def with_people(self, people: IntArray | None, names: npt.NDArray[np.str_] | None = None) -> Tracks:
        """The same tracks that belong to these people, (T,) each or None."""
        return replace(self, people=people, names=names)

    def with_features(self, features: npt.NDArray[np.float32] | None) -> Tracks:
        """The same tracks with these appearance features, (T, D) float32 or None."""
        return replace(self, features=features)

    def copy(self) -> Tracks:
        """The same tracks in arrays of their own."""
        return self[np.arange(len(self))]

    def to_supervision(self) -> Any:
        """As `supervision.Detections`: boxes, scores, classes, masks, and the ids as `tracker_id`.

        All else that tracks carry is in its `data`. A track without a mask in this frame has an empty one.

        Raises:
            InputError: supervision is not installed.
        """
        try:
            supervision = importlib.import_module("supervision")
        except ImportError:
            raise InputError("supervision is not installed: pip install supervision") from None
        data = dict(self.data)
        masks = data.pop(row_data.MASKS, None)
        return supervision.Detections(
            mask=None if masks is None else row_data.mask_array(masks),
            data={_SUPERVISION.get(name, name): values for name, values in data.items()},
            xyxy=self.boxes.copy(),
            confidence=self.scores.copy(),
            class_id=self.class_ids.copy(),
            tracker_id=self.ids.copy(),
        )


_SUPERVISION = {new: old for old, new in foreign.SUPERVISION_DATA.items()}
"""What supervision calls what is carried along, where it has another name for it."""
