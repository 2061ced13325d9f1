"""Labels of tracks: what they say, how large, and where they cover least."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from deepsort_cli.core.types import Image, Tracks
from deepsort_cli.video.colours import Colour, colour_of_track
from deepsort_cli.video.plates import plate_of, plate_size, put, seen_through
from deepsort_cli.video.settings import OutputSettings

Box = tuple[int, int, int, int]

_SIZES = (1.0, 0.85, 0.7, 0.55)
"""Sizes of text relative to what suits the picture. Few, so that they rarely change while somebody walks."""
_TEXT_OF_BOX = 0.16
"""Largest height of the text relative to the longer side of its box."""
_WIDEST = 2.0
"""A label of more than the id is at most this many times as wide as its box."""
_CLEAR, _CROWDED = 0.08, 0.25
"""Share of a plate that lies on people: below the first, more than the id is shown; above the second, the id alone."""
_SEEN_THROUGH, _OPACITY = 0.15, 0.6
"""A plate of which more than this share lies on people lets them be seen through."""
_OTHER_PLATES = 3.0
"""How much worse it is to cover a label than a person."""
_HOLD = 0.2
"""How much better another place must be for a label to move there."""
_RANK = np.array([0.0, 0.02, 0.05, 0.05, 0.08, 0.08, 0.08, 0.08, 0.3, 0.5])
"""How much is against each of the `_places`, all else being equal."""
_FORGET = 300
"""Frames without a track after which nothing is known of its label any more."""


class _Last(NamedTuple):
    """How a track was labelled when it was last seen."""

    frame: int
    place: int
    in_full: bool


class _Choice(NamedTuple):
    colour: Colour
    texts: list[str]
    height: int
    left: int
    top: int
    covered: float


class Labels:
    """Labels the tracks of one source, frame after frame; remembers where labels were, so that they hold still."""

    def __init__(self, settings: OutputSettings, class_names: Mapping[int, str]) -> None:
        self._settings = settings
        self._names = class_names
        self._last: dict[int, _Last] = {}
        self._frame = 0

    def draw(self, image: Image, tracks: Tracks, order: Sequence[int], size: float) -> None:
        """Draw the labels of a frame.

        Args:
            order: which tracks choose their place first.
            size: of lines and text in this picture; 1 is a height of 576 pixels.
        """
        self._frame += 1
        boxes = {i: box for i in order if (box := clamped(tracks.boxes[i], image)) is not None}
        if self._settings.labels == "none" or not boxes:
            return
        for choice in reversed(self._choices(image, tracks, boxes, text_size(size))):
            plate = plate_of(choice.texts, choice.colour, choice.height)
            if choice.covered > _SEEN_THROUGH:
                plate = seen_through(plate, choice.texts, choice.height, image, choice.left, choice.top, _OPACITY)
            put(image, plate, choice.left, choice.top)
        if self._frame % _FORGET == 0:
            self._last = {key: last for key, last in self._last.items() if self._frame - last.frame < _FORGET}

    def _choices(self, image: Image, tracks: Tracks, boxes: Mapping[int, Box], largest: int) -> list[_Choice]:
        """What every label says and where it goes."""
        mode = self._settings.labels
        heights = [_height_for(box, largest, self._settings.scale) for box in boxes.values()]
        wordings = []
        for i in boxes:
            texts = self._texts(tracks, i)
            wordings.append({"full": [texts], "id": [texts[:1]]}.get(mode, [texts, texts[:1]]))
        sizes = np.array(
            [[plate_size(words, height) for words in both] for both, height in zip(wordings, heights, strict=True)]
        )
        sides = np.array(list(boxes.values()), dtype=np.float64)
        places = _places(sides, sizes, image.shape[1::-1])
        people = _Coverage(image.shape[:2], sides, max(1, largest // 4)).share_of(places)
        fits = sizes[:, :, 0] <= _WIDEST * (sides[:, 2] - sides[:, 0])[:, None]
        taken = np.zeros((len(boxes), 4))
        choices: list[_Choice] = []
        for k, i in enumerate(boxes):
            track_id = int(tracks.ids[i])
            last = self._last.get(track_id)
            covered = (
                people[k] + _OTHER_PLATES * _overlap(places[k], taken[: len(choices)]) / sizes[k].prod(axis=1)[:, None]
            )
            cost = covered + _RANK
            if last is not None:
                cost[:, last.place] -= _HOLD
            best = cost.argmin(axis=1)
            # The first wording that may be; the last one always may.
            limit = _CROWDED if last is not None and last.in_full else _CLEAR
            word = 0
            if len(wordings[k]) == 2 and not (fits[k, 0] and covered[0, best[0]] <= limit):
                word = 1
            place = int(best[word])
            taken[len(choices)] = rectangle = places[k, word, place]
            left, top = int(rectangle[0]), int(rectangle[1])
            texts = wordings[k][word]
            choices.append(
                _Choice(colour_of_track(tracks, i), texts, heights[k], left, top, float(covered[word, place]))
            )
            self._last[track_id] = _Last(self._frame, place, len(texts) > 1)
        return choices

    def _texts(self, tracks: Tracks, i: int) -> list[str]:
        """The id, or who it is, and what else is to be said of a track."""
        class_id, score = int(tracks.class_ids[i]), tracks.scores[i]
        texts = _who(tracks, i)
        if self._settings.show_class and (self._names or class_id):  # 0 without any names: nobody spoke of classes
            texts.append(self._names.get(class_id, f"class {class_id}"))
        if self._settings.show_score and np.isfinite(score):
            texts.append(f"{100 * min(max(score, 0.0), 1.0):.0f}%")
        return texts


def _who(tracks: Tracks, i: int) -> list[str]:
    """The id; where people are told apart, name or number of the person before it."""
    track_id = str(int(tracks.ids[i]))
    if tracks.people is None:
        return [track_id]
    person = int(tracks.people[i])
    name = "" if tracks.names is None else str(tracks.names[i])
    return [name or (f"P{person}" if person > 0 else "?"), track_id]


class _Coverage:
    """Where people are in a picture, coarsely, to be summed over rectangles; heads count twice."""

    def __init__(self, shape: tuple[int, int], boxes: npt.NDArray[np.float64], cell: int) -> None:
        self._cell = cell
        cells = np.zeros((shape[0] // cell + 2, shape[1] // cell + 2), dtype=np.float32)
        for left, top, right, bottom in np.maximum(0, np.rint(boxes / cell)).astype(int).tolist():
            cells[top:bottom, left:right] += 1
            cells[top : top + max(1, (bottom - top) // 4), left:right] += 1
        self._sums = cv2.integral(cells)

    def share_of(self, rectangles: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """(…) how many people lie under each of (…, 4) rectangles, in the mean over their pixels."""
        corners = np.rint(rectangles / self._cell).astype(np.intp)
        corners[..., 2:] = np.maximum(corners[..., 2:], corners[..., :2] + 1)
        rows, columns = (side - 1 for side in self._sums.shape)
        x1, y1, x2, y2 = np.moveaxis(np.clip(corners, 0, (columns, rows, columns, rows)), -1, 0)
        sums = self._sums[y2, x2] - self._sums[y1, x2] - self._sums[y2, x1] + self._sums[y1, x1]
        return np.asarray(sums / np.maximum(1, (x2 - x1) * (y2 - y1)))


def text_size(size: float) -> int:
    """Height of text in pixels that suits a picture."""
    return max(9, round(13 * size))


def clamped(box: npt.NDArray[np.float64], image: Image) -> Box | None:
    """The box in whole pixels, cut off shortly outside the image; None where it does not reach into it."""
    height, width = image.shape[:2]
    if not np.isfinite(box).all() or box[0] >= width or box[1] >= height or box[2] <= 0 or box[3] <= 0:
        return None
    x1, y1, x2, y2 = np.clip(np.round(box), (-9, -9, -9, -9), (width + 9, height + 9, width + 9, height + 9)).tolist()
    return int(x1), int(y1), int(x2), int(y2)


def _height_for(box: Box, largest: int, scale: float) -> int:
    """The height of a label's text in pixels: of few sizes, the largest that suits its box."""
    wanted = _TEXT_OF_BOX * max(box[2] - box[0], box[3] - box[1]) * scale
    part = next((part for part in _SIZES if part * largest <= wanted), _SIZES[-1])
    return max(min(largest, 9), round(part * largest))


