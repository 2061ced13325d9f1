"""The HTML report holds what was found, in one file, whatever the names."""

from __future__ import annotations

import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from deepsort_cli.core.errors import InputError
from deepsort_cli.data.report import check_report_path, write_html
from deepsort_cli.data.scan import scan_dataset
from deepsort_cli.data.settings import ScanSettings
from deepsort_cli.data.summary import summarise_parts, to_json

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
    write_html(result, tmp_path / "report.html")
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
        check_report_path(root / "id_0001" / "report.html", root)
    with pytest.raises(InputError, match="folder"):
        check_report_path(tmp_path, root)
    check_report_path(tmp_path / "new" / "report.html", root)
    (tmp_path / "old.html").write_text("old")
    with pytest.raises(InputError, match="--overwrite"):
        check_report_path(tmp_path / "old.html", root)
    check_report_path(tmp_path / "old.html", root, overwrite=True)


def test_empty_dataset(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    result = scan_dataset(tmp_path / "d", ScanSettings(use_cache=False), compare=True)
    write_html(result, tmp_path / "report.html")
    Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert to_json(result)["images"] == 0
    assert summarise_parts(result)[0].identities == 0


def test_a_browser_shows_it(report: Path, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [*command, "--dump-dom", report.as_uri()], capture_output=True, text=True, timeout=120, check=False
    )
    assert "Findings" in done.stdout
    assert "data:image/jpeg;base64," in done.stdout
