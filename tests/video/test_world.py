"""The world of several cameras: one clock, the same people with the same ids, and nobody in two places."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from deepsort_cli.core.errors import InputError
from deepsort_cli.video.settings import DemoSettings, SourceSettings
from deepsort_cli.video.sources import open_source
from deepsort_cli.video.world import ON_THE_WAY, VIEWS, WorldScene

SMALL = DemoSettings(width=160, height=120, seed=3)
CAMERAS = range(1, len(VIEWS) + 1)


def seen(settings: DemoSettings) -> dict[int, dict[int, set[int]]]:
    """In which frames, every fifth, each person is seen by each camera."""
    found: dict[int, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    for camera in CAMERAS:
        scene = WorldScene(settings, camera)
        for index in range(0, scene.frames, 5):
            for person in scene.ground_truth(index).ids.tolist():
                found[person][camera].add(index)
    return found


def test_people_walk_from_place_to_place_and_are_never_in_two() -> None:
    everybody = seen(SMALL)
    places = {}
    for person, frames in everybody.items():
        plaza = frames[1] | frames[2]
        assert not plaza & frames[3]
        assert not plaza & frames[4]
        assert not frames[3] & frames[4]
        places[person] = {VIEWS[camera - 1].place for camera in CAMERAS if frames[camera]}
        # Whoever changes from one place to another is seen by nobody for a while.
        for door in (3, 4):
            for index in frames[door]:
                assert not plaza & {index + step for step in range(-int(ON_THE_WAY[0] * 25), 1)}
    assert sum(len(frames[1] & frames[2]) > 10 for frames in everybody.values()) >= 4, "both see the plaza"
    assert sum(len(one) > 1 for one in places.values()) >= 4
    assert any(len(one) == 1 for one in places.values()), "some never come to the other places"


def test_every_camera_has_its_own_picture_of_the_same_moment() -> None:
    scenes = [WorldScene(SMALL, camera) for camera in CAMERAS]
    pictures = [scene.render(100) for scene in scenes]
    assert [scene.frames for scene in scenes] == [750] * len(VIEWS)
    means = np.array([picture.mean(axis=(0, 1)) for picture in pictures])
    apart = np.abs(means[:, None] - means[None]).max(axis=2) + 255 * np.eye(len(VIEWS))
    assert apart.min() > 8, "light and colours differ"
    for scene, picture in zip(scenes, pictures, strict=True):
        np.testing.assert_array_equal(WorldScene(SMALL, 1 + VIEWS.index(scene.view)).render(100), picture)


def test_the_two_cameras_of_the_plaza_see_people_walk_the_other_way() -> None:
    scenes = [WorldScene(SMALL, camera) for camera in (1, 2)]
    ways = []
    for index in range(0, 700, 25):
        first, then = ([one.ground_truth(i) for one in scenes] for i in (index, index + 10))
        for person in set(first[0].ids) & set(first[1].ids) & set(then[0].ids) & set(then[1].ids):
            left = [
                float(b.boxes[b.ids == person][0, 0] - a.boxes[a.ids == person][0, 0])
                for a, b in zip(first, then, strict=True)
            ]
            if min(map(abs, left)) > 4:
                ways.append(np.sign(left[0]) == -np.sign(left[1]))
    assert len(ways) > 10
    assert all(ways)


def test_cameras_are_named_by_number_and_seed() -> None:
    def scene(spec: str, seed: int = 0) -> WorldScene:
        source = open_source(spec, SourceSettings(), SMALL.model_copy(update={"seed": seed}))
        assert source.kind == "demo"
        return source.scene  # type: ignore[attr-defined, no-any-return]

    np.testing.assert_array_equal(scene("demo:2", seed=7).render(5), scene("demo:7/2").render(5))
    assert open_source("demo:7/2", SourceSettings(), SMALL).name == "demo_7_2"
    assert (scene("demo:1").settings.seed, scene("demo:1").view) == (0, VIEWS[0])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("demo:5", "there is no camera 5. The cameras of a generated world are demo:1 to demo:4"),
        ("demo:3/0", "there is no camera 0"),
        ("demo:", "demo:SEED/1 to demo:SEED/4"),
        ("demo:x", "demo:SEED/1 to demo:SEED/4"),
        ("demo:1/2/3", "demo:SEED/1 to demo:SEED/4"),
        ("demo:-1", "demo:SEED/1 to demo:SEED/4"),
    ],
)
def test_other_cameras_are_refused(spec: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_source(spec, SourceSettings(), SMALL)
