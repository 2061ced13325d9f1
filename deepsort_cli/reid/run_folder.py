"""The folder of a training run: its lock, checkpoints, history, configuration and log."""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import os
import platform
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import yaml

import deepsort_cli
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.files import atomic_open, atomic_path, check_output_folder, printable, remove_abandoned
from deepsort_cli.reid.settings import TrainConfig

LOCK = ".lock"


class RunFolder:
    """Paths of one run. Use `open_run` to create it and keep others out."""

    def __init__(self, path: Path):
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.last = self.checkpoints / "last.pth"
        self.best = self.checkpoints / "best.pth"
        self.history = path / "history.json"
        self.config = path / "config.yaml"
        self.curves = path / "plots" / "training_curves.png"
        self.logs = path / "logs"
        self.log: Path | None = None
        """The log of this start, where one is open."""

    def epoch_file(self, epoch: int) -> Path:
        return self.checkpoints / f"epoch_{epoch:04d}.pth"

    def keep_epoch(self, epoch: int, keep: int) -> None:
        """Store last.pth under the name of its epoch too, and delete all but the `keep` most recent of such files."""
        with atomic_path(self.epoch_file(epoch)) as temporary:
            temporary.unlink()
            try:
                os.link(self.last, temporary)
            except OSError:  # a file system without hard links
                shutil.copyfile(self.last, temporary)
        for old in sorted(self.checkpoints.glob("epoch_*.pth"))[:-keep]:
            old.unlink()

    def forget_after(self, epoch: int) -> None:
        """Delete epoch files from beyond the point a run goes on from."""
        for file in self.checkpoints.glob("epoch_*.pth"):
            if file > self.epoch_file(epoch):
                file.unlink()

    def write_history(self, history: Sequence[Mapping[str, float]]) -> None:
        with atomic_open(self.history) as stream:
            json.dump(history, stream, indent=1, allow_nan=False)

    def write_config(self, config: TrainConfig, facts: Mapping[str, str]) -> None:
        """The resolved settings, which `--config` accepts, below `facts` about the run as comments."""
        with atomic_open(self.config) as stream:
            stream.writelines(f"# {name}: {printable(value)}\n" for name, value in facts.items())
            yaml.safe_dump(config.model_dump(mode="json"), stream, sort_keys=False, allow_unicode=True)

    def set_aside(self) -> Path | None:
        """Move what an earlier run left, not the open log, into a subfolder `previous-N`; None if there was none."""
        if not any(path.exists() for path in (self.checkpoints, self.history, self.config)):
            return None  # what lies here is not of a run
        earlier = re.compile(r"previous-(\d+)")
        numbers = [int(match[1]) for item in self.path.iterdir() if (match := earlier.fullmatch(item.name))]
        target = self.path / f"previous-{1 + max(numbers, default=0)}"
        found = [item for item in self.path.iterdir() if item.name != LOCK and not earlier.fullmatch(item.name)]
        if self.log is not None:
            found = [item for item in found if item != self.logs]
            found += [item for item in self.logs.iterdir() if item != self.log]
        for item in found:
            place = target / item.relative_to(self.path)
            place.parent.mkdir(parents=True, exist_ok=True)
            item.rename(place)
        return target


_in_use: set[Path] = set()
_guard = threading.Lock()


@contextlib.contextmanager
def open_run(path: Path) -> Iterator[RunFolder]:
    """Create a run folder and hold it for one training.

    The lock belongs to the process, not to the file: when the process dies, however it dies, the lock is gone.

    Raises:
        InputError: the folder cannot be written, or another training runs in it, here or in another process.
    """
    check_output_folder(path, key="training.output_dir")
    with _held_here(path) as free, contextlib.ExitStack() as stack:
        # A second file, once closed, would take the lock of the first one along.
        stream = stack.enter_context((path / LOCK).open("a+b")) if free else None
        if stream is None or not _lock(stream.fileno()):
            raise InputError(
                f"{path}: another training runs in this folder. Wait for it, or choose another `training.name`."
            )
        run = RunFolder(path)
        for written in (run.history, run.config, run.curves, run.last, run.best):
            remove_abandoned(written)
        remove_abandoned(run.checkpoints / "epoch.pth", between=r"_\d+")
        yield run


@contextlib.contextmanager
def _held_here(path: Path) -> Iterator[bool]:
    """Hold a folder for one training of this process, whose lock knows no threads; false where another one has it."""
    real = path.resolve()
    with _guard:
        free = real not in _in_use
        _in_use.add(real)
    try:
        yield free
    finally:
        if free:
            with _guard:
                _in_use.discard(real)


def _lock(descriptor: int) -> bool:
    """Try to lock a file for this process. Forked children (loader workers) do not inherit the lock."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class _LogFile(logging.FileHandler):
    """A log that ends where the disk is full; the next checkpoint, which has to be written, tells about it."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Say nothing: logging would print a traceback for every line."""

    def close(self) -> None:
        with contextlib.suppress(OSError):
            super().close()


@contextlib.contextmanager
def open_log(run: RunFolder | None) -> Iterator[logging.Logger]:
    """A logger that writes to a new `train_<time>.log` of a run; None logs nowhere."""
    log = logging.Logger("deepsort.train")
    if run is None:
        log.addHandler(logging.NullHandler())
        yield log
        return
    run.logs.mkdir(parents=True, exist_ok=True)
    run.log = run.logs / f"train_{datetime.datetime.now():%Y%m%d-%H%M%S-%f}.log"
    handler = _LogFile(run.log, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    try:
        yield log
    finally:
        handler.close()


def versions() -> dict[str, str]:
    """Versions of what a result depends on, with the commit of this program where it runs from a checkout."""
    import torchvision

    found = {
        "deepsort": deepsort_cli.__version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "torchvision": str(torchvision.__version__),
        "numpy": np.__version__,
    }
    package = Path(deepsort_cli.__file__)
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        # Asking for a tracked file first: an installed package may lie inside someone else's repository.
        for question in (["ls-files", "--error-unmatch", package.name], ["rev-parse", "HEAD"]):
            command = ["git", "-C", str(package.parent), *question]
            answer = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
        found["git"] = answer.stdout.strip()
    return found
