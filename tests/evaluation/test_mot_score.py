"""Scores of tracking results."""

from __future__ import annotations

import csv
import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepsort_cli.core import InputError, RunError
from deepsort_cli.core.mot import Comparison, read_table
from deepsort_cli.evaluation.mot_files import find_cameras, find_pairs
from deepsort_cli.evaluation.mot_score import COMBINED, Choice, Score, Scoring, score_cameras, write_csv
from deepsort_cli.evaluation.mot_score import score as score_files
from deepsort_cli.evaluation.mot_score import score_comparisons as score_tables
from deepsort_cli.evaluation.official_scorer import require_trackeval

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


def score(gt: Path, results: Path) -> list[Score]:
    return score_files(gt, results).scores


def score_comparisons(comparisons: list[Comparison]) -> list[Score]:
    return score_tables(comparisons).scores


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
    scores = score(tmp_path / "gt", tmp_path / "results")
    assert [item.sequences for item in scores] == [1, 1, 2]
    assert [item.sequence for item in scores] == ["A", "B", COMBINED]
    assert scores[-1].misses == 6
    assert pytest.approx(0.75) == scores[-1].MOTA
    write_csv(tmp_path / "scores.csv", scores)
    with (tmp_path / "scores.csv").open() as stream:
        table = list(csv.DictReader(stream))
    assert [row["sequence"] for row in table] == ["A", "B", COMBINED]
    assert float(table[2]["MOTA"]) == pytest.approx(0.75)


@pytest.mark.parametrize("choice", [Choice(), Choice(benchmark="MOT17"), Choice(gt_class=1)])
def test_ground_truth_without_rows_is_scored_by_the_rules_of_the_others(tmp_path: Path, choice: Choice) -> None:
    """A camera that nobody passed is no other benchmark; what a tracker finds there is wrong."""
    for name in ("A", "B"):
        sequence(tmp_path / "gt", name)
        (tmp_path / "results").mkdir(exist_ok=True)
        result(tmp_path / "results" / f"{name}.txt", [(frame, i, 100 * i) for frame in range(1, 7) for i in (1, 2)])
    (tmp_path / "gt" / "A" / "gt" / "gt.txt").write_text("")
    done = score_files(tmp_path / "gt", tmp_path / "results", choice)
    across = score_cameras(find_cameras([tmp_path / "gt"], [tmp_path / "results"])[0], choice)
    for scores in (done.scores, across.scores):
        assert {one.rule for one in scores} == {"class 1" if choice.gt_class else "MOT17"}
        assert [(one.false_positives, one.misses) for one in scores] == [(12, 0), (0, 0), (12, 0)]
    assert [text.rpartition("/")[2] for text in done.warnings] == ["gt.txt: holds no row."]


def test_rows_marked_zero_do_not_count(tmp_path: Path) -> None:
    gt = sequence(tmp_path, extra=",0,1,1")
    found = result(tmp_path / "a.txt", [(1, 1, 500.0)])
    with pytest.raises(InputError, match=r"gt\.txt: no row counts: column 7 is 0 in all"):
        score(gt, found)
    path = gt / "gt" / "gt.txt"
    path.write_text(path.read_text() + "6,3,300,50,40,100,0.5,1,1\n")
    (one,) = score(gt, found)
    assert one.misses == 1, "what is not exactly 0 counts"


def test_a_plain_ground_truth_file(tmp_path: Path) -> None:
    gt = sequence(tmp_path) / "gt" / "gt.txt"
    pairs = find_pairs(gt, result(tmp_path / "a.txt", [(1, 1, 100.0)]))
    assert (pairs.pairs[0].name, pairs.pairs[0].length) == ("SEQ", 6)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such files")
