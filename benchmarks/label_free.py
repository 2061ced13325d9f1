"""How much of what `deepsort calibrate` and `deepsort tune` find without labels holds against ground truth.

For every sequence: the appearance threshold measured without labels, beside the one with the best IDF1 of a grid; and
how the judgement without ground truth ranks settings drawn at random, beside HOTA: Spearman's rank correlation, and the
HOTA of the settings it likes best, of the best there were, and of those of the presets.

Sequences: the videos and the stored detections of the shared data, those that are there, and scenes of the demo. Each
is watched once; with `--cache` the recordings are kept.

    python benchmarks/label_free.py --cache runs/label_free
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener
from deepsort_cli.core.extras import install
from deepsort_cli.evaluation.looks import Memory, compare_looks
from deepsort_cli.settings.keywords import from_keywords
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.settings.tune import TuneSettings
from deepsort_cli.workflows.tune.pieces import Piece
from deepsort_cli.workflows.tune.sequences import open_pieces
from deepsort_cli.workflows.tune.space import search_space, suggested, with_values

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
STORED = ("PETS09-S2L1", "TUD-Campus", "TUD-Stadtmitte", "ETH-Bahnhof", "KITTI-17", "MOT17-05-FRCNN")
FILMS = {"vtest": ("video/vtest.avi", "PETS09-S2L1")} | {
    name: (f"mot/{name}/{name}.mp4", name) for name in ("TUD-Campus", "TUD-Stadtmitte")
}
SCENES = (10, 11)
THRESHOLDS = (0.05, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)
CONF = 0.3


def pieces(data: Path, detector: str, cache: Path) -> list[tuple[str, Piece]]:
    """Kind and sequence, of all that are there."""
    found = []
    for name, (film, truth) in FILMS.items():
        if (data / film).is_file():
            found.append(("video", opened(cache, detector, data / film, data / "mot" / truth / "gt" / "gt.txt", name)))
    for name in STORED:
        folder = data / "mot" / name
        if folder.is_dir():
            found.append(("stored", opened(cache, detector, folder, None, name)))
    for seed in SCENES:
        scene = {"people": 14, "frames": 200, "seed": seed}
        found.append(("demo", opened(cache, detector, "demo", None, f"seed {seed}", demo=scene)))
    return found


def opened(cache: Path, detector: str, source: str | Path, gt: Path | None, name: str, **keywords: object) -> Piece:
    print(f"opening {name}", file=sys.stderr)
    given = {} if gt is None else {"gt": gt}
    settings = from_keywords(TuneSettings, {"source": str(source), "detector": detector, **given, **keywords})
    (piece,) = open_pieces(settings, cache, Listener())
    return piece


def thresholds(kind: str, piece: Piece, preset: str) -> list[str] | None:
    """A row: measured without labels against the best of a grid."""
    base = from_keywords(TrackSettings, {"preset": preset, "conf": CONF})
    if piece.recording.detections.features is None:
        return None
    looks = compare_looks(piece.recording, Memory(base.tracker.nn_budget, base.tracker.ema_alpha))
    grid = {
        one: 100 * piece.figures(with_values(base, {"tracker.max_cosine_distance": one}))["IDF1"] for one in THRESHOLDS
    }
    best = max(grid, key=lambda one: grid[one])
    row = [kind, piece.name, preset, f"{best:g}", f"{grid[best]:.1f}"]
    if looks.lacking is not None:
        return [*row, "too little", "", "", ""]
    found = looks.threshold()
    there = with_values(base, {"tracker.max_cosine_distance": round(found.value, 3)})
    model = piece.recording.origin.threshold
    at_model = 100 * piece.figures(with_values(base, {"tracker.max_cosine_distance": model or 0.2}))["IDF1"]
    span = f"{found.low:.2f}–{found.high:.2f}"
    return [*row, f"{found.value:.3f}", span, f"{100 * piece.figures(there)['IDF1']:.1f}", f"{at_model:.1f}"]


class Drawn:
    """Stands for a trial of Optuna's, and draws at random."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def suggest_float(self, name: str, low: float, high: float, *, step: float = 0.0, log: bool = False) -> float:
        if log:
            return float(np.exp(self._rng.uniform(np.log(low), np.log(high))))
        return float(low + step * self._rng.integers(0, round((high - low) / step) + 1))

    def suggest_int(self, name: str, low: int, high: int) -> int:
        return int(self._rng.integers(low, high + 1))

    def suggest_categorical(self, name: str, choices: list[str]) -> str:
        return choices[self._rng.integers(len(choices))]


def ranking(kind: str, piece: Piece, count: int, seed: int) -> list[str]:
    """A row: how the judgement ranks settings drawn at random, and what it would have chosen."""
    blind = Piece(piece.name, piece.recording, None)
    space = search_space([piece.recording], ())
    trial = Drawn(np.random.default_rng(seed))
    presets = [from_keywords(TrackSettings, {"preset": preset, "conf": CONF}) for preset in ("deepsort", "strong")]
    drawn = [with_values(presets[0], suggested(trial, space)) for _ in range(count)]
    truth = [100 * piece.figures(one)["HOTA"] for one in (*presets, *drawn)]
    judged = [blind.figures(one) for one in (*presets, *drawn)]
    ranks = {
        name: spearmanr([one[name] for one in judged[2:]], truth[2:])[0] for name in ("total", "found", "agreement")
    }
    chosen = int(np.argmax([one["total"] for one in judged]))
    span = f"{min(truth):.1f}–{max(truth):.1f}"
    lacking = "refused" if blind.facts.lacking else "yes"
    return [
        kind,
        piece.name,
        lacking,
        str(len(blind.facts.joins)),
        *(f"{ranks[name]:+.2f}" for name in ranks),
        f"{truth[chosen]:.1f}",
        span,
        f"{truth[0]:.1f}",
        f"{truth[1]:.1f}",
    ]


def print_table(header: list[str], rows: list[list[str]]) -> None:
    for row in (header, ["---"] * len(header), *rows):
        print(f"| {' | '.join(row)} |")
    print(flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with video/, mot/ and models/")
    parser.add_argument("--detector", type=Path, default=DATA / "models" / "yolox_nano.onnx")
    parser.add_argument("--cache", type=Path, help="folder to keep the recordings in")
    parser.add_argument("--settings", type=int, default=40, help="settings drawn at random for each sequence")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if not arguments.detector.is_file():
        print(f"skipped: not found: {arguments.detector}; name your own with --detector", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = pieces(arguments.data, str(arguments.detector), arguments.cache or Path(folder))
            rows = []
            for kind, piece in found:
                print(f"judging {piece.name}", file=sys.stderr)
                rows.append(ranking(kind, piece, arguments.settings, arguments.seed))
        except InputError as error:
            if "TrackEval" not in str(error):
                raise
            print(f"skipped: the scorer is not installed: {install('score')}", file=sys.stderr)
            return
    head = [
        "kind",
        "sequence",
        "judged",
        "joins",
        "rank",
        "found",
        "agreement",
        "chosen",
        "range",
        "deepsort",
        "strong",
    ]
    print_table(head, rows)
    rows = []
    for kind, piece in found:
        print(f"calibrating {piece.name}", file=sys.stderr)
        rows += [row for preset in ("deepsort", "strong") if (row := thresholds(kind, piece, preset)) is not None]
    print_table(
        ["kind", "sequence", "preset", "best", "IDF1", "without labels", "95 %", "IDF1", "IDF1 at the model's"], rows
    )


if __name__ == "__main__":
    main()
