"""The dataset scan against plain loops over the same files, side by side in one run.

Rounds alternate between

- *verify*: `Image.open(f).verify()` on every file, one after the other;
- *decode*: `Image.open(f).load()` on every file, one after the other;
- *scan*: a fresh scan, as every command makes it before it reads a dataset;
- *audit*: a fresh `deepsort scan`, which looks for near-duplicates as well;
- *paranoid*: a fresh scan that decodes every pixel;
- *cached*: the scan of files that have not changed;

and the best time of each counts, so that a busy machine matters less. Loops start from the folder, as scans do. The
`cold` rows drop the files from the page cache before each measurement, which is how a dataset is met the first time.

    python benchmarks/scan_speed.py                        # CUHK03 beside the checkout, and 100,000 generated files
    python benchmarks/scan_speed.py --data DIR --files 0   # another dataset only
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from deepsort_cli.core.cpus import available_cpus
from deepsort_cli.data.scan import scan_dataset
from deepsort_cli.data.settings import ScanSettings

DATA = Path(os.environ.get("DEEPSORT_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def verify_loop(files: list[Path]) -> None:
    for file in files:
        with Image.open(file) as image:
            image.verify()


def decode_loop(files: list[Path]) -> None:
    for file in files:
        with Image.open(file) as image:
            image.load()


def drop_from_page_cache(files: list[Path]) -> None:
    for file in files:
        descriptor = os.open(file, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def generate(folder: Path, count: int) -> None:
    """`count` JPEG crops of 64×128, 20 to a person, in one flat folder."""
    rng = np.random.default_rng(0)
    for i in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (16, 8, 3), dtype=np.uint8))
        coarse.resize((64, 128)).save(folder / f"{i // 20 + 1:04d}_c{i % 6 + 1}_f{i:07d}.jpg", quality=75)


def measure(root: Path, rounds: int, cache: Path) -> dict[str, float]:
    """Best seconds of each way, in alternating rounds."""
    fresh = ScanSettings(force_rescan=True, cache_dir=cache)
    kept = ScanSettings(cache_dir=cache)
    files = sorted(root.rglob("*.jpg"))
    ways: dict[str, Callable[[], object]] = {
        "verify": lambda: verify_loop(sorted(root.rglob("*.jpg"))),
        "scan": lambda: scan_dataset(root, fresh),
        "audit": lambda: scan_dataset(root, fresh, compare=True),
        "cached": lambda: scan_dataset(root, kept, compare=True),
        "decode": lambda: decode_loop(sorted(root.rglob("*.jpg"))),
        "paranoid": lambda: scan_dataset(root, fresh.model_copy(update={"paranoid": True})),
        "paranoid audit": lambda: scan_dataset(root, fresh.model_copy(update={"paranoid": True}), compare=True),
    }
    cold = {name: ways[name] for name in ("verify", "scan", "audit")} if hasattr(os, "posix_fadvise") else {}
    best: dict[str, float] = {}

    def clock(name: str, way: Callable[[], object]) -> None:
        start = time.perf_counter()
        way()
        best[name] = min(best.get(name, np.inf), time.perf_counter() - start)

    ways["scan"]()  # imports and the page cache
    for _ in range(rounds):
        for name, way in ways.items():
            for _ in range(3 if name == "cached" else 1):
                clock(name, way)
        for name, way in cold.items():
            drop_from_page_cache(files)
            clock(f"{name}, cold", way)
    return best


def print_table(title: str, count: int, best: dict[str, float]) -> None:
    print(f"\n{title}: {count:,} files, {available_cpus()} CPUs")
    for name, seconds in best.items():
        print(f"  {name:<16} {seconds:8.3f} s   {1e6 * seconds / count:7.1f} µs a file")
    print("  ratios")
    for label, over, under, wanted in (
        ("fresh scan over the verify loop", "verify", "scan", "1.5"),
        ("the same, cold", "verify, cold", "scan, cold", "1.5"),
        ("paranoid scan over the decode loop", "decode", "paranoid", "1.7"),
        ("cached over a fresh scan", "scan", "cached", "20"),
        ("cached over a fresh audit", "audit", "cached", "20"),
        ("cached over a fresh audit, cold", "audit, cold", "cached", "20"),
        ("cached over a fresh paranoid audit", "paranoid audit", "cached", "20"),
    ):
        if over in best:
            print(f"    {label:<36} {best[over] / best[under]:5.1f} ×   (wanted {wanted})")


def peak_memory(root: Path, cache: Path, *options: str) -> float:
    """Highest memory in MB of `deepsort scan` with its workers; shared pages are counted once."""
    command = [sys.executable, "-m", "deepsort_cli", "scan", "--root", str(root), "--cache-dir", str(cache), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    watched, peak = psutil.Process(process.pid), 0.0
    while process.poll() is None:
        try:
            family = [watched, *watched.children(recursive=True)]
            peak = max(peak, sum(member.memory_full_info().pss for member in family))
        except psutil.Error:
            pass
        time.sleep(0.02)
    return peak / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA / "reid" / "cuhk03", help="dataset of .jpg files")
    parser.add_argument("--files", type=int, default=100_000, help="size of the generated set; 0 for none")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        cache = Path(scratch) / "cache"
        if arguments.data.is_dir():
            count = len(list(arguments.data.rglob("*.jpg")))
            print_table(arguments.data.name, count, measure(arguments.data, arguments.rounds, cache))
        else:
            print(f"{arguments.data} is absent; give --data DIR")
        if arguments.files:
            root = Path(scratch) / "generated"
            root.mkdir()
            generate(root, arguments.files)
            best = measure(root, max(arguments.rounds - 2, 1), cache)
            print_table("generated", arguments.files, best)
            print(f"    cached rescan {best['cached']:.2f} s (wanted under 2)")
            print(f"    peak memory of a fresh audit  {peak_memory(root, cache, '--force-rescan'):4.0f} MB (under 300)")
            print(f"    peak memory of a cached audit {peak_memory(root, cache):4.0f} MB")


if __name__ == "__main__":
    main()
