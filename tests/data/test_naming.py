"""Names read by a pattern of the user's own."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from deepsort_cli.core.errors import InputError
from deepsort_cli.data.layouts import arrange
from deepsort_cli.data.loading import load_manifest, load_query_gallery
from deepsort_cli.data.naming import LONGEST_PATH, compile_pattern, match_pattern
from deepsort_cli.data.scan import scan_dataset
from deepsort_cli.data.settings import ScanSettings
from deepsort_cli.data.tables import read_csv


@pytest.mark.parametrize(
    ("pattern", "path", "label"),
    [
        (r"cam(?P<camid>\d+)/person_(?P<pid>\d+)", "x/cam2/person_017.png", (17, 2)),
        (r"(?P<pid>\d+)-(?P<camid>[a-z])-", "0004-c-1.jpg", (4, 3)),
        (r"^(?P<pid>-1|\d+)", "-1_x.jpg", (-1, None)),
        (r"p(?P<pid>\d+)(?:_v(?P<camid>\d))?", "p7.jpg", (7, None)),
        (r"p(?P<pid>\d+)", "q7.jpg", None),
        (r"(?P<pid>\d*)x", "x.jpg", None),
        (r"(?:cam|c)?(?P<camid>\d+)[(+]+(?:ab)*(?P<pid>\d{3,4})(?:_\w*)?", "cam2(+abab0123_x.jpg", (123, 2)),
        (r"(?:[a-z]\+){2}(?P<pid>\d+)", "a+b+7", (7, None)),
    ],
)
def test_a_pattern_is_found_anywhere_in_a_path(pattern: str, path: str, label: tuple[int, int | None] | None) -> None:
    assert match_pattern(compile_pattern(pattern), path) == label


def test_of_numbers_below_zero_only_minus_one_is_one() -> None:
    """A hyphen in front of a number is no sign, and nobody has the number −12."""
    pattern = compile_pattern(r"cam\d(?P<pid>-?\d+)")
    found = match_pattern(pattern, "cam1-12.jpg")
    assert found is not None
    assert found[0] > 10**9
    assert match_pattern(pattern, "cam1-1.jpg") == (-1, None)


TWINS = (unicodedata.normalize("NFC", "José"), unicodedata.normalize("NFD", "José"))


@pytest.mark.parametrize("names", [("iiwucoup", "uejgtcuo"), ("3012519973", "8861634623"), TWINS])
def test_names_that_would_be_confused_are_refused(names: tuple[str, str], tmp_path: Path) -> None:
    """Two names of one checksum would be one person, one name composed in two ways two."""
    message = "get the same number" if names != TWINS else "look the same"
    folders = [f"{name}/{i}.png" for name in names for i in (1, 2)]
    for pattern in (None, r"(?P<pid>[^/]+)/"):
        with pytest.raises(InputError, match=f"people .* {message}"):
            arrange(folders, pattern=pattern)
    table = tmp_path / "people.csv"
    table.write_text("path,pid\n" + "".join(f"{i}.png,{name}\n" for i, name in enumerate(names)), encoding="utf-8")
    with pytest.raises(InputError, match=f"line 3: people .* {message}"):
        read_csv(table)
    for part, name in zip(("query", "gallery"), names, strict=True):
        for i, folder in enumerate((name, "anna")):
            (tmp_path / part / folder).mkdir(parents=True)
            Image.new("RGB", (16, 32), (i, 0, 0)).save(tmp_path / part / folder / "1.png")
    with pytest.raises(InputError, match=f"people .* {message}"):
        load_query_gallery(tmp_path, ScanSettings(use_cache=False))


def test_cameras_of_one_number_are_refused(tmp_path: Path) -> None:
    """Letters are numbered as in the alphabet, so cameras 1 to f of a hexadecimal count would be confused."""
    for paths, pattern in (
        (["1/cam_1/x.png", "1/cam_a/x.png"], None),
        (["cam1/0001_x.png", "cam_a/0001_x.png"], None),
        (["1-0001.png", "a-0001.png"], r"(?P<camid>.)-(?P<pid>\d+)"),
    ):
        with pytest.raises(InputError, match="cameras 'a' and '1' .* get the same number, 1"):
            arrange(paths, pattern=pattern)
    table = tmp_path / "people.csv"
    table.write_text("path,pid,camid\n1.png,1,1\n2.png,1,a\n")
    with pytest.raises(InputError, match="line 3: cameras 'a' and '1'"):
        read_csv(table)
    table.write_text("path,pid,camid\n1.png,1,b\n2.png,01,B\n3.png,1.0,\n")
    assert [entry.label.pid for entry in read_csv(table).entries] == [1, 1, 1]
    assert arrange(["1/cam1/x.png", "001/camera_01/x.png"])[2] == []


def test_names_become_the_same_number_every_time() -> None:
    pattern = compile_pattern(r"(?P<pid>[a-z]+)_")
    anna, bob = match_pattern(pattern, "anna_1.jpg"), match_pattern(pattern, "bob_1.jpg")
    assert anna is not None
    assert anna != bob
    assert match_pattern(pattern, "anna_2.jpg") == anna
    assert anna[0] > 10**9


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"(?P<pid>\d+", "no regular expression"),
        (r"\d+", "named group pid"),
        (r"(?P<id>\d+)", "found id"),
        (r"(?P<pid>\d+)(?P<shot>\d)", "found pid, shot"),
        ("(?P<pid>a)" + "b" * 500, "longer than"),
        (r"(a+)+(?P<pid>\d+)", "for ever"),
        (r"((?:a|b)*)*(?P<pid>\d+)", "for ever"),
        (r"(?P<pid>\w+_?)+x", "for ever"),
        (r"^(?:\w|\d)+(?P<pid>\d)x$", "for ever"),
        (r"(?:(?:[)a]+)b?){2,}(?P<pid>\d+)", "for ever"),
    ],
)
def test_patterns_that_cannot_be_used(pattern: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        compile_pattern(pattern)


def test_endless_paths_do_not_match() -> None:
    assert match_pattern(compile_pattern(r"(?P<pid>\d+)"), "1" * (LONGEST_PATH + 1)) is None


def test_a_pattern_reads_every_part_at_any_depth(tmp_path: Path, person) -> None:  # type: ignore[no-untyped-def]
    for part in ("train", "query"):
        for pid in (1, 2):
            file = tmp_path / part / "monday" / f"view{pid}" / f"who{pid}.png"
            file.parent.mkdir(parents=True)
            person(pid + 10 * (part == "query")).save(file)
    settings = ScanSettings(pattern=r"view(?P<camid>\d)/who(?P<pid>\d)")
    result = scan_dataset(tmp_path, settings)
    assert [part.layout.name for part in result.parts] == ["pattern", "pattern"]
    assert result.images.pids.tolist() == result.images.camids.tolist() == [1, 2, 1, 2]
    assert load_manifest(tmp_path, settings).pids.tolist() == [1, 2]
    other = ScanSettings(pattern=r"who(?P<pid>\d)")
    assert not scan_dataset(tmp_path, other).images.has_cameras  # the remembered scan answers another question
    assert scan_dataset(tmp_path, settings).images.has_cameras


def test_what_does_not_match_has_no_label() -> None:
    (part,), _, _ = arrange(["a/1.jpg", "b.jpg"], pattern=r"(?P<pid>\d)")
    assert part.label("a/1.jpg") == (1, None)
    assert part.label("b.jpg") is None
