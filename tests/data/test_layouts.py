"""Layouts recognise themselves, and names say who and which camera."""

from __future__ import annotations

import numpy as np
import pytest

from deepsort_cli.data.layouts import (
    Label,
    arrange,
    camera_of_folder,
    number_cameras,
    part_role,
    recognise,
)
from deepsort_cli.data.naming import ZERO_PERSON

MARKET = ["0002_c1s1_000451_03.jpg", "-1_c3s2_003912_05.jpg", "0000_c6s3_094992_00.jpg", "1501_c6s4_002202_01.jpg"]
DUKE = ["0001_c2_f0046182.jpg", "0005_c8_f0090000.jpg"]
CUHK = ["0001_c1_f0000000.jpg", "0767_c10_f0000005.jpg"]
MARS = ["0001C1T0001F001.jpg", "00-1C3T0002F010.jpg", "0000C6T0101F002.jpg"]
LTCC = ["001_1_c3_016353.png", "151_2_c12_000001.png"]
OWN = ["0001_cam_1_x.jpg", "id_0002_camera3_y.png", "person-7_cam12_z.tiff"]
MSMT = ["0000_000_01_0303morning_0015_0.jpg", "1040_012_15_0302afternoon_0711_1_ex.jpg"]


@pytest.mark.parametrize(
    ("name", "paths", "labels"),
    [
        ("market1501", MARKET, [Label(2, 1), Label(-1, 3), Label(0, 6), Label(1501, 6)]),
        ("dukemtmc", DUKE, [Label(1, 2), Label(5, 8)]),
        ("cuhk03", CUHK, [Label(1, 1), Label(767, 10)]),
        ("mars", MARS, [Label(1, 1), Label(-1, 3), Label(0, 6)]),
        ("ltcc", LTCC, [Label(1, 3), Label(151, 12)]),
        ("cuhk03", OWN, [Label(1, 1), Label(2, 3), Label(7, 12)]),
        ("msmt17", MSMT, [Label(ZERO_PERSON, 1), Label(1040, 15)]),
    ],
)
def test_flat_layouts(name: str, paths: list[str], labels: list[Label]) -> None:
    for wanted in ("auto", name):
        (part,), part_of, outside = arrange(paths, wanted)
        assert part.layout.name == name
        assert [part.label(path) for path in paths] == labels
        assert part_of == dict.fromkeys(paths, 0)
        assert outside == []
        assert all(map(part.is_place_for, paths))


def test_a_chosen_layout_is_strict() -> None:
    (part,), _, _ = arrange([*MARKET, *CUHK], "market1501")
    assert [part.label(path) is None for path in (*MARKET, *CUHK)] == [False] * 4 + [True] * 2


@pytest.mark.parametrize(
    "name", ["photo.jpg", "0001.jpg", "c1_0001.jpg", "-2_c1_f0.jpg", "12345678901_c1.jpg", "_c1.jpg"]
)
def test_names_that_do_not_parse(name: str) -> None:
    (part,), _, _ = arrange([*CUHK, name])
    assert part.label(name) is None


@pytest.mark.parametrize(
    ("folder", "pid"), [("id_0012", 12), ("0012", 12), ("ID-12", 12), ("person_7", 7), ("id_-001", -1), ("-1", -1)]
)
def test_identity_folders(folder: str, pid: int) -> None:
    layout = recognise([f"{folder}/a.jpg", "id_0099/b.jpg"])
    assert layout.name == "folders"
    assert layout.people[folder] == pid


def test_named_folders_get_the_same_number_in_every_part() -> None:
    train = recognise(["bob/1.jpg", "alice/1.jpg", "id_0041/1.jpg"]).people
    test = recognise(["alice/7.jpg", "zoë/1.jpg", "carol/1.jpg"]).people
    assert train["id_0041"] == 41
    assert train["alice"] == test["alice"]
    assert len({*train.values(), *test.values()}) == 5
    assert min(train["alice"], train["bob"]) > ZERO_PERSON


def test_folder_zero_is_a_person_unless_its_names_say_distractor() -> None:
    assert recognise(["id_0000/a.jpg", "id_0001/a.jpg"]).people["id_0000"] == ZERO_PERSON
    assert recognise(["id_0000/0000_c1s1_000151_01.jpg", "id_0001/a.jpg"]).people["id_0000"] == 0


@pytest.mark.parametrize(
    ("name", "camera"),
    [
        ("0001_c3s1_000001_00.jpg", 3),
        ("c07_frame12.png", 7),
        ("frame12_cam2.jpg", 2),
        ("cam_1_frame12.jpg", 1),
        ("camera1_frame12.jpg", 1),
        ("Camera-3.jpg", 3),
        ("0001C4T0001F001.jpg", 4),
        ("Frame-C11-4.jpg", 11),
        ("0000_000_09_0303morning_0015_0.jpg", 9),
        ("frame12.jpg", None),
        ("abc12.jpg", None),
        ("pic2_of_c.jpg", None),
    ],
)
def test_cameras_in_names_inside_folders(name: str, camera: int | None) -> None:
    (part,), _, _ = arrange([f"id_0001/{name}", "id_0002/x.jpg"])
    assert part.label(f"id_0001/{name}") == Label(1, camera)


