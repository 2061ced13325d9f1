"""The demo scene as a source."""

from __future__ import annotations

from .conftest import opened


def test_the_demo_needs_nothing() -> None:
    with opened("demo") as source:
        frames = list(source)
        assert (source.kind, source.name, source.frame_count, source.fps) == ("demo", "demo", 12, 10)
        assert source.ground_truth(0) is not None
    assert frames[0].image.shape == (72, 96, 3)
    with opened("demo", pixels=False) as source:
        assert {frame.image for frame in source} == {None}
