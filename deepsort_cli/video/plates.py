"""Plates with text, and laying things into a picture."""

from __future__ import annotations

import importlib.util
import math
import re
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from deepsort_cli.core.types import Image
from deepsort_cli.video.colours import Colour, text_colour_on

_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
"""What is no sign to draw: names of classes, lines and zones may end in a line break, or have one within."""


def plate_of(texts: list[str], colour: Colour, height: int) -> Image:
    """A coloured plate with texts side by side, the first one bold."""
    last = len(texts) - 1
    return np.hstack([_plate(text, colour, height, i == 0, i == last) for i, text in enumerate(texts)])


def plate_size(texts: list[str], height: int) -> tuple[int, int]:
    """Width and height in pixels of a plate."""
    parts = [_plate_size(text, height, i == 0, i == len(texts) - 1) for i, text in enumerate(texts)]
    return sum(width for width, _ in parts), parts[0][1]


@lru_cache(maxsize=4096)
def _plate_size(text: str, height: int, is_first: bool, is_last: bool) -> tuple[int, int]:
    rows, columns = _text_opacity(text, height, is_first, is_last).shape
    return columns, rows


@lru_cache(maxsize=4096)
def _plate(text: str, colour: Colour, height: int, is_first: bool, is_last: bool) -> Image:
    """One text on its part of a plate."""
    opacity = _text_opacity(text, height, is_first, is_last)
    plate = np.full((*opacity.shape, 3), colour, dtype=np.uint8)
    tint(plate, opacity, text_colour_on(colour))
    return plate


def seen_through(
    plate: Image, texts: list[str], height: int, image: Image, left: int, top: int, opacity: float
) -> Image:
    """A plate as it looks where the picture shines through its ground, but not through its text."""
    ground = image[top : top + plate.shape[0], left : left + plate.shape[1]]
    plate = plate[: ground.shape[0], : ground.shape[1]]
    mixed = cv2.addWeighted(plate, opacity, ground, 1 - opacity, 0)
    last = len(texts) - 1
    text = np.hstack([_text_opacity(text, height, i == 0, i == last) for i, text in enumerate(texts)])
    cv2.copyTo(plate, text[: ground.shape[0], : ground.shape[1]], mixed)
    return np.asarray(mixed, dtype=np.uint8)


@lru_cache(maxsize=2048)
def _text_opacity(text: str, height: int, is_first: bool, is_last: bool) -> npt.NDArray[np.uint8]:
    """(h, w) uint8 opacity of a text with its margins on a plate."""
    pad_x, pad_y, gap = round(0.35 * height), max(1, round(0.16 * height)), round(0.45 * height)
    edges = (pad_y, pad_y, pad_x if is_first else gap, pad_x if is_last else 0)
    mask = cv2.copyMakeBorder(_text_mask(text, height, is_first), *edges, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(mask, dtype=np.uint8)


@lru_cache(maxsize=2048)
def _text_mask(text: str, height: int, bold: bool) -> npt.NDArray[np.uint8]:
    """(h, w) uint8 opacity of a line of text; h is the same for all texts of one height."""
    text = _BREAKS.sub(" ", text)
    font = _font(height, bold)
    ascent, descent = font.getmetrics()
    canvas = PillowImage.new("L", (max(1, math.ceil(font.getlength(text))), ascent + descent))
    ImageDraw.Draw(canvas).text((0, ascent), text, fill=255, font=font, anchor="ls")
    return np.asarray(canvas, dtype=np.uint8)


@lru_cache(maxsize=16)
def _font(height: int, bold: bool) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which matplotlib brings along: it reads well when small and has most alphabets."""
    found = importlib.util.find_spec("matplotlib")
    if found is not None and found.origin is not None:
        folder = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
        file = folder / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")
        if file.is_file():
            return ImageFont.truetype(str(file), height)
    font = ImageFont.load_default(height)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def put(image: Image, plate: Image, left: int, top: int) -> None:
    """Lay a small picture into the image, moved so that as much of it as possible is inside."""
    height, width = image.shape[:2]
    left = max(0, min(left, width - plate.shape[1]))
    top = max(0, min(top, height - plate.shape[0]))
    target = image[top : top + plate.shape[0], left : left + plate.shape[1]]
    target[:] = plate[: target.shape[0], : target.shape[1]]


def tint(region: Image, opacity: npt.NDArray[np.uint8], colour: Colour) -> None:
    """Blend a colour into a region, in place, by a (h, w) opacity."""
    weight = cv2.cvtColor(opacity, cv2.COLOR_GRAY2BGR)
    cv2.multiply(region, cv2.bitwise_not(weight), dst=region, scale=1 / 255)
    cv2.add(region, cv2.LUT(weight, _shades(colour)), dst=region)


@lru_cache(maxsize=4096)
def _shades(colour: Colour) -> npt.NDArray[np.uint8]:
    """(256, 1, 3): what a colour adds at each opacity."""
    return np.asarray(np.round(np.arange(256)[:, None, None] / 255 * np.array(colour)), dtype=np.uint8)
