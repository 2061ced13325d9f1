"""Tracks in a loop of your own: for programs that do more than write files.

    python examples/track_in_your_own_loop.py
    python examples/track_in_your_own_loop.py --source 0 --detector yolox_nano --reid osnet_x0_25

`detector` may also be a function from an image to rows x1 y1 x2 y2 score class, and `reid` one from image and boxes to
features.
"""

from __future__ import annotations

import argparse

import deepsort_cli as deepsort


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--source", default="demo", help="whatever deepsort track takes")
    parser.add_argument("--detector", default="hog", help="hog, a model's name, or an ONNX file")
    parser.add_argument("--reid", default="osnet_x0_25", help="a model's name, an ONNX file, or none")
    parser.add_argument("--max-frames", type=int, default=60)
    parser.add_argument("--save", default="tracked.mp4", help="video to write")
    options = vars(parser.parse_args())

    greeted: set[int] = set()
    for frame, tracks in deepsort.track(**options, overwrite=True):
        # Your own code. Here: say who is new.
        for person, (left, _, right, bottom) in zip(tracks.ids.tolist(), tracks.boxes, strict=True):
            if person not in greeted:
                greeted.add(person)
                print(f"{frame.time:6.2f} s  person {person} appears, feet at ({(left + right) / 2:.0f}, {bottom:.0f})")
    print(f"{len(greeted)} people; watch {options['save']}")


if __name__ == "__main__":
    main()