def test_ground_truth_and_results_may_come_through_pipes(tmp_path: Path) -> None:
    """As shells make of `<(unzip -p results.zip SEQ.txt)`."""
    files = [sequence(tmp_path) / "gt" / "gt.txt", result(tmp_path / "a.txt", [(1, 1, 100.0)])]
    pipes = [tmp_path / "gt.pipe", tmp_path / "results.pipe"]
    for file, pipe in zip(files, pipes, strict=True):
        os.mkfifo(pipe)
        threading.Thread(target=pipe.write_bytes, args=(file.read_bytes(),), daemon=True).start()
    assert score(*pipes)[0].misses == score(*files)[0].misses


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1,1,0,0,9,9,1,-1,-1,-1\n1,1,5,5,9,9,1,-1,-1,-1\n", "line 2: id 1 occurs twice in frame 1"),
        ("1,1,0,0,9,9,1,-1,-1,-1\n9,1,5,5,9,9,1,-1,-1,-1\n", "line 2: frame 9, but the sequence has 6 frames"),
        ("1,1,0.1,0.1,0.2,0.3,1\n", "within 0 and 1.*gt.txt has pixels"),
        ("1,1,0,0,9\n", "line 1"),
        ("a,b\n", "line 1"),
    ],
)
def test_what_no_scorer_takes(tmp_path: Path, rows: str, message: str) -> None:
    gt = sequence(tmp_path)
    (tmp_path / "bad.txt").write_text(rows)
    with pytest.raises(InputError, match=message) as caught:
        score(gt, tmp_path / "bad.txt")
    assert "bad.txt" in str(caught.value)


def test_missing_files(tmp_path: Path) -> None:
    gt = sequence(tmp_path / "all")
    with pytest.raises(InputError, match="`results` .*no such file"):
        score(gt, tmp_path / "none.txt")
    with pytest.raises(InputError, match="`gt` .*no such file"):
        score(tmp_path / "none", gt)
    (tmp_path / "results").mkdir()
    found = result(tmp_path / "results" / "a.txt", [])
    with pytest.raises(InputError, match="no result for any sequence.*expected SEQ.txt"):
        score(tmp_path / "all", tmp_path / "results")
    sequence(tmp_path / "all", "OTHER")
    with pytest.raises(InputError, match="one file, but"):
        score(tmp_path / "all", found)


def test_no_detection_at_all(tmp_path: Path) -> None:
    done = score_files(sequence(tmp_path), result(tmp_path / "empty.txt", []))
    assert (done.scores[0].HOTA, done.scores[0].misses) == (0, 12)
    assert "empty.txt: holds no row that counts, so everything in SEQ is missed" in done.warnings[0]


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


PERFECT = [(frame, i, 100.0 * i) for frame in range(1, 7) for i in (1, 2)]


def perfect(scoring: Scoring) -> bool:
    return all((one.HOTA, one.MOTA, one.misses, one.false_positives) == (1, 1, 0, 0) for one in scoring.scores)


