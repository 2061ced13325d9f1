"""What a scan knows is said before images are trained on or evaluated with."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from deepsort_cli.core.errors import InputError
from deepsort_cli.data.loading import REFUSED, advise, load_manifest, load_query_gallery, made_comparable
from deepsort_cli.data.settings import ScanSettings

WriteFlat = Callable[..., Path]
PersonImage = Callable[..., Image.Image]
NO_CACHE = ScanSettings(use_cache=False)
FOUR = {pid: [1, 1, 2, 2] for pid in (1, 2, 3, 4)}


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def split(tmp_path: Path, write_flat: WriteFlat) -> Path:
    write_flat(tmp_path / "d" / "bounding_box_train", FOUR)
    write_flat(tmp_path / "d" / "query", {11: [1], 12: [2]}, seed=1)
    write_flat(tmp_path / "d" / "bounding_box_test", {11: [1, 2], 12: [1, 2]}, seed=2)
    return tmp_path / "d"


def folders(root: Path, person: PersonImage, names: list[str], images: int = 2) -> Path:
    for k, name in enumerate(names):
        for i in range(images):
            file = root / name / f"c{i % 2 + 1}_{i}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            person(100 * k, i).save(file)
    return root


def test_nothing_is_said_about_a_clean_dataset(split: Path, said: list[str]) -> None:
    advise(load_manifest(split, NO_CACHE), *load_query_gallery(split, NO_CACHE), NO_CACHE, warn=said.append)
    assert said == []


def test_images_without_a_camera_share_none_with_the_other_set(tmp_path: Path, person: PersonImage) -> None:
    """Each set numbers them for itself, so the query and its match would seem to come from one camera."""
    for i, path in enumerate(("query/1/c1.png", "query/2/x.png", "gallery/1/c2.png", "gallery/2/y.png")):
        (tmp_path / path).parent.mkdir(parents=True)
        person(i).save(tmp_path / path)
    for settings in (NO_CACHE, ScanSettings(), ScanSettings()):  # read, read and remembered, remembered
        query, gallery = load_query_gallery(tmp_path, settings)
        assert query.camids.tolist() == [1, 3]
        assert gallery.camids.tolist() == [2, 4]
    same = made_comparable(query, query)
    assert same[0].camids.tolist() == same[1].camids.tolist()
    assert query[1:].unnamed.tolist() == [True]  # type: ignore[union-attr]


def test_a_second_gallery_folder_is_said_not_to_be_used(split: Path, write_flat: WriteFlat, said: list[str]) -> None:
    load_query_gallery(split, NO_CACHE, notify=said.append)
    assert said == []
    write_flat(split / "gallery", {11: [3]})
    _, gallery = load_query_gallery(split, NO_CACHE, notify=said.append)
    assert gallery.root.name == "bounding_box_test"
    assert said == [f"Using the bounding_box_test folder of {split} as gallery (gallery not used)."]


def test_the_test_set_is_not_trained_on(split: Path, said: list[str], tmp_path: Path) -> None:
    query, gallery = load_query_gallery(split, NO_CACHE)
    same = load_manifest(split / "bounding_box_test", NO_CACHE)
    with pytest.raises(InputError, match=r"test images themselves: 4 .*data\.scan\.accept`=trained_on_test"):
        advise(same, query, gallery, NO_CACHE, warn=said.append)
    copied = load_manifest(Path(shutil.copytree(split / "bounding_box_test", tmp_path / "mine")), NO_CACHE)
    with pytest.raises(InputError, match="test images themselves: 4"):
        advise(copied, query, gallery, NO_CACHE, warn=said.append)
    accepted = NO_CACHE.model_copy(update={"accept": ("trained_on_test",)})
    advise(copied, query, gallery, accepted, warn=said.append)
    assert any("test images themselves" in text for text in said)
    said.clear()
    advise(same, settings=NO_CACHE, warn=said.append)  # by its name alone it is only likely
    assert len(said) == 1
    assert "bounding_box_test" in said[0]


def test_test_people_in_training(split: Path, write_flat: WriteFlat, said: list[str], tmp_path: Path) -> None:
    write_flat(split / "bounding_box_train", {11: [1, 2]}, seed=9)
    test = load_query_gallery(split, NO_CACHE)
    advise(load_manifest(split, NO_CACHE), *test, NO_CACHE, warn=said.append)
    assert [text for text in said if "Identities both in training and test parts: 1 (identity 11)" in text]
    said.clear()
    other = load_manifest(write_flat(tmp_path / "other", {11: [1, 2], 12: [1, 2]}, seed=8), NO_CACHE)
    advise(other, *test, NO_CACHE, warn=said.append)  # another dataset numbers its people as it likes
    assert said == []
    file = split / "bounding_box_test" / "0012_c1_f0000000.jpg"
    shutil.copy(file, tmp_path / "other" / "0012_c1_f0000099.jpg")
    for k in range(5):
        write_flat(tmp_path / "other", {20 + k: [1, 2]}, seed=20 + k)
        write_flat(split / "bounding_box_test", {20 + k: [1, 2]}, seed=40 + k)
    other = load_manifest(tmp_path / "other", NO_CACHE)
    advise(other, *load_query_gallery(split, NO_CACHE), NO_CACHE, warn=said.append)
    assert [text for text in said if text.startswith("Identical images in training and test parts: 1")]


def test_split_folders_are_no_people(tmp_path: Path, person: PersonImage, said: list[str]) -> None:
    train = load_manifest(folders(tmp_path / "d", person, ["my_train", "the_test_images"]), NO_CACHE)
    with pytest.raises(InputError, match="called like parts of a dataset: 2 .my_train: 2 images"):
        advise(train, settings=NO_CACHE, warn=said.append)
    few = load_manifest(folders(tmp_path / "few", person, ["my_test", *"abcdef"]), NO_CACHE)
    advise(few, settings=NO_CACHE, warn=said.append)
    assert any("called like parts of a dataset: 1 (my_test" in text for text in said)


def test_camera_folders_are_no_people(tmp_path: Path, person: PersonImage, said: list[str]) -> None:
    train = load_manifest(folders(tmp_path / "d", person, ["cam_a", "cam_b", "cam_c"]), NO_CACHE)
    with pytest.raises(InputError, match=r"called like cameras: 3 .*accept`=camera_folders_as_people"):
        advise(train, settings=NO_CACHE, warn=said.append)


@pytest.mark.parametrize("names", [("cam_front", "cam_back", "cctv 2"), ("view1", "view2", "Camera-north")])
def test_cameras_called_by_words_are_no_people(
    tmp_path: Path, person: PersonImage, said: list[str], names: tuple[str, ...]
) -> None:
    train = load_manifest(folders(tmp_path / "d", person, list(names)), NO_CACHE)
    with pytest.raises(InputError, match="called like cameras: 3 "):
        advise(train, settings=NO_CACHE, warn=said.append)


def test_numbers_in_names_that_may_be_the_people(tmp_path: Path, person: PersonImage, said: list[str]) -> None:
    def told(root: str, places: list[tuple[str, int]]) -> bool:
        for k, (folder, number) in enumerate(places):
            for shot in range(2):
                file = tmp_path / root / folder / f"{number:04d}_{shot}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                person(2 * k + shot).save(file)
        said.clear()
        advise(load_manifest(tmp_path / root, NO_CACHE), settings=NO_CACHE, warn=said.append)
        return any("files of the same 4 numbers in each: 2 (left: 8 images, right: 8 images)" in text for text in said)

    assert told("doors", [(door, number) for door in ("left", "right") for number in range(1, 5)])
    assert not told("tracks", [(name, number) for name in ("ann", "bob", "cid", "dan") for number in range(1, 4)])
    assert not told("frames", [("left", number) for number in range(1, 5)] + [("right", n) for n in range(5, 9)])


def test_folders_that_merge(tmp_path: Path, person: PersonImage, said: list[str]) -> None:
    train = load_manifest(folders(tmp_path / "d", person, ["1", "001", "person_1", "2", "3"]), NO_CACHE)
    advise(train, settings=NO_CACHE, warn=said.append)
    assert len(said) == 1
    assert "several folders with the same number: 1 (identity 1: 001, 1, person_1)" in said[0]


def test_people_that_training_drops(tmp_path: Path, write_flat: WriteFlat, said: list[str]) -> None:
    train = load_manifest(write_flat(tmp_path / "d", {**FOUR, 0: [1, 2], -1: [1]}), NO_CACHE)
    advise(train, settings=NO_CACHE, warn=said.append)
    assert [text.partition(": ")[0] for text in said] == ["Distractors (pid 0)", "Junk images (pid −1)"]
    said.clear()
    advise(gallery=train, query=train[train.pids > 0][:2], settings=NO_CACHE, warn=said.append)
    assert said == []


def test_one_camera(tmp_path: Path, write_flat: WriteFlat, said: list[str]) -> None:
    train = load_manifest(write_flat(tmp_path / "d", {1: [4, 4], 2: [4, 4], 3: [4, 4]}), NO_CACHE)
    advise(train, settings=NO_CACHE, warn=said.append)
    assert said[0].startswith("All images come from camera 4: 6")
    said.clear()
    advise(train, settings=NO_CACHE, ignore_camera=True, warn=said.append)
    assert said == []
    mostly = load_manifest(write_flat(tmp_path / "e", {1: [1, 1], 2: [2, 2], 3: [1, 2]}), NO_CACHE)
    advise(mostly, settings=NO_CACHE, warn=said.append)
    assert said[0].startswith("Identities seen by a single camera, of 3: 2")


def test_queries_copied_from_the_gallery(tmp_path: Path, person: PersonImage, said: list[str]) -> None:
    def put(part: str, pid: int, name: str, seed: int) -> None:
        file = tmp_path / "d" / part / f"person_{pid}" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        person(seed).save(file)

    for pid in range(1, 6):
        put("gallery", pid, "a.png", pid)
        put("gallery", pid, "b.png", 100 + pid)
        put("query", pid, "q.png", 200 + pid if pid > 2 else pid)
    test = load_query_gallery(tmp_path / "d", NO_CACHE)
    advise(None, *test, NO_CACHE, warn=said.append)
    assert len(said) == 1
    assert said[0].startswith("Queries that are copies of gallery images, identical to the byte, among 5 queries: 2")
    put("query", 3, "q.png", 3)
    with pytest.raises(InputError, match=r"identical to the byte, among 5 queries: 3 .*accept`=query_copies"):
        advise(None, *load_query_gallery(tmp_path / "d", NO_CACHE), NO_CACHE, warn=said.append)


def test_copies_of_the_same_camera_are_left_out_by_the_protocol(split: Path, said: list[str]) -> None:
    for name in ("0011_c1_f0000000.jpg", "0012_c2_f0000000.jpg"):
        shutil.copy(split / "query" / name, split / "bounding_box_test" / name.replace("f0", "f9"))
    test = load_query_gallery(split, NO_CACHE)
    advise(None, *test, NO_CACHE, warn=said.append)
    assert said == []
    with pytest.raises(InputError, match="copies of gallery images"):
        advise(None, *test, NO_CACHE, ignore_camera=True, warn=said.append)
    query = test[0]
    advise(None, query, query, NO_CACHE, ignore_camera=True, warn=said.append)  # the very same files never match


def test_only_what_refuses_can_be_accepted(split: Path, said: list[str]) -> None:
    settings = NO_CACHE.model_copy(update={"accept": ("odd_aspect",)})
    with pytest.raises(InputError, match=f"odd_aspect: only these can be accepted: {', '.join(REFUSED)}"):
        advise(load_manifest(split, NO_CACHE), settings=settings, warn=said.append)


def test_vehicles_of_veri_names(tmp_path: Path, write_flat: WriteFlat) -> None:
    root = tmp_path / "VeRi"
    write_flat(root / "image_train", FOUR)
    write_flat(root / "image_query", {11: [1]}, seed=1)
    write_flat(root / "image_test", {11: [2, 3]}, seed=2)
    assert set(load_manifest(root, NO_CACHE).pids.tolist()) == {1, 2, 3, 4}
    query, gallery = load_query_gallery(root, NO_CACHE)
    assert (len(query), len(gallery)) == (1, 2)


def test_links_that_are_not_allowed_are_the_advice(tmp_path: Path, write_flat: WriteFlat) -> None:
    source = write_flat(tmp_path / "source", FOUR)
    (tmp_path / "linked" / "0001").mkdir(parents=True)
    (tmp_path / "linked" / "0001" / "a.jpg").symlink_to(source / "0001_c1_f0000000.jpg")
    with pytest.raises(InputError, match=f"allow it with `data.scan.link_sources`={source}") as caught:
        load_manifest(tmp_path / "linked", NO_CACHE)
    assert "Give the folder" not in str(caught.value)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "train").symlink_to(source)
    with pytest.raises(InputError, match=f"`data.scan.link_sources`={source}"):
        load_manifest(tmp_path / "folder", NO_CACHE)
    allowed = NO_CACHE.model_copy(update={"link_sources": (source,)})
    assert len(load_manifest(tmp_path / "folder", allowed)) == 16


def test_a_folder_called_val_is_the_same_on_every_run(tmp_path: Path, write_flat: WriteFlat) -> None:
    write_flat(tmp_path / "val", FOUR)
    for other in ("", ".reid_cache", "docs"):
        (tmp_path / other).mkdir(exist_ok=True)
        with pytest.raises(InputError, match="found val but no train part"):
            load_manifest(tmp_path, NO_CACHE)
