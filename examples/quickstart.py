"""Track people in a generated scene with one call, then read the result. Needs nothing but the base install.

    python examples/quickstart.py
    python examples/quickstart.py --source street.mp4 --detector yolox_nano.onnx

Writes tracked.mp4, to watch, and tracked.txt, one line per person and frame.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from deepsort_cli.perception.settings import DetectorSettings
from deepsort_cli.pipeline import track
from deepsort_cli.video.settings import OutputSettings, SourceSettings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--source", default="demo", help="whatever deepsort track --source takes")
    parser.add_argument("--detector", default="hog", help="hog, or an ONNX model")
    parser.add_argument("--max-frames", type=int, default=100)
    parser.add_argument("--output", type=Path, default=Path(), help="folder to write into")
    arguments = parser.parse_args()

    text = arguments.output / "tracked.txt"
    (summary,) = track(
        [arguments.source],
        source=SourceSettings(max_frames=arguments.max_frames),
        detector=DetectorSettings(model_path=arguments.detector),
        output=OutputSettings(save_video=arguments.output / "tracked.mp4", save_txt=text, overwrite=True),
    )
    print(f"{summary.tracks} people in {summary.frames} frames, {summary.fps:.0f} frames per second")

    if not summary.rows:  # nobody was found
        return
    # Columns: frame, id, left, top, width, height, 1, -1, -1, -1 (MOTChallenge). Frames and ids count from 1.
    rows = np.loadtxt(text, delimiter=",", ndmin=2)
    for person in np.unique(rows[:, 1]).astype(int):
        seen = rows[rows[:, 1] == person]
        print(f"person {person:3d}: frames {seen[0, 0]:.0f} to {seen[-1, 0]:.0f}, seen in {len(seen)} of them")


if __name__ == "__main__":
    main()
