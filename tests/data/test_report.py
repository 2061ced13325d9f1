"""The HTML report holds what was found, in one file, whatever the names."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from deepsort_cli.core.errors import InputError
from deepsort_cli.data.checks import find
from deepsort_cli.data.report import check_report_path, write_html
from deepsort_cli.data.scan import scan_dataset
from deepsort_cli.data.settings import ScanSettings
from deepsort_cli.data.summary import failures, summarise_parts, to_json

VOID = {"meta", "img", "br", "rect"}


class Page(HTMLParser):
    """Checks that tags nest, and collects links and pictures."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.pictures: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        assert "href" not in values
        assert tag not in ("script", "link", "iframe")
        if tag == "img":
            self.pictures.append(values["src"] or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture
def report(faulty: tuple[Path, dict[str, str]], tmp_path: Path) -> Path:
    root, _ = faulty
    (root / "id_0001" / "c1_<script>alert(1)<").mkdir()
    (root / "id_0001" / "c1_<b>&amp;'\".txt").write_text("")
    result = scan_dataset(root, ScanSettings(use_cache=False), compare=True)
    write_html(result, find(result), tmp_path / "report.html")
    return tmp_path / "report.html"


def test_the_page_is_whole_and_self_contained(report: Path) -> None:
    text = report.read_text(encoding="utf-8")
    page = Page(text)
    assert "http" not in text.replace("http-equiv", "")
    assert len(page.pictures) > 10
    assert all(picture.startswith("data:image/jpeg;base64,") for picture in page.pictures)
    words = "".join(page.text)
    assert "cut off before their end" in words
    assert "c1_<b>&amp;'\".txt" in words
    assert "id_0002/c1_ünïcödé 人 🚶.jpg" not in words  # usable, so not listed
    assert "<b>&amp;'" not in text


def test_it_must_lie_outside_of_the_dataset(faulty: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    root, _ = faulty
    with pytest.raises(InputError, match="inside the dataset"):
        check_report_path(root / "id_0001" / "report.html", root, overwrite=False)
    with pytest.raises(InputError, match="folder"):
        check_report_path(tmp_path, root, overwrite=False)
    check_report_path(tmp_path / "new" / "report.html", root, overwrite=False)


def test_an_older_report_is_kept_unless_it_may_go(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "report.html").write_text("old")
    with pytest.raises(InputError, match=r"report\.html: the file exists"):
        check_report_path(tmp_path / "report.html", tmp_path / "d", overwrite=False)
    check_report_path(tmp_path / "report.html", tmp_path / "d", overwrite=True)


def test_pairs_are_shown_together_and_everything_is_listed(tmp_path: Path, person: Callable[..., Image.Image]) -> None:
    root = tmp_path / "d"
    root.mkdir()
    for pid in range(1, 31):
        for camera in (1, 2):
            person(pid, camera, size=(64, 64)).save(root / f"{pid:04d}_c{camera}_0.png")
    person(1, 1, size=(64, 64)).save(root / "0002_c1_1.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    person(99, size=(128, 64)).save(root / "0003_c1_1.jpg", exif=exif)
    result = scan_dataset(root, ScanSettings(use_cache=False), compare=True)
    write_html(result, find(result), tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    pair = text[text.index("<div class='group several'>") :]
    pair = pair[: pair.index("</div>")]
    assert pair.count("<figure>") == 2
    assert "0001_c1_0.png" in pair
    assert "0002_c1_1.png" in pair
    assert "24 of 61 shown" in text
    assert "List all 61" in text
    assert all(f"<li>{pid:04d}_c2_0.png (64×64)</li>" in text for pid in range(1, 31))
    assert "0003_c1_1.jpg" not in text  # upright as it is read, so nothing is odd about it
    assert "Files left out" not in text
    assert "distractors" not in text


def test_a_gate_fails_on_errors_and_on_nothing(tmp_path: Path, person: Callable[..., Image.Image]) -> None:
    def reasons(root: Path) -> list[str]:
        result = scan_dataset(root, ScanSettings(use_cache=False))
        return failures(result, find(result))

    (tmp_path / "empty").mkdir()
    assert reasons(tmp_path / "empty") == ["not one usable image"]
    (tmp_path / "d").mkdir()
    for pid in (1, 2):
        for camera in (1, 2):
            person(pid, camera).save(tmp_path / "d" / f"{pid:04d}_c{camera}_0.png")
    assert reasons(tmp_path / "d") == []
    person(1, 1).save(tmp_path / "d" / "0002_c1_1.png")
    assert reasons(tmp_path / "d") == ["findings of level error: identical_across_identities"]
    (tmp_path / "d" / "0003_c1_1.png").write_bytes(b"")
    assert reasons(tmp_path / "d")[0] == "1 invalid files"


def test_empty_dataset(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    result = scan_dataset(tmp_path / "d", ScanSettings(use_cache=False), compare=True)
    write_html(result, find(result), tmp_path / "report.html")
    Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert to_json(result, find(result))["images"] == 0
    assert summarise_parts(result)[0].identities == 0


def test_a_browser_shows_it(report: Path, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [*command, "--dump-dom", report.as_uri()], capture_output=True, text=True, timeout=900, check=False
    )
    assert "Findings" in done.stdout
    assert "data:image/jpeg;base64," in done.stdout
