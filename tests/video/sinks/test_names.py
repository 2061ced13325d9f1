"""Names of outputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepsort_cli.video.sinks import output_path, unique_names


def test_outputs_of_several_sources_get_their_names() -> None:
    assert output_path(Path("a/out.mp4"), "cam", many=False) == Path("a/out.mp4")
    assert output_path(Path("a/out.mp4"), "cam", many=True) == Path("a/out_cam.mp4")
    assert output_path(Path("crops"), "cam", many=True) == Path("crops_cam")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a-2", "a-3"]),
        (["a", "A"], ["a", "A-2"]),
        (["a", "a-2", "a"], ["a", "a-2", "a-3"]),
    ],
)
def test_names_are_made_distinct(names: list[str], expected: list[str]) -> None:
    assert unique_names(names) == expected