def test_a_split_dataset() -> None:
    paths = ["bounding_box_train/0001_c1_f0.jpg", "query/id_0002/a.jpg", "gt_bbox/0001_c1_f0.jpg", "Test/id_0002/b.jpg"]
    parts, part_of, outside = arrange(paths)
    assert [(part.folder, part.role, part.layout.name) for part in parts] == [
        ("Test", "gallery", "folders"),
        ("bounding_box_train", "train", "cuhk03"),
        ("query", "query", "folders"),
    ]
    assert outside == ["gt_bbox/0001_c1_f0.jpg"]
    assert parts[part_of["query/id_0002/a.jpg"]].label("query/id_0002/a.jpg") == Label(2, None)


def test_an_identity_folder_named_like_a_part_is_no_part() -> None:
    for name in ("anna/a.jpg", "train/a.jpg"):  # Val is a name too, but not beside parts
        parts, _, outside = arrange(["Val/a.jpg", name])
        assert ([part.role for part in parts], outside) == (["val", "train"] if "train" in name else [""], [])
    people, flat = ["val/0001/a.jpg", "val/0002/a.jpg"], ["val/0001_c1.jpg", "val/0002_c1.jpg"]
    for images in (people, flat):  # a set of people, whatever else lies beside it
        parts, _, outside = arrange([*images, "notes/a.jpg"])
        assert ([part.role for part in parts], outside) == (["val"], ["notes/a.jpg"])
    (part,), _, _ = arrange([*flat, "anna/0001_c1.jpg", "anna/0002_c1.jpg"])  # frames of two people
    assert part.role == ""
    parts, _, outside = arrange(["test/a.jpg", *(f"id_{i:04d}/a.jpg" for i in range(5))])
    assert [part.folder for part in parts] == [""]
    assert outside == []


def test_a_flat_dataset_one_folder_too_high_is_misplaced_not_one_identity() -> None:
    (part,), _, _ = arrange([f"images/{name}" for name in CUHK])
    assert part.layout.name == "cuhk03"
    assert not part.is_place_for(f"images/{CUHK[0]}")


def test_images_without_camera_are_cameras_of_their_own() -> None:
    numbers, known = number_cameras([None, 3, None, 1])
    assert numbers.tolist() == [4, 3, 5, 1]
    assert known
    numbers, known = number_cameras([None] * 4)
    assert len(np.unique(numbers)) == 4
    assert not known


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("bounding_box_train", "train"),
        ("image_query", "query"),
        ("Image-Test", "gallery"),
        ("bbox_train", "train"),
        ("bbox_test", "gallery"),
        ("mask_train_v2", "train"),
        ("probe", "query"),
        ("test_images", "gallery"),
        ("trainset", "train"),
        ("validation", "val"),
        ("gt_bbox", ""),
        ("train_all", ""),
        ("trainer", ""),
        ("latest", ""),
    ],
)
def test_folders_named_for_a_part(name: str, role: str) -> None:
    assert part_role(name) == role


@pytest.mark.parametrize(
    ("name", "camera"),
    [
        ("cam1", 1), ("camera_02", 2), ("Cam-3", 3), ("c4", 4), ("cam_b", 2), ("cameraA", 1),
        ("ca", None), ("cats", None), ("1", None), ("cam", None), ("campus1", None),
    ],
)  # fmt: skip
def test_folders_named_for_a_camera(name: str, camera: int | None) -> None:
    assert camera_of_folder(name) == camera


def test_a_folder_for_each_camera_inside_each_person() -> None:
    paths = [f"{pid:04d}/cam{camera}/{i}.jpg" for pid in (1, 2) for camera in (1, 2) for i in range(2)]
    (part,), _, _ = arrange([*paths, "0002/plain.jpg"])
    assert part.layout.name == "folders"
    assert [part.label(path) for path in paths[::2]] == [Label(1, 1), Label(1, 2), Label(2, 1), Label(2, 2)]
    assert all(map(part.is_place_for, paths))
    assert part.label("0002/plain.jpg") == Label(2, None)
    assert not part.is_place_for("0002/monday/1.jpg")


def test_a_folder_for_each_person_inside_each_camera_of_a_part() -> None:
    paths = [f"query/cam{camera}/{pid:04d}/x.jpg" for pid in (5, 6) for camera in (1, 2)]
    (part,), _, _ = arrange(paths)
    assert (part.folder, part.role, part.layout.name) == ("query", "query", "cameras")
    assert [part.label(path) for path in paths] == [Label(5, 1), Label(5, 2), Label(6, 1), Label(6, 2)]
    assert part.identity_folder(paths[0]) == "0005"


def test_images_of_people_directly_in_camera_folders() -> None:
    paths = [f"cam_{letter}/{pid:03d}_{angle}.bmp" for pid in (1, 2) for letter, angle in (("a", 45), ("b", 90))]
    (part,), _, _ = arrange(paths)
    assert part.layout.name == "cameras"
    assert [part.label(path) for path in paths] == [Label(1, 1), Label(1, 2), Label(2, 1), Label(2, 2)]
    (part,), _, _ = arrange(paths, "folders")
    assert part.layout.name == "folders"
    (part,), _, _ = arrange([f"cam_{letter}/portrait{i}.bmp" for letter in "ab" for i in range(3)])
    assert part.layout.name == "folders"  # nothing says who is on them, so a finding has to


def test_many_folders_called_c_are_people() -> None:
    assert recognise([f"c{i}/0001.jpg" for i in range(1, 40)]).name == "folders"
    assert recognise([f"c{i}/0001_x.jpg" for i in range(1, 7)]).name == "cameras"


def test_frame_numbers_do_not_make_a_distractor_of_folder_zero() -> None:
    frames = [f"{pid}/{frame:04d}_c1.jpg" for pid in range(3) for frame in range(1)]
    assert recognise([*frames, "1/0007_c1.jpg"]).people["0"] == ZERO_PERSON