def _places(
    boxes: npt.NDArray[np.float64], sizes: npt.NDArray[np.int_], picture: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """(N, W, 10, 4) rectangles, within the picture, where plates of (N, W, 2) sizes may lie at (N, 4) boxes."""
    x1, y1, x2, y2 = boxes.T[:, :, None]
    width, height = np.moveaxis(sizes, -1, 0)
    right, below, beside = x2 - width + 1, y2 + 1, x2 + 1
    corners = [
        (x1, y1 - height),  # above, from the left edge or up to the right one
        (right, y1 - height),
        (x1, below),  # below
        (right, below),
        (beside, y1),  # beside, at the top
        (x1 - width, y1),
        (beside, below - height),  # beside, at the bottom
        (x1 - width, below - height),
        (x1, below - height),  # inside, at the feet
        (x1, y1),  # inside, at the head
    ]
    # Plates are moved into the picture.
    left = np.stack([np.maximum(0, np.minimum(x, picture[0] - width)) for x, _ in corners], axis=-1)
    top = np.stack([np.maximum(0, np.minimum(y, picture[1] - height)) for _, y in corners], axis=-1)
    return np.stack([left, top, left + width[..., None], top + height[..., None]], axis=-1)


def _overlap(rectangles: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(…) area of each of (…, 4) rectangles that (M, 4) others cover, summed over these."""
    low = np.maximum(rectangles[..., None, :2], others[:, :2])
    high = np.minimum(rectangles[..., None, 2:], others[:, 2:])
    sides = np.maximum(0, high - low)
    return np.asarray((sides[..., 0] * sides[..., 1]).sum(axis=-1))
