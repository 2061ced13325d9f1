"""The HTML report of a scan: one self-contained page with tables, histograms and thumbnails."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, ImageOps

from deepsort_cli import __version__
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.files import atomic_open, check_output_file, printable
from deepsort_cli.core.html_parts import data_address, marked, page_start, table, text
from deepsort_cli.core.images import read_file
from deepsort_cli.core.meanwhile import Meanwhile, without_pillow_warnings
from deepsort_cli.data.files import Problem
from deepsort_cli.data.finding import REASONS, Finding, count_reasons
from deepsort_cli.data.images import FORMATS
from deepsort_cli.data.result import ScanResult
from deepsort_cli.data.summary import PartSummary, summarise_parts

SHOWN_GROUPS = 24
"""Pictures, or groups of pictures that belong together, shown for a finding; its list names all."""
SHOWN_OF_GROUP = 4
UNFOLDED = 12
"""Examples that are listed without asking for them; beside pictures a quarter of that."""
THUMB_HEIGHT = 128

STYLE = Path(__file__).with_name("report.css")


def check_report_path(path: Path, root: Path, *, overwrite: bool) -> None:
    """Make sure that the report can be written.

    Raises:
        InputError: an older report is there and `overwrite` is off, the place cannot be written, or it lies inside the
            dataset, whose fingerprint it would change.
    """
    if path.resolve().is_relative_to(root.resolve()):
        raise InputError(f"`report.html` {path}: this lies inside the dataset. Put the report outside of {root}.")
    check_output_file(path, overwrite=overwrite, key="report.html")


def write_html(result: ScanResult, findings: Sequence[Finding], path: Path) -> None:
    """Write the report of a scan to one file that needs no other."""
    title = f"Dataset scan: {result.root.resolve().name}"
    read = f"{result.created.replace('T', ' ')[:19]} UTC, in {result.seconds:.1f} s"
    depth = "every pixel decoded" if result.settings.paranoid else "headers and ends of files checked"
    near = "near-duplicates looked for" if result.near is not None else "near-duplicates not looked for"
    with atomic_open(path, errors="backslashreplace", follow=True) as page:
        page.write(
            f"{page_start(title, STYLE)}<h1>{text(title)}</h1>\n"
            f"<p class=quiet><code>{text(str(result.root))}</code><br>"
            f"read {read}; {depth}; {near}<br>fingerprint <code>{result.fingerprint}</code></p>\n"
        )
        page.writelines(_parts(summarise_parts(result)))
        page.writelines(_reasons(result))
        page.write(f"<h2>Findings ({len(findings)})</h2>\n")
        page.writelines(_finding(result, finding) for finding in findings)
        page.write("" if findings else "<p>Nothing found that needs a word.</p>\n")
        page.writelines(_histograms(result))
        page.writelines(_file_list("Invalid files", result.invalid))
        page.writelines(_file_list("Other files, ignored", result.skipped))
        page.write(f"<p class=quiet>deepsort {__version__}</p>\n</body></html>\n")


def _parts(rows: Sequence[PartSummary]) -> Iterator[str]:
    odd = [name for name in ("junk", "distractors") if any(getattr(row, name) for row in rows)]
    head = ("part", "layout", "identities", "images", "cameras", "per identity", *odd)
    yield "<h2>What is in it</h2>\n"
    yield table(
        head,
        (
            (
                printable(row.folder) or "(whole folder)",
                row.layout,
                f"{row.identities:,}",
                f"{row.images:,}",
                "none named" if row.cameras is None else row.cameras,
                f"{row.smallest} to {row.largest}, median {row.median:g}",
                *(f"{getattr(row, name):,}" for name in odd),
            )
            for row in rows
        ),
        numbers=2,
    )


def _reasons(result: ScanResult) -> Iterator[str]:
    counts = count_reasons((*result.invalid, *result.skipped))
    if counts:
        yield f"<h2>Files left out ({len(result.invalid):,} invalid, {len(result.skipped):,} others)</h2>\n"
        rows = ((reason, REASONS[reason][1], f"{count:,}") for reason, count in counts.items())
        yield table(("reason", "what they are", "files"), rows, numbers=2)


def _finding(result: ScanResult, finding: Finding) -> str:
    pictures = _pictures(result, finding.groups)
    examples = _examples(finding, UNFOLDED // 4 if pictures else UNFOLDED)
    return (
        f"<section class='card finding {finding.severity}'><span class=count>{finding.count:,}</span>"
        f"<span class=tag>{finding.severity}</span><strong>{marked(finding.title)}</strong>"
        f"<p>{marked(finding.remedy)}</p>{pictures}{examples}</section>\n"
    )


def _pictures(result: ScanResult, groups: Sequence[Sequence[str]]) -> str:
    """The first groups as pictures, side by side where several belong together; nothing where none can be shown."""
    shown = []
    for group in groups[:SHOWN_GROUPS]:
        pictures = [(path, _thumbnail(result, path)) for path in group[:SHOWN_OF_GROUP]]
        more = (
            f"<span class=quiet>and {len(group) - SHOWN_OF_GROUP:,} more</span>" if len(group) > SHOWN_OF_GROUP else ""
        )
        shown.append((pictures, more))
    if not any(data for pictures, _ in shown for _, data in pictures):
        return ""
    figures = "".join(
        f"<div class='group{' several' if len(pictures) > 1 else ''}'>"
        f"{''.join(_figure(path, data) for path, data in pictures)}{more}</div>"
        for pictures, more in shown
    )
    count = f"<p class=quiet>{len(shown):,} of {len(groups):,} shown</p>" if len(shown) < len(groups) else ""
    return f"<div class=thumbs>{figures}</div>{count}"


def _examples(finding: Finding, unfolded: int) -> str:
    """All examples as text, folded where they are more than `unfolded`."""
    if not finding.examples:
        return ""
    listed = f"<ul class=quiet>{''.join(f'<li>{text(example)}</li>' for example in finding.examples)}</ul>"
    if len(finding.examples) <= unfolded:
        return listed
    return f"<details><summary>List all {len(finding.examples):,}</summary>{listed}</details>"


def _figure(path: str, thumbnail: bytes | None) -> str:
    picture = "<div class=none>no picture</div>"
    if thumbnail is not None:
        picture = f"<img alt='' src='{data_address(thumbnail, 'jpeg')}'>"
    return f"<figure>{picture}<figcaption>{text(path)}</figcaption></figure>"


def _thumbnail(result: ScanResult, path: str) -> bytes | None:
    """A small JPEG of an image of the dataset, however damaged; None where nothing can or should be decoded."""
    file = os.path.join(result.root, path)  # noqa: PTH118 (joins as the scan does)
    if path in result.image_set:
        file = os.path.realpath(file)  # a link among the usable images is one that may be followed
    try:
        with (
            _read_as_far_as_it_goes(),
            without_pillow_warnings(),
            Image.open(io.BytesIO(read_file(file, follow_links=False)), formats=FORMATS) as stored,
        ):
            if stored.width * stored.height > result.settings.max_pixels:
                return None
            upright = ImageOps.exif_transpose(stored)
            upright.thumbnail((2 * THUMB_HEIGHT, THUMB_HEIGHT))
            out = io.BytesIO()
            upright.convert("RGB").save(out, "JPEG", quality=80)
            return out.getvalue()
    except Exception:  # broken files are the subject of this page
        return None


@contextlib.contextmanager
def _load_truncated() -> Iterator[None]:
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


_read_as_far_as_it_goes = Meanwhile(_load_truncated)
"""The part of a picture that is there tells more than nothing."""


def _histograms(result: ScanResult) -> Iterator[str]:
    if len(result.images) == 0:
        return
    images, shapes = result.images, result.shapes
    _, per_person = np.unique(images.pids[images.pids > 0], return_counts=True)
    yield "<h2>Distributions</h2>\n<div class=plots>\n"
    yield _histogram("images per identity", "identities", per_person)
    if images.has_cameras:
        cameras, counts = np.unique(images.camids, return_counts=True)
        if len(cameras) <= 40:
            yield _bars("images per camera", [str(camera) for camera in cameras], counts)
    yield _histogram("height in pixels", "images", shapes[:, 1])
    yield _histogram("height / width", "images", shapes[:, 1] / shapes[:, 0])
    yield "</div>\n"


def _histogram(title: str, unit: str, values: npt.NDArray[np.number]) -> str:
    """At most 24 bars; whole numbers get bars of whole numbers."""
    if len(values) == 0:
        return ""
    low, high = float(values.min()), float(values.max())
    if np.issubdtype(values.dtype, np.integer):
        width = max(1, int(np.ceil((high - low + 1) / 24)))
        edges = np.arange(low, high + width + 1, width)
        labels = [f"{edge:g}" if width == 1 else f"{edge:g}–{edge + width - 1:g}" for edge in edges[:-1]]
    else:
        edges = np.linspace(low, high if high > low else low + 1e-3, 25 if high > low else 2)
        labels = [f"{edge:.2f}" for edge in edges[:-1]]
    counts, _ = np.histogram(values, edges)
    return _bars(f"{title} ({unit})", labels, counts)


def _bars(title: str, labels: Sequence[str], counts: npt.NDArray[np.number]) -> str:
    width, height, foot = 320, 120, 16
    step = width / len(labels)
    top = max(int(counts.max()), 1)
    every = max(1, -(-len(labels) * max(map(len, labels)) * 7 // width))
    shapes = []
    for i, (label, count) in enumerate(zip(labels, counts.tolist(), strict=True)):
        bar = max(height * count / top, 1.0 if count else 0.0)
        x, w = i * step + 0.08 * step, min(0.84 * step, 40)
        shapes.append(
            f"<rect x='{x:.1f}' y='{14 + height - bar:.1f}' width='{w:.1f}' height='{bar:.1f}'>"
            f"<title>{text(label)}: {count:,}</title></rect>"
        )
        if i % every == 0:
            shapes.append(f"<text x='{x:.1f}' y='{14 + height + foot - 3}'>{text(label)}</text>")
    return (
        f"<div class=card><strong>{text(title)}</strong>"
        f"<svg viewBox='0 0 {width} {14 + height + foot}' role='img' aria-label='{text(title)}'>"
        f"<text x='0' y='10'>{top:,}</text>{''.join(shapes)}</svg></div>\n"
    )


def _file_list(title: str, problems: Sequence[Problem]) -> Iterator[str]:
    if not problems:
        return
    rows = ((printable(p.path), p.reason, printable(p.detail)) for p in problems)
    yield f"<h2>{title} ({len(problems):,})</h2>\n<details><summary>Show the list</summary>\n"
    yield table(("file", "reason", "detail"), rows, numbers=3)
    yield "</details>\n"