class TestSequences:
    def folders(self, tmp_path: Path, *found: str) -> tuple[Path, Path]:
        for name in ("S1", "S2", "S3"):
            sequence(tmp_path / "gt", name)
        for name in found:
            path = tmp_path / "results" / f"{name}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            result(path, PERFECT)
        return tmp_path / "gt", tmp_path / "results"

    def test_a_missing_one_is_refused_unless_allowed(self, tmp_path: Path) -> None:
        gt, results = self.folders(tmp_path, "S1", "S3")
        with pytest.raises(InputError, match=r"no result for S2 \(1 of 3 sequences\).*`allow_missing`=true"):
            score_files(gt, results)
        done = score_files(gt, results, allow_missing=True)
        assert [one.sequence for one in done.scores] == ["S1", "S3", COMBINED]
        assert (done.missing, done.scores[-1].sequences) == (["S2"], 2)
        assert "no result for S2: scores are of 2 of 3 sequences" in done.warnings[0]

    def test_results_without_ground_truth_are_named(self, tmp_path: Path) -> None:
        gt, results = self.folders(tmp_path, "S1", "S2", "S3", "S9")
        (results / "pedestrian_summary.txt").touch()
        (warning,) = score_files(gt, results).warnings
        assert warning == "results without ground truth, not scored: S9.txt."

    @pytest.mark.parametrize("below", ["data", "tracker/data", "a/b/c"])
    def test_results_in_nested_folders(self, tmp_path: Path, below: str) -> None:
        gt, results = self.folders(tmp_path, *(f"{below}/{name}" for name in ("S1", "S2", "S3")))
        assert perfect(score_files(gt, results))

    def test_results_of_two_trackers(self, tmp_path: Path) -> None:
        gt, results = self.folders(tmp_path, "a/S1", "b/S1", "a/S2", "a/S3")
        with pytest.raises(InputError, match="2 files for S1.*Give the folder of one tracker"):
            score_files(gt, results)
        with pytest.raises(InputError, match="no result for S2, S3"):
            score_files(gt, results / "b")

    def test_sequences_of_different_folders_are_not_mixed(self, tmp_path: Path) -> None:
        gt, results = self.folders(tmp_path, "a/S1", "a/S2", "b/S3")
        with pytest.raises(InputError, match=r"in different folders: .*a, .*b\. .*give the folder of one"):
            score_files(gt, results)
        gt, results = self.folders(tmp_path / "each", "S1/S1", "S2/S2", "S3/S3")
        assert perfect(score_files(gt, results))

    def test_files_of_other_names_are_shown(self, tmp_path: Path) -> None:
        gt, results = self.folders(tmp_path, "S1_result", "S2_result")
        with pytest.raises(InputError, match=r"expected S1\.txt, …; it holds S1_result\.txt, S2_result\.txt"):
            score_files(gt, results)

    def test_an_archive_of_results(self, tmp_path: Path) -> None:
        (tmp_path / "out.zip").touch()
        with pytest.raises(InputError, match=r"`results` .*out\.zip: an archive"):
            score_files(sequence(tmp_path), tmp_path / "out.zip")


