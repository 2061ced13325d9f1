"""People known across the sources of a run."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import deepsort_cli as deepsort
from deepsort_cli.core import InputError
from deepsort_cli.workflows.track import track

from .cameras import Cameras, serving
from .helpers import Heard

COLOURS = {"red": (40, 40, 230), "green": (40, 230, 40), "blue": (230, 40, 40), "grey": (140, 140, 140)}

DOOR = {"red": (0, 24), "green": (0, 14), "blue": (30, 44)}
YARD = {"blue": (0, 16), "red": (30, 60), "grey": (4, 60), "green": (20, 40)}
"""From which to which frame somebody is there."""


def film(folder: Path, people: dict[str, tuple[int, int]], length: int = 60) -> Path:
    """Pictures, ten a second, in which people of one colour each walk over a dark floor."""
    folder.mkdir()
    for index in range(length):
        image = np.full((120, 200, 3), 20, np.uint8)
        for place, (name, (begin, end)) in enumerate(people.items()):
            if begin <= index < end:
                left = 5 + 50 * place + (index - begin) // 4
                image[30:90, left : left + 25] = COLOURS[name]
        cv2.imwrite(str(folder / f"{index:03d}.png"), image)
    return folder


def find(image: np.ndarray) -> list[list[float]]:
    """Everybody who is not floor."""
    count, _, stats, _ = cv2.connectedComponentsWithStats((image.max(axis=2) > 100).astype(np.uint8))
    return [[x, y, x + w, y + h, 0.9] for x, y, w, h, _ in stats[1:count].tolist()]


def colour(image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(N, 3) how people differ from grey, and a little from camera to camera."""
    centres = ((boxes[:, :2] + boxes[:, 2:]) / 2).astype(int)
    return np.array([image[y, x].astype(float) - 90 for x, y in centres]).reshape(-1, 3)


def who(run: Any, folder: Path, source: str) -> dict[str, set[int | None]]:
    """Colour → the people whose tracks were where it is; from the JSON Lines of a source."""
    found: dict[str, set[int | None]] = {}
    for line in run.read_text().splitlines():
        record = json.loads(line)
        image = cv2.imread(str(folder / source / f"{record['frame'] - 1:03d}.png"))
        for row in record["tracks"]:
            x, y = (int((row["box"][k] + row["box"][k + 2]) / 2) for k in (0, 1))
            name = min(COLOURS, key=lambda name: float(np.abs(image[y, x].astype(float) - COLOURS[name]).sum()))
            found.setdefault(name, set()).add(row["person"])
    return found


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    film(folder / "door", DOOR)
    film(folder / "yard", YARD)
    return folder


OPTIONS: dict[str, Any] = {"across": True, "input": {"fps": 10}, "tracker": {"max_cosine_distance": 0.1}}


