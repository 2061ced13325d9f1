"""Reorganising keeps every image, its person and its camera, and never overwrites."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.data.layouts import ZERO_PERSON
from deepsort_cli.data.reorganize import Mode, Outcome, plan_reorganize, reorganize
from deepsort_cli.data.scan import scan_dataset
from deepsort_cli.data.settings import ScanSettings

WriteFlat = Callable[..., Path]
PEOPLE = {1: [1, 12], 30: [2], 0: [3], -1: [4]}


def facts(root: Path, *sources: Path) -> list[tuple[str, int, int, bytes]]:
    result = scan_dataset(root, ScanSettings(use_cache=False, link_sources=sources))
    images = result.images
    rows = zip(images.paths, images.pids.tolist(), images.camids.tolist(), result.digests, strict=True)
    return sorted((path.rpartition("/")[2], pid, camera, bytes(digest)) for path, pid, camera, digest in rows)


def snapshot(root: Path) -> dict[str, object]:
    return {str(p.relative_to(root)): (p.lstat().st_ino, p.lstat().st_mtime_ns) for p in sorted(root.rglob("*"))}


@pytest.mark.parametrize("mode", ["link", "copy", "hardlink"])
def test_same_people_and_cameras_afterwards(tmp_path: Path, write_flat: WriteFlat, mode: Mode) -> None:
    source, target = write_flat(tmp_path / "src", PEOPLE), tmp_path / "dst"
    before = snapshot(source)
    outcome = reorganize(plan_reorganize(source), target, mode)
    assert outcome == Outcome(made=5, present=0)
    assert sorted(p.name for p in target.iterdir()) == ["id_-001", "id_0000", "id_0001", "id_0030"]
    assert facts(target, source) == facts(source)
    assert snapshot(source) == before
    done = snapshot(target)
    assert reorganize(plan_reorganize(source), target, mode) == Outcome(made=0, present=5)
    assert snapshot(target) == done


def test_links_need_permission(tmp_path: Path, write_flat: WriteFlat) -> None:
    source, target = write_flat(tmp_path / "src", PEOPLE), tmp_path / "dst"
    reorganize(plan_reorganize(source), target, "link")
    assert {problem.reason for problem in scan_dataset(target, ScanSettings(use_cache=False)).invalid} == {
        "outside_root"
    }


def test_a_split_dataset_keeps_its_parts(tmp_path: Path, write_flat: WriteFlat) -> None:
    source = tmp_path / "src"
    write_flat(source / "bounding_box_train", {1: [1, 2]})
    write_flat(source / "query", {5: [1]})
    write_flat(source / "bounding_box_test", {5: [2]})
    reorganize(plan_reorganize(source), tmp_path / "dst", "copy")
    assert (tmp_path / "dst" / "query" / "id_0005" / "0005_c1_f0000000.jpg").is_file()
    result = scan_dataset(tmp_path / "dst", ScanSettings(use_cache=False))
    assert {part.role for part in result.parts} == {"train", "query", "gallery"}


def test_msmt17_identity_zero_stays_a_person(tmp_path: Path, person: Callable[..., Image.Image]) -> None:
    source = tmp_path / "src"
    source.mkdir()
    for camera in (1, 15):
        person(0, camera).save(source / f"0000_000_{camera:02d}_0303morning_0015_0.jpg")
    reorganize(plan_reorganize(source), tmp_path / "dst", "copy")
    assert [(pid, camera) for _, pid, camera, _ in facts(tmp_path / "dst")] == [(ZERO_PERSON, 1), (ZERO_PERSON, 15)]


def test_camera_goes_in_front_where_the_name_would_lose_it(tmp_path: Path, person: Callable[..., Image.Image]) -> None:
    source = tmp_path / "src"
    source.mkdir()
    person(0).save(source / "0001_c12abc.jpg")
    reorganize(plan_reorganize(source), tmp_path / "dst", "copy")
    assert [(name, camera) for name, _, camera, _ in facts(tmp_path / "dst")] == [("c12_0001_c12abc.jpg", 12)]


def test_named_cameras_and_distractors_are_read_back(tmp_path: Path, person: Callable[..., Image.Image]) -> None:
    """A checksum is too long for a camera in a file name, and id_0000 is a person unless the file names say 0."""
    named, cameras = tmp_path / "named", tmp_path / "cameras"
    for i, path in enumerate(("front_1.png", "back_1.png", "b_2.png")):
        named.mkdir(exist_ok=True)
        person(i).save(named / path)
    for i, path in enumerate(("cam1/0000_1.png", "cam1/0007_1.png", "cam2/0000_1.png", "cam2/0007_1.png")):
        (cameras / path).parent.mkdir(parents=True, exist_ok=True)
        person(i).save(cameras / path)
    plan = plan_reorganize(named, pattern=r"(?P<camid>[a-z]+)_(?P<pid>\d+)")
    assert plan.cameras == {"back": 1, "front": 3}  # b is 2 already
    for name in ("12345_1.png", "012345_1.png"):  # one camera
        person(9).save(named / name)
    long = plan_reorganize(named, pattern=r"(?P<camid>[a-z]+|\d+)_(?P<pid>\d+)")
    assert long.cameras == {"012345": 1, "12345": 1, "back": 3, "front": 4}
    reorganize(plan, tmp_path / "a", "copy")
    assert sorted(row[1:3] for row in facts(tmp_path / "a")) == [(1, 1), (1, 3), (2, 2)]
    reorganize(plan_reorganize(cameras), tmp_path / "b", "copy")
    assert sorted(row[1:] for row in facts(tmp_path / "b")) == sorted(row[1:] for row in facts(cameras))


def test_images_of_other_sources_are_counted(tmp_path: Path, write_flat: WriteFlat) -> None:
    """Two datasets number their people alike; put into one folder they become the same people."""
    first, second = write_flat(tmp_path / "a", {1: [1, 1], 2: [1]}), write_flat(tmp_path / "b", {1: [5], 3: [1]})
    assert reorganize(plan_reorganize(first), tmp_path / "dst", "copy") == Outcome(3, 0)
    assert reorganize(plan_reorganize(second), tmp_path / "dst", "copy") == Outcome(2, 0, others=2)


def test_names_differing_in_case_do_not_collide(tmp_path: Path, write_flat: WriteFlat) -> None:
    source = write_flat(tmp_path / "src", {1: [1, 2]})
    (source / "0001_c1_f0000000.jpg").rename(source / "0001_c1_a.JPG")
    (source / "0001_c2_f0000001.jpg").rename(source / "0001_c1_a.jpg")
    plan = plan_reorganize(source)
    assert len({move.target.lower() for move in plan.moves}) == 2
    reorganize(plan, tmp_path / "dst", "copy")
    assert len(facts(tmp_path / "dst")) == 2


@pytest.mark.parametrize("mode", ["link", "copy", "hardlink"])
def test_foreign_files_are_never_replaced(tmp_path: Path, write_flat: WriteFlat, mode: Mode) -> None:
    source = write_flat(tmp_path / "src", PEOPLE)
    other = tmp_path / "dst" / "id_0001" / "0001_c1_f0000000.jpg"
    other.parent.mkdir(parents=True)
    other.write_text("precious")
    with pytest.raises(RunError, match="already there"):
        reorganize(plan_reorganize(source), tmp_path / "dst", mode)
    assert other.read_text() == "precious"


@pytest.mark.parametrize(("source", "target"), [("a", "a"), ("a", "a/b"), ("a/b", "a")])
def test_source_and_target_must_be_apart(tmp_path: Path, write_flat: WriteFlat, source: str, target: str) -> None:
    plan = plan_reorganize(write_flat(tmp_path / source, PEOPLE))
    with pytest.raises(InputError, match="outside"):
        reorganize(plan, tmp_path / target, "copy")


def test_what_stays_behind_is_told(tmp_path: Path, write_flat: WriteFlat) -> None:
    source = write_flat(tmp_path / "src", PEOPLE)
    (source / "readme.txt").write_text("")
    (source / "holiday.jpg").write_text("")
    (source / "away.jpg").symlink_to("/etc/hostname")
    plan = plan_reorganize(source)
    assert {(problem.path, problem.reason) for problem in plan.left_out} == {
        ("readme.txt", "other_file"),
        ("holiday.jpg", "unparsed_name"),
        ("away.jpg", "outside_root"),
    }
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="no image name says an identity"):
        plan_reorganize(tmp_path / "none")


def test_interrupted_copy_leaves_nothing(
    tmp_path: Path, write_flat: WriteFlat, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_flat(tmp_path / "src", PEOPLE)

    def interrupt(*args: object) -> None:
        Path(str(args[1])).write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("deepsort_cli.data.reorganize.shutil.copy2", interrupt)
        reorganize(plan_reorganize(source), tmp_path / "dst", "copy")
    assert not [path for path in (tmp_path / "dst").rglob("*") if path.is_file()]
    assert reorganize(plan_reorganize(source), tmp_path / "dst", "copy").made == 5
