"""Track people in a generated scene with one call, then read the result. Needs nothing but the base install.

    python examples/quickstart.py
    python examples/quickstart.py --source street.mp4 --detector yolox_nano

Writes tracked.mp4, to watch, and tracked.txt, one line per person and frame.
"""

from __future__ import annotations

import argparse

import deepsort_cli as deepsort


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--source", default="demo", help="whatever deepsort track takes")
    parser.add_argument("--detector", default="hog", help="hog, a model's name, or an ONNX file")
    parser.add_argument("--max-frames", type=int, default=100)
    options = vars(parser.parse_args())

    run = deepsort.track(**options, save="tracked.mp4", save_txt="tracked.txt", overwrite=True).finish()
    print(f"{run.summary.tracks} people in {run.summary.frames} frames, {run.summary.fps:.0f} frames per second")

    rows = run.table()
    for person in sorted(set(rows["id"])):
        seen = rows["frame"][rows["id"] == person]
        print(f"person {person:3d}: frames {seen[0]} to {seen[-1]}, seen in {len(seen)} of them")


if __name__ == "__main__":
    main()
