"""Detections in the shapes that other libraries give them, by their attributes: none of them is imported.

supervision's `Detections` have `xyxy`, `confidence`, `class_id`, `mask` and `data`, its `KeyPoints` have `xy`;
Ultralytics' `Results` have `boxes` (or `obb`), and those `xyxy`, `conf` and `cls`, which may be tensors on a GPU;
beside them are `masks` and `keypoints`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.masks import Mask, traced
from deepsort_cli.core.row_data import CORNERS, KEYPOINTS, MASKS, plain

Array = npt.NDArray[np.float64]


class Columns(NamedTuple):
    """(N, 4) boxes x1 y1 x2 y2, (N,) scores (1 where there are none), (N,) class ids (0 where there are none), and what
    else there is of each."""

    boxes: Array
    scores: Array
    class_ids: npt.NDArray[np.int64]
    data: dict[str, Any]


SUPERVISION_DATA = {"xyxyxyxy": CORNERS}
"""Names in the `data` of supervision that mean what others mean here."""
NAMES_ONLY = "class_name"
"""What supervision's `data` says of classes: names go by their numbers."""

LARGEST_CLASS = 2**53
EXPECTED = "expected (N, 4), (N, 5) or (N, 6): x1 y1 x2 y2, then a score, then a class"


def as_array(value: Any) -> Array:
    """Numbers as a float64 array, from a list, an array, or a tensor on any device.

    Raises:
        ValueError: they are no numbers, or rows of different lengths.
    """
    try:
        numbers = np.asarray(plain(value))
        if numbers.dtype.kind == "c":
            raise TypeError
        return numbers.astype(np.float64, copy=False)
    except (TypeError, ValueError):
        raise ValueError(f"a {type(value).__name__} that holds no table of numbers") from None


def columns_of(answer: Any) -> Columns:
    """The columns of whatever a detector answers.

    Raises:
        ValueError: it is of none of the forms known, naming its shape.
    """
    if answer is None:
        raise ValueError("None; where nothing is found, an empty array of shape (0, 4) is expected")
    if isinstance(answer, list | tuple) and len(answer) == 1 and _is_foreign(answer[0]):
        answer = answer[0]  # Ultralytics models answer with a list, one item per picture
    if is_ultralytics(answer):
        return ultralytics_columns(answer)
    if _are_keypoints(answer):
        return keypoints_columns(answer)
    return supervision_columns(answer) if is_supervision(answer) else xyxy_columns(answer)


def is_supervision(answer: Any) -> bool:
    return hasattr(answer, "xyxy") and hasattr(answer, "confidence")


def is_ultralytics(answer: Any) -> bool:
    """Whether these are `Results`, or the `Boxes` in them."""
    return all(hasattr(answer, name) for name in ("boxes", "names")) or _are_boxes(answer)


def _are_boxes(answer: Any) -> bool:
    return all(hasattr(answer, name) for name in ("xyxy", "conf", "cls"))


def _are_keypoints(answer: Any) -> bool:
    """Whether these are supervision's `KeyPoints`, which have no boxes."""
    return all(hasattr(answer, name) for name in ("xy", "class_id", "data")) and not hasattr(answer, "xyxy")


def _is_foreign(answer: Any) -> bool:
    return is_supervision(answer) or is_ultralytics(answer) or _are_keypoints(answer)


def xyxy_columns(answer: Any) -> Columns:
    """Of an (N, 4), (N, 5) or (N, 6) array: x1 y1 x2 y2, score, class.

    Raises:
        ValueError: it has another shape, a score that is no number, or a class that is no whole one.
    """
    table = as_array(answer)
    if table.size == 0:
        return _filled(np.empty((0, 4)))
    if table.ndim != 2 or not 4 <= table.shape[1] <= 6:
        raise ValueError(f"an array of shape {table.shape}; {EXPECTED}")
    columns = table.shape[1]
    return _filled(table[:, :4], table[:, 4] if columns > 4 else None, table[:, 5] if columns > 5 else None)


def supervision_columns(detections: Any) -> Columns:
    """Of supervision's `Detections`; a class that is None there is 0, a confidence 1."""
    scores, class_ids = detections.confidence, detections.class_id
    data = _supervision_data(detections)
    masks = getattr(detections, "mask", None)
    if masks is not None:
        data[MASKS] = masks
    return _filled(
        as_array(detections.xyxy).reshape(-1, 4),
        None if scores is None else as_array(scores),
        None if class_ids is None else as_array(class_ids),
        data,
    )


