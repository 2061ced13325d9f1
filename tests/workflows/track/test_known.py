"""People known by name, kept between runs, and shown on a page."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.people_file import People, locked
from deepsort_cli.tracking.people import gallery
from deepsort_cli.workflows.people import people
from deepsort_cli.workflows.track import Run, kept, track

from .helpers import Heard

CLOTHES = np.random.default_rng(3).integers(0, 256, (8, 3, 3))
PLACES = ((20, 30), (110, 30))
"""Left and top of those who stand in the scene."""
ANN, BOB, CAT, DAN = range(4)
STRANGER = 5


def paint(who: int, shot: int) -> np.ndarray:
    """(64, 32, 3) somebody in their clothes, a little different in each shot."""
    rng = np.random.default_rng([who, shot])
    picture = np.full((64, 32, 3), 110.0)
    dx, dy = rng.integers(-2, 3, 2)
    for (top, bottom), colour in zip(((8, 20), (20, 36), (36, 60)), CLOTHES[who], strict=True):
        picture[top + dy : bottom + dy, 8 + dx : 24 + dx] = colour
    return np.clip(picture + rng.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)


def scene(folder: Path, who: Sequence[int], frames: int = 8) -> Path:
    """Pictures in which people stand side by side."""
    folder.mkdir(parents=True)
    for frame in range(frames):
        image = np.full((140, 200, 3), 110, np.uint8)
        for person, (left, top) in zip(who, PLACES, strict=False):
            image[top : top + 64, left : left + 32] = paint(person, 100 + frame)
        cv2.imwrite(str(folder / f"{frame:03d}.png"), image)
    return folder


def find(image: np.ndarray) -> list[list[float]]:
    """A detector that knows where people stand."""
    return [
        [left, top, left + 32, top + 64, 0.9]
        for left, top in PLACES
        if (image[top + 10 : top + 50, left + 12 : left + 20].astype(int) != 110).mean() > 0.5
    ]


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four people with three pictures each; tests must not write into it."""
    root = tmp_path_factory.mktemp("known") / "staff"
    for who, name in enumerate(("ann", "bob", "cat", "Dän <b>")):
        (root / name).mkdir(parents=True)
        for shot in range(3):
            cv2.imwrite(str(root / name / f"{shot}.png"), paint(who, shot))
    return root


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ann and a stranger."""
    return scene(tmp_path_factory.mktemp("scenes") / "door", (ANN, STRANGER))


def run(source: Path, model: Path | str, heard: Heard | None = None, **keywords: Any) -> Run:
    return track(
        str(source), detector=find, reid=str(model), listener=heard or Heard(), input={"fps": 5.0}, **keywords
    ).finish()


def who(done: Run) -> dict[str, int]:
    """Number by name, of everybody reported; who has no name is ?."""
    table = done.table()
    return {str(name) or "?": int(person) for person, name in set(zip(table["person"], table["name"], strict=True))}


def test_known_people_get_their_name_and_strangers_none(
    door: Path, staff: Path, colour_model: Path, tmp_path: Path
) -> None:
    heard, page = Heard(), tmp_path / "page.html"
    done = run(door, colour_model, heard, known=staff, save_people=page, save_csv=tmp_path / "a.csv")
    assert set(who(done)) == {"ann", "?"}
    said = "\n".join(heard.notes)
    assert re.search(r"4 known people, 12 pictures: a track within a distance of [\d.]+ gets a name", said)
    assert "not by their faces" in said
    assert heard.warnings == []
    html = page.read_text(encoding="utf-8")
    assert "1 track matched to somebody seen before or known, 1 of them by name; 1 track like nobody" in html
    assert "Dän &lt;b&gt;" in html
    assert "<b>Dän <b>" not in html
    assert html.count("<img") >= 4 + 2
    assert "to enrolled pictures" in html
    assert "http" not in re.sub(r"data:[^\"]*", "", html)
    assert ",ann," in (tmp_path / "a.csv").read_text()
    assert heard.notes[-1] == f"wrote {page}"


def test_who_comes_again_keeps_the_number(door: Path, staff: Path, colour_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "people.npz"
    first = who(run(door, colour_model, known=staff, people_file=file))
    again = Heard()
    second = who(run(door, colour_model, again, people_file=file))
    assert second == first
    assert f"5 people known from {file}, 4 by name" in again.notes
    listed = {one["person"]: one for one in people(file).people}
    assert listed[first["ann"]]["tracks"] == 2
    assert listed[first["ann"]]["enrolled"] == 3
    assert all(one["picture"] for one in listed.values())
    assert [one["name"] for one in listed.values() if one["last"] is None] == ["bob", "cat", "Dän <b>"]

    # The same folder again: nobody is twice in the file. Who is not in it any more is still known, which is said.
    fewer = tmp_path / "fewer"
    shutil.copytree(staff / "ann", fewer / "ann")
    heard = Heard()
    third = who(run(door, colour_model, heard, known=fewer, people_file=file))
    assert third == first
    assert len(people(file).people) == 5
    assert any(f"known from {file} alone" in note for note in heard.notes)

    people(file, "forget", [first["?"], "ann"])
    fourth = who(run(door, colour_model, people_file=file))
    assert set(fourth) == {"?"}
    assert min(fourth.values()) > max(first.values())  # nobody gets a number that was somebody else's
    people(file, "rename", [fourth["?"], "Eve"])
    assert "Eve" in who(run(door, colour_model, people_file=file))


def test_a_run_that_ends_early_keeps_its_people(door: Path, colour_model: Path, tmp_path: Path) -> None:
    file, page = tmp_path / "people.npz", tmp_path / "page.html"
    keywords = {"detector": find, "reid": str(colour_model), "input": {"fps": 5.0}, "listener": Heard()}
    for count, _ in enumerate(track(str(door), people_file=file, save_people=page, **keywords)):
        if count == 6:
            break
    assert len(people(file).people) == 2
    assert page.is_file()

    def interrupt(event: object) -> None:
        if getattr(event, "frames", 0) == 6:
            raise KeyboardInterrupt

    file.unlink()
    with pytest.raises(KeyboardInterrupt):
        track(str(door), people_file=file, **{**keywords, "listener": Heard(then=interrupt)}).finish()
    assert len(people(file).people) == 2
    unused = track(str(door), people_file=file, **keywords)
    with pytest.raises(InputError, match="another run is at work"):
        track(str(door), people_file=file, **keywords)
    unused.close()
    with locked(file, key="", warn=print):
        pass


def test_the_file_is_written_while_a_run_goes_on(
    door: Path, colour_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "EVERY", 0.0)
    monkeypatch.setattr(kept, "SLOWER", 0)
    file = tmp_path / "people.npz"
    seen = []
    with track(
        str(door), detector=find, reid=str(colour_model), people_file=file, input={"fps": 5.0}, listener=Heard()
    ) as going:
        for _ in going:
            seen.append(len(People.load(file, key="")))
    assert seen[-1] == 2
    save, written = People.save, []

    def full_for_a_while(self: People, path: Path) -> None:
        written.append(path)
        if len(written) < 4:
            raise RunError("the disk is full.")
        save(self, path)

    monkeypatch.setattr(People, "save", full_for_a_while)
    heard = Heard()
    file.unlink()
    run(door, colour_model, heard, people_file=file)
    assert [warning for warning in heard.warnings if "full" in warning] == [
        "the disk is full. The run goes on with the file as it was, and tries again."
    ]
    monkeypatch.setattr(People, "save", lambda *_: (_ for _ in ()).throw(RunError("full")))
    with pytest.raises(RunError, match="full"):
        run(door, colour_model, people_file=file)
    assert len(People.load(file, key="")) == 2


def test_who_was_not_seen_for_long_is_forgotten(
    door: Path, staff: Path, colour_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "people.npz"
    run(door, colour_model, known=staff, people_file=file)
    later = kept.time.time() + 86_400
    monkeypatch.setattr(kept.time, "time", lambda: later)
    heard = Heard()
    run(scene(tmp_path / "hall", (BOB,)), colour_model, heard, people_file=file, across={"keep": "12h"})
    assert any("2 people of" in note and "forgotten" in note for note in heard.notes)
    assert [one["name"] for one in people(file).people] == ["bob", "cat", "Dän <b>"]


def test_who_was_not_seen_for_longest_makes_room_which_is_said(
    door: Path, colour_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run has room for so many people without a name; those of the file were seen in earlier runs, or are there."""
    file, began = tmp_path / "people.npz", kept.time.time()
    for hours, who_is_there in enumerate(((BOB,), (CAT,), (BOB,))):  # Bob, who has the lower number, comes again
        monkeypatch.setattr(kept.time, "time", lambda hours=hours: began + 3600 * hours)
        run(scene(tmp_path / f"hall{hours}", who_is_there), colour_model, people_file=file)
    assert [one["person"] for one in people(file).people] == [1, 2]
    monkeypatch.setattr(gallery, "MOST_PEOPLE", 1)
    monkeypatch.setattr(gallery, "FORGET_EVERY", 1)
    heard = Heard()
    run(door, colour_model, heard, people_file=file)
    left = [one["person"] for one in people(file).people]
    assert 1 in left
    assert 2 not in left
    assert [warning for warning in heard.warnings if "without a name" in warning and "across.keep" in warning]


