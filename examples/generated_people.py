"""Make a Re-ID dataset of generated people, to try `deepsort scan`, `train` and `eval` without any download.

    python examples/generated_people.py people
    deepsort eval MODEL.onnx --root people

The people are those of the demo scene, cut out at their exact boxes with some jitter. Two cameras see them in different
light. It is split as Market-1501 is: `query` and `bounding_box_test`.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from deepsort_cli.core.types import Image
from deepsort_cli.video.demo import DemoScene
from deepsort_cli.video.settings import DemoSettings

LIGHT = {1: ((1.0, 1.0, 1.0), 0), 2: ((1.1, 0.98, 0.9), 6)}
"""Camera → gain of blue, green and red, and brightness added."""


def make_people(folder: Path, people: int = 40, shots: int = 4, seed: int = 0) -> None:
    """Write `query` and `bounding_box_test` with Market-1501 names.

    Args:
        people: identities.
        shots: images per identity and camera, of which one becomes a query.
    """
    scene = DemoScene(DemoSettings(width=960, height=720, people=people, frames=10_000, seed=seed))
    rng = np.random.default_rng(seed)
    for part in ("query", "bounding_box_test"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    taken: defaultdict[tuple[int, int], int] = defaultdict(int)
    for number in range(0, 10_000, 25):
        camera = 1 + number // 25 % 2
        truth = scene.ground_truth(number)
        frame = None
        for pid, box, visible in zip(truth.ids.tolist(), truth.boxes, truth.visibility, strict=True):
            if visible < 0.5 or taken[pid, camera] >= shots:
                continue
            frame = scene.render(number) if frame is None else frame
            part = "query" if taken[pid, camera] == 0 else "bounding_box_test"
            taken[pid, camera] += 1
            name = f"{pid:04d}_c{camera}_f{number:07d}.jpg"
            cv2.imwrite(str(folder / part / name), shine(cut(frame, box, rng), camera))
        if sum(taken.values()) == 2 * shots * people:
            return


def cut(frame: Image, box: np.ndarray, rng: np.random.Generator) -> Image:
    """The box as a detector might have placed it: shifted and scaled by a few per cent, within the frame."""
    x1, y1, x2, y2 = box
    size = np.array([x2 - x1, y2 - y1])
    corners = np.array([[x1, y1], [x2, y2]]) + rng.uniform(-0.05, 0.05, (2, 2)) * size
    left, top = np.clip(corners[0], 0, (frame.shape[1] - 8, frame.shape[0] - 8)).astype(int)
    right, bottom = np.maximum(corners[1].astype(int), (left + 8, top + 8))
    return frame[top:bottom, left:right]


def shine(crop: Image, camera: int) -> Image:
    """The crop in the light of a camera."""
    gain, offset = LIGHT[camera]
    return np.clip(crop * np.array(gain) + offset, 0, 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--shots", type=int, default=4, help="images per person and camera")
    arguments = parser.parse_args()
    make_people(arguments.folder, arguments.people, arguments.shots)
    print(f"Wrote {arguments.folder}. Now: deepsort eval MODEL.onnx --root {arguments.folder}")


if __name__ == "__main__":
    main()
