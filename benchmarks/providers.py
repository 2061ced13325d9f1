"""An execution provider beside ONNX Runtime's own CPU provider, in one run: time per image, and what differs.

    pip uninstall -y onnxruntime && pip install onnxruntime-openvino    # in an environment of its own
    python benchmarks/providers.py --device openvino --detector yolox_nano.onnx [--reid osnet_x0_25.onnx] [--cpu-time]

Both run in alternating rounds, so that whatever else the machine does strikes both; the ratio of each round is taken,
and their median and quartiles printed. *One thread* is a network alone; *side by side* is as `deepsort track` works: as
many networks of one thread at the same time as there are CPUs.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime

from deepsort_cli.core.cpus import available_cpus
from deepsort_cli.perception.bundled import bundled_models
from deepsort_cli.perception.runtime import Session, open_session
from deepsort_cli.perception.settings import RuntimeSettings

CROPS = 8
"""People in a picture."""

Clock = Callable[[], float]
"""Seconds."""


def images(session: Session, count: int) -> np.ndarray:
    _, _, height, width = session.input_shape
    return np.random.default_rng(0).random((count, 3, height or 256, width or 128)).astype(np.float32)


def one_thread(session: Session, inputs: np.ndarray) -> Callable[[], None]:
    return lambda: session.run(inputs) and None


def side_by_side(session: Session, inputs: np.ndarray) -> Callable[[], None]:
    cpus = available_cpus()
    pool = ThreadPoolExecutor(cpus)

    def run() -> None:
        for done in [pool.submit(session.run, inputs) for _ in range(2 * cpus)]:
            done.result()

    return run


def seconds(run: Callable[[], None], clock: Clock) -> float:
    start = clock()
    run()
    return clock() - start


def compare(path: Path, batch: int, device: str, rounds: int, clock: Clock) -> None:
    settings = [RuntimeSettings(device=where, threads=1) for where in ("cpu", device)]
    sessions = [open_session(path, each) for each in settings]
    inputs = images(sessions[0], batch)
    first, second = (session.run(inputs)[0].astype(np.float64) for session in sessions)
    apart = np.abs(first - second).max() / np.abs(first).max()
    print(f"{path.name}, batch {batch}: outputs differ by {apart:.0e} at most")
    for way in (one_thread, side_by_side):
        runs = [way(session, inputs) for session in sessions]
        for run in runs:
            run()
        times = [[seconds(run, clock) for run in (runs if number % 2 else runs[::-1])][:: 1 if number % 2 else -1]
                 for number in range(rounds)]  # fmt: skip
        ratios = sorted(usual / other for usual, other in times)
        low, middle, high = (ratios[round(share * (rounds - 1))] for share in (0.25, 0.5, 0.75))
        each = [1000 * statistics.median(column) / batch for column in zip(*times, strict=True)]
        images_a_run = 1 if way is one_thread else 2 * available_cpus()
        shown = " and ".join(f"{value / images_a_run:.2f} ms" for value in each)
        print(f"  {way.__name__.replace('_', ' '):14} cpu and {device}: {shown} per image; {middle:.2f} times as fast "
              f"({low:.2f}-{high:.2f})")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="openvino")
    parser.add_argument("--detector", type=Path)
    parser.add_argument("--reid", type=Path)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument(
        "--cpu-time", action="store_true", help="count CPU seconds, where a machine has much else to do"
    )
    given = parser.parse_args()
    clock = time.process_time if given.cpu_time else time.perf_counter
    print(f"onnxruntime {onnxruntime.__version__}, {available_cpus()} CPUs, {given.rounds} rounds")
    if given.detector:
        compare(given.detector, 1, given.device, given.rounds, clock)
    reid = given.reid or bundled_models()[0].checked()
    compare(reid, CROPS, given.device, given.rounds, clock)


if __name__ == "__main__":
    main()
