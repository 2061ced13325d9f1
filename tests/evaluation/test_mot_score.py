"""Scores of tracking results."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepsort_cli.core import InputError, RunError
from deepsort_cli.core.mot import Comparison, read_table
from deepsort_cli.evaluation.mot_score import (
    COMBINED,
    find_pairs,
    require_trackeval,
    score,
    score_comparisons,
    write_csv,
)

pytest.importorskip("trackeval", reason="needs the extra [score]")

PUBLISHED = {
    "MOT17-05-FRCNN": (46.08, 52.85, 40.24, 47.61, 60.13, 22),
    "PETS09-S2L1": (29.79, 18.01, 50.43, 59.54, 33.86, 117),
    "TUD-Campus": (44.85, 44.09, 46.08, 49.03, 58.23, 7),
    "TUD-Stadtmitte": (48.90, 44.62, 53.64, 68.43, 69.81, 14),
    "ETH-Bahnhof": (44.63, 48.44, 41.52, 37.91, 58.87, 104),
    "KITTI-17": (43.65, 39.60, 48.24, 55.34, 66.45, 13),
}
"""Canonical results: HOTA, AssA, DetA, MOTA, IDF1 in percent, identity switches."""


def sequence(folder: Path, name: str = "SEQ", frames: int = 6, extra: str = ",1,1,1") -> Path:
    """Two people standing apart, with ground truth in MOT17's nine columns."""
    target = folder / name / "gt"
    target.mkdir(parents=True)
    rows = [f"{frame},{i},{100 * i},50,40,100{extra}\n" for frame in range(1, frames + 1) for i in (1, 2)]
    (target / "gt.txt").write_text("".join(rows))
    (folder / name / "seqinfo.ini").write_text(f"[Sequence]\nname={name}\nframeRate=10\nseqLength={frames}\n")
    return folder / name


def result(path: Path, rows: list[tuple[int, int, float]]) -> Path:
    path.write_text("".join(f"{frame},{i},{left:.2f},50,40,100,1,-1,-1,-1\n" for frame, i, left in rows))
    return path


def test_perfect_and_swapped(tmp_path: Path) -> None:
    gt = sequence(tmp_path)
    perfect = [(frame, i, 100 * i) for frame in range(1, 7) for i in (1, 2)]
    (one,) = score(gt, result(tmp_path / "a.txt", perfect))
    assert (one.HOTA, one.MOTA, one.IDF1, one.id_switches, one.mostly_tracked) == (1, 1, 1, 0, 2)
    swapped = [(frame, i if frame <= 3 else 3 - i, left) for frame, i, left in perfect]
    (one,) = score(gt, result(tmp_path / "b.txt", swapped))
    assert (one.MOTA, one.IDF1, one.id_switches) == (pytest.approx(1 - 2 / 12), pytest.approx(0.5), 2)
    (one,) = score(gt, result(tmp_path / "c.txt", perfect[:6]))
    assert (one.misses, one.false_positives) == (6, 0)


def test_several_sequences_are_combined(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    for name, missing in (("A", 0), ("B", 6)):
        sequence(tmp_path / "gt", name)
        rows = [(frame, i, 100 * i) for frame in range(1, 7) for i in (1, 2)]
        result(tmp_path / "results" / f"{name}.txt", rows[missing:])
    sequence(tmp_path / "gt", "WITHOUT-RESULT")
    scores = score(tmp_path / "gt", tmp_path / "results")
    assert [item.sequence for item in scores] == ["A", "B", COMBINED]
    assert scores[-1].misses == 6
    assert pytest.approx(0.75) == scores[-1].MOTA
    write_csv(tmp_path / "scores.csv", scores)
    with (tmp_path / "scores.csv").open() as stream:
        table = list(csv.DictReader(stream))
    assert [row["sequence"] for row in table] == ["A", "B", COMBINED]
    assert float(table[2]["MOTA"]) == pytest.approx(0.75)


def test_rows_marked_zero_do_not_count(tmp_path: Path) -> None:
    gt = sequence(tmp_path, extra=",0,1,1")
    (one,) = score(gt, result(tmp_path / "a.txt", [(1, 1, 500.0)]))
    assert one.misses == 0


def test_a_plain_ground_truth_file(tmp_path: Path) -> None:
    gt = sequence(tmp_path) / "gt" / "gt.txt"
    pairs = find_pairs(gt, result(tmp_path / "a.txt", [(1, 1, 100.0)]))
    assert (pairs[0].name, pairs[0].length) == ("SEQ", 6)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1,1,0,0,9,9,1,-1,-1,-1\n1,1,5,5,9,9,1,-1,-1,-1\n", "line 1: id 1 occurs twice in frame 1"),
        ("1,1,0,0,9,9,1,-1,-1,-1\n9,1,5,5,9,9,1,-1,-1,-1\n", "line 2: frame 9, but the sequence has 6 frames"),
        ("1,1,0,0,9,9,1,2,-1,-1\n", "line 1: column 8 is 2"),
        ("1,1,0,0,9\n", "line 1"),
        ("a,b\n", "line 1"),
    ],
)
def test_what_the_official_scorer_rejects(tmp_path: Path, rows: str, message: str) -> None:
    gt = sequence(tmp_path)
    (tmp_path / "bad.txt").write_text(rows)
    with pytest.raises(InputError, match=message) as caught:
        score(gt, tmp_path / "bad.txt")
    assert "bad.txt" in str(caught.value)