class TestFormats:
    @pytest.mark.parametrize(
        "row",
        [
            "{f},{i},{x},50,40,100,0.9,0,-1,-1", "{f},{i},{x},50,40,100", "{f},{i},{x},50,40,100,1,7",
            "{f} {i} {x} 50 40 100 1", "{f};{i};{x};50;40;100;1;", "{f},17000000{i},{x},50,40,100,1,-1,-1,-1",
            "{f},922337203685477580{i},{x},50,40,100,1,-1,-1,-1", "{f},{i}.0,{x},50,40,100,-1,1,1,1",
        ],
    )  # fmt: skip
    def test_results_of_other_trackers(self, tmp_path: Path, row: str) -> None:
        text = "".join(row.format(f=frame, i=i, x=left) + "\r\n" for frame, i, left in reversed(PERFECT))
        (tmp_path / "out.txt").write_bytes(f"\ufeff\n{text}\n".encode())
        done = score_files(sequence(tmp_path), tmp_path / "out.txt")
        assert perfect(done)
        assert not done.warnings

    def test_large_ids_of_ground_truth_stay_apart(self, tmp_path: Path) -> None:
        scores = []
        for base in (0, 1_700_000_000, 2**62):
            gt = sequence(tmp_path / str(base))
            rows = [f"{f},{base + (1 if f <= 3 else 2)},{100 + f},50,40,100,1,1,1\n" for f in range(1, 7)]
            (gt / "gt" / "gt.txt").write_text("".join(rows))
            found = result(tmp_path / "one.txt", [(f, 1, 100.0 + f) for f in range(1, 7)])
            scores.append(score(gt, found)[0])
        assert scores[0] == scores[1] == scores[2]
        assert scores[0].IDF1 == 0.5

    def test_large_frame_numbers_cost_nothing(self, tmp_path: Path) -> None:
        rows = "".join(f"{9_000_000 + f},{i},{x},50,40,100,1,1,1\n" for f, i, x in PERFECT)
        for name in ("gt.txt", "out.txt"):
            (tmp_path / name).write_text(rows)
        assert perfect(score_files(tmp_path / "gt.txt", tmp_path / "out.txt"))

    @pytest.mark.parametrize(
        ("extra", "rule", "word"),
        [
            (",1,1,1", "MOT17", ""),
            ("", "MOT15", ""),
            (",1", "MOT15", ""),
            (",1,-1,-1,-1", "MOT15", ""),
            (",1,3.2,7.5,0", "MOT15", ""),
            (",1,0,1", "class 0", "rows of class 0 count"),
            (",1,1,0,1", "class 1", "rows of class 1 count"),
            (",1,4,0,2", "class 4", "those of class 4 count"),
            (",1,7,1", "class 7", "those of class 7 count"),
            (",1,2", "class 2", "those of class 2 count"),
        ],
    )
    def test_ground_truth_of_other_tools(self, tmp_path: Path, extra: str, rule: str, word: str) -> None:
        done = score_files(sequence(tmp_path, extra=extra), result(tmp_path / "a.txt", PERFECT))
        assert perfect(done)
        assert done.scores[0].rule == rule
        assert word in " ".join(done.notes)
        assert bool(done.notes) == bool(word)

    @pytest.mark.parametrize(
        ("region", "extra", "rule"),
        [(",0,0,0,0", ",1,1,0,1", "class 1"), (",0,0,0", ",1,1,1", "class 1"), (",0,13,0", ",1,1,1", "MOT17")],
        ids=["VisDrone", "nine columns", "MOT17"],
    )
    def test_ignored_regions_share_an_id_and_choose_no_class(
        self, tmp_path: Path, region: str, extra: str, rule: str
    ) -> None:
        gt = sequence(tmp_path, extra=extra)
        path = gt / "gt" / "gt.txt"
        path.write_text("".join(f"1,0,{x},300,40,40{region}\n" for x in (0, 50, 90)) + path.read_text())
        done = score_files(gt, result(tmp_path / "a.txt", PERFECT))
        assert (done.scores[0].rule, perfect(done)) == (rule, True)

    def test_each_class_may_number_its_own_objects(self, tmp_path: Path) -> None:
        gt, found = sequence(tmp_path, extra=",1,0,1"), tmp_path / "a.txt"
        path = gt / "gt" / "gt.txt"
        path.write_text(path.read_text() + "".join(f"{f},{i},300,50,40,100,1,2,1\n" for f, i, _ in PERFECT))
        found.write_text("".join(f"{f},{i},{x},50,40,100,1,{c}\n" for f, i, x in PERFECT for c in (0, 2)))
        assert perfect(score_files(gt, found, Choice(result_class=0)))
        with pytest.raises(InputError, match=r"a\.txt, line 2: id 1 occurs twice in frame 1"):
            score_files(gt, found)

    def test_a_class_can_be_chosen(self, tmp_path: Path) -> None:
        gt, found = sequence(tmp_path), tmp_path / "a.txt"
        path = gt / "gt" / "gt.txt"
        path.write_text("".join(f"{f},{i},{x},50,40,100,1,{i + 1},1\n" for f, i, x in PERFECT))
        found.write_text("".join(f"{f},{i},{x},50,40,100,1,{i - 1},1\n" for f, i, x in PERFECT))
        everything = score_files(gt, found)
        assert perfect(everything)
        assert "every class count (2, 3)" in everything.notes[0]
        assert "2 classes (0, 1)" in everything.warnings[0]
        assert perfect(score_files(gt, found, Choice(gt_class=3, result_class=1)))
        (one,) = score_files(gt, found, Choice(gt_class=2)).scores
        assert (one.misses, one.false_positives) == (0, 6)
        with pytest.raises(InputError, match=r"gt\.txt: `gt_class`=9, but column 8 holds classes 2, 3"):
            score_files(gt, found, Choice(gt_class=9))
        with pytest.raises(InputError, match=r"a\.txt: `result_class`=9, but column 8 holds classes 0, 1"):
            score_files(gt, found, Choice(result_class=9))
        (path.parent / "labels.txt").write_text("car\ndog\nperson\n")
        named = score_files(gt, found, Choice(result_class=1))
        assert (named.scores[0].rule, perfect(named)) == ("class 3", True)

    def test_a_benchmark_that_does_not_fit(self, tmp_path: Path) -> None:
        found = result(tmp_path / "a.txt", PERFECT)
        for extra, word in ((",1,0,1", "line 1: class 0 in column 8"), (",1", "no class in column 8")):
            gt = sequence(tmp_path / extra, extra=extra)
            with pytest.raises(InputError, match=f"gt.txt.*{word}.*Leave `benchmark` out"):
                score_files(gt, found, Choice(benchmark="MOT17"))
            assert perfect(score_files(gt, found, Choice(benchmark="MOT15")))

    def test_nothing_overlaps(self, tmp_path: Path) -> None:
        done = score_files(sequence(tmp_path), result(tmp_path / "a.txt", [(1, 1, 5000.0)]))
        assert "no box of the results overlaps" in done.warnings[0]


