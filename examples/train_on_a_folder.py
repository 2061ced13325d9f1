"""Train a Re-ID model on a folder of person crops, load the best checkpoint, and compare two pictures with it.

    python examples/train_on_a_folder.py                              # on generated people, in a minute or two
    python examples/train_on_a_folder.py --root market1501/bounding_box_train --epochs 100 --height 256

Needs PyTorch: pip install 'deepsort-cli[train]', or '.[train]' in a clone. The same call again continues where the
last one stopped.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from deepsort_cli.reid.progress import Progress, RunPlan

from deepsort_cli.reid.checkpoint import load_model
from deepsort_cli.reid.extract import extract_features
from deepsort_cli.reid.settings import TrainConfig
from deepsort_cli.reid.trainer import train


class Printer(Progress):
    """What a training tells: override what you want to hear."""

    def started(self, plan: RunPlan) -> None:
        print(f"{plan.model}; {plan.data[0]}")

    def epoch(self, row: Mapping[str, float], best: Mapping[str, float], seconds: float) -> None:
        validated = f", mAP {row['mAP']:.1%}" if "mAP" in row else ""
        print(f"epoch {row['epoch']}: loss {row['loss']:.3f}{validated} ({seconds:.0f} s)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, default=Path("people"), help="folder of person crops; made if absent")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--height", type=int, default=128, help="input height; the width is half of it")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--output-dir", type=Path, default=Path("runs"))
    arguments = parser.parse_args()

    if not arguments.root.exists():
        from generated_people import make_people  # beside this script

        print(f"Making generated people in {arguments.root}")
        make_people(arguments.root)

    # The keys are those of examples/configs/train.yaml.
    config = TrainConfig.model_validate(
        {
            "data": {"root": arguments.root},
            "model": {"name": "osnet_x0_25", "input": {"height": arguments.height, "width": arguments.height // 2}},
            "training": {
                "epochs": arguments.epochs,
                "batch_size": arguments.batch_size,
                "output_dir": arguments.output_dir,
            },
        }
    )
    result = train(config, Printer())
    best = result.folder / "checkpoints" / "best.pth"
    # With few people nobody is held out to validate on, and the last epoch counts.
    found = f"best mAP {result.best['mAP']:.1%}" if "mAP" in result.best else "not validated"
    print(f"{found}, epoch {result.best['epoch']}: {best}")

    model, info = load_model(best)
    images = sorted(path for path in arguments.root.rglob("*") if path.suffix.lower() in {".jpg", ".png"})
    pair = [images[0], images[-1]]  # the first and the last person
    features = extract_features(model, pair, info.preprocess)  # (2, 512), unit length
    print(f"cosine distance of {pair[0].name} and {pair[1].name}: {1 - features[0] @ features[1]:.3f}")
    print(f"Make it usable by the tracker: deepsort export {best} --output reid.onnx")


if __name__ == "__main__":
    main()
