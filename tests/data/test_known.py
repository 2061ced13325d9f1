"""Folders of people known by name: who is found, and what is said of everything else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deepsort_cli.core.errors import InputError
from deepsort_cli.data import known
from deepsort_cli.data.known import list_known


def put(root: Path, *paths: str) -> Path:
    """Empty files; nothing is read here."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def test_a_folder_for_each_person(tmp_path: Path) -> None:
    root = put(
        tmp_path / "people", "zoe/2.PNG", "zoe/1.jpg", "Ann  Lee/a.webp", "李雷/1.jpg", ".git/x.jpg", "Thumbs.db"
    )
    found = list_known(root, key="across.known")
    assert [(one.name, one.pictures) for one in found.people] == [
        ("Ann Lee", ("Ann  Lee/a.webp",)),
        ("zoe", ("zoe/1.jpg", "zoe/2.PNG")),
        ("李雷", ("李雷/1.jpg",)),
    ]
    assert list(found.remarks()) == []
    link = tmp_path / "link"
    link.symlink_to(root)
    assert [one.name for one in list_known(link, key="").people] == ["Ann Lee", "zoe", "李雷"]


def test_what_is_not_used_is_said(tmp_path: Path) -> None:
    root = put(
        tmp_path / "people", "ann/1.jpg", "ann/notes.txt", "ann/deep/1.jpg", "beside.jpg", "more.png", "read me.md",
        "empty/.hidden", "bob/b.jpg",
    )  # fmt: skip
    secret = put(tmp_path / "elsewhere", "s.jpg")
    (root / "ann" / "out.jpg").symlink_to(secret / "s.jpg")
    (root / "ann" / "up").symlink_to(root)
    (root / "ann" / "same.jpg").symlink_to(root / "bob" / "b.jpg")
    (root / "ann" / "broken.jpg").symlink_to(root / "none.jpg")
    (root / "out").symlink_to(secret)
    (root / "everybody").symlink_to(root)
    (root / "circle").symlink_to("circle")
    os.mkfifo(root / "ann" / "pipe.jpg")
    found = list_known(root, key="across.known")
    assert [(one.name, one.pictures) for one in found.people] == [
        ("ann", ("ann/1.jpg", "ann/same.jpg")),
        ("bob", ("bob/b.jpg",)),
    ]
    assert {reason: sorted(entries) for reason, entries in found.unused.items()} == {
        "beside": ["beside.jpg", "more.png"],
        "other": ["ann/notes.txt", "read me.md"],
        "nested": ["ann/deep"],
        "empty": ["empty"],
        "outside": ["ann/out.jpg", "ann/up", "everybody", "out"],
        "special": ["ann/broken.jpg", "ann/pipe.jpg"],
        "unreadable": ["circle"],
    }
    said = "\n".join(found.remarks())
    assert "beside.jpg, more.png not used: beside the folders" in said
    assert "into a folder with the person's name" in said


def test_a_long_list_is_cut_short(tmp_path: Path) -> None:
    root = put(tmp_path, "ann/1.jpg", *(f"{i}.jpg" for i in range(9)))
    assert "0.jpg, 1.jpg, 2.jpg and 6 more not used" in next(iter(list_known(root, key="").remarks()))


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        (("1.jpg", "2.jpg"), "nobody is in it.*1.jpg, 2.jpg beside the folders"),
        (("ann/notes.txt",), "nobody is in it"),
        (("Zoe\u0308/1.jpg", "Zo\u00eb/1.jpg"), "two folders have the same name"),
    ],
)
def test_nobody_or_two_of_a_name(tmp_path: Path, paths: tuple[str, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        list_known(put(tmp_path / "people", *paths), key="across.known")


def test_no_folder_and_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"`across\.known`.*no such folder"):
        list_known(tmp_path / "none", key="across.known")
    with pytest.raises(InputError, match="this is a file"):
        list_known(put(tmp_path, "a.jpg") / "a.jpg", key="across.known")
    root = put(tmp_path / "people", "ann/1.jpg", "ann/2.jpg", "bob/1.jpg")
    monkeypatch.setattr(known, "MOST_PICTURES", 2)
    with pytest.raises(InputError, match="2 people with 3 pictures are too many"):
        list_known(root, key="")
    monkeypatch.setattr(known, "MOST_ENTRIES", 3)
    with pytest.raises(InputError, match="more than 3 files"):
        list_known(root, key="")


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_that_are_no_text(tmp_path: Path) -> None:
    put(tmp_path, os.fsdecode(b"p\xff\x1b/1.jpg"))
    [person] = list_known(tmp_path, key="").people
    assert person.name == "p\\udcff\\x1b"
    assert (tmp_path / person.pictures[0]).is_file()
