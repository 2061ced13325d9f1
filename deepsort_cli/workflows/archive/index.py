"""`index.html` and `index.csv`: every video of an archive's folder, with what was found in it and where that is."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from deepsort_cli.core.counted import counted
from deepsort_cli.core.csv_cells import guarded
from deepsort_cli.core.durations import clock_text
from deepsort_cli.core.files import atomic_open
from deepsort_cli.core.html_parts import marked, page_start, text
from deepsort_cli.workflows.archive.records import RECORD, THUMBNAIL, Folder, Record

PAGE, TABLE = "index.html", "index.csv"
STYLE = Path(__file__).with_name("index.css")
COLUMNS = (
    "video", "state", "kind", "frames", "people", "most_at_once", "duration", "width", "height", "folder", "source",
    "outputs", "message",
)  # fmt: skip
CHART = 240, 40
"""Width and height of a timeline in its own units."""


def write_index(folder: Folder, failures: Mapping[str, Mapping[str, str]]) -> list[Path]:
    """Write both, of all videos whose results are in the folder, and of those that failed.

    Args:
        failures: place → source and message.

    Returns:
        the two files.

    Raises:
        RunError: they cannot be written.
    """
    records = list(folder.records())
    page, table = folder.path / PAGE, folder.path / TABLE
    with atomic_open(table, newline="", errors="backslashreplace") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([guarded(value) for value in row] for row in _rows(records, failures))
    with atomic_open(page, errors="backslashreplace") as stream:
        stream.writelines(_page(folder, records, failures))
    return [page, table]


def _rows(records: Sequence[Record], failures: Mapping[str, Mapping[str, str]]) -> Iterable[tuple[Any, ...]]:
    """The rows of the table."""
    facts = ("kind", "frames", "people", "most", "duration", "width", "height")
    for record in records:
        place, outputs = record["place"], " ".join(record.get("outputs", []))
        message = " ".join(record.get("warnings", []))
        values = [record.get(name, "") for name in facts]
        yield place, "done", *values, place, record.get("source", ""), outputs, message
    for place, entry in sorted(failures.items()):
        yield place, "failed", *[""] * 8, entry.get("source", ""), "", entry.get("message", "")


def _page(folder: Folder, records: Sequence[Record], failures: Mapping[str, Mapping[str, str]]) -> Iterable[str]:
    frames, people = (sum(int(record.get(name) or 0) for record in records) for name in ("frames", "people"))
    seconds = sum(float(record.get("duration") or 0) for record in records)
    title = f"Tracks in {counted(len(records), 'video')}"
    yield page_start(title, STYLE)
    yield f"<h1>{text(title)}</h1>\n"
    yield (
        f'<p class="quiet">{clock_text(seconds)} of video, {counted(frames, "frame")}. '
        f"{counted(people, 'person', 'people')}, counted in each video by itself. "
        f'<a href="{TABLE}">The same as a table</a> (CSV).</p>\n'
    )
    if failures:
        yield f"<h2>Failed: {len(failures):,}</h2>\n<p>The next run tries them again.</p>\n<ul class='failures'>\n"
        for place, entry in sorted(failures.items()):
            yield f"<li><b>{text(place)}</b>: {marked(entry.get('message', ''))}</li>\n"
        yield "</ul>\n"
    if records:
        # One scale for all timelines, so that heights can be compared.
        top = max(1.0, *(float(max(record.get("timeline") or [0])) for record in records))
        yield f'<h2>Videos</h2>\n<p class="quiet">Timelines: people at once over the video, 0 to {top:g}.</p>\n'
        yield '<div class="videos">\n'
        yield from (_card(folder, record, top) for record in records)
        yield "</div>\n"
    yield "</body>\n</html>\n"


def _card(folder: Folder, record: Record, top: float) -> str:
    """One video."""
    place = record["place"]
    address = _address(place)
    picture = '<div class="none">no picture</div>'
    if (folder.path / place / THUMBNAIL).is_file():
        picture = f'<img src="{address}/{THUMBNAIL}" alt="" loading="lazy">'
    links = [f'<a href="{address}/{_address(name)}">{text(name)}</a>' for name in record.get("outputs", [])]
    links.append(f'<a href="{address}/{RECORD}">{RECORD}</a>')
    people, frames = int(record.get("people") or 0), int(record.get("frames") or 0)
    warnings = "".join(f'<p class="warning">{text(line)}</p>' for line in record.get("warnings", []))
    counts = "".join(f'<p class="quiet">{text(line)}</p>' for line in _counts(record.get("counts")))
    return (
        f'<article class="card">\n<a class="picture" href="{address}/">{picture}</a>\n'
        f'<h3><a href="{address}/">{text(place)}</a></h3>\n'
        f'<p class="facts">{counted(people, "person", "people")} · {counted(frames, "frame")} · '
        f"{clock_text(float(record.get('duration') or 0))}</p>\n"
        f"{_timeline(record.get('timeline') or [], top)}{counts}{warnings}"
        f'<p class="links">{" · ".join(links)}</p>\n</article>\n'
    )


def _timeline(values: Sequence[float], top: float) -> str:
    """How many people were there over time, as a filled line."""
    if not values:
        return ""
    width, height = CHART
    step = width / len(values)
    points = [(i * step, height - height * value / top) for i, value in enumerate(values)]
    line = "".join(f"H{x:.1f}V{y:.1f}" for x, y in points)
    label = f"people over time, at most {max(values):g} at once"
    return (
        f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" aria-label="{label}">'
        f'<path d="M0 {height}{line}H{width}V{height}Z"/></svg>\n'
    )


def _counts(counts: Any) -> list[str]:
    """Lines and zones in words."""
    if not isinstance(counts, dict):
        return []
    lines = [f"{one['name']}: {one['in']} in, {one['out']} out" for one in counts.get("lines", [])]
    zones = [f"{one['name']}: {one['distinct']} people in all" for one in counts.get("zones", [])]
    return lines + zones


def _address(place: str) -> str:
    """A path as a relative address."""
    return quote(os.fsencode(place))
