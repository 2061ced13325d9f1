"""Where ground truth is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.truth_files import find_truth


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def names(path: Path) -> list[str]:
    return [one.name for one in find_truth(path)]


def test_one_sequence_however_it_is_named(tmp_path: Path) -> None:
    path = put(tmp_path / "S1" / "gt" / "gt.txt")
    for given in (path, tmp_path / "S1", tmp_path / "S1" / "gt"):
        (one,) = find_truth(given)
        assert (one.name, one.path.resolve()) == ("S1", path)
        assert one.folder is not None
        assert one.folder.resolve() == tmp_path / "S1"
    (one,) = find_truth(put(tmp_path / "street.txt"))
    assert (one.name, one.folder) == ("street", None)


def test_sequences_directly_and_one_level_below(tmp_path: Path) -> None:
    for part, name in (("train", "dancetrack0002"), ("train", "dancetrack0001"), ("val", "dancetrack0004")):
        put(tmp_path / part / name / "gt" / "gt.txt")
    assert names(tmp_path / "train") == ["dancetrack0001", "dancetrack0002"]
    assert names(tmp_path) == ["dancetrack0001", "dancetrack0002", "dancetrack0004"]
    put(tmp_path / "val" / "dancetrack0001" / "gt" / "gt.txt")
    with pytest.raises(InputError, match="two sequences are called dancetrack0001"):
        find_truth(tmp_path)


def test_sequences_two_levels_below(tmp_path: Path) -> None:
    put(tmp_path / "dataset" / "train" / "v_1" / "gt" / "gt.txt")
    put(tmp_path / "dataset" / "val" / "v_2" / "gt" / "gt.txt")
    (tmp_path / "splits_txt").mkdir()
    assert names(tmp_path) == ["v_1", "v_2"]


def test_a_file_named_from_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "S1" / "gt" / "gt.txt")
    monkeypatch.chdir(tmp_path / "S1" / "gt")
    (one,) = find_truth(Path("gt.txt"))
    assert (one.name, one.folder and one.folder.resolve()) == ("S1", (tmp_path / "S1").resolve())


def test_archives_are_to_be_unpacked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"`gt` .*task\.zip: an archive\. Unpack it"):
        find_truth(put(tmp_path / "task.zip"))


def test_folders_of_label_files(tmp_path: Path) -> None:
    for name in ("0001", "0000", "README", "labels"):
        put(tmp_path / "training" / "label_02" / f"{name}.txt")
    for given in (tmp_path, tmp_path / "training", tmp_path / "training" / "label_02"):
        assert names(given) == ["0000", "0001"]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        find_truth(tmp_path / "absent")
    with pytest.raises(InputError, match="neither gt/gt.txt nor sequence folders"):
        find_truth(tmp_path)
