"""What the tests of all sinks need."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import av
import numpy as np

from deepsort_cli.core.types import Frame, Tracks

NAMES = {0: "person", 2: "car, red"}


def tracks_of(*ids: int, age: int = 0) -> Tracks:
    count = len(ids)
    corners = np.array([[10.0 * i, 5.0, 10.0 * i + 20.25, 45.5] for i in ids]).reshape(-1, 4)
    return Tracks(
        ids=np.array(ids, dtype=np.int64),
        boxes=corners,
        scores=np.full(count, 0.875),
        class_ids=np.full(count, 2, dtype=np.int64),
        time_since_update=np.full(count, age, dtype=np.int64),
        detection_index=np.full(count, -1) if age else np.arange(count, dtype=np.int64),
    )


def frame_of(index: int, image: np.ndarray | None = None, fps: float = 25.0) -> Frame:
    return Frame(index, image, index / fps)


def left_over(folder: Path, *expected: str) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name not in expected)


def fill_disk(tmp_path: Path, sink: str, limit: int) -> subprocess.CompletedProcess[str]:
    """Write with `sink` in a process whose files may not grow beyond `limit` bytes, as on a full disk."""
    code = f"""
        import resource
        import numpy as np
        from pathlib import Path
        from deepsort_cli.core.errors import RunError
        from deepsort_cli.core.types import Frame, Tracks
        from deepsort_cli.video.sinks import *
        noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
        n = 20
        zero = np.zeros(n, int)
        tracks = Tracks(np.arange(1, n + 1), np.ones((n, 4)), np.ones(n), zero, zero, np.arange(n))
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
        try:
            with {sink} as sink:
                for index in range(2000):
                    sink.write(Frame(index, np.roll(noise, index, axis=1), index / 25), tracks)
        except RunError as error:
            print(index, error)
    """
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, cwd=tmp_path, check=False
    )


def decoded(path: Path, *, strict: bool = True) -> list[np.ndarray]:
    """All frames of a video as BGR; with `strict`, damage is an error."""
    frames = []
    with av.open(str(path)) as container:
        try:
            for frame in container.decode(video=0):
                frames.append(frame.to_ndarray(format="bgr24"))
        except av.FFmpegError:
            if strict:
                raise
    return frames


def at(places: dict[int, float], class_id: int = 0, age: int = 0, score: float = 0.8) -> Tracks:
    """Tracks with boxes 20 × 50 px, by id the x of their left edge."""
    x = np.array(list(places.values()), dtype=float)
    return Tracks(
        ids=np.array(list(places), dtype=np.int64),
        boxes=np.column_stack([x, 0 * x + 10, x + 20, 0 * x + 60]).reshape(-1, 4),
        scores=np.full(len(x), score),
        class_ids=np.full(len(x), class_id, np.int64),
        time_since_update=np.full(len(x), age, np.int64),
        detection_index=np.full(len(x), -1) if age else np.arange(len(x)),
    )


def frame(index: int, fps: float = 10.0) -> Frame:
    return Frame(index, None, index / fps)