class TestRecordings:
    def test_everybody_keeps_one_number(self, films: Path, tmp_path: Path) -> None:
        """Red and green walk from the door to the yard, blue the other way; grey stays in the yard."""
        heard = Heard()
        run = track(
            films / "door", films / "yard", detector=find, reid=colour, save_jsonl=tmp_path / "a.jsonl",
            listener=heard, **OPTIONS,
        ).finish()  # fmt: skip
        people = [who(tmp_path / f"a_{name}.jsonl", films, name) for name in ("door", "yard")]
        decided = [{name: found - {None} for name, found in one.items()} for one in people]
        assert all(len(found) == 1 for one in decided for found in one.values())
        assert all(decided[0][name] == decided[1][name] for name in ("red", "green", "blue"))
        assert len(set.union(*decided[0].values(), *decided[1].values())) == 4
        assert [summary.people for summary in run.summaries] == [3, 4]
        table = run.table()
        assert {tuple(row) for row in table[["source", "person"]].tolist() if row[1] > 0} == {
            (source, person) for source, one in enumerate(decided) for found in one.values() for person in found
        }
        assert any("2 recordings are tracked together, in the order of their times" in note for note in heard.notes)
        assert any("nobody is in two of them at once" in note for note in heard.notes)

    def test_rows_do_not_depend_on_who_is_faster(self, films: Path) -> None:
        """Now the frames of one source take long, now those of the other."""
        tables = []
        for slow in ("door", "yard"):
            chance = np.random.default_rng(len(tables))

            def slowly(image: np.ndarray, slow: str = slow, chance: Any = chance) -> list[list[float]]:
                bright = image[:, :, 0].max() > 200
                time.sleep(0.004 * chance.random() * (bright == (slow == "yard")))
                return find(image)

            tables.append(
                track(films / "door", films / "yard", detector=slowly, reid=colour, **OPTIONS).finish().table()
            )
        assert tables[0].tolist() == tables[1].tolist()
        assert (tables[0]["person"] > 0).any()

    def test_frames_come_in_the_order_of_their_times(self, films: Path) -> None:
        """The yard's recording began two seconds later."""
        run = track(
            films / "door", films / "yard", detector=find, reid=colour,
            **{**OPTIONS, "across": {"enabled": True, "starts": [100, 102]}},
        )  # fmt: skip
        moments = [(frame.time + 2 * (frame.source == "yard"), frame.source) for frame, _ in run]
        assert moments == sorted(moments)
        assert len(moments) == 120

    def test_what_overlaps_may_show_somebody_twice_at_once(self, films: Path) -> None:
        """The same film twice: one person each where both see the same place, else two."""
        film_twice = (films / "door", films / "door")
        options = {**OPTIONS, "max_frames": 14, "detector": find, "reid": colour}
        assert [track(*film_twice, **options, overlap="1,2").finish().table()["person"].max()] == [2]
        assert [track(*film_twice, **options).finish().table()["person"].max()] == [4]

    def test_one_source_whose_people_come_back(self, films: Path, tmp_path: Path) -> None:
        """After longer than the tracker remembers, under another id."""
        film(tmp_path / "gate", {"red": (0, 12), "green": (40, 60)})
        image = cv2.imread(str(tmp_path / "gate" / "005.png"))
        for index in range(40, 60):
            cv2.imwrite(str(tmp_path / "gate" / f"{index:03d}.png"), image)
        options = {**OPTIONS, "tracker": {"max_cosine_distance": 0.1, "max_age": 5}}
        table = track(tmp_path / "gate", detector=find, reid=colour, **options).finish().table()
        assert len(set(table["id"].tolist())) == 2
        assert set(table["person"].tolist()) == {1}

    def test_without_it_nothing_is_there(self, films: Path) -> None:
        run = track(films / "door", detector=find, reid=colour, max_frames=5).finish()
        assert "person" not in (run.table().dtype.names or ())
        assert run.summary.people is None


class TestLive:
    @pytest.fixture
    def cameras(self) -> Iterator[Cameras]:
        with serving() as served:
            yield served

    def test_cameras_go_by_the_clock_and_no_recording_beside_them(self, cameras: Cameras, films: Path) -> None:
        options: dict[str, Any] = {**OPTIONS, "input": {"reconnect_attempts": 0, "timeout": 5}}
        with pytest.raises(InputError, match=r"door is recorded and .* is live"):
            track(films / "door", cameras.url("a"), detector=find, reid=colour, **options)
        with pytest.raises(InputError, match="go by the clock"):
            track(cameras.url("a"), detector=find, reid=colour, across={"enabled": True, "starts": [0]})


def test_it_needs_looks_and_says_what_is_unheard(films: Path) -> None:
    with pytest.raises(InputError, match=r"`across`.*no appearance|across.enabled.*no appearance"):
        track(films / "door", reid="none", detector="hog", across=True)
    for wanted in ({"across": True}, {"link": True}, {"save_looks": "looks.npz"}):  # nor are a function's own used
        with pytest.raises(InputError, match="no appearance to go by"):
            track(films / "door", reid="none", detector=find, **wanted)
    heard = Heard()
    track(films / "door", detector=find, reid="none", overlap="all", max_frames=1, listener=heard).finish()
    assert any("across.overlap` changes nothing" in warning for warning in heard.warnings)
    with pytest.raises(InputError, match="'3' is no source"):
        track(films / "door", films / "yard", detector=find, reid=colour, across=True, overlap="1,3")


def test_an_archive_has_none(films: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tracks every video for itself"):
        deepsort.track_archive(films, output_dir=tmp_path / "out", save_csv="t.csv", across=True)
