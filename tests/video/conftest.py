"""Small generated videos whose frames can be told apart."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

BITS = 8


def numbered_image(number: int, width: int = 64, height: int = 48) -> np.ndarray:
    """An image that shows `number` as black and white stripes."""
    bits = [(number >> bit) & 1 for bit in range(BITS)]
    row = np.repeat(np.array(bits, dtype=np.uint8) * 255, -(-width // BITS))[:width]
    return np.ascontiguousarray(np.broadcast_to(row[None, :, None], (height, width, 3)))


def number_in(image: np.ndarray) -> int:
    """The number that `numbered_image` put into an image."""
    width = image.shape[1]
    step = -(-width // BITS)
    centres = [min(width - 1, bit * step + step // 2) for bit in range(BITS)]
    return sum(int(image[image.shape[0] // 2, x].mean() > 127) << bit for bit, x in enumerate(centres))


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """Writes a video of numbered frames: `make_video("a.mp4", frames=10, fps=25)`."""

    def make(
        name: str = "video.mp4",
        frames: int = 10,
        fps: Fraction | float = 25,
        width: int = 64,
        height: int = 48,
        codec: str = "libx264",
        shape: Fraction = Fraction(1),
    ) -> Path:
        path = tmp_path / name
        rate = Fraction(fps).limit_denominator(1001)
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.sample_aspect_ratio = stream.codec_context.sample_aspect_ratio = shape
            for number in range(frames):
                frame = av.VideoFrame.from_ndarray(numbered_image(number, width, height), format="bgr24")
                frame.pts, frame.time_base = number, 1 / rate
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return make


@pytest.fixture
def make_images(tmp_path: Path) -> Callable[..., Path]:
    """Writes a folder of numbered images named by `names`."""

    def make(folder: str, names: list[str], width: int = 64, height: int = 48) -> Path:
        path = tmp_path / folder
        path.mkdir(parents=True, exist_ok=True)
        for number, name in enumerate(names):
            cv2.imwrite(str(path / name), numbered_image(number, width, height))
        return path

    return make
