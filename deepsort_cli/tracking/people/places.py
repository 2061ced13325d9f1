"""Where cameras are: who cannot be the same person, as nobody is in two places at once."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from deepsort_cli.core.errors import InputError
from deepsort_cli.tracking.people.person import Person
from deepsort_cli.tracking.settings import CamerasSettings

Pair = frozenset[str]


@dataclass(frozen=True)
class Places:
    """How cameras lie to each other.

    Attributes:
        overlapping: pairs of cameras that see the same place, so that a person may be in both at once.
        seconds: travel time between two cameras at least, by pair; in no particular order.
        usual_seconds: that of all other pairs that do not overlap.
    """

    overlapping: Collection[Pair] = frozenset()
    seconds: Mapping[Pair, float] = field(default_factory=dict)
    usual_seconds: float = 0.0

    @classmethod
    def of(cls, settings: CamerasSettings, cameras: Sequence[str]) -> Places:
        """As the settings say, whose numbers count the cameras from 1.

        Raises:
            InputError: a number is none, or nobody's.
        """
        overlapping: set[Pair] = set()
        for group in settings.overlap:
            members = cameras if group == "all" else _members(group, cameras, "across.overlap")
            if len(members) < 2 and group != "all":
                raise InputError(f"`across.overlap` {group}: name two sources or more, as in 1,2.")
            overlapping.update(frozenset(pair) for pair in itertools.combinations(members, 2))
        times = settings.min_seconds
        if not isinstance(times, dict):
            return cls(overlapping, {}, times)
        seconds: dict[Pair, float] = {}
        for text, time in times.items():
            pair = _members(text, cameras, "across.min_seconds")
            if len(pair) != 2:
                raise InputError(f"`across.min_seconds` {text}: name a pair of sources, as in 1,2.")
            if seconds.setdefault(frozenset(pair), time) != time:
                raise InputError(
                    f"`across.min_seconds` {text}: {time:g} s, but {seconds[frozenset(pair)]:g} s the other way round. "
                    "A pair has one time for both ways: leave one of them out."
                )
        return cls(overlapping, seconds)

    def knowing(self, known: Mapping[str, str | None]) -> Places:
        """The same, and cameras that are known to look at one place overlap.

        Args:
            known: what each camera looks at, by its name; None where nobody knows.
        """
        told = [(camera, place) for camera, place in known.items() if place is not None]
        same = {frozenset((a, b)) for (a, here), (b, there) in itertools.combinations(told, 2) if here == there}
        return replace(self, overlapping=frozenset({*self.overlapping, *same}))

    def in_words(self, cameras: Sequence[str]) -> str:
        """What they mean for who can be where at once."""
        together = [" and ".join(name for name in cameras if name in pair) for pair in self.overlapping]
        if together:
            shared = f"except where they see the same place: {', '.join(sorted(together))}"
        else:
            shared = "(`across.overlap` names those that see the same place)"
        return f"nobody is in two of them at once {shared}"

    def allow(self, person: Person, camera: str, since: float) -> bool:
        """Whether a person may be one who is in a camera since some moment, going by when they were where."""
        return all(self._allows(other, camera, since - last) for other, last in person.seen.items())

    def least(self, camera: str, other: str) -> float | None:
        """How many seconds pass at least between leaving a camera and coming to another; None: one may be in both."""
        pair = frozenset((other, camera))
        if pair in self.overlapping:
            return None
        return 0.0 if other == camera else self.seconds.get(pair, self.usual_seconds)

    def _allows(self, other: str, camera: str, between: float) -> bool:
        least = self.least(camera, other)
        return least is None or (between > 0 and between >= least)


def _members(text: str, cameras: Sequence[str], key: str) -> list[str]:
    """The cameras of a group such as `1,2`."""
    numbers = [part.strip() for part in text.split(",")]
    for number in numbers:
        if not (number.isdecimal() and 1 <= int(number) <= len(cameras)):
            sources = f"numbers from 1 to {len(cameras)}" if len(cameras) > 1 else "and there is only one"
            raise InputError(
                f"`{key}` {text}: {number!r} is no source. They are counted in the order given, {sources}."
            )
    if len(set(map(int, numbers))) < len(numbers):
        raise InputError(f"`{key}` {text}: a source is named twice.")
    return [cameras[int(number) - 1] for number in numbers]
