"""The page that shows who was matched to what, and how near, so that somebody can check it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from deepsort_cli.core.counted import counted
from deepsort_cli.core.files import atomic_open, write_failure
from deepsort_cli.core.html_parts import data_address, page_start, text
from deepsort_cli.evaluation.enrolment import Enrolment
from deepsort_cli.tracking.people import Decision, Nearness
from deepsort_cli.workflows.track.enrol import NO_FACES, expected, summary
from deepsort_cli.workflows.track.portraits import Portraits

STYLE = Path(__file__).with_name("people_page.css")
CLOSE = 0.85
"""A match whose distance is at least so large a part of what is admitted is a close call; so is a runner-up."""
BETWEEN = 0.15
"""So is one whose runner-up is not further than this behind, as a part of what is admitted."""
MOST_CLOSE = 24
SHOWN_ALIKE = 10
WIDEST = 1.5
"""What is at the end of a bar, as a multiple of what is admitted."""


@dataclass(frozen=True)
class Page:
    """What the page is about.

    Attributes:
        decisions: the last ones, in their order.
        decided: how many there were in all.
        names: name by number of people.
        found: what is known of enrolled people; None without.
        limit: the largest distance to enrolled pictures; None without.
        known: where known people came from.
        by_clock: moments are seconds since the epoch, not of a recording.
        began: when the run began, in seconds since the epoch.
    """

    decisions: tuple[Decision, ...]
    decided: int
    names: Mapping[int, str]
    found: Enrolment | None
    limit: float | None
    known: str
    by_clock: bool
    began: float

    def who(self, person: int) -> str:
        return self.names.get(person) or f"person {person}"


def write_page(path: Path, page: Page, portraits: Portraits) -> None:
    """Write the page.

    Raises:
        RunError: it cannot be written.
    """
    try:
        with atomic_open(path, private=True, follow=True) as stream:
            stream.write(render(page, portraits))
    except OSError as error:
        raise write_failure(path, error) from None


def render(page: Page, portraits: Portraits) -> str:
    """The page as HTML, with all pictures in it and nothing from elsewhere."""
    draw = _Drawing(page, portraits)
    matched = [decision for decision in page.decisions if decision.match is not None]
    new = [decision for decision in page.decisions if decision.match is None]
    when = datetime.fromtimestamp(page.began).strftime("%Y-%m-%d %H:%M")
    parts = [
        page_start("Who was matched to what", STYLE),
        "<h1>Who was matched to what</h1>\n",
        f'<p class="quiet">{text(_counts(page, matched, new))} Run of {when}.</p>\n',
        f'<p class="quiet">{text(NO_FACES[0].upper() + NO_FACES[1:])}.</p>\n',
        '<p class="quiet">A bar is the distance between looks, 0 at its left: the mark is the largest at which two are '
        "taken for one person. The grey bar is the nearest other person.</p>\n",
        draw.known(),
        draw.close_calls(matched),
        draw.people(matched),
        draw.new(new),
        "</body>\n</html>\n",
    ]
    return "".join(parts)


def _counts(page: Page, matched: Sequence[Decision], new: Sequence[Decision]) -> str:
    named = sum(bool(decision.name) for decision in matched)
    said = (
        f"{counted(len(matched), 'track')} matched to somebody seen before or known, {named:,} of them by name; "
        f"{counted(len(new), 'track')} like nobody."
    )
    left = page.decided - len(page.decisions)
    return said if left <= 0 else f"{said} {left:,} earlier ones are not shown."


class _Drawing:
    """Pieces of the page."""

    def __init__(self, page: Page, portraits: Portraits) -> None:
        self._page, self._portraits = page, portraits

    def known(self) -> str:
        """Those known by name, and how near one has to be."""
        found = self._page.found
        if found is None:
            return ""
        numbers = {name: number for number, name in self._page.names.items() if name}
        seen = {decision.name for decision in self._page.decisions if decision.match is not None}
        cards = "".join(
            self._person(
                name, numbers.get(name, 0), f"{counted(count, 'picture')}, {'' if name in seen else 'not '}seen"
            )
            for name, count in zip(found.names, found.pictures, strict=True)
        )
        lines = [f"From {self._page.known}: {summary(found)} {expected(found)}"]
        if self._page.limit is not None and self._page.limit != found.threshold:
            lines.append(f"The distance in force is {self._page.limit:g}, as it was set.")
        lines += [
            f"{one.first} and {one.second} look alike ({one.distance:.2f}): do not trust which of the two it is."
            for one in found.alike[:SHOWN_ALIKE]
        ]
        return f"<h2>Known people</h2>\n{_quiet(lines)}<div class='people'>{cards}</div>\n"

    def _person(self, name: str, number: int, about: str) -> str:
        picture = self._picture(self._portraits.of_person(number), name)
        return f'<div class="card">{picture}<b>{text(name)}</b><span class="quiet">{text(about)}</span></div>'

    def close_calls(self, matched: Sequence[Decision]) -> str:
        """What a person should look at first."""
        close = sorted(filter(_is_close, matched), key=_certainty)
        if not close:
            return ""
        shown = "".join(map(self._match, close[:MOST_CLOSE]))
        more = "" if len(close) <= MOST_CLOSE else f"{len(close) - MOST_CLOSE:,} more are marked below."
        return f"<h2>Close calls: look at these first</h2>\n{_quiet([more])}<div class='grid'>{shown}</div>\n"

    def people(self, matched: Sequence[Decision]) -> str:
        """Everybody who was matched, those with a name first."""
        if not matched:
            return ""
        order = sorted(matched, key=lambda one: (not one.name, one.name, one.person, one.moment))
        return f"<h2>Everybody who was matched</h2>\n<div class='grid'>{''.join(map(self._match, order))}</div>\n"

    def new(self, new: Sequence[Decision]) -> str:
        """Tracks that were like nobody, those that were nearly like somebody first."""
        if not new:
            return ""
        order = sorted(new, key=lambda one: float("inf") if one.runner_up is None else one.runner_up.share)
        shown = "".join(map(self._match, order))
        return (
            f"<details><summary>Like nobody: {counted(len(new), 'track')}, the nearest misses first</summary>"
            f"<div class='grid'>{shown}</div></details>\n"
        )

    def _match(self, decision: Decision) -> str:
        page, match, other = self._page, decision.match, decision.runner_up
        track = f"track {decision.track} in {decision.camera}"
        crop = self._picture(self._portraits.of_track(decision.camera, decision.track), track)
        lines = []
        if match is not None:
            tag = ' <span class="tag">close call</span>' if _is_close(decision) else ""
            lines.append(f"<p><b>{text(page.who(decision.person))}</b>{tag}</p>")
        else:
            lines.append(f"<p><b>new: person {decision.person}</b></p>")
        seen = f"{track}, {self._when(decision.moment)}, {counted(decision.looks, 'look')}"
        lines.append(f'<p class="quiet">{text(seen)}</p>')
        if match is not None:
            lines.append(_bar(match, "close" if match.share >= CLOSE else ""))
            lines.append(f'<p class="quiet">{text(_near(match))}</p>')
        if other is not None:
            lines.append(_bar(other, "other"))
            lines.append(f'<p class="quiet">{text(f"next {page.who(other.person)}: {_near(other)}")}</p>')
        pictures = crop
        shown = match or other
        if shown is not None:
            pictures += self._picture(self._reference(shown, decision), page.who(shown.person))
        return f'<div class="card match"><div class="pair">{pictures}</div><div>{"".join(lines)}</div></div>\n'

    def _reference(self, near: Nearness, decision: Decision) -> bytes:
        """A picture of whom a track was compared with: not of the track itself."""
        tracks = [
            (other.camera, other.track)
            for other in self._page.decisions
            if other.person == near.person and (other.camera, other.track) != (decision.camera, decision.track)
        ]
        pictures = [self._portraits.of_track(*track) for track in tracks if track[0] == near.against]
        if near.against:
            pictures += [self._portraits.of_track(*track) for track in tracks]
        pictures = [picture for picture in pictures if picture]
        return pictures[0] if pictures else self._portraits.of_person(near.person)

    def _when(self, moment: float) -> str:
        if self._page.by_clock:
            return datetime.fromtimestamp(moment).strftime("%Y-%m-%d %H:%M:%S")
        minutes, tenths = divmod(round(10 * moment), 600)
        return f"{minutes}:{tenths / 10:04.1f}"

    def _picture(self, data: bytes, what: str) -> str:
        if not data:
            return '<span class="none">no picture</span>'
        return f'<img alt="{text(what)}" src="{data_address(data, "jpeg")}">'


def _is_close(decision: Decision) -> bool:
    match, other = decision.match, decision.runner_up
    if match is None:
        return False
    return match.share >= CLOSE or (other is not None and other.share - match.share < BETWEEN)


def _certainty(decision: Decision) -> float:
    """What is small where a match could as well have gone another way."""
    assert decision.match is not None
    left = 1 - decision.match.share
    return left if decision.runner_up is None else min(left, decision.runner_up.share - decision.match.share)


def _near(near: Nearness) -> str:
    against = f"looks in {near.against}" if near.against else "enrolled pictures"
    return f"distance {near.distance:.2f} to {against}, {near.limit:.2f} admitted"


def _bar(near: Nearness, kind: str) -> str:
    width = 100 * min(near.share, WIDEST) / WIDEST
    return f'<div class="bar {kind}" aria-hidden="true"><i style="width: {width:.1f}%"></i><b></b></div>'


def _quiet(lines: Iterable[str]) -> str:
    return "".join(f'<p class="quiet">{text(line)}</p>\n' for line in lines if line)
