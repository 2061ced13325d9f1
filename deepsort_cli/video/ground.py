"""The ground that the people of generated scenes walk on, and their shadows on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from deepsort_cli.core.types import Image
from deepsort_cli.video.chance import Chance
from deepsort_cli.video.figures import Placement, paste


@dataclass(frozen=True)
class Floor:
    """How a floor is paved.

    Attributes:
        slab: side of a slab, in picture heights at the lower edge.
        light: brightness of the slabs on average, 0 to 255.
        unlike: how far their tones are apart.
        joints: how much darker the joints are.
        tint: what each channel is multiplied by, B G R.
    """

    slab: float = 0.105
    light: float = 198
    unlike: float = 9
    joints: float = 20
    tint: tuple[float, float, float] = (0.955, 0.985, 1.0)


def pave(width: int, height: int, chance: Chance, floor: Floor = Floor()) -> Image:
    """A square paved with slabs that shrink with distance, under soft uneven light."""
    vanishing = -0.55 * height
    y = np.arange(height, dtype=np.float64)[:, None] + 0.5
    x = np.arange(width, dtype=np.float64)[None, :] + 0.5
    distance = height / (y - vanishing)
    slab = floor.slab
    across = (x - width / 2) / height * distance / slab / (height / (height - vanishing))
    along = distance * 22.0
    row = np.floor(along).astype(np.int64)
    across = across + 0.5 * (row % 2)
    column = np.floor(across).astype(np.int64)

    tones = chance.grid(61, 67)
    tone = tones[row % 61, column % 67]
    joint_x = np.abs(across - np.round(across)) * slab * height / distance * 1.0
    per_row = np.abs(np.gradient(along[:, 0]))[:, None]
    joint_y = np.abs(along - np.round(along)) / per_row
    joint = np.minimum(joint_x, joint_y) / (0.0022 * height)
    joints = np.clip(1.3 - joint, 0.0, 1.0)

    light = floor.light + floor.unlike * (tone - 0.5) - floor.joints * joints
    for cells, strength in ((3, 16.0), (9, 8.0), (40, 4.0)):
        noise = chance.grid(cells, math.ceil(cells * width / height) + 1)
        light = light + strength * (cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) - 0.5)
    light = light + 4.0 * (chance.grid(height, width) - 0.5)
    radius = np.hypot((x - 0.42 * width) / width, (y - 0.40 * height) / height)
    light = light * (1.05 - 0.26 * radius**2)
    tint = np.array(floor.tint)
    return np.asarray(np.clip(light[..., None] * tint, 0, 255), dtype=np.uint8)


def soft_spot() -> np.ndarray:
    """A (64, 256) uint8 opacity of a soft oval."""
    y, x = np.mgrid[-1:1:64j, -1:1:256j]
    return np.asarray(255 * np.clip(1 - np.hypot(x, y), 0, 1) ** 1.2, dtype=np.uint8)


def cast_shadow(image: Image, place: Placement, spot: np.ndarray) -> None:
    """Darken the ground under and to the right of a figure: the light comes from the upper left."""
    height, width = image.shape[:2]
    wide, tall = 0.62 * place.height, 0.115 * place.height
    left, top = place.x - 0.24 * place.height, place.y - 0.55 * tall
    x1, y1 = max(0, math.floor(left)), max(0, math.floor(top))
    x2, y2 = min(width, math.ceil(left + wide)), min(height, math.ceil(top + tall))
    if x2 <= x1 or y2 <= y1:
        return
    sx, sy = wide / spot.shape[1], tall / spot.shape[0]
    move = np.array([[sx, 0, left - x1], [0, sy, top - y1]])
    opacity = cv2.warpAffine(spot, move, (x2 - x1, y2 - y1))
    black = np.zeros((y2 - y1, x2 - x1, 4), dtype=np.uint8)
    black[..., 3] = opacity // 2
    paste(image[y1:y2, x1:x2], black)
