"""Linking at the end of a run, and afterwards from its files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import deepsort_cli as deepsort
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.looks import Looks
from deepsort_cli.tracking.linking import Linking

from .helpers import Heard

DEMO = {"width": 160, "height": 120, "people": 0, "frames": 90, "fps": 10.0}
RED, BLUE = np.eye(4)[:2]


@pytest.fixture(scope="module")
def detections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One who is away in frames 21 to 60, longer than `max_age`, and one who stays."""
    rng = np.random.default_rng(0)
    rows, features = [], []
    for frame in range(1, 91):
        for left, look in ((20.0, RED), (100.0, BLUE)):
            if look is BLUE or not 20 < frame <= 60:
                rows.append([frame, -1, left, 30, 30, 70, 0.9])
                features.append(look + rng.normal(0, 0.05, 4))
    path = tmp_path_factory.mktemp("linking") / "det.npz"
    np.savez(path, det=np.array(rows), features=np.array(features, np.float32))
    return path


def ids_of(path: Path) -> set[int]:
    return {int(line.split(",")[1]) for line in path.read_text().splitlines()}


def test_all_outputs_agree_on_the_linked_ids(detections: Path, tmp_path: Path) -> None:
    heard = Heard()
    run = deepsort.track(
        "demo",
        demo=DEMO,
        detections=detections,
        link=True,
        save_txt=tmp_path / "a.txt",
        save_jsonl=tmp_path / "a.jsonl",
        save_csv=tmp_path / "a.csv",
        save_summary=tmp_path / "s.csv",
        save_crops=tmp_path / "crops",
        save_looks=tmp_path / "a.npz",
        listener=heard,
    ).finish()
    assert run.summary.tracks == 3
    assert run.summary.linking == Linking(tracks=3, split=0, tracklets=3, people=2)
    said = " ".join(heard.notes)
    assert "looks are further apart than 0.25 (1.25 × `tracker.max_cosine_distance`, 0.2)" in said
    assert "joined 3 tracklets into 2 people, split 0 of 3 tracks" in said
    assert not heard.warnings

    text = {tuple(map(int, line.split(",")[:2])) for line in (tmp_path / "a.txt").read_text().splitlines()}
    assert {track for _, track in text} == {1, 2}
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert {(line["frame"], track["id"]) for line in lines for track in line["tracks"]} == text
    table = list(csv.DictReader((tmp_path / "a.csv").open()))
    assert {(int(row["frame"]), int(row["id"])) for row in table} == text
    assert [row["id"] for row in csv.DictReader((tmp_path / "s.csv").open())] == ["1", "2"]
    pictures = {(int(path.stem), int(path.parent.name)) for path in (tmp_path / "crops").glob("*/*.jpg")}
    assert pictures == text
    looks = Looks.load(tmp_path / "a.npz", key="looks")
    assert {(int(frame), int(track)) for frame, track in looks.table[:, :2].tolist()} == text
    assert {(row["frame"], row["id"]) for row in run.table()} == text


def test_a_file_and_its_looks_are_linked_as_at_the_end_of_the_run(detections: Path, tmp_path: Path) -> None:
    for name, link in (("linked", True), ("plain", False)):
        out, looks, heard = tmp_path / f"{name}.txt", tmp_path / f"{name}.npz", Heard()
        files = {"save_txt": out, "save_looks": looks, "save_crops": tmp_path / f"{name}-crops"}
        deepsort.track("demo", demo=DEMO, detections=detections, link=link, listener=heard, **files).finish()
        assert ("crops: a folder for each track" in " ".join(heard.notes)) == (not link)
    assert ids_of(tmp_path / "plain.txt") == {1, 2, 3}
    done = deepsort.refine(
        tmp_path / "plain.txt", output=tmp_path / "again.txt", link=True, looks=tmp_path / "plain.npz"
    )
    assert done.linking == Linking(tracks=3, split=0, tracklets=3, people=2)
    assert (tmp_path / "again.txt").read_bytes() == (tmp_path / "linked.txt").read_bytes()


