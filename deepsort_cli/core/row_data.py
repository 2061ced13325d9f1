"""What detections carry along beside their boxes, a value per row: masks, key points, corners, anything.

Three names have a meaning here; any other is passed on as it is:

* `masks`: the pixels of each object, a list of `core.masks.Mask`; (N, H, W) arrays become that;
* `keypoints`: (N, K, 2) x y or (N, K, 3) x y confidence, in pixels;
* `corners`: (N, P, 2) x y of polygons, as the four corners of turned boxes, in pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.masks import Mask, masks_of

MASKS, KEYPOINTS, CORNERS = "masks", "keypoints", "corners"

Values = npt.NDArray[Any] | list[Any]
RowData = dict[str, Values]
"""Name → one value per row."""


def checked(data: Mapping[str, Any] | None, rows: int) -> RowData:
    """The same, each in the form that is kept.

    Raises:
        ValueError: something has not one value per row, or not the shape its name stands for.
    """
    return {} if not data else {str(name): _checked(str(name), values, rows) for name, values in data.items()}


def _checked(name: str, values: Any, rows: int) -> Values:
    if name == MASKS:
        kept: Values = masks_of(plain(values))
    elif name in (KEYPOINTS, CORNERS):
        try:
            kept = np.asarray(plain(values), dtype=np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"data[{name!r}] holds no table of numbers") from None
        if rows == 0 and kept.size == 0 and kept.ndim != 3:
            kept = kept.reshape(0, 0, 2)
        widths = (2, 3) if name == KEYPOINTS else (2,)
        if kept.ndim != 3 or kept.shape[2] not in widths:
            shapes = " or ".join(f"({rows}, {'K' if name == KEYPOINTS else 'P'}, {width})" for width in widths)
            raise ValueError(f"data[{name!r}] must have shape {shapes}, got {kept.shape}")
    else:
        kept = plain(values)
        if isinstance(kept, str | bytes | Mapping) or not isinstance(kept, np.ndarray | Sequence):
            raise ValueError(f"data[{name!r}] must have one value per box, got a {type(values).__name__}")
        kept = kept if isinstance(kept, np.ndarray) else list(kept)
    if np.ndim(kept) == 0 or len(kept) != rows:
        found = len(kept) if np.ndim(kept) else "one"
        raise ValueError(f"data[{name!r}] must have one value per box, {rows}, got {found}")
    return kept


def plain(values: Any) -> Any:
    """A tensor on any device as an array; anything else as it is."""
    for step in ("detach", "cpu", "numpy"):
        if hasattr(values, step):
            values = getattr(values, step)()
    return values


def picked(data: RowData, index: Any) -> RowData:
    """The rows at a slice, boolean mask or array of positions."""
    if not data:
        return {}
    return {
        name: values[index] if isinstance(values, np.ndarray) else _of_list(values, index)
        for name, values in data.items()
    }


def _of_list(values: list[Any], index: Any) -> list[Any]:
    if isinstance(index, slice):
        return values[index]
    positions = np.arange(len(values))[np.asarray(index, dtype=None if len(index) else np.intp)]
    return [values[i] for i in positions.tolist()]


def aligned(data: RowData, index: npt.NDArray[np.int64]) -> RowData:
    """The rows at (T,) positions; −1 has none: NaN in arrays of floats, None in lists, which all others become.

    Nor has any track one under a name that is known, but without rows.
    """
    found: RowData = {}
    for name, values in data.items():
        known = (index >= 0) & (len(values) > 0)
        if isinstance(values, np.ndarray) and values.dtype.kind == "f":
            rows = np.full((len(index), *values.shape[1:]), np.nan, values.dtype)
            rows[known] = values[index[known]]
            found[name] = rows
        else:
            found[name] = [
                values[i] if there else None for i, there in zip(index.tolist(), known.tolist(), strict=True)
            ]
    return found


def in_turn(parts: Sequence[tuple[RowData, int]]) -> dict[str, list[Any]]:
    """Several tables of so many rows, one after the other: name → a list, with None where a part lacks the name."""
    names = dict.fromkeys(name for data, _ in parts for name in data)
    return {name: [value for data, n in parts for value in data.get(name, [None] * n)] for name in names}


def is_known(value: Any) -> bool:
    """Whether a row has a value: it is neither None nor all NaN."""
    if value is None:
        return False
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "f":
        return value.size == 0 or not bool(np.isnan(value).all())
    return not (isinstance(value, float) and value != value)


def mask_array(masks: Iterable[Mask | None]) -> npt.NDArray[np.bool_] | None:
    """(T, H, W) of the masks of one picture; nothing inside where there is none; None where no row has one."""
    masks = list(masks)
    known = next((mask for mask in masks if mask is not None), None)
    if known is None:
        return None
    nothing = np.zeros((known.height, known.width), bool)
    return np.stack([nothing if mask is None else mask.to_array() for mask in masks])
