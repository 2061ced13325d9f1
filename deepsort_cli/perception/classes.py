"""Class names of detectors, and the choice of classes to keep."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Mapping, Sequence

from deepsort_cli.core.errors import InputError

# fmt: off
_COCO = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet",
    "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)
# fmt: on
COCO_NAMES: dict[int, str] = dict(enumerate(_COCO))
"""The 80 classes of COCO, in the order every COCO detector uses."""

MOST_CLASSES = 100_000
"""More than any detector has: a name is made for every number below the largest."""

_COCO_GAPS = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
_COCO_IDS = [number for number in range(1, 91) if number not in _COCO_GAPS]
COCO91_NAMES: dict[int, str] = dict(zip(_COCO_IDS, _COCO, strict=True))
"""The same classes by the ids of COCO's annotations, 1 to 90 with gaps, which some detectors give."""


def parse_literal(text: str | None) -> object:
    """A model property that is written as a Python literal, as Ultralytics does; None where it is not readable."""
    if not text or len(text) > 1_000_000:
        return None
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def parse_names(text: str | None) -> dict[int, str]:
    """The `names` property of a model (`{0: 'person', …}` or a list) as a mapping; empty where it is not readable.

    Numbers that are none of a class, as −1 for the background, are left out.
    """
    value = parse_literal(text)
    if isinstance(value, list | tuple):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        return {}
    try:
        names = {int(number): str(name) for number, name in value.items()}
    except (TypeError, ValueError, OverflowError):
        return {}
    return {number: name for number, name in names.items() if 0 <= number < MOST_CLASSES}


def names_for(count: int | None, given: Mapping[int, str], *, coco91: bool = False) -> dict[int, str]:
    """A name for each of `count` classes: the model's own, else COCO's where their number is COCO's, else the number.

    Args:
        count: number of classes; None where the model does not tell: as many as are named, else COCO's.
        given: names from the model's metadata.
        coco91: whether classes without names are COCO's ids, from 1 with gaps, rather than positions from 0.
    """
    if count is None:
        count = max(given) + 1 if given else None
    if coco91 and not given and count in (None, 91):
        return dict(COCO91_NAMES)
    if count is None:
        return dict(COCO_NAMES)
    if count == len(COCO_NAMES) + 1 and not given:
        count -= 1  # the last of 81 columns is a background that some heads keep
    fallback = COCO_NAMES if count == len(COCO_NAMES) else {}
    return {number: given.get(number) or fallback.get(number) or f"class {number}" for number in range(count)}


def select_classes(names: Mapping[int, str], wanted: Sequence[str]) -> frozenset[int] | None:
    """Numbers of the classes to keep; None keeps all.

    Args:
        names: name by class number.
        wanted: names (in any case) or numbers; `all` for everything. Empty means person where there is such a class,
            else everything. A name that several classes have means all of them.

    Raises:
        InputError: a name or number the detector does not have.
    """
    by_name: dict[str, set[int]] = {}
    for number, name in names.items():
        by_name.setdefault(name.lower(), set()).add(number)
    if not wanted:
        return frozenset(by_name["person"]) if "person" in by_name else None
    if any(item.lower() == "all" for item in wanted):
        return None
    chosen: set[int] = set()
    for item in wanted:
        numbers = {int(item)} if item.isdecimal() else by_name.get(item.lower())
        if numbers is None:
            close = difflib.get_close_matches(item.lower(), by_name, n=1, cutoff=0.0)
            hint = f" The nearest name is {close[0]!r}." if close else ""
            raise InputError(f"`detector.classes` {item}: the detector has no class of this name.{hint}")
        if not numbers <= names.keys():
            raise InputError(
                f"`detector.classes` {item}: the detector's classes are numbered {min(names)} to {max(names)}"
                f"{'' if len(names) == max(names) - min(names) + 1 else ', with gaps'}."
            )
        chosen |= numbers
    return frozenset(chosen)
