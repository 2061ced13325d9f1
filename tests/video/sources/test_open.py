"""What users write after --source, and which frames come of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from deepsort_cli.core.errors import InputError

from .conftest import opened, shown, write_seqinfo

PARTS = [
    ({}, list(range(12))),
    ({"start": 5}, [5, 6, 7, 8, 9, 10, 11]),
    ({"stride": 5}, [0, 5, 10]),
    ({"max_frames": 4}, [0, 1, 2, 3]),
    ({"start": 2, "stride": 3, "max_frames": 3}, [2, 5, 8]),
    ({"start": 11}, [11]),
    ({"start": 3, "stride": 100}, [3]),
    ({"max_frames": 99}, list(range(12))),
]


@pytest.mark.parametrize(("settings", "expected"), PARTS)
@pytest.mark.parametrize("kind", ["video", "images", "demo", "sequence without images"])
def test_start_stride_and_limit_choose_the_same_frames_everywhere(
    make_video: Callable[..., Path], make_images: Callable[..., Path], tmp_path: Path,
    kind: str, settings: dict[str, int], expected: list[int],
) -> None:  # fmt: skip
    if kind == "video":
        assert shown(opened(make_video(frames=12), **settings)) == expected
    elif kind == "images":
        assert shown(opened(make_images("frames", [f"{i}.png" for i in range(12)]), **settings)) == expected
    else:
        (tmp_path / "seqinfo.ini").write_text("[Sequence]\nseqLength=12\nframeRate=10\n")
        source = opened("demo" if kind == "demo" else tmp_path, pixels=kind == "demo", **settings)
        with source:
            frames = list(source)
        assert [frame.index for frame in frames] == expected
        assert source.frame_count == len(expected)
        assert [frame.time for frame in frames] == pytest.approx([index / 10 for index in expected])


@pytest.mark.parametrize("kind", ["video", "images", "demo", "sequence"])
def test_a_start_beyond_the_end(
    make_video: Callable[..., Path], make_images: Callable[..., Path], tmp_path: Path, kind: str
) -> None:
    write_seqinfo(tmp_path, 12)
    spec = {
        "video": make_video(frames=12),
        "images": make_images("frames", [f"{i}.png" for i in range(12)]),
        "demo": "demo",
        "sequence": tmp_path,
    }[kind]
    for start in (12, 500):
        with pytest.raises(InputError, match=f"`input.start` {start}: .* only 12 frames"):
            opened(spec, start=start, pixels=kind != "sequence")


def test_paths_that_do_not_exist_or_hold_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        opened(tmp_path / "absent.mp4")
    with pytest.raises(InputError, match="`source` is empty"):
        opened(" ")
    with pytest.raises(InputError, match="no images in this folder"):
        opened(tmp_path)
    with pytest.raises(InputError, match="unknown kind of address"):
        opened("gopher://example.org/video")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such files")
def test_named_pipes_go_to_standard_input(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "camera.ts")
    with pytest.raises(InputError, match="camera.ts: a pipe, which is read as standard input"):
        opened(tmp_path / "camera.ts")
