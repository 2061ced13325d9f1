from __future__ import annotations

import pytest

from deepsort_cli.core.errors import InputError
from deepsort_cli.perception.classes import COCO91_NAMES, COCO_NAMES, names_for, parse_names, select_classes


def test_coco_is_complete() -> None:
    assert len(COCO_NAMES) == len(set(COCO_NAMES.values())) == 80
    assert (COCO_NAMES[0], COCO_NAMES[2], COCO_NAMES[56], COCO_NAMES[79]) == ("person", "car", "chair", "toothbrush")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{0: 'person', 1: 'hat'}", {0: "person", 1: "hat"}),
        ('["person", "hat"]', {0: "person", 1: "hat"}),
        ('{"0": "person"}', {0: "person"}),
        (None, {}),
        ("", {}),
        ("__import__('os').abort()", {}),
        ("{'a': 'b'}", {}),
        ("[" * 5000, {}),
        ("3", {}),
        ("{-1: 'background', 0: 'person', 1000000000: 'x'}", {0: "person"}),
        ("{1e999: 'x'}", {}),
    ],
)
def test_names_are_read_from_metadata_without_running_it(text: str | None, names: dict[int, str]) -> None:
    assert parse_names(text) == names


def test_missing_names() -> None:
    assert names_for(80, {}) == COCO_NAMES
    assert names_for(3, {0: "person"}) == {0: "person", 1: "class 1", 2: "class 2"}


def test_person_is_the_default_where_there_is_one() -> None:
    assert select_classes(COCO_NAMES, ()) == {0}
    assert select_classes({0: "cat", 1: "Person"}, ()) == {1}
    assert select_classes({0: "cat", 1: "dog"}, ()) is None


def test_names_and_numbers_can_be_mixed() -> None:
    assert select_classes(COCO_NAMES, ("Person", "2", "traffic light")) == {0, 2, 9}
    assert select_classes(COCO_NAMES, ("all",)) is None


def test_a_name_of_several_classes_means_all_of_them() -> None:
    """As of datasets put together, which called the same thing alike but for a capital."""
    names = {0: "person", 1: "car", 2: "Person", 3: "Car"}
    assert select_classes(names, ()) == {0, 2}
    assert select_classes(names, ("car", "0")) == {0, 1, 3}


@pytest.mark.parametrize(("item", "hint"), [("persn", "'person'"), ("80", "0 to 79"), ("-1", "no class")])
def test_unknown_classes_are_named(item: str, hint: str) -> None:
    with pytest.raises(InputError, match=f"(?s){item}.*{hint}"):
        select_classes(COCO_NAMES, (item,))


def test_cocos_ids_have_gaps_and_begin_with_the_person() -> None:
    assert len(COCO91_NAMES) == 80
    assert [COCO91_NAMES[number] for number in (1, 3, 13, 44, 62, 90)] == [
        "person", "car", "stop sign", "bottle", "chair", "toothbrush",
    ]  # fmt: skip
    assert not {0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83} & set(COCO91_NAMES)
    assert names_for(None, {}, coco91=True) == names_for(91, {}, coco91=True) == COCO91_NAMES
    assert names_for(None, {}) == names_for(81, {}) == COCO_NAMES
    assert names_for(3, {}, coco91=True) == {0: "class 0", 1: "class 1", 2: "class 2"}
    assert names_for(None, {0: "hat", 1: "person"}, coco91=True) == {0: "hat", 1: "person"}
    assert select_classes(COCO91_NAMES, ()) == {1}
    with pytest.raises(InputError, match="numbered 1 to 90, with gaps"):
        select_classes(COCO91_NAMES, ("12",))
