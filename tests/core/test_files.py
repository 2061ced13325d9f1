"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path
from typing import IO

import pytest

from deepsort_cli.core import InputError, RunError, files
from deepsort_cli.core.files import (
    atomic_open,
    atomic_path,
    check_output_file,
    check_output_folder,
    claim,
    held,
    is_file,
    is_same_file,
    look,
    remove_abandoned,
    temporary_beside,
    write_failure,
    write_reason,
)


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


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_what_others_may_not_read_stays_so_when_it_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "rows.csv"
    target.write_text("old")
    target.chmod(0o600)
    with atomic_path(target) as temporary:
        temporary.write_text("new")
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
    assert (stat.S_IMODE(target.stat().st_mode), target.read_text()) == (0o600, "new")
    target.chmod(0o222)  # only written so far; its maker reads it to bring it to the disk
    with atomic_path(target) as temporary:
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o622


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege")
@pytest.mark.parametrize("there", [True, False])
def test_links_that_users_made_stay_and_their_file_is_written(tmp_path: Path, there: bool) -> None:
    elsewhere, link = tmp_path / "disk" / "rows.csv", tmp_path / "rows.csv"
    elsewhere.parent.mkdir()
    link.symlink_to(elsewhere)
    if there:
        elsewhere.write_text("old")
        elsewhere.chmod(0o600)
        with pytest.raises(InputError, match="the file exists"):
            check_output_file(link, overwrite=False, key="csv")
    check_output_file(link, overwrite=there, key="csv")
    with atomic_open(link, follow=True) as stream:
        stream.write("new")
        assert elsewhere.exists() == there
    assert link.is_symlink()
    assert elsewhere.read_text() == "new"
    assert not there or stat.S_IMODE(elsewhere.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["disk", "rows.csv", "rows.csv"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege")
def test_links_are_replaced_where_no_user_named_them(tmp_path: Path) -> None:
    (tmp_path / "theirs.pth").write_text("theirs")
    (tmp_path / "last.pth").symlink_to("theirs.pth")
    with atomic_open(tmp_path / "last.pth") as stream:
        stream.write("ours")
    assert (tmp_path / "theirs.pth").read_text() == "theirs"
    assert not (tmp_path / "last.pth").is_symlink()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege")
def test_links_that_lead_nowhere_are_refused(tmp_path: Path) -> None:
    link = tmp_path / "out.mp4"
    link.symlink_to(tmp_path / "unplugged" / "out.mp4")
    with pytest.raises(InputError, match=r"out.mp4: a link to .*unplugged/out.mp4, where there is no such folder"):
        check_output_file(link, overwrite=True, key="output.save_video")
    assert os.listdir(tmp_path) == ["out.mp4"]


def test_no_file_is_called_as_standard_output_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="^`csv` -: this is not written to standard output"):
        check_output_file(Path("-"), overwrite=False, key="csv")
    with pytest.raises(InputError, match="^`dst` -: this is not written to standard output"):
        check_output_folder(Path("-"), key="dst")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such files")
def test_devices_and_pipes_are_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/null"), Path("/dev/stdout"), Path("/dev/fd/2")):
        with pytest.raises(InputError, match=f"^`output` {path}: a device or a pipe"):
            check_output_file(path, overwrite=True, key="output")


def test_output_checks(tmp_path: Path) -> None:
    existing = tmp_path / "existing.txt"
    existing.write_text("x")
    check_output_file(tmp_path / "deep" / "er" / "new.txt", overwrite=False, key="output.save_video")
    check_output_file(existing, overwrite=True, key="output.save_video")
    with pytest.raises(
        InputError, match="^`output.save_video` .*existing.txt: the file exists. Set `output.overwrite`=true"
    ):
        check_output_file(existing, overwrite=False, key="output.save_video")
    with pytest.raises(InputError, match="this is a folder"):
        check_output_file(tmp_path, overwrite=True, key="output.save_video")
    with pytest.raises(InputError, match="is a file, not a folder"):
        check_output_folder(existing / "below", key="output.save_video")


FULL = OSError(errno.ENOSPC, "No space left on device")


def test_full_disk_while_writing_keeps_the_old_file_and_says_why(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    target.write_text("old")
    message = r"file\.txt: cannot be written: the disk is full\. Free some space"
    with pytest.raises(RunError, match=message), atomic_open(target) as stream:
        stream.write("new")
        raise FULL
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["file.txt"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_full_disk_at_the_end_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def fail(*_: object) -> None:
        raise FULL

    monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), fail)
    with pytest.raises(RunError, match="the disk is full"), atomic_open(tmp_path / "file.txt") as stream:
        stream.write("new")
    assert os.listdir(tmp_path) == []


def test_other_errors_of_the_block_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_open(tmp_path / "page.html") as stream:
        stream.write((tmp_path / "missing").read_text())
    assert os.listdir(tmp_path) == []


def test_file_systems_without_fsync_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", fail)
    with atomic_open(tmp_path / "file.txt") as stream:
        stream.write("new")
    assert (tmp_path / "file.txt").read_text() == "new"


def test_names_as_long_as_allowed(tmp_path: Path) -> None:
    for stem in ("n" * 251, "名" * 83):
        with atomic_open(tmp_path / f"{stem}.txt") as stream:
            stream.write("x")
    assert len(os.listdir(tmp_path)) == 2


def test_a_folder_on_a_full_disk_is_found_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> None:
        raise FULL

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with pytest.raises(RunError, match=r"out: cannot be written: the disk is full"):
        check_output_folder(tmp_path / "out", key="training.output_dir")


def test_reasons_are_words() -> None:
    assert write_reason(OSError(errno.EROFS, "Read-only file system")) == "the disk is read-only"
    assert write_reason(OSError(errno.EACCES, "Permission denied")) == "Permission denied"
    assert write_reason(ValueError("odd")) == "odd"
    assert "Free some space" not in str(write_failure("a", OSError(errno.EACCES, "Permission denied")))


def test_only_what_killed_programs_left_behind_is_removed(tmp_path: Path) -> None:
    target = tmp_path / "out.tar.mp4"
    left = temporary_beside(target)
    claim(left).close()  # as the system does when a program is killed
    (tmp_path / ".out.tar.20240101.mp4").write_text("mine")
    other = temporary_beside(tmp_path / "other.mp4")
    claim(other).close()
    with claim(temporary_beside(target)) as in_use, atomic_path(target) as half_written:
        assert remove_abandoned(target) == [left]
        assert half_written.exists()
        assert Path(in_use.name).exists()
        half_written.write_text("x")
    assert target.read_text() == "x"
    assert {path.name for path in tmp_path.iterdir()} >= {".out.tar.20240101.mp4", other.name}
    assert not left.exists()


@pytest.mark.parametrize("name", ["x" * 300 + ".txt", "a/" + "ü" * 130 + ".txt", "nul\0.txt"])
def test_impossible_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"`output.save_txt`.*(Choose a shorter|zero byte)"):
        check_output_file(tmp_path / name, overwrite=True, key="output.save_txt")


