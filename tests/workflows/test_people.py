"""`deepsort people`: what is listed, exported, forgotten and renamed."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from deepsort_cli.cli import app
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.looks import ENROLLED
from deepsort_cli.core.people_file import FeatureModel, People, Person, locked
from deepsort_cli.workflows.people import people

DAY = 86_400
JPEG = b"\xff\xd8\xff" + b"what she wore" + b"\xff\xd9"


def looks(count: int) -> np.ndarray:
    return np.eye(4, dtype=np.float32)[:count]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Ann, of enrolled pictures and seen today; somebody seen ten days ago; Bob, never seen."""
    now = time.time()
    path = tmp_path / "people.npz"
    People(
        FeatureModel(name="colours.onnx"),
        (
            Person(1, "Ann", now - DAY, now, 4, looks(3), (ENROLLED, "hall", "door"), JPEG),
            Person(4, "", now - 11 * DAY, now - 10 * DAY, 1, looks(2), ("hall", "hall"), JPEG),
            Person(6, "=Bob", features=looks(1), cameras=(ENROLLED,)),
        ),
        next_number=9,
        updated=now,
    ).save(path)
    return path


def numbers(file: Path) -> list[int]:
    return [one.number for one in People.load(file, key="").people]


def test_list_from_python_and_the_command_line(file: Path) -> None:
    done = people(file)
    assert [(one["person"], one["name"], one["looks"], one["enrolled"], one["picture"]) for one in done.people] == [
        (1, "Ann", 3, 1, True),
        (4, "", 2, 0, True),
        (6, "=Bob", 1, 1, False),
    ]
    assert done.people[0]["cameras"] == ["door", "hall"]
    assert done.people[2]["last"] is None
    shown = CliRunner().invoke(app, ["people", "list", str(file), "--json"])
    assert json.loads(shown.stdout)["people"] == list(done.people)
    table = CliRunner().invoke(app, ["people", "list", str(file)], env={"COLUMNS": "120"}).stdout
    assert "Ann" in table
    assert "3 people, features of colours.onnx" in " ".join(table.split())
    assert [one["person"] for one in people(file, who=["Ann", 4]).people] == [1, 4]
    assert [one["person"] for one in people(file, unnamed=True).people] == [4]
    assert list(file.parent.iterdir()) == [file]


def test_forget(file: Path) -> None:
    assert [one["person"] for one in people(file, "forget", older_than="7d").people] == [4]
    assert numbers(file) == [1, 6]
    shown = CliRunner().invoke(app, ["people", "forget", str(file), "Ann"])
    assert "forgot 1 person, 1 left" in " ".join(shown.stderr.split())
    assert numbers(file) == [6]
    assert b"what she wore" not in file.read_bytes()
    assert people(file, "forget", 6).left == 0
    assert People.load(file, key="").next_number == 9
    assert not [entry for entry in file.parent.iterdir() if entry.suffix == ".npz" and entry != file]


def test_rename(file: Path) -> None:
    assert people(file, "rename", ["4", "  Zoe\u0308  Lee "]).people[0]["name"] == "Zoë Lee"
    assert people(file, "rename", ["Ann", ""]).people[0]["name"] == ""
    assert [one.name for one in People.load(file, key="").people] == ["", "Zoë Lee", "=Bob"]


def test_export(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    people(file, "rename", ["4", "../../up"])
    done = people(file, "export", output=folder)
    assert {path.relative_to(folder).as_posix() for path in done.written} == {
        "people.csv",
        "features.npz",
        "pictures/00001_Ann.jpg",
        "pictures/00004_up.jpg",
    }
    assert all(path.is_file() for path in done.written)
    assert (folder / "pictures" / "00001_Ann.jpg").read_bytes() == JPEG
    with (folder / "people.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["person"], row["name"], row["picture"]) for row in rows] == [
        ("1", "Ann", "pictures/00001_Ann.jpg"),
        ("4", "../../up", "pictures/00004_up.jpg"),
        ("6", "'=Bob", ""),
    ]
    with np.load(folder / "features.npz") as found:
        assert found["person"].tolist() == [1, 1, 1, 4, 4, 6]
        assert found["features"].shape == (6, 4)
        assert found["camera"].tolist() == [ENROLLED, "hall", "door", "hall", "hall", ENROLLED]
    with pytest.raises(InputError, match="the folder is not empty"):
        people(file, "export", output=folder)
    (folder / "pictures" / "mine.jpg").touch()
    people(file, "export", "Ann", output=folder, overwrite=True)
    assert sorted(path.name for path in (folder / "pictures").iterdir()) == ["00001_Ann.jpg", "mine.jpg"]


@pytest.mark.parametrize(
    ("action", "who", "keywords", "words"),
    [
        ("forget", (), {}, "whom"),
        ("forget", ("An",), {}, "Did you mean Ann"),
        ("forget", ("1", "77"), {}, "nobody of the number or name '77'"),
        ("forget", (), {"older_than": "7 days"}, "no time: write 30m"),
        ("list", (), {"output": "x"}, "only export writes"),
        ("export", (), {}, "`output` is missing"),
        ("rename", ("1",), {}, "give a person"),
        ("rename", ("1", "=Bob"), {}, "person 6 is called =Bob already"),
        ("rename", ("1", "x" * 300), {}, "at most 200"),
        ("rename", ("1", "x"), {"unnamed": True}, "one person has to be named"),
        ("lst", (), {}, "action"),
    ],
)
def test_what_cannot_be_done_changes_nothing(
    file: Path, action: str, who: tuple[str, ...], keywords: dict[str, object], words: str
) -> None:
    before = file.read_bytes()
    with pytest.raises(InputError, match=words):
        people(file, action, who, **keywords)  # type: ignore[arg-type]
    assert file.read_bytes() == before


def test_number_and_name_may_not_mean_two(file: Path) -> None:
    people(file, "rename", ["6", "4"])
    with pytest.raises(InputError, match="the number of one person and the name of another"):
        people(file, "forget", "4")


def test_no_file_and_one_in_use(file: Path, tmp_path: Path) -> None:
    for action in ("list", "forget"):
        with pytest.raises(InputError, match="no such file"):
            people(tmp_path / "none" / "people.npz", action, 1)
    assert not (tmp_path / "none").exists()
    with pytest.raises(InputError, match="`file` is missing"):
        people()
    with locked(file, key="", warn=print), pytest.raises(InputError, match="another run is at work"):
        people(file, "forget", 1)
    assert numbers(file) == [1, 4, 6]
