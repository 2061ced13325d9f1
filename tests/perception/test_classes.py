from __future__ import annotations

import pytest

from deepsort_cli.core.errors import InputError
from deepsort_cli.perception.classes import COCO_NAMES, names_for, parse_names, select_classes


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


@pytest.mark.parametrize(("item", "hint"), [("persn", "'person'"), ("80", "0 to 79"), ("-1", "no class")])
def test_unknown_classes_are_named(item: str, hint: str) -> None:
    with pytest.raises(InputError, match=f"(?s){item}.*{hint}"):
        select_classes(COCO_NAMES, (item,))
