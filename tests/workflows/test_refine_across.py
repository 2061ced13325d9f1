"""Who is who in finished tracks of several cameras: files in, copies with people out."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from deepsort_cli import refine
from deepsort_cli.cli import app
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener
from deepsort_cli.core.looks import Looks
from deepsort_cli.core.track_tables import read_tracks
from tests.workflows.track.helpers import Heard

FPS = 4
ANN, BOB, CAT = np.eye(3, dtype=np.float32)
Track = tuple[int, range, np.ndarray | None]
"""Id, frames from 1, and looks; None: unknown."""


def camera(folder: Path, name: str, tracks: list[Track], names: dict[int, str] | None = None) -> tuple[Path, Path]:
    """The files of a camera: tracks, and what they looked like."""
    path, looks = folder / f"{name}.jsonl", folder / f"{name}.npz"
    rows, features = [], []
    with path.open("w") as stream:
        for frame in range(1, 1 + max(frames.stop for _, frames, _ in tracks)):
            here = [(track, look) for track, frames, look in tracks if frame in frames]
            listed = []
            for track, look in here:
                told: dict[str, Any] = {} if names is None else {"person": None, "name": names.get(track)}
                listed.append({"id": track, **told, "box": [10 * track, 20, 10 * track + 30, 90], "score": 0.9})
                if look is not None:
                    rows.append([frame, track, 10 * track, 20, 30, 70, 0.9])
                    features.append(look)
            record = {"frame": frame, "time": (frame - 1) / FPS, "tracks": listed}
            stream.write(json.dumps(record, separators=(",", ":")) + "\n")
    Looks(np.array(rows, float).reshape(-1, 7), np.array(features, np.float32), 0.25, FPS).save(looks)
    return path, looks


@pytest.fixture
def two(tmp_path: Path) -> dict[str, Any]:
    """Ann and Bob walk from one camera to the other; Cat stays, twice; of one track nothing is known."""
    a = camera(tmp_path, "a", [(1, range(1, 9), ANN), (2, range(1, 9), BOB), (3, range(5, 9), None)], {2: "Bob"})
    b = camera(
        tmp_path,
        "b",
        [(1, range(13, 20), BOB), (2, range(14, 20), ANN), (3, range(13, 15), CAT), (7, range(17, 20), CAT)],
    )
    return {"results": [a[0], b[0]], "looks": [a[1], b[1]], "output": tmp_path / "people", "across": True}


def people(path: Path) -> dict[int, set[int]]:
    table = read_tracks(path)
    assert table.people is not None
    return {one: set(table.people[table.ids == one].tolist()) for one in np.unique(table.ids).tolist()}


def test_copies_say_who_everybody_is(two: dict[str, Any], tmp_path: Path) -> None:
    heard = Heard()
    before = [path.read_bytes() for path in two["results"]]
    done = refine(**two, listener=heard)
    assert done.across is not None
    assert people(tmp_path / "people" / "a.jsonl") == {1: {1}, 2: {2}, 3: {-1}}
    assert people(tmp_path / "people" / "b.jsonl") == {1: {2}, 2: {1}, 3: {3}, 7: {3}}
    assert (done.tracks, done.across.undecided) == (7, 1)
    assert [(one.person, one.name, one.tracks) for one in done.across.people] == [
        (1, "", {"a": [1], "b": [2]}),
        (2, "Bob", {"a": [2], "b": [1]}),
        (3, "", {"b": [3, 7]}),
    ]
    assert [(one.first, one.last) for one in done.across.people] == [(0, 4.5), (0, 4.5), (3, 4.5)]
    assert "7 tracks of 2 files: 3 people, 2 of them in more than one" in heard.notes
    assert "files are taken to begin at the same moment; `across.starts` says when each did" in heard.notes
    assert heard.warnings == ["1 track without any look: who that is stays unknown."]
    named = [track for line in (tmp_path / "people" / "b.jsonl").open() for track in json.loads(line)["tracks"]]
    assert {(track["id"], track["name"]) for track in named} == {(1, "Bob"), (2, None), (3, None), (7, None)}
    assert [path.read_bytes() for path in two["results"]] == before
    copies = [path.read_bytes() for path in sorted((tmp_path / "people").iterdir())]
    refine(**two, overwrite=True)
    assert [path.read_bytes() for path in sorted((tmp_path / "people").iterdir())] == copies, "the same every time"


def test_time_and_place_count(two: dict[str, Any], tmp_path: Path) -> None:
    """Bob and Ann are there again 1 s after they left: too soon, if the way takes longer; not if cameras overlap."""

    def joined(**more: Any) -> bool:
        done = refine(**two | {"across": {"enabled": True, **more}}, overwrite=True)
        assert done.across is not None
        return any(len(one.tracks) == 2 for one in done.across.people)

    assert joined()
    assert joined(min_seconds=1.2)
    assert not joined(min_seconds=2)
    assert joined(min_seconds=2, starts=[0, 10])
    assert not joined(starts=[3, 0]), "then they were in both at once"
    assert joined(starts=[3, 0], overlap=["1,2"])
    for path in two["looks"]:  # as those of the demo's cameras say
        replace(Looks.load(path, key="looks"), place="plaza").save(path)
    assert joined(starts=[3, 0])
    with pytest.raises(InputError, match="'3' is no source"):
        joined(overlap=["1,3"])
    with pytest.raises(InputError, match=r"`across.starts`: 3 moments for 2 files"):
        joined(starts=[0, 1, 2])


def test_csv(two: dict[str, Any], tmp_path: Path) -> None:
    tables = []
    for path in two["results"]:
        tables.append(path.with_suffix(".csv"))
        with path.open() as lines, tables[-1].open("w", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(["frame", "time", "id", "x1", "y1", "x2", "y2", "score"])
            for record in map(json.loads, lines):
                for track in record["tracks"]:
                    writer.writerow([record["frame"], record["time"], track["id"], *track["box"], track["score"]])
    done = refine(**two | {"results": tables})
    assert done.across is not None
    assert [Path(path).name for path in done.across.outputs] == ["a.csv", "b.csv"]
    assert people(tmp_path / "people" / "b.csv") == {1: {2}, 2: {1}, 3: {3}, 7: {3}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"looks": []}, "`looks`: 0 files for 2 files of tracks. What people looked like"),
        ({"looks": ["b.npz", "a.npz"]}, r"`looks` .*b.npz: none of its 18 looks has frame and id"),
        ({"results": ["a.txt", "b.jsonl"]}, r"a.txt: `across.enabled` takes .jsonl or .csv"),
        ({"results": ["a.jsonl", "b.jsonl", "b.npz"]}, "b.npz: a file of looks among those of tracks. Give each with"),
        ({"results": ["a.jsonl", "a.jsonl"]}, "a.jsonl: two of the files are called so"),
        ({"results": ["a.jsonl", "no.jsonl"]}, r"no.jsonl: no such file"),
        ({"output": None}, "`output` is missing. Name a folder"),
        ({"output": "a.txt"}, r"`output` .*a.txt: a file. With `across.enabled` it is a folder"),
        ({"interpolate": "linear"}, "`across.enabled` says who is who, and nothing else"),
        ({"across": False}, "`results`: 2 are given, and one file is refined at a time"),
        ({"across": False, "results": "a.jsonl", "looks": None}, r"a.jsonl: what is refined is MOTChallenge text"),
    ],
)
def test_what_it_cannot_do(two: dict[str, Any], tmp_path: Path, change: dict[str, Any], message: str) -> None:
    (tmp_path / "a.txt").write_text("1,1,10,20,30,70,1\n")

    def placed(value: Any) -> Any:
        if isinstance(value, list):
            return [placed(one) for one in value]
        return tmp_path / value if isinstance(value, str) and "." in value else value

    given = two | {key: placed(value) for key, value in change.items()}
    with pytest.raises(InputError, match=message):
        refine(**{key: value for key, value in given.items() if value is not None})
    assert not (tmp_path / "people").exists()


def test_what_changes_nothing_is_said(two: dict[str, Any]) -> None:
    heard: list[str] = []

    class Heard(Listener):
        def warn(self, message: str) -> None:
            heard.append(message)

    refine(**two, link_gap=3.0, max_gap=5, fps=10, listener=Heard())
    idle = ["`refinement.max_gap`", "`refinement.link_gap`", "`fps`"]
    assert [line.split()[0] for line in heard if "changes nothing, as `across.enabled`" in line] == idle


def test_nothing_is_replaced_unasked(two: dict[str, Any]) -> None:
    refine(**two)
    with pytest.raises(InputError, match="the file exists"):
        refine(**two)


def test_looks_of_different_models(two: dict[str, Any], tmp_path: Path) -> None:
    looks = Looks.load(tmp_path / "b.npz", key="looks")
    Looks(looks.table, np.pad(looks.features, ((0, 0), (0, 2))), 0.25, FPS).save(tmp_path / "b.npz")
    with pytest.raises(InputError, match="features have 3 and 5 numbers in different files"):
        refine(**two)


def test_the_command_shows_everybody(two: dict[str, Any]) -> None:
    words = ["refine", "--across", *two["results"], *(word for one in two["looks"] for word in ("--looks", one))]
    done = CliRunner().invoke(app, [*map(str, words), "-o", str(two["output"])])
    assert done.exit_code == 0, done.output
    assert [line.split()[:2] for line in done.stdout.splitlines() if line.strip()[:1].isdigit()] == [
        ["1", "0.0"], ["2", "Bob"], ["3", "3.0"],
    ]  # fmt: skip
    assert "b: 3, 7" in done.stdout
    again = CliRunner().invoke(app, [*map(str, words), "-o", str(two["output"]), "--overwrite", "--json"])
    told = json.loads(again.stdout)
    assert told["across"]["people"][1]["tracks"] == {"a": [2], "b": [1]}
    assert told["tracks"] == 7
