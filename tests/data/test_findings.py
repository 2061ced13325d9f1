"""Each finding appears when its fault is planted, counts it, and stays silent otherwise."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from deepsort_cli.data.checks import find
from deepsort_cli.data.finding import SEVERITIES, Finding
from deepsort_cli.data.result import ScanResult
from deepsort_cli.data.scan import scan_dataset
from deepsort_cli.data.settings import ScanSettings
from deepsort_cli.workflows.scan import audit as audit_with_test

WriteFlat = Callable[..., Path]
CLEAN = {1: [1, 2], 2: [1, 2], 3: [1, 2]}


def audit(root: Path, **settings: object) -> ScanResult:
    return scan_dataset(root, ScanSettings(use_cache=False, **settings), compare=True)


def by_code(result: ScanResult) -> dict[str, Finding]:
    return {finding.code: finding for finding in find(result)}


@pytest.fixture
def split(tmp_path: Path, write_flat: WriteFlat) -> Path:
    """A clean Market-style dataset."""
    root = tmp_path / "split"
    write_flat(root / "bounding_box_train", CLEAN)
    write_flat(root / "query", {11: [1], 12: [2]}, seed=1)
    write_flat(root / "bounding_box_test", {11: [1, 2], 12: [1, 2]}, seed=2)
    return root


def test_clean_datasets_have_no_findings(tmp_path: Path, write_flat: WriteFlat, split: Path) -> None:
    assert find(audit(write_flat(tmp_path / "flat", CLEAN))) == ()
    assert find(audit(split)) == ()


def test_small_and_single_camera_identities(tmp_path: Path, write_flat: WriteFlat) -> None:
    root = write_flat(tmp_path / "d", {**CLEAN, 4: [1], 5: [2, 2, 2]})
    found = by_code(audit(root, min_samples=3))
    assert found["small_identity"].count == 4
    assert found["small_identity"].severity == "warning"
    assert found["single_camera_identity"].count == 2
    assert found["single_camera_identity"].examples == ("identity 4", "identity 5")
    dropped = audit(root, min_samples=3, drop_small=True)
    assert set(dropped.manifest.pids.tolist()) == {5}
    assert len(dropped.images) == 10


def test_identical_images(tmp_path: Path, split: Path) -> None:
    train = split / "bounding_box_train"
    shutil.copy(train / "0001_c1_f0000000.jpg", train / "0001_c1_f0000009.jpg")
    shutil.copy(train / "0002_c1_f0000000.jpg", train / "0003_c1_f0000009.jpg")
    shutil.copy(train / "0003_c2_f0000001.jpg", split / "query" / "0011_c1_f0000009.jpg")
    found = by_code(audit(split))
    for code, severity in (
        ("identical_within_identity", "warning"),
        ("identical_across_identities", "error"),
        ("identical_across_split", "error"),
    ):
        assert (found[code].count, found[code].severity) == (1, severity)
    assert found["identical_across_split"].files == (
        "bounding_box_train/0003_c2_f0000001.jpg",
        "query/0011_c1_f0000009.jpg",
    )
    assert not [code for code in found if code.startswith("near")]


def test_near_duplicates(split: Path) -> None:
    train, test = split / "bounding_box_train", split / "bounding_box_test"

    def again(source: Path, target: Path, **changes: int) -> None:
        with Image.open(source) as image:
            picture = image.resize((96, 192)) if changes.get("bigger") else image
            picture.save(target, quality=changes.get("quality", 60))

    again(train / "0001_c1_f0000000.jpg", train / "0002_c1_f0000009.jpg", quality=30)
    again(train / "0003_c1_f0000000.jpg", test / "0011_c2_f0000009.jpg", bigger=1)
    again(test / "0012_c1_f0000000.jpg", test / "0012_c2_f0000009.jpg")
    again(train / "0003_c2_f0000001.jpg", train / "0003_c2_f0000009.jpg")  # same person and camera: no harm
    shutil.copy(train / "0003_c1_f0000000.jpg", train / "-1_c1_f0000009.jpg")  # a copy that is junk hides nothing
    found = by_code(audit(split))
    assert found["near_across_identities"].count == 1
    assert found["near_across_split"].files == (
        "bounding_box_test/0011_c2_f0000009.jpg",
        "bounding_box_train/0003_c1_f0000000.jpg",
    )
    assert found["near_across_split"].count == 1
    assert found["near_across_cameras"].count == 1
    silent = by_code(audit(split, near_duplicates=False))
    assert not [code for code in silent if code.startswith("near")]


def test_identity_overlap_and_queries_without_match(split: Path, write_flat: WriteFlat) -> None:
    write_flat(split / "query", {1: [1], 13: [1], 14: [2]}, seed=5)
    write_flat(split / "gallery_extra", {})
    write_flat(split / "bounding_box_test", {14: [2, 2]}, seed=6)
    found = by_code(audit(split))
    assert found["identity_overlap"].examples == ("identity 1",)
    assert found["identity_overlap"].severity == "error"
    assert found["query_without_match"].examples == ("query/0014_c2_f0000000.jpg",)
    assert set(found["query_identity_absent"].examples) == {"query/0001_c1_f0000000.jpg", "query/0013_c1_f0000000.jpg"}


def test_overlap_with_a_test_set_elsewhere(tmp_path: Path, write_flat: WriteFlat) -> None:
    train = write_flat(tmp_path / "a" / "train_set", CLEAN)
    test = write_flat(tmp_path / "b" / "test_set", {3: [1, 2], 4: [1, 2]}, seed=3)
    shutil.copy(train / "0001_c1_f0000000.jpg", test / "0004_c1_f0000009.jpg")
    with Image.open(train / "0002_c1_f0000000.jpg") as image:
        image.save(test / "0004_c2_f0000009.jpg", quality=50)
    result = audit_with_test(train, test, ScanSettings(use_cache=False))
    found = by_code(result)
    assert found["identity_overlap"].examples == ("identity 3",)
    assert found["identical_across_split"].count == 1
    assert found["near_across_split"].count == 1
    assert len(result.images) == 12
    assert result.images.file(0).is_file()


def test_msmt17_numbers_its_parts_anew(tmp_path: Path, person: Callable[..., Image.Image]) -> None:
    for part in ("train", "test"):
        for i in range(2):
            for camera in (1, 2):
                file = tmp_path / part / f"{i:04d}_000_{camera:02d}_0303morning_{i:04d}_0.jpg"
                file.parent.mkdir(exist_ok=True)
                person(i + 10 * (part == "test"), camera).save(file)
    found = by_code(audit(tmp_path))
    assert found["identity_overlap"].severity == "info"
    assert "distractors" not in found


def test_junk_and_distractors(split: Path, write_flat: WriteFlat) -> None:
    write_flat(split / "bounding_box_test", {-1: [1, 1], 0: [1, 2, 3]}, seed=9)
    result = audit(split)
    found = by_code(result)
    assert (found["junk"].count, found["junk"].severity) == (2, "info")
    assert (found["distractors"].count, found["distractors"].severity) == (3, "info")
    assert set(result.manifest.pids.tolist()) >= {-1, 0}
    write_flat(split / "bounding_box_train", {0: [1]}, seed=10)
    assert by_code(audit(split))["distractors"].severity == "warning"


def test_names_that_do_not_parse(tmp_path: Path, write_flat: WriteFlat) -> None:
    root = write_flat(tmp_path / "d", CLEAN)
    shutil.copy(root / "0001_c1_f0000000.jpg", root / "IMG_2041.jpg")
    finding = by_code(audit(root))["unparsed_name"]
    assert finding.count == 1
    assert "IMG_2041.jpg" in finding.examples[0]


def test_imbalance(tmp_path: Path, write_flat: WriteFlat) -> None:
    found = by_code(audit(write_flat(tmp_path / "d", {**CLEAN, 4: [1] * 21, 5: [2, 3], 6: [2, 3]})))
    assert found["identity_imbalance"].examples == ("identity 4: 21 images",)
    assert "camera_imbalance" not in found
    found = by_code(audit(write_flat(tmp_path / "e", {**CLEAN, 4: [1] * 60, 5: [2, 3], 6: [2, 3]})))
    assert found["camera_imbalance"].examples == ("camera 1: 63 images",)


def test_odd_shapes(tmp_path: Path, write_flat: WriteFlat, person: Callable[..., Image.Image]) -> None:
    root = write_flat(tmp_path / "d", CLEAN)
    for i, size in enumerate([(128, 64), (100, 100), (20, 100), (60, 180), (14, 36), (400, 800)]):
        person(50, i, size=size).save(root / f"0001_c1_f00001{i:02d}.jpg")
    found = by_code(audit(root))
    assert [example.split("(")[1] for example in found["odd_aspect"].examples] == ["128×64)", "100×100)", "20×100)"]
    assert found["tiny_crop"].count == 1
    assert found["odd_size"].examples == ("0001_c1_f0000105.jpg (400×800)",)


def test_cameras_unknown_partly_or_all_the_same(tmp_path: Path, person: Callable[..., Image.Image]) -> None:
    def folders(name: str, *files: str) -> Path:
        for pid in (1, 2):
            for i, file in enumerate(files):
                target = tmp_path / name / f"id_{pid:04d}" / file
                target.parent.mkdir(parents=True, exist_ok=True)
                person(pid, i).save(target)
        return tmp_path / name

    none = audit(folders("none", "a.jpg", "b.jpg"))
    assert set(by_code(none)) == {"no_cameras"}
    assert not none.images.has_cameras
    assert len(set(none.images.camids.tolist())) == 4
    assert set(by_code(audit(folders("one", "c1_a.jpg", "c1_b.jpg")))) == {"one_camera"}
    partly = by_code(audit(folders("partly", "c1_a.jpg", "c2_b.jpg", "plain.jpg")))
    assert partly["missing_camera"].count == 2


def test_a_file_in_the_wrong_folder(tmp_path: Path, person: Callable[..., Image.Image]) -> None:
    for folder, name, i in (
        ("0001", "0001_c1_a", 0),
        ("0001", "0002_c2_a", 1),
        ("0002", "0002_c1_a", 2),
        ("0002", "0002_c2_b", 3),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        person(i).save(tmp_path / folder / f"{name}.jpg")
    finding = by_code(audit(tmp_path))["folder_and_name_disagree"]
    assert finding.files == ("0001/0002_c2_a.jpg",)


def test_nothing_usable(tmp_path: Path) -> None:
    (tmp_path / "0001_c1_f0.jpg").write_text("no image")
    findings = find(audit(tmp_path))
    assert {finding.code for finding in findings} == {"nothing_usable", "not_an_image"}


def test_a_root_too_high_is_told_which_folder_to_give(tmp_path: Path, split: Path, write_flat: WriteFlat) -> None:
    (tmp_path / "up").mkdir()
    split.rename(tmp_path / "up" / "market")
    assert "the folder market below" in by_code(audit(tmp_path / "up"))["nothing_usable"].remedy
    write_flat(tmp_path / "flat" / "images", CLEAN)
    assert "the folder images below" in by_code(audit(tmp_path / "flat"))["nothing_usable"].remedy


def test_identity_zero_that_is_a_person_is_mentioned(tmp_path: Path, person: Callable[..., Image.Image]) -> None:
    for i, path in enumerate(("id_0000/c1_a.jpg", "id_0000/c2_b.jpg", "id_0001/c1_a.jpg", "id_0001/c2_b.jpg")):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        person(i).save(tmp_path / path)
    assert {code: finding.count for code, finding in by_code(audit(tmp_path)).items()} == {"person_zero": 2}


def test_people_known_by_name_are_called_by_it(tmp_path: Path, person: Callable[..., Image.Image]) -> None:
    for i, path in enumerate(("train/alice/c1.jpg", "train/alice/c2.jpg", "test/alice/c1.jpg", "test/bob/c2.jpg")):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        person(i).save(tmp_path / path)
    assert by_code(audit(tmp_path))["identity_overlap"].examples == ("identity alice",)


def test_worst_first(faulty: tuple[Path, dict[str, str]]) -> None:
    ranks = [SEVERITIES.index(finding.severity) for finding in find(audit(faulty[0]))]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == 3


@pytest.mark.real_data
def test_cuhk03_as_it_is(shared_data: Path) -> None:
    result = audit(shared_data / "reid" / "cuhk03")
    assert len(result.images) == 7361 + 800 + 3044
    assert [(part.role, part.layout.name) for part in result.parts] == [
        ("gallery", "cuhk03"),
        ("train", "cuhk03"),
        ("query", "cuhk03"),
    ]
    found = by_code(result)
    assert set(found) == {"query_without_match", "camera_imbalance"}
    assert found["query_without_match"].count == 4


def test_numbers_of_frames_in_identity_folders_name_nobody(tmp_path: Path, person: Callable[..., Image.Image]) -> None:
    for pid in (7, 8):
        for frame in range(4):
            (tmp_path / f"{pid:04d}").mkdir(exist_ok=True)
            person(pid, frame).save(tmp_path / f"{pid:04d}" / f"{frame:04d}_c{frame % 2 + 1}.jpg")
    assert find(audit(tmp_path)) == ()


def test_what_is_usual_for_vehicles_is_no_finding(tmp_path: Path, person: Callable[..., Image.Image]) -> None:
    for pid in (1, 2):
        for camera in (1, 2):
            person(pid, camera, size=(96, 90)).save(tmp_path / f"{pid:04d}_c{camera}_0.jpg")
    found = by_code(audit(tmp_path))["odd_aspect"]
    assert (found.count, found.severity) == (4, "info")
    assert "`data.scan.aspect`" in found.remedy
    assert find(audit(tmp_path, aspect=(0.5, 1.5))) == ()
    assert find(audit(tmp_path)) != ()  # the remembered scan is judged anew


def test_everything_is_listed(tmp_path: Path, write_flat: WriteFlat) -> None:
    root = write_flat(tmp_path / "d", {pid: [1, 1] for pid in range(1, 31)})
    found = by_code(audit(root, min_samples=3))
    assert len(found["small_identity"].examples) == found["small_identity"].count == 30
    assert len(found["one_camera"].files) == found["one_camera"].count == 60


def test_queries_nearly_equal_to_gallery_images_without_cameras(
    tmp_path: Path, person: Callable[..., Image.Image]
) -> None:
    for part, quality in (("query", 60), ("gallery", 90)):
        for pid in (1, 2, 3):
            (tmp_path / part / f"{pid}").mkdir(parents=True)
            person(pid, part == "gallery" and pid > 1).save(tmp_path / part / f"{pid}" / "a.jpg", quality=quality)
    found = by_code(audit(tmp_path))
    assert found["near_query_copies"].groups == (("gallery/1/a.jpg", "query/1/a.jpg"),)


def test_a_single_identity_is_said(tmp_path: Path, person: Callable[..., Image.Image]) -> None:
    (tmp_path / "people").mkdir()
    for i in range(4):
        person(i).save(tmp_path / "people" / f"c{i % 2}_{i}.png")
    assert by_code(audit(tmp_path))["one_identity"].examples == ("identity people",)


def test_pictures_turned_by_exif_are_judged_upright(tmp_path: Path, write_flat: WriteFlat, person) -> None:  # type: ignore[no-untyped-def]
    root = write_flat(tmp_path / "d", CLEAN)
    exif = Image.Exif()
    exif[0x0112] = 8
    person(70, size=(128, 64)).save(root / "0001_c1_f0000077.jpg", exif=exif)
    person(71, size=(128, 64)).save(root / "0001_c1_f0000078.tif", exif=exif)
    assert find(audit(root)) == ()