class TestKitti:
    TRUTH = ((0, "Pedestrian", 100), (1, "Person", 300), (2, "Car", 500), (-1, "DontCare", 700))
    FOUND = ((5, "Pedestrian", 100), (6, "Pedestrian", 300), (7, "Pedestrian", 700), (8, "Car", 9))

    def row(self, frame: int, track: int, kind: str, left: float, tail: str = "", occluded: int = 0) -> str:
        return f"{frame} {track} {kind} 0 {occluded} -10 {left} 50 {left + 40} 150 1 1 1 1 1 1 1{tail}\n"

    def labels(self, tmp_path: Path) -> Path:
        folder = tmp_path / "training" / "label_02"
        folder.mkdir(parents=True)
        rows = [
            self.row(frame, track, kind, left)
            for frame in range(6)
            for track, kind, left in (
                (0, "Pedestrian", 100),
                (1, "Person", 300),
                (2, "Car", 500),
                (-1, "DontCare", 700),
            )
        ]
        (folder / "0000.txt").write_text("".join(rows))
        return tmp_path / "training"

    def test_official_rules(self, tmp_path: Path) -> None:
        gt = self.labels(tmp_path)
        (tmp_path / "out").mkdir()
        rows = [
            self.row(frame, track, kind, left, " 0.9")
            for frame in range(6)
            for track, kind, left in (
                (5, "Pedestrian", 100),
                (6, "Pedestrian", 300),
                (7, "Pedestrian", 700),
                (8, "Car", 9),
            )
        ]
        (tmp_path / "out" / "0000.txt").write_text("".join(rows))
        done = score_files(gt, tmp_path / "out")
        assert perfect(done), "who sits and who is nobody's care is forgiven, cars are another class"
        assert done.scores[0].rule == "KITTI pedestrian"
        assert "6 of 24 rows are of other types than pedestrian" in done.warnings[0]
        (cars,) = score_files(gt, tmp_path / "out", Choice(gt_class=1)).scores
        assert (cars.rule, cars.misses, cars.false_positives) == ("KITTI car", 6, 6)

    def test_results_as_mot_text(self, tmp_path: Path) -> None:
        gt = self.labels(tmp_path)
        found = result(tmp_path / "0000.txt", [(frame, 1, 100.0) for frame in range(1, 7)])
        assert perfect(score_files(gt, found))
        with pytest.raises(InputError, match="`benchmark`=MOT17 does not score"):
            score_files(gt, found, Choice(benchmark="MOT17"))

    def test_results_as_kitti_text_against_mot(self, tmp_path: Path) -> None:
        rows = [self.row(frame - 1, i, "Pedestrian", left) for frame, i, left in PERFECT]
        (tmp_path / "out.txt").write_text("".join(rows))
        assert perfect(score_files(sequence(tmp_path), tmp_path / "out.txt"))


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