def test_looks_embedded_on_demand_are_enough(tmp_path: Path, detections: Path) -> None:
    """Boxes come from the file, looks from a function that is asked only where they matter."""
    asked = []

    def embed(image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        asked.append(len(boxes))
        return np.array([RED if box[0] < 80 else BLUE for box in boxes], np.float32).reshape(-1, 4)

    run = deepsort.track(
        "demo",
        demo=DEMO,
        detections=detections,
        reid=embed,
        tracker={"refresh_every": 8},
        link=True,
        save_txt=tmp_path / "a.txt",
    )
    brought = [tracks.features for _, tracks in run]
    assert run.summary.linking == Linking(tracks=3, split=0, tracklets=3, people=2)
    assert sum(asked) < 80
    assert sum(np.isfinite(one).all(axis=1).sum() for one in brought if one is not None) > 10


def test_without_looks_it_refuses_and_says_how_to_get_them(detections: Path, tmp_path: Path) -> None:
    bare = tmp_path / "det.txt"
    bare.write_text("".join(f"{frame},-1,10,10,20,40,0.9\n" for frame in range(1, 5)))
    for wanted in ({"link": True}, {"save_looks": tmp_path / "a.npz"}):
        with pytest.raises(InputError, match="no Re-ID model. Give one"):
            deepsort.track("demo", demo=DEMO, detections=bare, **wanted)
    with pytest.raises(InputError, match=r"a name that ends in \.npz"):
        deepsort.track("demo", demo=DEMO, detections=detections, save_looks=tmp_path / "looks.txt")
    with pytest.raises(InputError, match="Track with `output.save_looks`=looks.npz"):
        deepsort.refine(bare, output=tmp_path / "out.txt", link=True)
    assert [path.name for path in tmp_path.iterdir()] == ["det.txt"]


def test_where_no_look_matches_the_distance_between_people_is_to_be_given(detections: Path, tmp_path: Path) -> None:
    """The usual ones are parts of `max_cosine_distance`: of none, every track would fall to pieces."""
    given = {"demo": DEMO, "detections": detections, "max_cosine_distance": 0}
    with pytest.raises(InputError, match=r"`refinement\.link`: .* is 0, .*set `refinement\.link_distance`"):
        deepsort.track("demo", link=True, **given)
    with pytest.raises(InputError, match=r"`across\.enabled`: .* is 0, .*set `across\.distance`"):
        deepsort.track("demo", across=True, **given)
    out, looks = tmp_path / "a.txt", tmp_path / "a.npz"
    files = {"save_txt": out, "save_csv": tmp_path / "a.csv", "save_looks": looks}
    run = deepsort.track("demo", link=True, link_distance=0.25, **files, **given).finish()
    assert run.summary.linking is not None
    assert run.summary.linking.people == 2
    with pytest.raises(InputError, match=r"set `refinement\.link_distance`"):
        deepsort.refine(out, looks=looks, output=tmp_path / "b.txt", link=True)
    with pytest.raises(InputError, match=r"set `across\.distance`"):
        deepsort.refine(tmp_path / "a.csv", looks=looks, output=tmp_path / "b.csv", across=True)
    deepsort.refine(out, looks=looks, output=tmp_path / "b.txt", link=True, link_distance=0.25)


def test_what_is_assumed_about_looks_is_said(tmp_path: Path) -> None:
    """Looks of some other program, without threshold and frame rate; a file of looks that nobody needs."""
    rows = [[frame, 4, 20.0, 30, 30, 70] for frame in range(1, 10)]
    np.savez(tmp_path / "l.npz", det=np.array(rows), features=np.tile(RED, (9, 1)))
    results = tmp_path / "in.txt"
    results.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    heard = Heard()
    given = {"looks": tmp_path / "l.npz", "listener": heard, "overwrite": True}
    deepsort.refine(results, output=tmp_path / "out.txt", link=True, **given)
    assert "1.25 × the paper's 0.2" in heard.notes[0]
    assert "does not say how many frames a second has; 25 are taken" in heard.warnings[0]
    deepsort.refine(results, output=tmp_path / "out.txt", link=True, link_distance=0.5, fps=10, **given)
    assert len(heard.warnings) == 1
    deepsort.refine(results, output=tmp_path / "out.txt", min_length=2, fps=10, **given)
    assert [line.partition("`, ")[0].partition(",")[0] for line in heard.warnings[1:]] == [
        "`looks` is for linking only", "`fps` is for linking only",
    ]  # fmt: skip


def test_what_is_set_in_vain_and_what_rotates_is_said(detections: Path, tmp_path: Path) -> None:
    def told(**keywords: object) -> Heard:
        heard = Heard()
        deepsort.track("demo", demo=DEMO, detections=detections, listener=heard, **keywords).close()
        return heard

    (idle,) = told(link_distance=0.3).warnings
    assert idle.startswith("`refinement.link_distance`=0.3 changes nothing, as `refinement.link` is not asked for")
    (idle,) = told(link=True, max_gap=7).warnings
    assert idle.startswith("`refinement.max_gap`=7 changes nothing, as `refinement.interpolate`")
    assert not told(link=True, link_distance=0.3, interpolate="linear", max_gap=7).warnings
    rows, begins = {"save_txt": tmp_path / "a.txt", "rotate": "1s"}, "outputs begin new files"
    assert any(begins in note for note in told(**rows).notes)
    linked = told(**rows, link=True)
    assert "each into one file" in linked.warnings[0]
    assert not any(begins in note for note in linked.notes)
    assert any(begins in note for note in told(**rows, link=True, save_heatmap=tmp_path / "a.png").notes)
