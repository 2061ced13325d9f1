"""A scan is remembered exactly as long as it is true."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

from deepsort_cli.data import cache, memory
from deepsort_cli.data import scan as scan_module
from deepsort_cli.data.checks import find
from deepsort_cli.data.loading import load_manifest
from deepsort_cli.data.naming import number_name
from deepsort_cli.data.result import ScanResult
from deepsort_cli.data.scan import scan_dataset
from deepsort_cli.data.settings import ScanSettings

PEOPLE = {1: [1, 2], 2: [1, 2, 2], 3: [2]}


@pytest.fixture
def root(tmp_path: Path, write_flat: Callable[..., Path]) -> Path:
    return write_flat(tmp_path / "data", PEOPLE)


@pytest.fixture(autouse=True)
def user_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "deepsort" / "scans"


def same(a: ScanResult, b: ScanResult) -> bool:
    return (
        a.images.paths == b.images.paths
        and a.images.people == b.images.people
        and a.images.has_cameras == b.images.has_cameras
        and all(
            np.array_equal(x, y)
            for x, y in (
                (a.images.pids, b.images.pids),
                (a.images.camids, b.images.camids),
                (a.shapes, b.shapes),
                (a.flags, b.flags),
                (a.digests, b.digests),
                (a.part_of, b.part_of),
            )
        )
        and (a.invalid, a.skipped, a.fingerprint) == (b.invalid, b.skipped, b.fingerprint)
        and [(p.folder, p.role, p.layout.name) for p in a.parts] == [(p.folder, p.role, p.layout.name) for p in b.parts]
    )


def test_second_scan_is_remembered_and_equal(root: Path) -> None:
    (root / "broken.jpg").write_bytes(b"")
    (root / "0009_c1_f0000000.jpg").write_bytes(b"text")
    first, second = scan_dataset(root), scan_dataset(root)
    assert not first.from_cache
    assert second.from_cache
    assert same(first, second)
    assert [f.code for f in find(first)] == [f.code for f in find(second)]


def test_the_names_of_people_are_remembered(tmp_path: Path, person: Callable[..., Image.Image]) -> None:
    root = tmp_path / "named"
    for folder in ("Ann", "日本", "0007", "id_0000"):
        for i in range(2):
            file = root / folder / f"{i}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            person(i).save(file)
    table = tmp_path / "people.csv"
    rows = [("Ann", "Ann/0"), ("日本", "日本/1"), ("7", "0007/0")]
    table.write_text("path,pid\n" + "".join(f"named/{path}.png,{name}\n" for name, path in rows), encoding="utf-8")
    plain, by_pattern = ScanSettings(), ScanSettings(pattern="^(?P<pid>[^/]+)/")
    for source, settings, more in ((root, plain, {"0"}), (table, plain, set()), (root, by_pattern, {"id_0000"})):
        for again in (False, True):
            result = scan_dataset(source, settings)
            assert result.from_cache is again
            images = load_manifest(source, settings)
            names = images.names()
            assert set(names.values()) == {"Ann", "日本"} | more
            assert names[number_name("Ann")] == "Ann"
            assert images[images.pids == 7].names() == {}


def test_the_file_says_what_it_is(root: Path) -> None:
    result = scan_dataset(root)
    (file,) = (root / ".reid_cache").iterdir()
    assert file.name == f"scan_{result.fingerprint}.json"
    data = json.loads(file.read_text())
    assert data["scanner_version"] == cache.SCANNER_VERSION
    assert data["options"]["paranoid"] is False
    assert len(data["valid"]["path"]) == 6
    assert data["created"].startswith("20")
    assert data["seconds"] >= 0


def test_the_fingerprint_is_sha1_over_paths_and_sizes(root: Path) -> None:
    before = scan_dataset(root).fingerprint
    assert len(before) == 40
    file = root / "0001_c1_f0000000.jpg"
    file.write_bytes(file.read_bytes()[::-1])
    assert scan_dataset(root).fingerprint == before
    file.rename(root / "0001_c1_f0000009.jpg")
    assert scan_dataset(root).fingerprint != before


@pytest.mark.parametrize("change", ["add", "remove", "grow", "same_size", "add_text", "add_folder_image"])
def test_rebuilt_when_files_change(root: Path, change: str) -> None:
    scan_dataset(root)
    file = root / "0001_c1_f0000000.jpg"
    if change == "add":
        shutil.copy(file, root / "0004_c1_f0000000.jpg")
    elif change == "remove":
        file.unlink()
    elif change == "grow":
        file.write_bytes(file.read_bytes() + b"\0")
    elif change == "same_size":
        file.write_bytes(bytes(len(file.read_bytes())))
    elif change == "add_text":
        (root / "notes.txt").write_text("hello")
    else:
        (root / "sub").mkdir()
        shutil.copy(file, root / "sub")
    again = scan_dataset(root)
    assert not again.from_cache
    assert same(again, scan_dataset(root, ScanSettings(use_cache=False)))
    assert scan_dataset(root).from_cache


def test_touching_or_protecting_files_does_not_rebuild(root: Path) -> None:
    scan_dataset(root)
    os.utime(root / "0001_c1_f0000000.jpg", (2e9, 2e9))
    (root / "0002_c1_f0000000.jpg").chmod(0o444)
    assert scan_dataset(root).from_cache


def test_a_file_repaired_in_place_is_seen(root: Path) -> None:
    file = root / "0001_c1_f0000000.jpg"
    whole = file.read_bytes()
    file.write_bytes(bytes(len(whole)))
    assert scan_dataset(root).invalid[0].reason == "not_an_image"
    assert scan_dataset(root).from_cache
    file.write_bytes(whole)
    assert scan_dataset(root).invalid == ()


def test_copy_and_move_keep_the_cache(root: Path, tmp_path: Path) -> None:
    (root / "0005_c1_f0000000.jpg").write_text("broken")
    first = scan_dataset(root)
    shutil.copytree(root, tmp_path / "copy", copy_function=shutil.copyfile)
    copied = scan_dataset(tmp_path / "copy")
    assert copied.from_cache
    (file,) = (tmp_path / "copy" / ".reid_cache").iterdir()
    newest = max(path.stat().st_ctime_ns for path in (tmp_path / "copy").glob("*.jpg"))
    assert json.loads(file.read_text())["newest"] == {"": newest}  # so that they are compared by content only once
    assert copied.manifest.file(0).is_relative_to(tmp_path / "copy")
    root.rename(tmp_path / "moved")
    moved = scan_dataset(tmp_path / "moved")
    assert moved.from_cache
    assert moved.images.paths == first.images.paths


def test_another_dataset_of_the_same_names_and_sizes_is_not_mistaken_for_it(tmp_path: Path) -> None:
    """Pictures without compression all have one size; the cache folder may be one for several datasets."""
    settings = ScanSettings(cache_dir=tmp_path / "cache")
    files = [tmp_path / name / "0001_c1_x.bmp" for name in ("sound", "broken")]
    for file, colour in zip(files, ("red", "blue"), strict=True):
        file.parent.mkdir()
        Image.new("RGB", (16, 32), colour).save(file)
    sound, broken = files
    broken.write_bytes(bytes(broken.stat().st_size))
    os.utime(sound)  # changed last, so that the time of the other says nothing
    for _ in range(2):
        assert scan_dataset(sound.parent, settings).invalid == ()
        assert [one.reason for one in scan_dataset(broken.parent, settings).invalid] == ["not_an_image"]
    assert scan_dataset(broken.parent, settings).from_cache


@pytest.mark.parametrize("link", ["0001_c1_x.bmp", "id_1"])
def test_a_link_that_leads_to_an_older_file_than_before_is_read_again(tmp_path: Path, link: str) -> None:
    settings = ScanSettings(link_sources=(tmp_path,), cache_dir=tmp_path / "cache")
    for folder, colour in (("older", "red"), ("newer", "blue")):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (16, 32), colour).save(tmp_path / folder / "0001_c1_x.bmp")
    data = tmp_path / "data"
    data.mkdir()
    inside = "" if link == "id_1" else link
    digests = []
    for folder in ("newer", "older"):
        (data / link).unlink(missing_ok=True)
        (data / link).symlink_to(tmp_path / folder / inside)
        digests.append(scan_dataset(data, settings).digests[0])
    assert digests[0] != digests[1]


def test_files_behind_a_link_are_compared_until_their_time_is_over(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All are as new as the link, and would be read again by every scan."""
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "train").symlink_to(root)
    settings = ScanSettings(link_sources=(root,))
    counts = []
    for settled in (10**15, 10**15, 0, 0):
        read = Mock(side_effect=memory._digest_now)
        with monkeypatch.context() as patched:
            patched.setattr(memory, "SETTLED", settled)
            patched.setattr(memory, "_digest_now", read)
            scan_dataset(tmp_path / "linked", settings)
        counts.append(read.call_count)
    assert counts == [0, 6, 6, 0]


