"""Make a Re-ID dataset of generated people, to try `deepsort scan`, `train`, `eval` and `export` without any download.

    python examples/generated_people.py people
    deepsort eval --root people

The people are those of the demo scene, cut out at their exact boxes with some jitter. Two cameras see them in different
light. The folders are those of Market-1501: `query` and `bounding_box_test` hold the people to evaluate on,
`bounding_box_train` others to train on.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from deepsort_cli.core.types import Image
from deepsort_cli.video.demo import DemoScene
from deepsort_cli.video.settings import DemoSettings

LIGHT = {1: ((1.0, 1.0, 1.0), 0), 2: ((1.1, 0.98, 0.9), 6)}
"""Camera → gain of blue, green and red, and brightness added."""


def make_people(folder: Path, people: int = 40, shots: int = 4, seed: int = 0, train_people: int = 40) -> None:
    """Write `query`, `bounding_box_test` and `bounding_box_train` with Market-1501 names.

    Args:
        people: identities to evaluate on, 1 to `people`.
        shots: images per identity and camera, of which one becomes a query.
        train_people: further identities to train on; 0 for none.
    """
    write_people(folder, people, shots, seed, lambda shot: "query" if shot == 0 else "bounding_box_test")
    if train_people:
        write_people(folder, train_people, shots, seed + 1, lambda shot: "bounding_box_train", first_pid=people + 1)


def write_people(
    folder: Path, people: int, shots: int, seed: int, part_of: Callable[[int], str], first_pid: int = 1
) -> None:
    """Cut the people out of a scene of their own until each has `shots` images per camera.

    Args:
        part_of: number of an image of a person and camera, from 0 → the folder it goes to.
    """
    scene = DemoScene(DemoSettings(width=960, height=720, people=people, frames=10_000, seed=seed))
    rng = np.random.default_rng(seed)
    for part in {part_of(shot) for shot in range(shots)}:
        (folder / part).mkdir(parents=True, exist_ok=True)
    taken: defaultdict[tuple[int, int], int] = defaultdict(int)
    for number in range(0, 10_000, 25):
        camera = 1 + number // 25 % 2
        truth = scene.ground_truth(number)
        frame = None
        for person, box, visible in zip(truth.ids.tolist(), truth.boxes, truth.visibility, strict=True):
            if visible < 0.5 or taken[person, camera] >= shots:
                continue
            frame = scene.render(number) if frame is None else frame
            part = part_of(taken[person, camera])
            taken[person, camera] += 1
            name = f"{first_pid + person - 1:04d}_c{camera}_f{number:07d}.jpg"
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
    lit: Image = np.clip(crop * np.array(gain) + offset, 0, 255).astype(np.uint8)
    return lit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=int, default=40, help="people to evaluate on")
    parser.add_argument("--train-people", type=int, default=40, help="people to train on")
    parser.add_argument("--shots", type=int, default=4, help="images per person and camera")
    arguments = parser.parse_args()
    make_people(arguments.folder, arguments.people, arguments.shots, train_people=arguments.train_people)
    print(f"Wrote {arguments.folder}. Now: deepsort scan --root {arguments.folder}")


if __name__ == "__main__":
    main()
