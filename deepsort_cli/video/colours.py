"""The colours of ids, and of text on them."""

from __future__ import annotations

from deepsort_cli.core.types import Tracks

Colour = tuple[int, int, int]

PALETTE = bytes.fromhex(
    "0d9eff ff0d0d ffc1a6 4733ff b80972 b6ff0d 33ebff 99463d 7649b8 dbdb79 db8fb5 339908 "
    "ad33ff 33c2ff ff6675 b80995 dbca2c 8cffc6 994208 2c4fdb 8fd4db db2c60 ab77b8 c1db58"
)
"""Red, green and blue of each colour, in the order of the ids.

Six in a row differ clearly (at least 20 in CIELAB) also for people who see no red, or no green, by the model of
Machado, Oliveira and Fernandes (2009); any two of them differ somewhat. Chosen one after the other for that.
"""


UNKNOWN: Colour = (150, 150, 150)
"""Of somebody who may be one of several people."""


def colour_of(track_id: int) -> Colour:
    """The BGR colour of an id; ids close to each other differ."""
    start = 3 * (track_id % (len(PALETTE) // 3))
    red, green, blue = PALETTE[start : start + 3]
    return blue, green, red


def colour_of_person(person: int | str | None) -> Colour:
    """The colour of a person, the same in all sources: grey as long as nobody knows who it is."""
    return colour_of(person) if isinstance(person, int) and person > 0 else UNKNOWN


def colour_of_track(tracks: Tracks, i: int) -> Colour:
    """The colour of the i-th track: its person's, where people are told apart, else that of its id."""
    return colour_of(int(tracks.ids[i])) if tracks.people is None else colour_of_person(int(tracks.people[i]))


def text_colour_on(colour: Colour) -> Colour:
    """White or near black, whichever reads better on a BGR colour (relative luminance, WCAG 2)."""
    linear = [channel / 255 for channel in colour]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in linear]
    luminance = 0.0722 * linear[0] + 0.7152 * linear[1] + 0.2126 * linear[2]
    return (255, 255, 255) if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.06 else (20, 20, 20)
