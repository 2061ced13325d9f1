"""Average the weights of a finetuned model with those it started from.

A network forgets a little of what it knew while it learns the pictures of other cameras. Half-way between both sets of
weights it is nearly as good as the finetuned one on its data, and better elsewhere (Wortsman et al. 2022, "Robust
fine-tuning of zero-shot models"). This works because both lie in the same valley of the loss: finetuning is short.

    python average.py START.pth FINETUNED.pth OUTPUT.pth --share 0.8 --images DIR

The neck (BatchNorm) exists only in the finetuned model; its statistics are measured anew on the images in DIR.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from deepsort_cli.core.images import read_image
from deepsort_cli.core.preprocess import Preprocess
from deepsort_cli.data.loading import load_manifest
from deepsort_cli.reid.backbones.osnet import OSNet
from deepsort_cli.reid.checkpoint import load_model, save_checkpoint

BATCH = 64
IMAGES = 2048
"""How many images the neck is measured on; drawn at random, the same every time."""


def average(start: OSNet, finetuned: OSNet, share: float) -> None:
    """Move the weights of `finetuned`, but neck and classifier, towards those of `start`, in place.

    Args:
        share: of the finetuned weights, within 0 to 1; BatchNorm statistics are averaged like weights.
    """
    before, state = start.state_dict(), finetuned.state_dict()
    for name, value in state.items():
        if name in before and value.is_floating_point() and not name.startswith(("bnneck.", "classifier.")):
            state[name] = torch.lerp(before[name], value, share)
    finetuned.load_state_dict(state)


@torch.inference_mode()
def measure_neck(model: OSNet, images: list[Path], preprocess: Preprocess) -> None:
    """Measure mean and variance of the features before the neck, over whole batches of images."""
    assert model.bnneck is not None
    model.eval()
    model.bnneck.reset_running_stats()
    model.bnneck.momentum = None  # the plain average over all batches
    model.bnneck.train()
    for first in range(0, len(images) - BATCH + 1, BATCH):
        crops = preprocess.resize_crops([read_image(path) for path in images[first : first + BATCH]])
        model(torch.from_numpy(preprocess.batch(crops)))
    model.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("start", type=Path)
    parser.add_argument("finetuned", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--share", type=float, default=0.8, help="share of the finetuned weights (default: 0.8)")
    parser.add_argument("--images", type=Path, required=True, help="the dataset it was finetuned on")
    options = parser.parse_args()

    start, _ = load_model(options.start)
    model, info = load_model(options.finetuned)
    average(start, model, options.share)
    manifest = load_manifest(options.images)
    chosen = torch.randperm(len(manifest), generator=torch.Generator().manual_seed(0))[:IMAGES]
    measure_neck(model, [manifest.file(i) for i in chosen.tolist()], info.preprocess)
    save_checkpoint(options.output, model.state_dict(), replace(info, metrics={}))  # its figures are no longer known
    print(f"wrote {options.output}: {options.share:.0%} {options.finetuned.name}, the rest {options.start.name}")


if __name__ == "__main__":
    main()
