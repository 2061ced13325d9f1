"""Files of people: what goes in comes out, and what cannot be one is refused."""

from __future__ import annotations

import json
import stat
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from deepsort_cli.core import people_file
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.looks import ENROLLED, normalise
from deepsort_cli.core.people_file import FeatureModel, People, Person, clean_name, locked
from deepsort_cli.core.preprocess import Preprocess

MODEL = FeatureModel(name="colours.onnx", sha256="ab" * 32, preprocess=Preprocess())
JPEG = b"\xff\xd8\xff" + b"what she wore" + b"\xff\xd9"


def looks(count: int, seed: int = 0) -> np.ndarray:
    return normalise(np.random.default_rng(seed).normal(size=(count, 6)).astype(np.float32))[0]


def two_people() -> People:
    return People(
        MODEL,
        (
            Person(2, "Zoë", 10.0, 20.0, 3, looks(3), (ENROLLED, "door", "hall"), JPEG),
            Person(5, "", 15.0, 15.0, 1, looks(2, 1), ("hall", "hall")),
        ),
        next_number=9,
        updated=30.0,
    )


def same(one: People, other: People) -> None:
    assert (one.model, one.next_number, one.updated, len(one)) == (
        other.model,
        other.next_number,
        other.updated,
        len(other),
    )
    for first, second in zip(one.people, other.people, strict=True):
        assert_allclose(first.features, second.features, atol=1e-3)
        none = np.empty((0, 0), np.float32)
        assert replace(first, features=none).__dict__.keys() == replace(second, features=none).__dict__.keys()
        for name in ("number", "name", "first", "last", "tracks", "cameras", "picture"):
            assert getattr(first, name) == getattr(second, name)


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    path = tmp_path / "people.npz"
    two_people().save(path)
    found = People.load(path, key="across.people")
    same(found, two_people())
    assert (found.people[0].enrolled, found.people[0].seen_by) == (1, ("door", "hall"))
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.chmod(0o640)
        found.save(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["people.npz"]
    People(MODEL).save(path)
    assert len(People.load(path, key="")) == 0


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=12), st.integers(0, 4)), max_size=5), st.integers(0, 3))
def test_any_people_survive_many_rounds(tmp_path_factory: pytest.TempPathFactory, given: Any, more: int) -> None:
    path = tmp_path_factory.mktemp("people") / "people.npz"
    people = []
    for number, (name, count) in enumerate(given, 1):
        try:
            name = clean_name(name)
        except ValueError:
            name = ""
        cameras = tuple("camera" if i % 2 else ENROLLED for i in range(count))
        people.append(Person(number, name, features=looks(count, number), cameras=cameras))
    first = People(MODEL, tuple(people), len(people) + 1 + more)
    found = first
    for _ in range(3):
        found.save(path)
        found = People.load(path, key="")
    same(found, first)


def test_who_is_forgotten_is_gone_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "people.npz"
    two_people().save(path)
    People.load(path, key="").without([2]).save(path)
    found = People.load(path, key="")
    assert ([one.number for one in found.people], found.next_number) == ([5], 9)
    assert b"what she wore" not in path.read_bytes()
    assert "Zoë" not in str(np.load(path)["people"])
    found.renamed(5, "Ann").save(path)
    assert str(People.load(path, key="").people[0]) == "5 (Ann)"


