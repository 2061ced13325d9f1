"""Train a Re-ID model on a folder of person crops, and make it usable by the tracker.

    python examples/train_on_a_folder.py                              # on generated people, in a minute or two
    python examples/train_on_a_folder.py --root market1501/bounding_box_train --epochs 100 --height 256

Needs PyTorch: pip install 'deepsort-cli[train]', or '.[train]' in a clone. The same call again continues where the
last one stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import deepsort_cli as deepsort


class Printer(deepsort.Listener):
    """What a training tells: override what you want to hear."""

    def happened(self, event: object) -> None:
        row = getattr(event, "row", {})  # of an epoch that is over; see deepsort_cli.reid.events
        if "loss" in row:
            print(f"epoch {row['epoch']}: loss {row['loss']:.3f}" + (f", mAP {row['mAP']:.1%}" if "mAP" in row else ""))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, default=Path("people"), help="folder of person crops; made if absent")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--height", type=int, default=128, help="input height; the width is half of it")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--output-dir", type=Path, default=Path("runs"))
    words = vars(parser.parse_args())
    if not words["root"].exists():
        from generated_people import make_people  # beside this script

        print(f"Making generated people in {words['root']}")
        make_people(words["root"])
    result = deepsort.train(**words, width=words["height"] // 2, listener=Printer())
    best = result.folder / "checkpoints" / "best.pth"
    # With few people nobody is held out to validate on, and the last epoch counts.
    found = f"best mAP {result.best['mAP']:.1%}" if "mAP" in result.best else "not validated"
    print(f"{found}, epoch {result.best['epoch']}: {best}")
    exported = deepsort.export(best, output="reid.onnx", overwrite=True)
    print(f"The same network for the tracker, reid={str(exported.path)!r}: {exported.metadata.embedding_size} values")


if __name__ == "__main__":
    main()