def test_missing_files(tmp_path: Path) -> None:
    gt = sequence(tmp_path / "all")
    with pytest.raises(InputError, match="--results .*no such file"):
        score(gt, tmp_path / "none.txt")
    with pytest.raises(InputError, match="--gt .*no such file"):
        score(tmp_path / "none", gt)
    with pytest.raises(InputError, match="neither gt/gt.txt nor sequence folders"):
        score(tmp_path, result(tmp_path / "a.txt", []))
    with pytest.raises(InputError, match="no result for any sequence"):
        score(tmp_path / "all", tmp_path)
    with pytest.raises(InputError, match="one file, but"):
        score(tmp_path / "all", tmp_path / "a.txt")


def test_no_detection_at_all(tmp_path: Path) -> None:
    (one,) = score(sequence(tmp_path), result(tmp_path / "empty.txt", []))
    assert (one.HOTA, one.misses) == (0, 12)


@pytest.mark.real_data
def test_equals_the_published_scores(shared_data: Path) -> None:
    scores = {item.sequence: item for item in score(shared_data / "mot", shared_data / "golden" / "canonical")}
    for name, expected in PUBLISHED.items():
        item = scores[name]
        found = [round(100 * value, 2) for value in (item.HOTA, item.AssA, item.DetA, item.MOTA, item.IDF1)]
        assert (*found, item.id_switches) == expected, name


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("TUD-Campus", (0.391397, 0.418047, 0.369121, 0.526462, 0.557659, 13, 150, 7)),
        ("TUD-Stadtmitte", (0.397849, 0.392268, 0.408841, 0.564014, 0.644619, 45, 452, 7)),
    ],
)
def test_equals_the_scores_of_another_tracker(shared_data: Path, name: str, expected: tuple[float, ...]) -> None:
    folder = shared_data / "mot" / name
    (item,) = score(folder, folder / "devkit_result.txt")
    found = [round(value, 6) for value in (item.HOTA, item.DetA, item.AssA, item.MOTA, item.IDF1)]
    assert (*found, item.false_positives, item.misses, item.id_switches) == expected


class TestComparisons:
    def tables(self, tmp_path: Path, name: str = "SEQ") -> tuple[Path, Path, Comparison]:
        gt = sequence(tmp_path, name)
        rows = [(frame, i, 100 * i + 3 * frame) for frame in range(1, 7) for i in (1, 2) if (frame, i) != (4, 1)]
        found = result(tmp_path / f"{name}.txt", rows)
        return gt, found, Comparison(name, read_table(found), read_table(gt / "gt" / "gt.txt"))

    def test_equal_to_files(self, tmp_path: Path) -> None:
        gt, found, comparison = self.tables(tmp_path)
        assert score_comparisons([comparison]) == score(gt, found)

    def test_several_are_combined(self, tmp_path: Path) -> None:
        comparisons = [self.tables(tmp_path, name)[2] for name in ("A", "B")]
        assert [one.sequence for one in score_comparisons(comparisons)] == ["A", "B", COMBINED]

    def test_no_results(self, tmp_path: Path) -> None:
        _, _, comparison = self.tables(tmp_path)
        (one,) = score_comparisons([replace(comparison, results=np.empty((0, 10)))])
        assert (one.misses, one.false_positives, one.HOTA) == (12, 0, 0)

    def test_no_ground_truth(self, tmp_path: Path) -> None:
        _, _, comparison = self.tables(tmp_path)
        with pytest.raises(RunError, match="SEQ: no ground truth in the frames tracked"):
            score_comparisons([replace(comparison, ground_truth=np.empty((0, 9)))])


def test_missing_scorer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'deepsort-cli\[score\]'"):
        require_trackeval()