def test_a_recording_names_people_as_its_source_did(
    door: Path, staff: Path, colour_model: Path, tmp_path: Path
) -> None:
    recording = tmp_path / "rec.npz"
    first = track(
        str(door), detector=find, input={"fps": 5.0}, known=staff, save_detections=recording, listener=Heard()
    ).finish()
    words = {"detections": recording, "known": staff, "listener": Heard()}
    assert who(track(**words).finish()) == who(first)
    assert "ann" in who(first)  # the bundled model takes these few colours for somebody now and then
    run(door, colour_model, save_detections=recording, overwrite=True)
    with pytest.raises(InputError, match="bring features of colours.onnx"):
        track(**words)


def test_a_function_as_reid(door: Path, staff: Path, tmp_path: Path) -> None:
    def embed(image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        crops = [image[int(y1) : int(y2), int(x1) : int(x2)] for x1, y1, x2, y2 in boxes]
        return np.array([cv2.resize(crop, (4, 8), interpolation=cv2.INTER_AREA).ravel() / 128.0 - 1 for crop in crops])

    file = tmp_path / "people.npz"
    keywords = {"detector": find, "input": {"fps": 5.0}, "listener": Heard(), "people_file": file}
    done = track(str(door), reid=embed, known=staff, **keywords).finish()
    assert set(who(done)) == {"ann", "?"}

    def other(image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        return embed(image, boxes)

    with pytest.raises(InputError, match=r"seen with embed, this run has other \(another model\)"):
        track(str(door), reid=other, **keywords)

    def shorter(image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        return embed(image, boxes)[:, :48]

    shorter.__name__ = "embed"
    with pytest.raises(InputError, match="48 numbers"):
        track(str(door), reid=shorter, **keywords).finish()
    assert len(people(file).people) == 5


def test_the_folder_is_read_with_care(staff: Path, door: Path, colour_model: Path, tmp_path: Path) -> None:
    root = tmp_path / "staff"
    shutil.copytree(staff, root)
    shutil.copy(root / "ann" / "0.png", root / "bob" / "again.png")  # the same picture for two
    shutil.copy(root / "cat" / "0.png", root / "cat" / "twice.png")
    (root / "cat" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    (root / "cat" / "empty.png").touch()
    cv2.imwrite(str(root / "ann" / "wide.png"), cv2.resize(paint(ANN, 7), (64, 32)))
    (root / "eve").mkdir()
    (root / "eve" / "1.png").write_bytes(b"text")
    (root / "fay").mkdir()
    cv2.imwrite(str(root / "fay" / "1.png"), paint(6, 0))
    cv2.imwrite(str(root / "beside.png"), paint(7, 0))
    heard = Heard()
    done = run(door, colour_model, heard, known=root)
    said = "\n".join(heard.warnings)
    for words in (
        "ann/0.png and bob/again.png: the same picture for two people, used for neither",
        "cat/broken.jpg is not used",
        "cat/empty.png is not used: the file is empty",
        "eve is left out, as no picture of eve can be used",
        "ann/wide.png: wider than high",
        "fay: one picture only",
        "beside.png not used: beside the folders",
    ):
        assert words in said, words
    assert any("cat/twice.png: the same pictures again" in note for note in heard.notes)
    assert any("5 known people" in note for note in heard.notes)
    assert "ann" in who(done)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"known": "none"}, "no such folder"),
        ({"known": "STAFF", "reid": "none"}, r"`across\.known`: no appearance to go by"),
        ({"people_file": "p.npz", "reid": "none"}, r"`across\.people`: no appearance"),
        ({"people_file": "people.csv"}, r"ends in \.npz"),
        ({"people_file": "STAFF"}, "this is a folder|ends in"),
        ({"save_people": "p.html"}, "nobody is matched"),
        ({"save_people": "p.txt", "known": "STAFF"}, r"ends in \.html"),
        ({"save_people": "p.html", "save_csv": "p.html", "known": "STAFF"}, "writes the same file"),
        ({"people_file": "p.npz", "save_looks": "p.npz", "overwrite": True}, r"save_looks` writes the same file"),
        ({"people_file": "p.npz", "across": {"keep": "soon"}}, "no time"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    door: Path, staff: Path, colour_model: Path, tmp_path: Path, keywords: dict[str, Any], words: str
) -> None:
    paths = {"known", "people_file", "save_people", "save_csv", "save_looks"}
    given = {
        name: staff if value == "STAFF" else tmp_path / value if name in paths else value
        for name, value in keywords.items()
    }
    with pytest.raises(InputError, match=words):
        track(str(door), **{"detector": find, "reid": str(colour_model), "listener": Heard(), **given})
    assert not list(tmp_path.iterdir())


def test_another_models_people_are_refused(door: Path, colour_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "people.npz"
    run(door, colour_model, people_file=file)
    before = file.read_bytes()
    with pytest.raises(InputError, match=r"seen with colours.onnx .*, this run has osnet_x0_25.onnx"):
        track(str(door), detector=find, people_file=file, listener=Heard())
    reid = {"model_path": str(colour_model), "color": "BGR"}
    with pytest.raises(InputError, match="shown pictures in another way"):
        track(str(door), detector=find, reid=reid, people_file=file, listener=Heard())
    assert file.read_bytes() == before
