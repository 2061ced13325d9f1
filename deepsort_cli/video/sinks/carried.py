"""What tracks carry along, as JSON has it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deepsort_cli.core.masks import Mask
from deepsort_cli.core.row_data import CORNERS, KEYPOINTS, is_known
from deepsort_cli.core.types import Tracks
from deepsort_cli.video.sinks.base import Say

DIGITS = {KEYPOINTS: 2, CORNERS: 2}
"""Decimals of what is in pixels, as of boxes; everything else has `USUAL_DIGITS`."""
USUAL_DIGITS = 4


class CarriedAsJson:
    """Turns what tracks carry into what `json` can write; names that it cannot write are left out and told once."""

    def __init__(self, warn: Say) -> None:
        self._warn = warn
        self._refused: set[str] = set()

    def __call__(self, tracks: Tracks) -> list[dict[str, Any]]:
        """One object per track: name → value, None where the track has none."""
        rows: list[dict[str, Any]] = [{} for _ in range(len(tracks))]
        for name, values in tracks.data.items():
            if name in self._refused:
                continue
            try:
                column = [
                    _plain(value, DIGITS.get(name, USUAL_DIGITS)) if is_known(value) else None for value in values
                ]
            except TypeError as error:
                self._refused.add(name)
                self._warn(f"`output.save_jsonl`: what detections carry as {name!r} is left out: {error}.")
                continue
            for row, value in zip(rows, column, strict=True):
                row[name] = value
        return rows


def _plain(value: Any, digits: int) -> Any:
    """Numbers, text, lists and objects; numbers that are none become None.

    Raises:
        TypeError: it is nothing that JSON knows.
    """
    if isinstance(value, Mask):
        return value.as_coco()
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return round(value, digits) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item, digits) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_plain(item, digits) for item in value]
    raise TypeError(f"a {type(value).__name__} has no form in JSON")
