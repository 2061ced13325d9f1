"""Detections in the shapes that other libraries give them, by their attributes: none of them is imported.

supervision's `Detections` have `xyxy`, `confidence` and `class_id`; Ultralytics' `Results` have `boxes` (or `obb`), and
those `xyxy`, `conf` and `cls`, which may be tensors on a GPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Columns = tuple[Array, Array, npt.NDArray[np.int64]]
"""(N, 4) boxes x1 y1 x2 y2, (N,) scores (1 where there are none), (N,) class ids (0 where there are none)."""

EXPECTED = "expected (N, 4), (N, 5) or (N, 6): x1 y1 x2 y2, then a score, then a class"


def as_array(value: Any) -> Array:
    """Numbers as a float64 array, from a list, an array, or a tensor on any device.

    Raises:
        ValueError: they are no numbers, or rows of different lengths.
    """
    for step in ("detach", "cpu", "numpy"):
        if hasattr(value, step):
            value = getattr(value, step)()
    try:
        numbers = np.asarray(value)
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
    return supervision_columns(answer) if is_supervision(answer) else xyxy_columns(answer)


def is_supervision(answer: Any) -> bool:
    return hasattr(answer, "xyxy") and hasattr(answer, "confidence")


def is_ultralytics(answer: Any) -> bool:
    """Whether these are `Results`, or the `Boxes` in them."""
    return all(hasattr(answer, name) for name in ("boxes", "names")) or _are_boxes(answer)


def _are_boxes(answer: Any) -> bool:
    return all(hasattr(answer, name) for name in ("xyxy", "conf", "cls"))


def _is_foreign(answer: Any) -> bool:
    return is_supervision(answer) or is_ultralytics(answer)


def xyxy_columns(answer: Any) -> Columns:
    """Of an (N, 4), (N, 5) or (N, 6) array: x1 y1 x2 y2, score, class.

    Raises:
        ValueError: it has another shape, or a score or class that is no number.
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
    return _filled(
        as_array(detections.xyxy).reshape(-1, 4),
        None if scores is None else as_array(scores),
        None if class_ids is None else as_array(class_ids),
    )


def ultralytics_columns(results: Any) -> Columns:
    """Of Ultralytics' `Results` of one picture; of rotated boxes, the upright ones around them.

    Raises:
        ValueError: they have no boxes, as those of classification.
    """
    boxes = results if _are_boxes(results) else results.boxes
    if boxes is None:
        boxes = getattr(results, "obb", None)
    if boxes is None:
        raise ValueError("results without boxes; is it a model that detects?")
    return _filled(as_array(boxes.xyxy).reshape(-1, 4), as_array(boxes.conf), as_array(boxes.cls))


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


def _filled(boxes: Array, scores: Array | None = None, classes: Array | None = None) -> Columns:
    """The columns, with what is not known as it is for all detections without.

    Raises:
        ValueError: a score or a class is no number.
    """
    if scores is not None and not np.isfinite(scores).all():
        raise ValueError("scores that are no numbers")
    if classes is not None and not np.isfinite(classes).all():
        raise ValueError("classes that are no numbers")
    return (
        boxes,
        np.ones(len(boxes)) if scores is None else scores,
        np.zeros(len(boxes), np.int64) if classes is None else classes.astype(np.int64),
    )
