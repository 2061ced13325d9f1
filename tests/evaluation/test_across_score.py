"""Scores over several cameras: those of the official scorer for one sequence of all their frames."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepsort_cli import score
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.mot import Comparison
from deepsort_cli.evaluation.mot_score import ACROSS, Score, score_comparisons

pytest.importorskip("trackeval", reason="needs the extra [score]")

Rows = list[tuple[int, int, float, float]]
"""Frame, id, left, top."""


def cameras(seed: int, count: int = 3) -> tuple[list[Rows], list[Rows]]:
    """Ground truth and results of cameras past which the same five people walk, with all sorts of mistakes."""
    chance = np.random.default_rng(seed)
    truths, results = [], []
    for _ in range(count):
        truth: Rows = []
        found: Rows = []
        for frame in range(1, int(chance.integers(12, 30))):
            for person in (chance.permutation(5)[:3] + 1).tolist():
                left, top = 60.0 * person + 5 * frame, 40.0 * person
                truth.append((frame, person, left, top))
                if chance.random() < 0.8:
                    number = person if chance.random() < 0.7 else person + 10
                    found.append((frame, number, left + chance.normal(0, 8), top))
            if chance.random() < 0.3:
                found.append((frame, 30, 500.0, 300.0))
        truths.append(truth)
        results.append(found)
    return truths, results


def text(path: Path, rows: Rows, last: str) -> Path:
    path.write_text("".join(f"{frame},{one},{left:.2f},{top:.2f},40,90,{last}\n" for frame, one, left, top in rows))
    return path


def jsonl(path: Path, rows: Rows, undecided: tuple[int, ...] = ()) -> Path:
    """Results whose ids in each camera differ from the person."""
    with path.open("w") as stream:
        for frame in sorted({row[0] for row in rows}):
            tracks = [
                {
                    "id": 100 + one,
                    "person": None if one in undecided else one,
                    "box": [round(left, 2), round(top, 2), round(left, 2) + 40, round(top, 2) + 90],
                }
                for number, one, left, top in rows
                if number == frame
            ]
            stream.write(json.dumps({"frame": frame, "time": frame / 10, "tracks": tracks}) + "\n")
    return path


def in_turn(parts: list[Rows]) -> Rows:
    """One sequence with the frames of all cameras, one camera after the other."""
    return [(1000 * camera + frame, *rest) for camera, rows in enumerate(parts) for frame, *rest in rows]


def figures(one: Score) -> Score:
    return replace(one, sequence="", sequences=1)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_equal_to_the_official_scorer_on_one_sequence_of_all_frames(tmp_path: Path, seed: int) -> None:
    truths, results = cameras(seed)
    gt = [text(tmp_path / f"gt{i}.txt", rows, "1,1,1") for i, rows in enumerate(truths)]
    files = [text(tmp_path / f"out{i}.txt", rows, "1,-1,-1,-1") for i, rows in enumerate(results)]
    by_hand = score(
        text(tmp_path / "gt.txt", in_turn(truths), "1,1,1"), text(tmp_path / "out.txt", in_turn(results), "1,-1,-1,-1")
    ).scores[0]
    across = score(gt, files, across=True).scores
    assert [one.sequence for one in across] == ["gt0", "gt1", "gt2", ACROSS]
    assert figures(across[-1]) == figures(by_hand)
    assert 0 < by_hand.IDF1 < 1
    for i, one in enumerate(across[:-1]):
        alone = score(gt[i], files[i]).scores[0]
        assert figures(one) == figures(alone), "a camera is scored as alone"

    people = [jsonl(tmp_path / f"out{i}.jsonl", rows) for i, rows in enumerate(results)]
    assert score(gt, people, across=True).scores == across, "ids of a camera play no part where persons are told"
    (tmp_path / "results").mkdir()
    for one, path in zip(gt, people, strict=True):
        path.rename(tmp_path / "results" / f"{one.stem}.jsonl")
    (tmp_path / "truth").mkdir()
    for one in gt:
        one.rename(tmp_path / "truth" / one.name)
    assert score(tmp_path / "truth", tmp_path / "results", across=True).scores == across


def test_whoever_has_another_id_in_the_next_camera_is_somebody_else(tmp_path: Path) -> None:
    rows = [(frame, one, 100.0 * one, 50.0) for frame in range(1, 11) for one in (1, 2)]
    renamed = [(frame, one + 5, left, top) for frame, one, left, top in rows]
    gt = [text(tmp_path / f"gt{i}.txt", rows, "1,1,1") for i in range(2)]

    def across(*results: Path) -> Score:
        return score(gt, results, across=True).scores[-1]

    same = text(tmp_path / "same.txt", rows, "1,-1,-1,-1")
    other = text(tmp_path / "other.txt", renamed, "1,-1,-1,-1")
    assert (across(same, same).IDF1, across(same, same).HOTA) == (1, 1)
    parted = across(same, other)
    assert (parted.IDF1, parted.IDP, parted.IDR, parted.id_switches) == (0.5, 0.5, 0.5, 2)
    assert parted.AssA == pytest.approx(0.5)
    assert pytest.approx(1 - 2 / 40) == parted.MOTA

    # Undecided tracks are nobody else's, not even those of the same number in another camera.
    undecided = jsonl(tmp_path / "undecided.jsonl", rows, undecided=(1, 2))
    done = score(gt, [undecided, undecided], across=True)
    assert figures(done.scores[-1]) == figures(parted)
    assert done.notes == ["40 of 40 rows have no person: each such track counts as somebody of its own."]


def test_tracks_in_memory() -> None:
    truths, results = cameras(3)

    def table(rows: Rows) -> np.ndarray:
        return np.array([(frame, one, left, top, 40, 90, 1) for frame, one, left, top in rows], dtype=float)

    pairs = enumerate(zip(truths, results, strict=True))
    comparisons = [Comparison(f"c{i}", table(found), table(truth)) for i, (truth, found) in pairs]
    whole = Comparison("all", table(in_turn(results)), table(in_turn(truths)))
    across = score_comparisons(comparisons, across=True).scores
    assert figures(across[-1]) == figures(score_comparisons([whole]).scores[0])


class TestFiles:
    """Cameras are given in order, or by name."""

    @pytest.fixture
    def gt(self, tmp_path: Path) -> list[Path]:
        return [text(tmp_path / f"gt{i}.txt", [(1, 1, 0.0, 0.0)], "1,1,1") for i in range(2)]

    def test_as_many_of_each(self, tmp_path: Path, gt: list[Path]) -> None:
        out = text(tmp_path / "out.txt", [(1, 1, 0.0, 0.0)], "1,-1,-1,-1")
        with pytest.raises(InputError, match="2 of ground truth and 1 of results"):
            score(gt, out, across=True)
        with pytest.raises(InputError, match=r"no-such.jsonl: no such file"):
            score(gt, [out, tmp_path / "no-such.jsonl"], across=True)
        with pytest.raises(InputError, match=r"`gt`: 2 are given.*`across`"):
            score(gt, out)

    def test_no_person(self, tmp_path: Path, gt: list[Path]) -> None:
        plain = tmp_path / "plain.jsonl"
        plain.write_text('{"frame":1,"time":0,"tracks":[{"id":1,"box":[0,0,9,9]}]}\n')
        with pytest.raises(InputError, match=r"plain.jsonl: no `person` in it"):
            score(gt, [plain, plain], across=True)
        with pytest.raises(InputError, match="line 1: this is JSON"):
            score(gt[0], plain)

    def test_missing_in_a_folder(self, tmp_path: Path, gt: list[Path]) -> None:
        (tmp_path / "results").mkdir()
        text(tmp_path / "results" / "gt1.txt", [(1, 1, 0.0, 0.0)], "1,-1,-1,-1")
        with pytest.raises(InputError, match=r"no gt0.jsonl, .csv or .txt for gt0 \(1 of 2 cameras\)"):
            score(gt, tmp_path / "results", across=True)
        done = score(gt, tmp_path / "results", across=True, allow_missing=True)
        assert (done.missing, done.scores[-1].sequences) == (["gt0"], 1)
        assert "no result for gt0: scores are of 1 of 2 cameras." in done.warnings

    def test_rules_that_differ(self, tmp_path: Path, gt: list[Path]) -> None:
        other = text(tmp_path / "other.txt", [(1, 1, 0.0, 0.0)], "1")
        out = text(tmp_path / "out.txt", [(1, 1, 0.0, 0.0)], "1,-1,-1,-1")
        with pytest.raises(InputError, match=r"cameras are scored by different rules: MOT17 in .*; MOT15 in"):
            score([gt[0], other], [out, out], across=True)