def test_rebuilt_by_another_scanner_version(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan_dataset(root)
    monkeypatch.setattr(cache, "SCANNER_VERSION", cache.SCANNER_VERSION + 1)
    result = scan_dataset(root)
    assert not result.from_cache
    assert "version" in result.notes[0]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"null", b'{"fingerprint": 1}', b"\xff\xfe", "half", "one digit"])
def test_a_damaged_cache_is_rebuilt_with_a_note(root: Path, damage: bytes | str) -> None:
    first = scan_dataset(root)
    (file,) = (root / ".reid_cache").iterdir()
    if damage == "half":
        damage = file.read_bytes()[: file.stat().st_size // 2]
    elif damage == "one digit":
        damage = file.read_bytes().replace(b'"pid":[1', b'"pid":[7')
    assert isinstance(damage, bytes)
    file.write_bytes(damage)
    again = scan_dataset(root)
    assert not again.from_cache
    assert "damaged" in again.notes[0]
    assert same(first, again)
    assert scan_dataset(root).from_cache


def test_a_forged_cache_cannot_point_outside(root: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    shutil.copy(root / "0001_c1_f0000000.jpg", secret)
    (root / "0008_c1_f0000000.jpg").symlink_to(secret)
    honest = scan_dataset(root)
    for path in ("../secret.jpg", str(secret), "0008_c1_f0000000.jpg"):
        (file,) = (root / ".reid_cache").iterdir()
        data = json.loads(file.read_text())
        del data["checksum"]
        data["valid"]["path"][0] = path
        cache.store(root / ".reid_cache", honest.fingerprint, data)
        again = scan_dataset(root)
        assert not again.from_cache
        assert same(again, honest)


def test_options_that_change_the_answer_rescan(root: Path) -> None:
    scan_dataset(root)
    assert not scan_dataset(root, ScanSettings(min_side=9)).from_cache
    scan_dataset(root)
    assert scan_dataset(root, ScanSettings(min_samples=5, drop_small=True)).from_cache
    assert not scan_dataset(root, ScanSettings(paranoid=True)).from_cache
    assert scan_dataset(root).from_cache  # a paranoid scan answers the plain question too
    assert not scan_dataset(root, ScanSettings(force_rescan=True)).from_cache


def test_near_duplicates_are_remembered_and_added_to_a_plain_scan(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert scan_dataset(root).near is None
    full = scan_dataset(root, compare=True)
    assert full.near is not None
    monkeypatch.setattr(scan_module, "thumbnail", None)  # must not be called again
    again = scan_dataset(root, compare=True)
    assert again.from_cache
    assert again.near is not None


def test_no_cache_writes_nothing(root: Path, user_cache: Path) -> None:
    scan_dataset(root, ScanSettings(use_cache=False))
    assert not (root / ".reid_cache").exists()
    assert not user_cache.exists()


def test_cache_dir_even_inside_the_dataset(root: Path, tmp_path: Path) -> None:
    for folder in (tmp_path / "elsewhere", root / "mine"):
        settings = ScanSettings(cache_dir=folder)
        assert not scan_dataset(root, settings).from_cache
        assert scan_dataset(root, settings).from_cache
        assert len(list(folder.iterdir())) == 1
    assert not (root / ".reid_cache").exists()


def test_a_read_only_root_falls_back_to_the_user_cache(
    root: Path, user_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = cache.atomic_open

    def refuse(path: Path, *args: object, **options: object) -> object:
        if Path(path).is_relative_to(root):
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **options)

    monkeypatch.setattr(cache, "atomic_open", refuse)  # root may write anywhere, so modes would prove nothing
    first = scan_dataset(root)
    assert str(user_cache) in first.notes[0]
    assert scan_dataset(root).from_cache
    assert len(list(user_cache.iterdir())) == 1


def test_users_without_a_home_get_no_folder_named_after_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as for a user id that the system does not know
    assert cache.user_cache_folder() is None
    assert cache.folders(root, None) == (root / ".reid_cache",)


def test_a_full_disk_is_a_note_with_a_remedy(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = scan_dataset(root)
    assert len(result.images) == 6
    assert "the disk is full" in result.notes[0]
    assert "data.scan.cache_dir" in result.notes[0]
    assert list((root / ".reid_cache").iterdir()) == []


def test_nowhere_to_write_is_a_note_not_an_error(root: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "a_file"
    blocked.write_text("")
    result = scan_dataset(root, ScanSettings(cache_dir=blocked))
    assert len(result.images) == 6
    assert "cannot be remembered" in result.notes[0]


def test_two_scans_at_once(root: Path) -> None:
    results: list[ScanResult] = []
    threads = [threading.Thread(target=lambda: results.append(scan_dataset(root, compare=True))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6
    assert all(same(results[0], result) for result in results)
    (file,) = (root / ".reid_cache").iterdir()
    json.loads(file.read_text())


def test_old_states_are_dropped(root: Path) -> None:
    for i in range(8):
        (root / "notes.txt").write_text("x" * (i + 1))
        scan_dataset(root)
    assert len(list((root / ".reid_cache").iterdir())) == cache.KEPT_STATES + 1
    assert scan_dataset(root).from_cache


def test_a_folder_for_many_datasets_remembers_them_all(tmp_path: Path) -> None:
    settings = ScanSettings(cache_dir=tmp_path / "cache")
    roots = [tmp_path / "data" / str(i) for i in range(2 * cache.KEPT_STATES)]
    for i, root in enumerate(roots):
        root.mkdir(parents=True)
        Image.new("RGB", (16, 32)).save(root / f"{i + 1:04d}_c1_x.bmp")
    for again in (False, True):
        assert [scan_dataset(root, settings).from_cache for root in roots] == [again] * len(roots)


def test_an_interrupted_write_leaves_the_old_state(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan_dataset(root)

    def interrupt(*args: object, **options: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(cache.json, "dumps", interrupt)
        scan_dataset(root, ScanSettings(force_rescan=True))
    assert scan_dataset(root).from_cache
    assert len(list((root / ".reid_cache").iterdir())) == 1


def test_load_manifest_uses_the_cache(root: Path) -> None:
    said: list[str] = []
    first = load_manifest(root, notify=said.append)
    assert said == []
    calls: list[tuple[int, int]] = []
    second = load_manifest(root, progress=lambda done, total: calls.append((done, total)))
    assert calls == []
    assert second.paths == first.paths
