"""What sources stand for, and where the results of each video go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deepsort_cli.core.errors import InputError
from deepsort_cli.workflows.archive.videos import find_videos


def files(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return root


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: videos in folders, and what else lies in such."""
    monkeypatch.chdir(tmp_path)
    return files(
        tmp_path,
        "videos/2.mp4",
        "videos/10.mp4",
        "videos/cam a/x.MKV",
        "videos/cam a/x.avi",
        "videos/notes.txt",
        "videos/.hidden.mp4",
        "videos/.trash/old.mp4",
    )


def places(*sources: str, notes: list[str] | None = None, output_dir: str = "out") -> list[str]:
    return [video.place for video in find_videos(sources, Path(output_dir), ([] if notes is None else notes).append)]


ALL = ["2.mp4", "10.mp4", "cam a/x.MKV", "cam a/x.avi"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("videos", ALL),
        ("videos/", ALL),
        ("./videos/cam a/..", ALL),
        ("videos/**/*", ALL),
        ("videos/**/*.mp4", ["2.mp4", "10.mp4"]),
        ("videos/*/*", ["x.avi", "x.MKV"]),
        ("videos/cam*/x.[am]*", ["cam a/x.avi"]),
        ("videos/2.mp4", ["videos/2.mp4"]),
        ("videos/*.txt", ["notes.txt"]),
        ("demo", ["demo"]),
    ],
)
def test_what_a_source_stands_for(here: Path, source: str, expected: list[str]) -> None:
    if source == "videos/*/*":  # the fixed part of the pattern is `videos`, so the folder's name is kept
        expected = [f"cam a/{name}" for name in expected]
    assert sorted(places(source)) == sorted(expected)


def test_absolute_names_keep_their_folders(here: Path) -> None:
    assert places(str(here / "videos" / "2.mp4")) == ["videos/2.mp4"]
    assert places(str(here / "videos")) == places("videos") == ALL
    elsewhere = files(here / "elsewhere", "b.mp4") / "b.mp4"
    os.chdir(here / "videos")
    assert places(str(elsewhere)) == [elsewhere.relative_to(elsewhere.anchor).as_posix()]
    assert places("../elsewhere/b.mp4") == [elsewhere.relative_to(elsewhere.anchor).as_posix()]


def test_a_folder_with_magic_characters_is_meant_as_it_is(here: Path) -> None:
    files(here / "[2024]", "a.mp4", "b.mp4")
    assert places("[2024]") == ["a.mp4", "b.mp4"]
    os.chdir(here / "[2024]")
    assert places("*.mp4") == ["a.mp4", "b.mp4"]


def test_a_list_of_videos(here: Path) -> None:
    text = "\ufeff# cameras\r\n\r\nvideos/2.mp4\n  videos/cam a  \nvideos/1*.mp4\n"
    (here / "list.txt").write_text(text, encoding="utf-8")
    os.chdir(here / "videos")  # names are relative to the list
    assert places("../list.txt") == ["videos/2.mp4", "x.MKV", "x.avi", "10.mp4"]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("# nothing\n", ["lists no video"]),
        ("a.mp4\n\nvideos/2.mp4\nrtsp://me:secret@host/1\n", ["line 1: a.mp4", "line 4", "no such file", "…@host"]),
        ("other.txt\n", ["a list within a list"]),
        ("\0\1\2", ["no text"]),
    ],
)
def test_faults_of_a_list(here: Path, lines: str, words: list[str]) -> None:
    (here / "list.txt").write_text(lines)
    (here / "other.txt").write_text("videos/2.mp4\n")
    with pytest.raises(InputError) as caught:
        places("list.txt")
    assert all(word in str(caught.value) for word in words)
    assert "secret" not in str(caught.value)


def test_pictures_stay_sequences(here: Path) -> None:
    files(here / "frames", "1.jpg", "2.jpg")
    files(here / "MOT/train/A", "seqinfo.ini", "img1/1.jpg", "gt/gt.txt")
    files(here / "MOT/train/B", "img1/1.jpg")
    assert places("frames") == ["frames"]
    assert places("frames/*.jpg") == ["frames"]
    assert places("frames/%d.jpg") == ["frames"]
    assert places("MOT") == ["train/A", "train/B"]
    assert places("MOT/train/A") == ["A"]
    assert places("MOT/train/*") == ["A", "B"]
    sequence = find_videos(["MOT/train/A"], here / "out")[0]
    assert [path.name for path in sequence.files()] == ["seqinfo.ini", "1.jpg"]
    files(here / "days/monday", "1.png")
    files(here / "days/tuesday", "1.png")
    assert places("days") == ["monday", "tuesday"]


def test_what_is_left_out_is_said(here: Path) -> None:
    files(here / "videos", "thumbs/1.jpg", "readme.md")
    notes: list[str] = []
    assert "thumbs" not in str(places("videos", notes=notes))
    assert any("thumbs" in note and "left out" in note for note in notes)
    notes.clear()
    places("videos/*", notes=notes)
    assert any("1 .md" in note for note in notes)


def test_the_archives_own_results_are_no_sources(here: Path) -> None:
    files(here / "videos/out", "2.mp4/out.mp4")
    notes: list[str] = []
    assert places("videos", notes=notes, output_dir="videos/out") == ALL
    assert set(places("videos/**/*", output_dir="videos/out")) == set(ALL)
    assert any(note.startswith("1 video ") and "results" in note for note in notes)
    with pytest.raises(InputError, match="results"):
        places("videos/out", output_dir="videos/out")


def test_a_video_that_is_there_twice_is_tracked_once(here: Path) -> None:
    (here / "videos/link.mp4").symlink_to("2.mp4")
    (here / "videos/loop").symlink_to("..", target_is_directory=True)
    (here / "again").symlink_to("videos", target_is_directory=True)
    notes: list[str] = []
    assert len(places("videos", "again", "videos/**/*.mp4", "videos/2.mp4", notes=notes)) == 4
    assert any("link.mp4" in note and "once" in note for note in notes)
    notes.clear()
    assert len(places("videos/2.mp4", "videos/2.mp*", "videos/2.mp4", "demo", "demo", notes=notes)) == 2
    assert notes == [f"named more than once, tracked once: {here / 'videos/2.mp4'} and 1 other video"]


def test_places_differ(here: Path) -> None:
    files(here / "site b", "2.mp4", "cam a/x.avi")
    files(here / "other/site b", "2.mp4")
    notes: list[str] = []
    assert places("videos", "site b", "other/site b", notes=notes) == [
        *ALL,
        "site b/2.mp4", "site b/cam a/x.avi", "site b/2.mp4-2",
    ]  # fmt: skip
    assert len(notes) == 3
    files(here / "case", "A.mp4", "a.mp4")
    assert len({place.lower() for place in places("case")}) == 2


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("nothing.mp4", ["nothing.mp4", "no such file"]),
        ("nothing/*.mp4", ["matches no file"]),
        ("empty", ["no video", "*.dav"]),
        ("0", ["no file", "`archive.output_dir`"]),
        ("-", ["no file"]),
        ("rtsp://me:secret@host/1", ["no file", "…@host"]),
        ("/dev/null", ["cannot be read", "not a file"]),
        ("", ["is empty"]),
    ],
)
def test_faults(here: Path, source: str, words: list[str]) -> None:
    (here / "empty").mkdir()
    with pytest.raises(InputError) as caught:
        places(source)
    assert any(word in str(caught.value) for word in words)
    assert "secret" not in str(caught.value)
    with pytest.raises(InputError, match="no source"):
        find_videos([], here / "out")
