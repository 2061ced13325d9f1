"""Who tracks are, in every output: nothing where people are not told apart, `person` and `name` beside the id else."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from deepsort_cli.core.looks import Looks
from deepsort_cli.core.types import Tracks
from deepsort_cli.video.colours import UNKNOWN, colour_of
from deepsort_cli.video.overlay import Overlay
from deepsort_cli.video.settings import OutputSettings
from deepsort_cli.video.sinks import (
    CropSink,
    CsvSink,
    JsonlSink,
    LooksSink,
    MotSink,
    RefinedSink,
    RowsSink,
    Sink,
    SummarySink,
    TimelineSink,
    remove_old_crops,
)

from .helpers import at, frame, frame_of


def known(places: dict[int, float], people: dict[int, int], names: dict[int, str] | None = None) -> Tracks:
    """Tracks at these places that are these people, −1 where nothing is said of them."""
    tracks = at(places)
    called = None if names is None else np.array([names.get(int(i), "") for i in tracks.ids], np.str_)
    return tracks.with_people(np.array([people.get(int(i), -1) for i in tracks.ids], np.int64), called)


def show(sink: Sink, *, named: bool = True) -> None:
    """Track 1 is person 4 from the second frame on, called Ada; of track 2 nobody knows who it is."""
    with sink:
        sink.write(frame(0), known({1: 10.0}, {}, {} if named else None))
        sink.write(frame(1), known({1: 11.0, 2: 90.0}, {1: 4}, {1: "Ada"} if named else None))


@pytest.mark.parametrize(("named", "columns"), [(True, ["person", "name"]), (False, ["person"])])
def test_tables_have_them_after_the_id(tmp_path: Path, named: bool, columns: list[str]) -> None:
    paths = {name: tmp_path / name for name in ("a.csv", "a.jsonl", "s.csv", "a.txt")}
    show(CsvSink(paths["a.csv"]), named=named)
    show(JsonlSink(paths["a.jsonl"]), named=named)
    show(SummarySink(paths["s.csv"]), named=named)
    show(MotSink(paths["a.txt"]), named=named)
    expected = [{"person": "", "name": ""}, {"person": "4", "name": "Ada"}, {"person": "", "name": ""}]
    for name, wanted in (("a.csv", expected), ("s.csv", expected[1:])):
        with paths[name].open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        heading = list(rows[0])
        assert heading[heading.index("id") + 1 :][: len(columns)] == columns
        assert [{key: row[key] for key in columns} for row in rows] == [{k: row[k] for k in columns} for row in wanted]
    lines = [json.loads(line)["tracks"] for line in paths["a.jsonl"].read_text().splitlines()]
    assert [[list(row)[1 : 1 + len(columns)] for row in rows] for rows in lines] == [[columns], [columns] * 2]
    assert [[row["person"] for row in rows] for rows in lines] == [[None], [4, None]]
    assert [len(row.split(",")) for row in paths["a.txt"].read_text().splitlines()] == [10] * 3


def test_rows_in_memory_have_them(tmp_path: Path) -> None:
    sink = RowsSink()
    show(sink)
    assert sink.table()[["id", "person", "name"]].tolist() == [(1, -1, ""), (1, 4, "Ada"), (2, -1, "")]
    assert "person" not in RowsSink().table().dtype.names


def test_refined_tables_have_them_from_the_first_row_on(tmp_path: Path) -> None:
    show(RefinedSink(lambda table: table, [JsonlSink(tmp_path / "a.jsonl")]))
    lines = [json.loads(line)["tracks"] for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [[(row["id"], row["person"], row["name"]) for row in rows] for rows in lines] == [
        [(1, 4, "Ada")],
        [(1, 4, "Ada"), (2, None, None)],
    ]


def test_looks_have_the_last_that_is_known(tmp_path: Path) -> None:
    with LooksSink(tmp_path / "a.npz", fps=25.0) as sink:
        for index, people in enumerate(({}, {1: 4})):
            sink.write(frame(index), known({1: 10.0, 2: 90.0}, people).with_features(np.ones((2, 3), np.float32)))
    looks = Looks.load(tmp_path / "a.npz", key="looks")
    assert looks.person is not None
    assert list(zip(looks.table[:, 1].tolist(), looks.person.tolist(), strict=True)) == [(1, 4), (2, -1)] * 2


def test_folders_of_crops_get_their_names_at_the_end(tmp_path: Path) -> None:
    image = np.zeros((200, 200, 3), np.uint8)
    with CropSink(tmp_path / "crops") as sink:
        for index, people in enumerate(({}, {1: 4}, {1: 4})):
            sink.write(frame_of(index, image), known({1: 10.0, 2: 90.0}, people))
        assert sorted(path.name for path in (tmp_path / "crops").iterdir()) == ["00001", "00002"]
    assert sorted(path.name for path in (tmp_path / "crops").iterdir()) == ["00001_p00004", "00002"]
    remove_old_crops(tmp_path / "crops")
    assert not list((tmp_path / "crops").iterdir())


def test_a_person_has_one_colour_and_nobody_none() -> None:
    """Whatever the ids are in two sources; the label says who it is."""
    pictures = [
        Overlay(OutputSettings(trail=0, labels="none")).draw(
            np.zeros((100, 150, 3), np.uint8), known({i: 20.0}, people)
        )
        for i, people in ((1, {1: 4}), (7, {7: 4}), (7, {}))
    ]
    assert (pictures[0] == pictures[1]).all()
    assert (pictures[0] == colour_of(4)).all(axis=2).any()
    assert (pictures[2] == UNKNOWN).all(axis=2).any()
    labelled = [
        Overlay(OutputSettings(trail=0)).draw(np.zeros((100, 150, 3), np.uint8), known({1: 20.0}, {1: 4}, names))
        for names in (None, {1: "Ada"})
    ]
    assert (labelled[0] != labelled[1]).any()


def test_a_timeline_is_drawn_with_them(tmp_path: Path) -> None:
    show(TimelineSink(tmp_path / "t.svg", "door", 25.0))
    assert (tmp_path / "t.svg").stat().st_size > 1000
    with TimelineSink(tmp_path / "odd.svg", "door", 25.0) as sink:
        sink.write(frame(0), known({1: 20.0, 2: 60.0}, {1: 4, 2: 5}, {1: "$\\odd$", 2: "$$"}))
    assert r"<!-- $\odd$ · 1 -->" in (tmp_path / "odd.svg").read_text(encoding="utf-8"), "no formula"
