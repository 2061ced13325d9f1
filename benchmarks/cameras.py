"""Many cameras in one run, against as many programs with one camera each.

A server of its own sends the same video as MJPEG streams at its own pace. For 1, 2, 4 and 8 of them, in alternating
rounds, one program tracks them all, and as many programs track one each; both begin to be measured when every camera
has given a frame. Printed are the medians over the rounds, and the ratios of one program to many:

- frames tracked per second of the clock, in all, and per second of CPU time: on a machine that does other work at the
  same time, many programs are given more of it than one, and only the second can be compared;
- memory: shares of what several programs have in common counted once (PSS);
- latency: from a frame's arrival to its tracks, median and what 95 in 100 frames keep to;
- which part of the frames were skipped, and how many cores were kept busy: where frames per second are compared, all
  should be, so streams have to bring more frames than can be tracked (`--fps`).

    python benchmarks/cameras.py --video vtest.avi --detector yolox_nano.onnx --reid osnet_x0_25.onnx
    python benchmarks/cameras.py --streams 8 --fps 25    # more than two cores can track
    python benchmarks/cameras.py --soak 600 --streams 4    # streams drop and return; memory should stay flat
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FIGURES = ("fps", "frames per CPU second", "MB", "latency ms", "latency p95 ms", "skipped %", "cores")
COMPARED = 5
"""The first so many figures are compared."""


class Streams:
    """MJPEG streams of a video at its own pace, or another; `unplugged` numbers break off and do not answer."""

    def __init__(self, video: Path, fps: float | None) -> None:
        capture, self.pictures = cv2.VideoCapture(str(video)), []
        while (read := capture.read())[0]:
            self.pictures.append(cv2.imencode(".jpg", read[1])[1].tobytes())
        self.fps = fps or capture.get(cv2.CAP_PROP_FPS)
        self.unplugged: set[int] = set()

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        streams = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                number = int(self.path.strip("/"))
                if number in streams.unplugged:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                with contextlib.suppress(ConnectionError):
                    self._send(number)

            def _send(self, number: int) -> None:
                begin, sent = time.monotonic(), 0
                while number not in streams.unplugged:
                    data = streams.pictures[(97 * number + sent) % len(streams.pictures)]
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                    self.wfile.write(head.encode() + data + b"\r\n")
                    sent += 1
                    time.sleep(max(0.0, begin + sent / streams.fps - time.monotonic()))

            def log_message(self, *_: object) -> None:
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_address[1]}"
            server.shutdown()


# In the programs that track


def work(arguments: argparse.Namespace) -> None:
    """Track addresses; say when all have given a frame, measure from the next line read on, print what was found."""
    import deepsort_cli as deepsort

    go = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), go.set()), daemon=True).start()
    names: set[str] = set()
    frames, end, used, latencies = 0, float("inf"), 0.0, []
    with tempfile.TemporaryDirectory() as folder:
        run = deepsort.track(
            *arguments.work, detector=arguments.detector, reid=arguments.reid, save_csv=Path(folder) / "out.csv",
            input={"reconnect_attempts": None}, listener=deepsort.Listener(),
        )  # fmt: skip
        for frame, _ in run:
            now = time.monotonic()
            if end == float("inf"):
                if frame.source not in names:
                    names.add(frame.source)
                    if len(names) == len(arguments.work):
                        print("ready", flush=True)
                if go.is_set():
                    end, used = now + arguments.seconds, time.process_time()
                continue
            if now > end:
                break
            frames += 1
            latencies.append(1e3 * (now - (frame.arrived or now)))
        used = time.process_time() - used
        live = [summary.live for summary in run.summaries if summary.live is not None]
        skipped = sum(one.skipped for one in live)
        came = skipped + sum(summary.frames for summary in run.summaries)
    found = {"frames": frames, "cpu": used, "latencies": latencies, "skipped": skipped / max(1, came)}
    print(json.dumps(found), flush=True)


# In the program that measures


def started(arguments: argparse.Namespace, urls: list[str], seconds: float) -> subprocess.Popen[str]:
    command = [
        sys.executable, __file__, "--detector", str(arguments.detector), "--reid", str(arguments.reid),
        "--seconds", str(seconds), "--work", *urls,
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def let_go(programs: list[subprocess.Popen[str]]) -> None:
    """Let programs begin to measure, as soon as all their cameras have given a frame."""
    for program in programs:
        assert program.stdout is not None
        if program.stdout.readline() != "ready\n":
            raise SystemExit("a program that tracks has ended before its first frames")
    for program in programs:
        assert program.stdin is not None
        program.stdin.write("go\n")
        program.stdin.flush()


def megabytes(programs: list[subprocess.Popen[str]]) -> float:
    """Memory of some programs; what they share counts once."""
    total = 0.0
    for program in programs:
        for line in Path(f"/proc/{program.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) / 1024
    return total


def measured(arguments: argparse.Namespace, groups: list[list[str]]) -> dict[str, float]:
    """A program for each group of addresses, all measured over the same time."""
    programs = [started(arguments, urls, arguments.seconds) for urls in groups]
    try:
        let_go(programs)
        time.sleep(arguments.seconds / 2)
        memory = megabytes(programs)
        found: list[dict[str, Any]] = [json.loads(program.communicate()[0]) for program in programs]
    finally:
        for program in programs:
            program.kill()
    latencies = sorted(one for each in found for one in each["latencies"])
    frames, used = sum(each["frames"] for each in found), sum(each["cpu"] for each in found)
    return dict(
        zip(
            FIGURES,
            (
                frames / arguments.seconds,
                frames / used,
                memory,
                latencies[len(latencies) // 2] if latencies else float("nan"),
                latencies[int(0.95 * len(latencies))] if latencies else float("nan"),
                100 * statistics.mean(each["skipped"] for each in found),
                used / arguments.seconds,
            ),
            strict=True,
        )
    )


def compare(arguments: argparse.Namespace, base: str, fps: float) -> None:
    for count in arguments.streams or (1, 2, 4, 8):
        urls = [f"{base}/{number}" for number in range(count)]
        ways = {"one program": [urls], "one each": [[url] for url in urls]}
        found: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
        for _ in range(arguments.rounds):
            for name, groups in ways.items():
                found[name].append(measured(arguments, groups))
        print(f"\n{count} streams of {fps:g} frames a second, load of the machine {os.getloadavg()[0]:.1f}")
        print(f"{'':14}" + "".join(f"{figure:>24}" for figure in FIGURES))
        for name, rounds in found.items():
            medians = [statistics.median(each[figure] for each in rounds) for figure in FIGURES]
            print(f"{name:14}" + "".join(f"{value:24.1f}" for value in medians))
        pairs = list(zip(found["one program"], found["one each"], strict=True))
        ratios = [statistics.median(one[figure] / many[figure] for one, many in pairs) for figure in FIGURES[:COMPARED]]
        print(f"{'ratio':14}" + "".join(f"{value:24.2f}" for value in ratios), flush=True)


def soak(arguments: argparse.Namespace, streams: Streams, base: str) -> None:
    """Memory over the minutes, while one stream after the other drops and returns."""
    count = (arguments.streams or (4,))[0]
    program = started(arguments, [f"{base}/{number}" for number in range(count)], arguments.soak)
    try:
        let_go([program])
        begin, drops, seen = time.monotonic(), 0, []
        while time.monotonic() - begin < arguments.soak - 5:
            time.sleep(5)
            seen.append(megabytes([program]))
            if streams.unplugged:
                streams.unplugged.clear()
            else:
                streams.unplugged.add(random.Random(drops).randrange(count))
                drops += 1
            if len(seen) % 6 == 0:
                print(f"{time.monotonic() - begin:6.0f} s {seen[-1]:8.1f} MB {drops:4} drops", flush=True)
        found = json.loads(program.communicate()[0])
    finally:
        program.kill()
    third = max(1, len(seen) // 3)
    early, late = statistics.median(seen[third : 2 * third]), statistics.median(seen[-third:])
    print(f"{found['frames']} frames, {drops} drops; memory {early:.1f} MB in the second third, {late:.1f} in the last")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", type=Path, default=DATA / "video" / "vtest.avi")
    parser.add_argument("--detector", type=Path, default=DATA / "models" / "yolox_nano.onnx")
    parser.add_argument("--reid", type=Path, default=DATA / "models" / "osnet_x0_25_msmt17_dyn.onnx")
    parser.add_argument("--fps", type=float, help="pace of the streams; that of the video by default")
    parser.add_argument("--streams", type=int, nargs="+")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--soak", type=float, help="run for so many seconds while streams drop and return")
    parser.add_argument("--work", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments)
        return
    missing = [str(path) for path in (arguments.video, arguments.detector, arguments.reid) if not path.exists()]
    if missing:
        print(f"skipped: not found: {', '.join(missing)}; name your own files", file=sys.stderr)
        return
    streams = Streams(arguments.video, arguments.fps)
    with streams.serving() as base:
        soak(arguments, streams, base) if arguments.soak else compare(arguments, base, streams.fps)


if __name__ == "__main__":
    main()
