"""Train a Re-ID model on a folder of person crops, and make it usable by the tracker.

    python examples/generated_people.py people
    python examples/train_on_a_folder.py people --epochs 10 --height 128 --width 64    # two minutes

Needs PyTorch: pip install 'deepsort-cli[train]', or '.[train]' in a clone. The same call again continues where the
last one stopped.
"""

from __future__ import annotations

import argparse

import deepsort_cli as deepsort


class Printer(deepsort.Listener):
    """Hears of a training what it wants to: here of every epoch that is over, from `deepsort_cli.reid.events`."""

    def happened(self, event: object) -> None:
        if row := getattr(event, "row", None):
            print(", ".join(f"{name} {row[name]:.3g}" for name in ("epoch", "loss", "mAP") if name in row))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("root", help="folder of person crops")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--height", type=int, default=256, help="of the input, in pixels")
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=32)
    result = deepsort.train(**vars(parser.parse_args()), listener=Printer())
    best = result.folder / "checkpoints" / "best.pth"
    # With few people nobody is held out to validate on: it is the last epoch, or the start where training did not help.
    print(f"{best}: epoch {result.best['epoch']}, mAP {result.best.get('mAP', 'not validated')}")
    exported = deepsort.export(best, output="reid.onnx", overwrite=True)
    print(f"The same network for the tracker, reid='{exported.path}': {exported.metadata.embedding_size} values")


if __name__ == "__main__":  # processes that load images come this way too
    main()
