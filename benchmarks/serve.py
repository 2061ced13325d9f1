"""What viewers of the page cost a run: frames per second while many look, and while nobody does.

One program tracks a video with `--serve`. In turns, fifty viewers read the moving picture of its camera for some
seconds, and nobody does. Unpaced, the program takes all the cores that it gets; paced, the video comes as a camera at a
rate of its own. Printed are medians over the turns, and the ratios of looked at to not:

- frames tracked per second of the clock, which is what users see, viewers on the same machine included;
- frames tracked per second of the program's CPU time: on a machine that does other work, only this can be compared;
- what viewers get: pictures per second each, and their size.

    python benchmarks/serve.py --video vtest.avi --detector yolox_nano.onnx --reid osnet_x0_25.onnx --viewers 50
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import re
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import cv2
import numpy as np
import psutil
import requests
from cameras import Streams

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
START = b"Content-Type: image/jpeg"


@contextlib.contextmanager
def run(source: str, options: argparse.Namespace) -> Iterator[tuple[str, psutil.Process]]:
    """A tracking program, once it tracks: its address, and the process."""
    script = str(Path(sys.executable).with_name("deepsort"))
    models = ["--detector", str(options.detector), "--reid", str(options.reid)]
    process = subprocess.Popen(
        [script, "track", source, *models, "--serve", "0", *options.more],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        said = ""
        while not (found := re.search(r"open (http://\S+/)\?token", said)):
            line = process.stderr.readline()
            if not line:
                raise SystemExit(said)
            said += line
        while frames(found[1]) < 30:
            time.sleep(0.2)
        yield found[1], psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def frames(url: str) -> int:
    return int(requests.get(f"{url}api/state", timeout=60).json()["cameras"][0]["frames"])


def look(url: str, viewers: int, begin: Any, end: Any, seen: Any) -> None:
    """A process of viewers: reads as fast as it comes, and counts pictures and bytes."""
    parts, scratch = urlsplit(url), bytearray(1 << 20)
    request = f"GET /api/cameras/0/live?width=640 HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    with selectors.DefaultSelector() as selector:
        for _ in range(viewers):
            one = socket.create_connection((parts.hostname, parts.port))
            one.sendall(request)
            one.setblocking(False)
            selector.register(one, selectors.EVENT_READ)
        begin.set()
        while not end.is_set():
            for key, _ in selector.select(0.1):
                length = key.fileobj.recv_into(scratch)  # type: ignore[union-attr]
                seen[0] += scratch.count(START, 0, length)
                seen[1] += length


@contextlib.contextmanager
def looking(url: str, viewers: int) -> Iterator[Any]:
    """While within, that many look; gives how many pictures and bytes they got so far."""
    begin, end = multiprocessing.Event(), multiprocessing.Event()
    seen = multiprocessing.Array("q", 2, lock=False)
    process = multiprocessing.Process(target=look, args=(url, viewers, begin, end, seen), daemon=True)
    process.start()
    begin.wait()
    try:
        yield seen
    finally:
        end.set()
        process.join()


def measure(url: str, process: psutil.Process, seconds: float) -> tuple[float, float]:
    """Frames per second of the clock, and of the program's CPU time."""
    before, cpu, began = frames(url), sum(process.cpu_times()[:2]), time.monotonic()
    time.sleep(seconds)
    after, used, took = frames(url), sum(process.cpu_times()[:2]) - cpu, time.monotonic() - began
    return (after - before) / took, (after - before) / used


def compare(name: str, source: str, options: argparse.Namespace) -> None:
    unseen, seen, pictures, sizes = [], [], [], []
    with run(source, options) as (url, process):
        for _ in range(options.rounds):
            unseen.append(measure(url, process, options.seconds))
            with looking(url, options.viewers) as counted:
                time.sleep(3)  # until the pace of pictures has settled
                before, began = list(counted), time.monotonic()
                seen.append(measure(url, process, options.seconds))
                number, size = (after - old for after, old in zip(counted, before, strict=True))
                pictures.append(number / options.viewers / (time.monotonic() - began))
                sizes.append(size / max(number, 1) / 1e3)
    print(f"\n{name}, {options.viewers} viewers, medians of {options.rounds} rounds of {options.seconds:g} s")
    for i, what in enumerate(("fps", "frames per CPU second")):
        alone, watched = (statistics.median(one[i] for one in figures) for figures in (unseen, seen))
        ratio = statistics.median(b[i] / a[i] for a, b in zip(unseen, seen, strict=True))
        print(f"  {what:22}{alone:8.2f} unseen{watched:8.2f} seen   ratio {ratio:.3f}")
    print(f"  viewers get {statistics.median(pictures):.1f} pictures/s of {statistics.median(sizes):.0f} kB each")


def repeated(pictures: list[bytes], path: Path, times: int = 20) -> Path:
    """A video that is long enough, however fast it is tracked: the same pictures again and again."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        image = cv2.imdecode(np.frombuffer(pictures[0], np.uint8), cv2.IMREAD_COLOR)
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = "yuvj420p"
        for index in range(times * len(pictures)):
            packet = av.Packet(pictures[index % len(pictures)])
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, index, index, Fraction(1, 25)
            container.mux(packet)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", type=Path, default=DATA / "video" / "vtest.avi")
    parser.add_argument("--detector", type=Path, default=DATA / "models" / "yolox_nano.onnx")
    parser.add_argument("--reid", default="osnet_x0_25")
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--fps", type=float, default=8, help="of the paced camera")
    parser.add_argument("--kinds", default="unpaced,paced")
    parser.add_argument("more", nargs="*", help="further flags of deepsort track, behind --")
    options = parser.parse_args()
    streams = Streams(options.video, options.fps)
    with streams.serving() as address:
        if "unpaced" in options.kinds.split(","):
            with tempfile.TemporaryDirectory() as folder:
                compare("unpaced", str(repeated(streams.pictures, Path(folder) / "long.avi")), options)
        if "paced" in options.kinds.split(","):
            compare(f"paced at {options.fps:g} fps", f"{address}/0", options)


if __name__ == "__main__":
    main()