def keypoints_columns(found: Any) -> Columns:
    """Of supervision's `KeyPoints`: boxes around the points seen (those at 0, 0 are not), scored by their mean."""
    points = as_array(found.xy)
    points = points.reshape(0, 0, 2) if not points.size else points
    seen = (points != 0).any(axis=2)
    usual = found.confidence if hasattr(found, "confidence") else None
    given = getattr(found, "keypoint_confidence", usual)
    certainty = np.ones(seen.shape) if given is None else as_array(given)
    low = np.where(seen[..., None], points, np.inf).min(axis=1, initial=np.inf)
    high = np.where(seen[..., None], points, -np.inf).max(axis=1, initial=-np.inf)
    boxes = np.concatenate([low, high], axis=1)
    boxes[~seen.any(axis=1)] = 0.0  # without area: the tracker leaves it out and says so
    total = np.where(seen, certainty, 0.0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    whole = getattr(found, "detection_confidence", None)
    data = _supervision_data(found) | {KEYPOINTS: np.concatenate([points, certainty[..., None]], axis=2)}
    class_ids = None if found.class_id is None else as_array(found.class_id)
    return _filled(boxes, total if whole is None else as_array(whole), class_ids, data)


def _supervision_data(found: Any) -> dict[str, Any]:
    """What it carries along, under the names that are usual here."""
    data = getattr(found, "data", None) or {}
    return {SUPERVISION_DATA.get(name, name): values for name, values in data.items() if name != NAMES_ONLY}


def ultralytics_columns(results: Any) -> Columns:
    """Of Ultralytics' `Results` of one picture; of rotated boxes, the upright ones around them, and their corners.

    Raises:
        ValueError: they have no boxes, as those of classification.
    """
    boxes = results if _are_boxes(results) else results.boxes
    if boxes is None:
        boxes = getattr(results, "obb", None)
    if boxes is None:
        raise ValueError("results without boxes; is it a model that detects?")
    upright = as_array(boxes.xyxy).reshape(-1, 4)
    data: dict[str, Any] = {}
    if getattr(boxes, "xyxyxyxy", None) is not None:
        data[CORNERS] = as_array(boxes.xyxyxyxy).reshape(-1, 4, 2)
    for name, found in ((KEYPOINTS, getattr(results, "keypoints", None)), (MASKS, getattr(results, "masks", None))):
        if found is not None and len(upright):
            maps = plain(found.data)
            data[name] = maps if name == KEYPOINTS else _in_picture(maps, upright, results.orig_shape)
    return _filled(upright, as_array(boxes.conf), as_array(boxes.cls), data)


def _in_picture(maps: Any, boxes: Array, picture: tuple[int, int]) -> list[Mask]:
    """Masks of Ultralytics, (N, h, w): of the picture, or of the network's input, in whose middle the picture lies."""
    height, width = maps.shape[1:]
    scale = min(height / picture[0], width / picture[1])
    pads = ((side - round(whole * scale)) / 2 for side, whole in zip((width, height), picture[::-1], strict=True))
    left, top = (round(pad - 0.1) for pad in pads)
    return [
        traced(np.asarray(part, np.float32) - 0.5, box, (int(picture[0]), int(picture[1])), (scale, scale), (left, top))
        for part, box in zip(maps, boxes, strict=True)
    ]


def class_names_in(answer: Any) -> dict[int, str]:
    """Name by class number, as far as an answer tells."""
    if isinstance(answer, list | tuple) and len(answer) == 1:
        answer = answer[0]
    names = getattr(answer, "names", None)
    if isinstance(names, Mapping):
        return {int(number): str(name) for number, name in names.items()}
    data = getattr(answer, "data", None)
    class_ids = getattr(answer, "class_id", None)
    if isinstance(data, Mapping) and class_ids is not None and data.get("class_name") is not None:
        return {int(number): str(name) for number, name in zip(class_ids, data["class_name"], strict=True)}
    return {}


def class_numbers(values: Any) -> npt.NDArray[np.int64]:
    """Numbers of classes, which may be floats, as int64.

    Raises:
        ValueError: one is no whole number, as where columns are in another order.
    """
    classes = np.asarray(values)
    if classes.dtype.kind in "iub":
        return np.asarray(classes, np.int64)
    try:
        classes = classes.astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError("classes that are no numbers") from None
    if not np.isfinite(classes).all():
        raise ValueError("classes that are no numbers")
    odd = (classes != np.floor(classes)) | (np.abs(classes) > LARGEST_CLASS)
    if odd.any():
        raise ValueError(f"a class {classes[odd][0]:g}; classes are whole numbers, in an array behind the score")
    return classes.astype(np.int64)


def _filled(
    boxes: Array, scores: Array | None = None, classes: Array | None = None, data: dict[str, Any] | None = None
) -> Columns:
    """The columns, with what is not known as it is for all detections without.

    Raises:
        ValueError: a score is no number, or a class no whole one.
    """
    if scores is not None and not np.isfinite(scores).all():
        raise ValueError("scores that are no numbers")
    return Columns(
        boxes,
        np.ones(len(boxes)) if scores is None else scores,
        np.zeros(len(boxes), np.int64) if classes is None else class_numbers(classes),
        {} if data is None else data,
    )
