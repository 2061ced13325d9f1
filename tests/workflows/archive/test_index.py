"""The index in a real browser."""

from __future__ import annotations

import html
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.workflows.archive.conftest import Track

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

SCRIPT = """
<script>
addEventListener("load", () => {
  const root = document.documentElement;
  const outside = [...document.querySelectorAll("article *")].filter(element => {
    const own = element.getBoundingClientRect(), card = element.closest("article").getBoundingClientRect();
    return own.right > card.right + 1 || own.left < card.left - 1;
  });
  document.body.dataset.result = JSON.stringify({
    width: root.clientWidth, overflow: root.scrollWidth - root.clientWidth, outside: outside.length,
    broken: [...document.images].filter(image => !image.naturalWidth).length, images: document.images.length,
    links: [...document.links].map(link => link.href),
    filled: [...document.querySelectorAll("svg path")].map(path => path.getBBox().height),
  });
});
</script>
"""


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium here (Debian: apt-get install chromium)")
def test_the_index_in_a_browser(clips: Path, track: Track, tmp_path: Path) -> None:
    """Thumbnails load, links lead somewhere, timelines have bars, nothing sticks out on a phone or a desk."""
    long = "a_name_that_is_much_longer_than_a_phone_is_wide_and_has_no_space_to_break_it_at.mp4"
    (clips / "south/a.mp4").rename(clips / "south" / long)
    (clips / "bad.mp4").write_bytes(b"\0")
    track(clips, save_txt="tracks.txt", save_crops="crops", line="door=10,0,10,40")
    out = tmp_path / "out"
    page = (out / "index.html").read_text(encoding="utf-8")
    (out / "page.html").write_text(page.replace("</body>", SCRIPT + "</body>"), encoding="utf-8")
    widths = [360, 1280]
    frames = "".join(f"<iframe src='page.html' style='width:{w}px;height:2500px;border:0'></iframe>" for w in widths)
    collect = (
        "addEventListener('load', () => document.body.append(Object.assign(document.createElement('pre'), {textContent:"
        "'[' + [...document.querySelectorAll('iframe')].map(f => f.contentDocument.body.dataset.result) + ']'})))"
    )
    (out / "frames.html").write_text(f"<body style='margin:0'>{frames}<script>{collect}</script>")
    command = [
        str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        "--allow-file-access-from-files", f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1700,2500",
        "--virtual-time-budget=10000", "--dump-dom", (out / "frames.html").as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert "<pre>[{" in done.stdout, done.stderr[-2000:]
    results = json.loads(html.unescape(done.stdout.split("<pre>")[1].split("</pre>")[0]))
    assert [result["width"] for result in results] == widths
    for result in results:
        assert result["overflow"] <= 0
        assert result["outside"] == 0
        assert (result["images"], result["broken"]) == (3, 0)
        assert len(result["filled"]) == 3
        assert min(result["filled"]) > 0
        paths = {Path(link.removeprefix("file://")) for link in result["links"]}
        assert {path.name for path in paths} >= {"index.csv", "tracks.txt", "crops", "summary.json"}
        assert all(path.exists() for path in paths)