def changed(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The file of two people with some arrays changed."""
    two_people().save(path)
    with np.load(path) as archive:
        arrays = dict(archive)
    header = json.loads(str(arrays["people"]))
    arrays["header"] = header
    change(arrays)
    arrays.pop("header")
    if isinstance(arrays.get("people"), np.ndarray) and str(arrays["people"])[:1] == "{":
        arrays["people"] = np.array(json.dumps(header))
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a.pop("people"), "not of people"),
        (lambda a: a.update(people=np.array("[1")), "not valid JSON"),
        (lambda a: a.update(people=np.array(3)), "not one JSON text"),
        (lambda a: a["header"].update(version=2), "format 2; this program reads up to 1"),
        (lambda a: a["header"].update(version=True, people=7), "damaged"),
        (lambda a: a["header"]["people"][0].update(person=0), "people.0.person"),
        (lambda a: a["header"]["people"][0].update(person=6), "ascending order"),
        (lambda a: a["header"].update(next_person=5), "ascending order"),
        (lambda a: a["header"]["people"][0].update(name="x" * 300), "people.0.name"),
        (lambda a: a["header"].update(cameras=["door"]), "cameras that are not in it"),
        (lambda a: a.update(look_person=a["look_person"] + 1), "not in it"),
        (lambda a: a.update(look_person=a["look_person"][:-1]), "differ in number"),
        (lambda a: a.update(features=a["features"] * np.nan), "not numbers"),
        (lambda a: a.update(features=a["features"].astype(str)), "`features` is <U"),
        (lambda a: a.pop("pictures"), "`pictures` is missing"),
        (lambda a: a.update(picture_end=a["picture_end"] - 1), "do not fit"),
        (lambda a: a.update(pictures=a["pictures"] * 0), "not all JPEG"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], words: str
) -> None:
    path = changed(tmp_path / "people.npz", change)
    with pytest.raises(InputError, match=words) as caught:
        People.load(path, key="across.people")
    assert str(path) in str(caught.value)


def test_what_is_no_such_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no such file"):
        People.load(tmp_path / "none.npz", key="")
    with pytest.raises(InputError, match="a folder, not a file"):
        People.load(tmp_path, key="")
    path = tmp_path / "people.npz"
    path.write_bytes(b"text")
    with pytest.raises(InputError, match="not a NumPy archive"):
        People.load(path, key="")
    np.savez(path, people=np.array([{}], dtype=object))
    with pytest.raises(InputError, match="Python objects"):
        People.load(path, key="")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("features.npy", bytes(2_000_000))
    assert path.stat().st_size < 10_000
    monkeypatch.setattr(people_file, "MOST_BYTES", 1_000_000)
    with pytest.raises(InputError, match="2 MB, which is too large"):
        People.load(path, key="")


def test_features_of_another_model_are_told_from_each_other() -> None:
    assert MODEL.difference(MODEL) is None
    assert MODEL.difference(MODEL.model_copy(update={"name": "renamed.onnx"})) is None
    assert MODEL.difference(MODEL.model_copy(update={"sha256": "cd"})) == "another model"
    other = MODEL.model_copy(update={"preprocess": Preprocess(channel_order="BGR")})
    assert MODEL.difference(other) == "the same model, shown pictures in another way"
    function = FeatureModel(name="function")
    assert function.difference(function) is None
    assert function.difference(FeatureModel(name="other")) == "another model"
    assert function.difference(MODEL) == "another model"
    assert "abababababab" in str(MODEL)


def test_one_run_at_a_time(tmp_path: Path) -> None:
    path, warnings = tmp_path / "deep" / "people.npz", []
    with locked(path, key="across.people", warn=warnings.append):
        left = path.with_name(".people.deepsort-01234567.npz")
        left.write_bytes(b"of a run that was killed")
        with pytest.raises(InputError, match="another run is at work"), locked(path, key="", warn=warnings.append):
            raise AssertionError
    with locked(path, key="", warn=warnings.append):
        assert not left.exists()
    assert warnings == []


def test_a_link_leads_to_the_file_itself(tmp_path: Path) -> None:
    """Or who is forgotten by way of a link would stay in the file."""
    path, link = tmp_path / "people.npz", tmp_path / "link.npz"
    two_people().save(path)
    link.symlink_to(path)
    with locked(link, key="", warn=print):
        with pytest.raises(InputError, match="another run is at work"), locked(path, key="", warn=print):
            raise AssertionError
        People.load(link, key="").without([2]).save(link)
    assert link.is_symlink()
    assert [one.number for one in People.load(path, key="").people] == [5]


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [(" Ann  Smith ", "Ann Smith"), ("Zoe\u0308", "Zoë"), ("a\u202eb", "a\\u202eb"), ("李雷", "李雷"), ("a\nb", "a b")],
)
def test_names_are_tidied(name: str, cleaned: str) -> None:
    assert clean_name(name) == cleaned


@pytest.mark.parametrize("name", ["", "  ", "x" * 201])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(ValueError, match="a name"):
        clean_name(name)
