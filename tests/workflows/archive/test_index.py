"""The index in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.chromium import chromium, needs_chromium
from tests.workflows.archive.conftest import Track

MEASURE = """
(() => {
  const root = document.documentElement;
  const outside = [...document.querySelectorAll("article *")].filter(element => {
    const own = element.getBoundingClientRect(), card = element.closest("article").getBoundingClientRect();
    return own.right > card.right + 1 || own.left < card.left - 1;
  });
  return {
    overflow: root.scrollWidth - root.clientWidth, outside: outside.length,
    broken: [...document.images].filter(image => !image.naturalWidth).length, images: document.images.length,
    links: [...document.links].map(link => link.href),
    filled: [...document.querySelectorAll("svg path")].map(path => path.getBBox().height),
  };
})()
"""


@pytest.mark.slow
@needs_chromium
def test_the_index_in_a_browser(clips: Path, track: Track, tmp_path: Path) -> None:
    """Thumbnails load, links lead somewhere, timelines have bars, nothing sticks out on a phone or a desk."""
    long = "a_name_that_is_much_longer_than_a_phone_is_wide_and_has_no_space_to_break_it_at.mp4"
    (clips / "south/a.mp4").rename(clips / "south" / long)
    (clips / "bad.mp4").write_bytes(b"\0")
    track(clips, save_txt="tracks.txt", save_crops="crops", line="door=10,0,10,40")
    out = tmp_path / "out"
    with chromium(tmp_path) as browser:
        page = browser.page((out / "index.html").as_uri())
        for width in (360, 1280):
            page.look(width=width, height=2500)
            page.wait("[...document.images].every(image => image.complete)")
            result = page.evaluate(MEASURE)
            check(result)
        assert page.problems == []


def check(result: dict[str, Any]) -> None:
    assert result["overflow"] <= 0
    assert result["outside"] == 0
    assert (result["images"], result["broken"]) == (3, 0)
    assert len(result["filled"]) == 3
    assert min(result["filled"]) > 0
    paths = {Path(link.removeprefix("file://")) for link in result["links"]}
    assert {path.name for path in paths} >= {"index.csv", "tracks.txt", "crops", "summary.json"}
    assert all(path.exists() for path in paths)
