"""The training loop against its own bare computation, side by side in one run.

`deepsort train` runs on generated crops. After every report of the loop (each step on a CPU, every ten on a GPU) the
same number of steps is computed on one batch that never leaves the device, with a second model of the same kind. The
two alternate, so a busy machine slows both. What the loop adds is reading, augmenting, moving and measuring images.

    python benchmarks/train_speed.py                       # osnet_x0_25 at 256×128 on the CPU, or the GPU with AMP
    python benchmarks/train_speed.py --steps 60 --jitter 1 # longer, with colour jitter
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from deepsort_cli.core.events import Listener
from deepsort_cli.reid.backbones.osnet import OSNet
from deepsort_cli.reid.distributed import Ranks, choose_device
from deepsort_cli.reid.events import StepReport
from deepsort_cli.reid.learner import Learner
from deepsort_cli.reid.settings import AugmentSettings, TrainConfig
from deepsort_cli.reid.training import train

WARM_UP = 3
"""Reports left out at the beginning."""


class Enough(Exception):
    """Ends the training."""


class Alternate(Listener):
    """Times the loop between its reports, and bare steps in between."""

    def __init__(self, config: TrainConfig, classes: int, reports: int) -> None:
        self.device = choose_device(config.training.device, Ranks())
        model = OSNet(config.model.name, classes, config.model.feature_dim, config.model.neck)
        self.bare = Learner(model, config, self.device, Ranks())
        self.bare.start_epoch(0)
        batch, size = config.training.images_per_step, config.model.input
        self.images = torch.randn(batch, 3, size.height, size.width).to(self.device, memory_format=self.bare.layout)
        self.classes = (torch.arange(batch) // config.training.images_per_identity).to(self.device)
        self.reports = reports
        self.loop_seconds: list[float] = []
        self.bare_seconds: list[float] = []
        self.waits: list[float] = []
        self.last_step = 0
        self.resumed = 0.0

    def happened(self, event: object) -> None:
        if isinstance(event, StepReport):
            self.step(event)

    def step(self, report: StepReport) -> None:
        self._finish()
        steps = report.step - self.last_step
        if self.resumed and steps > 0:
            self.loop_seconds.append((time.perf_counter() - self.resumed) / steps)
            self.waits.append(report.wait)
            started = time.perf_counter()
            for _ in range(steps):
                self.bare.step(self.images, self.classes, 1e-4)
            self._finish()
            self.bare_seconds.append((time.perf_counter() - started) / steps)
        self.last_step = report.step
        if len(self.bare_seconds) == self.reports + WARM_UP:
            raise Enough
        self.resumed = time.perf_counter()

    def epoch(self, row: object, best: object, seconds: float) -> None:
        self.last_step, self.resumed = 0, 0.0  # the time between epochs goes to validation and files

    def _finish(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def write_people(folder: Path, identities: int, shots: int) -> None:
    """Noise in the size and format of CUHK03's crops: decoding costs what it does there."""
    rng = np.random.default_rng(0)
    for pid in range(1, identities + 1):
        for shot in range(shots):
            pixels = rng.integers(0, 256, (128, 64, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{pid:04d}_c{shot % 2 + 1}_f{shot:07d}.jpg", quality=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="osnet_x0_25")
    parser.add_argument("--size", default="256x128", help="height×width")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=20, help="reports to measure; on a GPU each covers ten steps")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--jitter", type=float, default=AugmentSettings().jitter, help="share of images that get it")
    options = parser.parse_args()
    height, width = map(int, options.size.split("x"))
    with tempfile.TemporaryDirectory() as name:
        people = Path(name) / "people"
        people.mkdir()
        identities = 4 * options.batch_size // 4
        write_people(people, identities, shots=16)
        config = TrainConfig.model_validate(
            {
                "data": {"root": people, "val_ratio": 0, "scan": {"use_cache": False, "near_duplicates": False}},
                "model": {"name": options.model, "input": {"height": height, "width": width}},
                "augment": {"jitter": options.jitter},
                "training": {
                    "batch_size": options.batch_size,
                    "half_size": 0,
                    "device": options.device,
                    "workers": options.workers,
                    "output_dir": Path(name) / "runs",
                    "tensorboard": False,
                },
            }
        )
        watch = Alternate(config, identities, options.steps)
        try:
            train(config, watch)
        except Enough:
            pass
    loop, bare = watch.loop_seconds[WARM_UP:], watch.bare_seconds[WARM_UP:]
    precision = str(watch.bare.amp or torch.float32).removeprefix("torch.")
    print(f"{options.model} at {height}×{width}, batches of {options.batch_size}, {watch.device}, {precision}")
    print(f"whole loop   {options.batch_size / statistics.median(loop):8.1f} images/s (median)")
    print(f"bare steps   {options.batch_size / statistics.median(bare):8.1f} images/s (median)")
    neighbours = statistics.median(b / a for a, b in zip(loop, bare, strict=True))
    print(f"ratio        {neighbours:8.3f} (median of neighbours), {sum(bare) / sum(loop):.3f} (of totals)")
    print(f"waiting for images {statistics.median(watch.waits[WARM_UP:]):.1%} of the time")


if __name__ == "__main__":
    main()
