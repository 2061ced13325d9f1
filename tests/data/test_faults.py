"""Every kind of broken input is called by its name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from deepsort_cli.data import images as images_module
from deepsort_cli.data.finding import REASONS
from deepsort_cli.data.images import Limits, check_image
from deepsort_cli.data.result import ScanResult
from deepsort_cli.data.scan import scan_dataset
from deepsort_cli.data.settings import ScanSettings

PersonImage = Callable[..., Image.Image]


def classify(result: ScanResult) -> dict[str, str]:
    found = dict.fromkeys(result.images.paths, "")
    found.update({problem.path: problem.reason for problem in (*result.invalid, *result.skipped)})
    return found


@pytest.mark.parametrize("paranoid", [False, True])
@pytest.mark.parametrize("workers", [1, 2])
def test_every_fault_is_classified(
    faulty: tuple[Path, dict[str, str]], paranoid: bool, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, expected = faulty
    monkeypatch.setattr("deepsort_cli.data.workers.SERIAL_BELOW", 1)
    monkeypatch.setattr("deepsort_cli.data.workers.CHUNK", 16)
    result = scan_dataset(root, ScanSettings(use_cache=False, paranoid=paranoid, workers=workers))
    assert classify(result) == expected
    assert len(set(expected.values())) >= 17
    assert len(expected) >= 90
    assert set(expected.values()) - {""} <= set(REASONS)


def test_fast_path_agrees_with_the_full_check(
    faulty: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, expected = faulty
    files = [str(root / path) for path, reason in expected.items() if (root / path).is_file() and path.endswith("jpg")]
    for paranoid in (False, True):
        limits = Limits(paranoid, 8, 50_000_000)
        fast = [check_image(file, limits) for file in files]
        with monkeypatch.context() as patch:
            patch.setattr(images_module, "_check_plain_jpeg", lambda *arguments: None)
            assert [check_image(file, limits) for file in files] == fast


def test_unreadable_file(faulty: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    root, _ = faulty
    locked = root / "id_0001" / "c1_0.jpg"
    locked.chmod(0)
    if os.geteuid() == 0:  # nothing is unreadable for root
        real_open = os.open

        def refuse(path: str, *args: int, **options: int) -> int:
            if path == str(locked):
                raise PermissionError(13, "Permission denied", path)
            return real_open(path, *args, **options)

        monkeypatch.setattr(os, "open", refuse)
    result = scan_dataset(root, ScanSettings(use_cache=False, workers=1))
    found = classify(result)
    assert found["id_0001/c1_0.jpg"] == "unreadable"
    assert found["id_0001/c2_0.jpg"] == ""


def test_limits_are_settings(faulty: tuple[Path, dict[str, str]]) -> None:
    root, _ = faulty
    found = classify(scan_dataset(root, ScanSettings(use_cache=False, min_side=7, max_pixels=64 * 127)))
    assert found["id_0002/c1_seven.png"] == ""
    assert found["id_0001/c1_0.jpg"] == "too_large"


def test_nothing_outside_is_opened(faulty: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    root, _ = faulty
    opened = []
    real_open = os.open

    def watch(path: str, *args: int, **options: int) -> int:
        opened.append(os.path.realpath(path))
        return real_open(path, *args, **options)

    monkeypatch.setattr(os, "open", watch)
    scan_dataset(root, ScanSettings(use_cache=False, workers=1), compare=True)
    assert opened
    assert not [path for path in opened if not path.startswith(str(root))]


def test_links_into_an_allowed_folder_are_read(faulty: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    root, expected = faulty
    settings = ScanSettings(use_cache=False, link_sources=(tmp_path / "outside",))
    found = classify(scan_dataset(root, settings))
    changed = {path: reason for path, reason in found.items() if reason != expected.get(path)}
    linked = dict.fromkeys(("id_0003/c1_absolute.jpg", "id_0003/c1_relative.jpg", "id_0004/secret.jpg"), "")
    assert changed == linked
    assert "id_0004" not in found


def test_linked_folders_are_read_once_and_never_in_a_circle(tmp_path: Path, person: PersonImage) -> None:
    for pid in (1, 2):
        for camera in (1, 2):
            file = tmp_path / "elsewhere" / f"{pid:04d}" / f"c{camera}_0.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            person(pid, camera).save(file)
    root = tmp_path / "dataset"
    root.mkdir()
    (root / "train").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "0001" / "up").symlink_to(tmp_path)
    (tmp_path / "elsewhere" / "0002" / "self").symlink_to(tmp_path / "elsewhere")
    refused = scan_dataset(root, ScanSettings(use_cache=False))
    assert classify(refused) == {"train": "outside_root"}
    allowed = classify(scan_dataset(root, ScanSettings(use_cache=False, link_sources=(tmp_path / "elsewhere",))))
    assert [path for path, reason in allowed.items() if not reason] == [
        f"train/{pid:04d}/c{camera}_0.png" for pid in (1, 2) for camera in (1, 2)
    ]
    assert allowed["train/0001/up"] == "outside_root"
    assert allowed["train/0002/self"] == "folder_link"


@pytest.mark.parametrize("suffix", [".jpg", ".jfif"])
def test_only_a_paranoid_scan_finds_damage_between_header_and_end(
    tmp_path: Path, person: PersonImage, suffix: str
) -> None:
    for camera in (1, 2):
        person(1, camera).save(tmp_path / f"0001_c{camera}_0{suffix}", "JPEG")
    data = (tmp_path / f"0001_c1_0{suffix}").read_bytes()
    middle = len(data) // 2
    (tmp_path / f"0001_c1_0{suffix}").write_bytes(data[:middle] + b"\0" * 400 + data[middle + 400 :])
    (tmp_path / f"0001_c1_1{suffix}").write_bytes(data[:middle] + b"\xff\xd9")
    assert set(classify(scan_dataset(tmp_path, ScanSettings(use_cache=False))).values()) == {""}
    found = classify(scan_dataset(tmp_path, ScanSettings(use_cache=False, paranoid=True)))
    assert sorted(found.values()) == ["", "corrupt", "corrupt"]


def test_a_link_put_in_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real.jpg").write_bytes(b"x")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "real.jpg")
    assert check_image(str(tmp_path / "link.jpg"), Limits(False, 8, 1000)).reason == "unreadable"