@pytest.mark.parametrize("name", ["x" * 251 + ".txt", "ü" * 125 + ".mp4", "a." + "b" * 250, " leading blank.txt"])
def test_the_longest_names_are_written(tmp_path: Path, name: str) -> None:
    check_output_file(tmp_path / name, overwrite=False, key="output.save_txt")
    with atomic_open(tmp_path / name) as stream:
        stream.write("x")
    assert os.listdir(tmp_path) == [name]


def test_looking_at_what_users_write(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    found = look(tmp_path / "a", key="source")
    assert found is not None
    assert found.st_size == 1
    assert look(tmp_path / "b", key="source") is None
    assert look(tmp_path / "a" / "b", key="source") is None
    with pytest.raises(InputError, match=r"`source` x{60}….*300 bytes.*shorter"):
        look(Path("x" * 300), key="source")
    with pytest.raises(InputError, match="`output.save_video`: a zero byte"):
        look(Path("a\0b"), key="output.save_video")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(InputError, match="leads back to itself"):
        look(tmp_path / "loop", key="source")
    for path in (Path("x" * 300), Path("a\0b"), tmp_path):
        assert not is_file(path)
        assert not is_same_file(path, tmp_path / "a")
    assert is_same_file(tmp_path / "a", tmp_path / "." / "a")


def test_addresses_are_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for address in ("rtsp://me:secret@camera/out.mp4", "https://host/out.txt?token=secret"):
        with pytest.raises(InputError, match=r"`output.save_video` .*: an address") as error:
            check_output_file(Path(address), overwrite=True, key="output.save_video")
        assert "secret" not in str(error.value)
    assert os.listdir() == []
    (tmp_path / "a:b").mkdir()
    check_output_file(Path("a:b/out.txt"), overwrite=False, key="output.save_txt")


def test_outputs_whose_names_are_too_long_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / ("x" * 300), tmp_path / ("x" * 300) / "out.txt"):
        with pytest.raises(InputError, match="too long"):
            check_output_file(path, overwrite=False, key="output.save_txt")


def test_a_lock_is_for_one_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / ".people.lock"
    with held(path) as sure:
        assert sure
        with pytest.raises(BlockingIOError), held(path):
            pass
    assert not list(tmp_path.iterdir())
    lock, opened = files._lock, []

    def removed_meanwhile(stream: IO[bytes]) -> bool:
        opened.append(stream)
        if len(opened) == 1 and files.fcntl is not None:
            path.unlink()  # by who held it when it was opened: a lock on what has no name locks nobody out
        return lock(stream)

    monkeypatch.setattr(files, "_lock", removed_meanwhile)
    with held(path), pytest.raises(BlockingIOError), held(path):
        pass
    assert not list(tmp_path.iterdir())
