"""What a run gives away about itself."""

from __future__ import annotations

import numpy as np
import pytest

from deepsort_cli.core.types import Frame, Tracks
from deepsort_cli.serving import hub as hub_module
from deepsort_cli.serving.hub import Camera, Hub, Status

from .site import Page, picture, tracks_of


class Album:
    def __init__(self) -> None:
        self.seen: list[tuple[int, int, int]] = []
        self.left: list[int] = []

    def see(self, camera: int, frame: Frame, tracks: Tracks) -> None:
        self.seen.append((camera, frame.index, len(tracks)))

    def leave(self, camera: int) -> None:
        self.left.append(camera)


@pytest.fixture
def camera() -> Camera:
    return Camera(0, "door", live=False, size=(0, 0), trail=5, began=1000.0)


def test_every_frame_goes_into_the_album_and_the_newest_is_kept(camera: Camera) -> None:
    album = Album()
    sink = Hub("deepsort", "1", [camera], album=album).sink(camera)
    for index in range(3):
        sink.write(Frame(index, picture(50 + index), index / 25), tracks_of([1]))
    sink.close()
    assert album.seen == [(0, 0, 1), (0, 1, 1), (0, 2, 1)]
    assert album.left == [0]
    assert camera.view is not None
    assert camera.view.image is not None
    assert (camera.view.number, camera.view.image[0, 0, 0]) == (2, 52)
    assert camera.size == (160, 120)
    assert camera.time == pytest.approx(1000.08)


def test_a_camera_has_the_time_of_the_clock(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module.time, "time", lambda: 5000.0)
    monkeypatch.setattr(hub_module.time, "monotonic", lambda: 100.0)
    Hub("deepsort", "1", [camera]).sink(camera).write(Frame(0, None, 7.0, arrived=99.75), tracks_of([]))
    assert camera.time == 4999.75


def test_pictures_that_others_draw_into_are_copied_only_while_somebody_looks(camera: Camera) -> None:
    sink = Hub("deepsort", "1", [camera]).sink(camera)
    sink.shared = True
    images = [picture(index) for index in range(60)]

    def write(index: int) -> None:
        sink.write(Frame(index, images[index], index / 25), tracks_of([1]))
        images[index][:] = 255

    def grey() -> int:
        assert camera.view is not None
        assert camera.view.image is not None
        return int(camera.view.image[0, 0, 0])

    for index in range(40):
        write(index)
    assert grey() == 25  # a second after the first
    camera.look()
    for index in range(40, 43):
        write(index)
        assert grey() == index
    assert camera.counts is None


def test_trails_are_remembered_while_nobody_looks(page: Page) -> None:
    camera = page.hub.cameras[0]
    for index in range(1, 4):
        page.frame(index, [1])
    assert camera.view is not None
    assert camera.view.trails == {}
    camera.look()
    page.frame(4, [1])
    assert camera.view is not None
    assert len(camera.view.trails[1]) == 5


def test_frames_without_pictures_are_counted_all_the_same(camera: Camera) -> None:
    hub = Hub("deepsort", "1", [camera])
    hub.sink(camera).write(Frame(0, None, 0.0), tracks_of([4]))
    assert camera.view is not None
    assert camera.view.image is None
    assert hub.log.totals["appeared"] == 1
    assert np.array_equal(camera.view.tracks.ids, [4])


def test_who_is_in_two_pictures_at_once_is_one_person(page: Page) -> None:
    """Undecided tracks count as somebody each, and nobody is left in a source that has ended."""
    for camera, people in enumerate(([3, -1, 5], [5, 3])):
        tracks = tracks_of(list(range(1, 1 + len(people)))).with_people(np.array(people))
        page.sinks[camera].write(Frame(0, picture(), 0.0), tracks)
        page.hub.cameras[camera].status = Status(people=len(people))
    assert page.hub.people_now == 3
    page.sinks[0].close()
    page.hub.cameras[0].status = Status()
    assert page.hub.people_now == 2
