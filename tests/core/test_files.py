"""Files appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deepsort_cli.core import InputError
from deepsort_cli.core.files import atomic_open, atomic_path, check_output_file, check_output_folder


def test_target_appears_only_when_complete(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file.txt"
    with atomic_open(target) as stream:
        stream.write("half")
        assert not target.exists()
        stream.write(" whole")
    assert target.read_text() == "half whole"
    assert os.listdir(target.parent) == ["file.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failure_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(error), atomic_open(target) as stream:
        stream.write("new")
        raise error
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_temporary_name_keeps_the_suffix(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "plot.png") as temporary:
        assert temporary.suffix == ".png"
        temporary.write_bytes(b"x")


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    with atomic_open(tmp_path / "a") as stream:
        stream.write("x")
    (tmp_path / "b").write_text("x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_output_checks(tmp_path: Path) -> None:
    existing = tmp_path / "existing.txt"
    existing.write_text("x")
    check_output_file(tmp_path / "deep" / "er" / "new.txt", overwrite=False, option="--save")
    check_output_file(existing, overwrite=True, option="--save")
    with pytest.raises(InputError, match="--save .*existing.txt: the file exists. Pass --overwrite"):
        check_output_file(existing, overwrite=False, option="--save")
    with pytest.raises(InputError, match="this is a folder"):
        check_output_file(tmp_path, overwrite=True, option="--save")
    with pytest.raises(InputError, match="is a file, not a folder"):
        check_output_folder(existing / "below", option="--save")
