"""The page in a real browser, over a run that goes on."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import requests

import deepsort_cli as deepsort
from deepsort_cli.core.boxes import cut
from deepsort_cli.core.types import FloatArray, Image
from deepsort_cli.workflows.track.events import Serving
from tests.chromium import PATIENCE, Chromium, Page, chromium, needs_chromium

pytestmark = [pytest.mark.slow, needs_chromium]

HOSTILE = "<img src=x onerror=window.harmed=1>"
COLOURS = {"red": (40, 40, 230), "green": (40, 200, 40), "blue": (230, 60, 40)}
WIDTH, HEIGHT, FRAMES = 320, 240, 6000
"""So many that the run goes on for longer than all of these tests take on a busy machine."""


def draw_video(folder: Path) -> None:
    """A folder of pictures, over and over the same: people, who are plain rectangles, walk to and fro."""
    folder.mkdir()
    for index in range(100):
        image = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
        for row, colour in enumerate(COLOURS.values()):
            left = 20 + 2 * abs(100 - 2 * ((index + 30 * row) % 100))
            cv2.rectangle(image, (left, 10 + 75 * row), (left + 25, 70 + 75 * row), colour, -1)
        cv2.imwrite(str(folder / f"{index:05d}.png"), image)
    for index in range(100, FRAMES):
        os.link(folder / f"{index % 100:05d}.png", folder / f"{index:05d}.png")


def find(image: Image) -> FloatArray:
    """A detector of such people."""
    coloured = (image.max(axis=2).astype(int) - image.min(axis=2) > 60).astype(np.uint8)
    stats = cv2.connectedComponentsWithStats(coloured)[2]
    boxes = [[x, y, x + width, y + height] for x, y, width, height, area in stats[1:] if area > 200]
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)


def look(image: Image, boxes: FloatArray) -> FloatArray:
    """A Re-ID model for them: the mean colour."""
    crops = (cut(image, box) for box in boxes.tolist())
    return np.array([np.full(3, np.nan) if crop is None else crop.reshape(-1, 3).mean(axis=0) - 100 for crop in crops])


class Shown(deepsort.Listener):
    """A run on view, until `stop` is set."""

    def __init__(self) -> None:
        self.begun, self.stop = threading.Event(), threading.Event()
        self.serving: Serving | None = None

    def happened(self, event: object) -> None:
        if isinstance(event, Serving):
            self.serving = event
            self.begun.set()

    def track(self, *sources: Path) -> None:
        run = deepsort.track(
            *sources, detector=find, reid=look, serve="0", jobs=2, line="gate=160,0,160,240", listener=self
        )
        assert run._show is not None
        run._show.hub.cameras[1].name = HOSTILE  # names of cameras and people may hold anything
        with run:
            for _ in run:
                if self.stop.wait(0.1):
                    break

    @property
    def home(self) -> str:
        assert self.serving is not None
        return self.serving.url.rstrip("/")

    @property
    def token(self) -> str:
        assert self.serving is not None
        assert self.serving.token is not None
        return self.serving.token

    def camera(self, index: int = 0) -> dict[str, Any]:
        state = requests.get(f"{self.home}/api/state", timeout=PATIENCE).json()
        camera: dict[str, Any] = state["cameras"][index]
        return camera


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp("cameras")
    for name in ("plaza", "yard"):
        draw_video(folder / name)
    shown = Shown()
    thread = threading.Thread(target=shown.track, args=(folder / "plaza", folder / "yard"))
    thread.start()
    try:
        assert shown.begun.wait(PATIENCE)
        yield shown
    finally:
        shown.stop.set()
        thread.join()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with chromium(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def page(browser: Chromium, shown: Shown) -> Iterator[Page]:
    """The page, opened as the command says: with the token."""
    page = browser.page(f"{shown.home}/?token={shown.token}")
    page.wait("document.querySelectorAll('.tile').length === 2")
    yield page
    assert page.problems == []
    assert page.evaluate("window.harmed") is None
    page.close()


def text(page: Page, selector: str) -> str:
    return str(page.evaluate(f"document.querySelector({json.dumps(selector)}).textContent"))


def test_the_token_opens_what_changes_the_run(browser: Chromium, shown: Shown) -> None:
    """Comes first: nobody has given this browser the token yet."""
    page = browser.page(shown.home)
    page.wait("document.querySelector('.tile canvas')?.dataset.pictures > 1")  # looking is free on this machine
    page.click(".tile .picture")
    page.wait("document.querySelector('#unlock')")
    assert page.evaluate("document.querySelector('#add-line')") is None
    page.click("#unlock")
    for token, answer in (("wrong", "That is not the token."), (shown.token, "")):
        page.evaluate(f"document.querySelector('#token').value = {json.dumps(token)}")
        page.click("#token-form button")
        if answer:
            page.wait(f"document.querySelector('#token-error').textContent === {json.dumps(answer)}")
    page.wait("document.querySelector('#add-line')")
    assert not page.evaluate("document.querySelector('#token-view').open")
    assert shown.token not in page.evaluate("document.documentElement.outerHTML + location.href + document.cookie")
    page.close()


def test_cameras_move_and_say_how_they_are(page: Page) -> None:
    page.wait("[...document.querySelectorAll('.tile canvas')].every(canvas => canvas.dataset.pictures > 1)")
    names = page.evaluate("[...document.querySelectorAll('.tile h3')].map(name => name.textContent)")
    assert names == ["plaza", HOSTILE]
    assert text(page, ".tile .badge") == "running"
    page.wait("document.querySelector('.tile dd').textContent === '3'")
    page.wait("document.title.startsWith('6 people now')")
    middle = "document.querySelector('.tile canvas').getContext('2d').getImageData(5, 5, 1, 1).data[0]"
    assert 100 < page.evaluate(middle) < 150


def test_a_camera_is_enlarged_by_keyboard(page: Page) -> None:
    page.evaluate("document.querySelector('.tile .picture').focus()")
    page.press("Enter")
    page.wait("document.querySelector('#camera-view').open && document.querySelector('#stage canvas').dataset.pictures")
    assert text(page, "#camera-title") == "plaza"
    page.press("ArrowRight")
    page.wait(f"document.querySelector('#camera-title').textContent === {json.dumps(HOSTILE)}")
    page.press("Escape")
    page.wait("!document.querySelector('#camera-view').open")
    assert page.evaluate("document.activeElement === document.querySelector('.tile .picture')")


def test_zones_are_drawn_and_lines_written(page: Page, shown: Shown) -> None:
    """By mouse and by keyboard: in effect at once, with the flags that keep them. Nonsense changes nothing."""
    page.click(".tile .picture")
    page.wait("document.querySelector('#add-zone') && document.querySelector('#stage canvas').dataset.pictures")
    page.click("#add-zone")
    corners = [page.place("#stage", x, y) for x, y in ((0.25, 0.25), (0.75, 0.25), (0.5, 0.75))]
    page.mouse(*corners)
    page.press("Enter")
    page.wait("document.querySelector('#region-flags')?.textContent.includes('--zone')")
    assert text(page, "#region-flags") == "--line gate=160,0,160,240--zone 'zone 1=80,60,240,60,160,180'"
    page.wait("document.querySelector('.regions li:nth-child(2) p').textContent.includes('inside')")
    assert shown.camera()["zones"][0]["points"] == [[80, 60], [240, 60], [160, 180]]

    page.evaluate("document.querySelectorAll('.handle')[4].focus()")
    page.press("ArrowDown")
    page.press("ArrowLeft", shift=True)
    page.wait("document.querySelector('#region-flags').textContent.includes('150,181')")

    page.evaluate("document.querySelector('#add-line').focus()")
    page.press("Enter")
    page.wait("document.querySelector('#region-flags').textContent.includes('line 1')")
    field = "document.querySelectorAll('.regions li')[2].querySelectorAll('input')[1]"
    assert page.evaluate(f"document.activeElement === {field}")
    page.evaluate(f"{field}.value = '0, 120, 400, 120'; {field}.dispatchEvent(new Event('change'))")
    assert "outside of the picture" in text(page, "#regions .error")
    page.evaluate(f"{field}.value = '0 120 320 120'; {field}.dispatchEvent(new Event('change'))")
    page.wait("document.querySelector('#region-flags').textContent.includes('line 1=0,120,320,120')")
    name = "document.querySelectorAll('.regions li')[2].querySelector('input')"
    page.evaluate(f"{name}.value = {json.dumps(HOSTILE)}; {name}.dispatchEvent(new Event('change'))")
    page.wait("document.querySelector('#region-flags').textContent.includes('onerror')")
    page.wait("document.querySelector('.regions li:nth-child(3) p').textContent.includes(' in, ')")

    delete = "[...document.querySelectorAll('.regions li button')].find(button => button.textContent === 'Delete')"
    for _ in range(3):
        page.evaluate(f"{delete}.click()")
    page.wait("!document.querySelector('.regions li')")
    page.wait("document.querySelector('.kept').hidden")
    undo = "[...document.querySelectorAll('#regions button')].find(button => button.textContent === 'Undo')"
    page.evaluate(f"{undo}.click()")
    page.wait("document.querySelectorAll('.regions li').length === 1")


def test_people_have_a_timeline_and_a_path(page: Page) -> None:
    page.wait("document.querySelectorAll('#wall li').length >= 6 && document.querySelector('#wall img')?.naturalWidth")
    page.click("#wall button")
    page.wait("document.querySelector('.timeline rect') && document.querySelector('.path .way')")
    assert text(page, "#person-title").startswith("Track ")
    page.wait("document.querySelector('.path img').naturalWidth")
    assert page.evaluate("document.querySelectorAll('#person-body tbody tr').length") == 1
    page.press("Escape")
    page.wait("!document.querySelector('#person-view').open")


def test_search_finds_who_looks_like_this(page: Page, tmp_path: Path) -> None:
    crop = tmp_path / "red.png"
    cv2.imwrite(str(crop), np.full((60, 25, 3), COLOURS["red"], np.uint8))
    page.wait("document.querySelectorAll('#wall li').length >= 6")
    page.choose_file("#search-file", crop)
    page.wait("document.querySelector('#found li')")
    likely = page.evaluate(
        "[...document.querySelectorAll('#found button')].map(one => one.classList.contains('likely'))"
    )
    assert likely[:2] == [True, True]  # once in each camera
    assert likely == sorted(likely, reverse=True)
    assert not all(likely)
    assert "likely match" in text(page, "#search-status")
    page.wait("[...document.querySelectorAll('#found img')].slice(0, 2).every(image => image.naturalWidth)")
    colour = page.evaluate(
        "(() => { const canvas = new OffscreenCanvas(1, 1).getContext('2d');"
        "canvas.drawImage(document.querySelector('#found img'), 0, 0, 1, 1);"
        "return [...canvas.getImageData(0, 0, 1, 1).data]; })()"
    )
    assert colour[0] > 200
    assert max(colour[1:3]) < 90

    (tmp_path / "words.png").write_text("not a picture")
    page.choose_file("#search-file", tmp_path / "words.png")
    page.wait("document.querySelector('#search-status').textContent.includes('not a picture')")
    assert not page.evaluate("document.querySelector('#found li')"), "who was found by the picture before"
    page.problems[:] = [problem for problem in page.problems if "415" not in problem]


def test_charts_and_events_have_words(page: Page) -> None:
    """What is drawn can be read as well: by name, and as a table."""
    page.evaluate("document.querySelector('#charts').scrollIntoView()")
    page.wait("document.querySelectorAll('.chart svg[aria-label]').length >= 4")
    assert page.evaluate("document.querySelector('.chart svg').getAttribute('aria-label')").startswith(
        "People in the pic"
    )
    page.evaluate("document.querySelector('.chart details').open = true")
    page.wait("Number(document.querySelector('.chart tbody td:nth-child(2)')?.textContent) > 0")
    page.wait("document.querySelector('#log li')")
    page.evaluate("document.querySelector('#log button').click()")
    page.wait("document.querySelector('#person-view').open")


def test_times_under_charts_and_words_over_cameras_can_be_read_whole(page: Page) -> None:
    cut = page.evaluate(
        "import('/static/chart.js').then(({ Chart }) => { const chart = new Chart('x', 'line', ['x']);"
        "document.querySelector('#chart-groups').append(chart.element);"
        "const t = [0, 5, 10, 15, 20, 25, 30].map(seconds => 1.8e9 + seconds);"
        "chart.show({ t, step_s: 5 }, [t.map(() => 1)]);"
        "const drawn = chart.svg.getBoundingClientRect();"
        "const boxes = [...chart.svg.querySelectorAll('[text-anchor=middle]')].map(one => one.getBoundingClientRect());"
        "chart.element.remove();"
        "return boxes.map(one => one.left < drawn.left || one.right > drawn.right); })"
    )
    assert len(cut) >= 2
    assert not any(cut)
    lost = "import('/static/cameras.js').then(({ trouble }) => trouble({ message: 'lost; `input.a_b`=null goes on' }))"
    assert page.evaluate(lost) == "lost; input.a_b=null goes on"


def test_everything_has_a_name_for_screen_readers(page: Page) -> None:
    page.click(".tile .picture")
    page.wait("document.querySelector('#add-zone')")
    for opened in (True, False):
        nodes = page.call("Accessibility.getFullAXTree")["nodes"]
        roles = {"button", "link", "textbox", "combobox", "checkbox", "image", "img", "dialog", "region", "navigation"}
        seen = [
            (node["role"]["value"], node["name"]["value"]) for node in nodes if not node["ignored"] and "name" in node
        ]
        nameless = [role for role, name in seen if role in roles and not name.strip()]
        assert nameless == []
        assert ("dialog", "plaza") in seen if opened else {"region", "navigation"} <= {role for role, _ in seen}
        page.press("Escape")
        page.wait("!document.querySelector('#camera-view').open")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_sticks_out(page: Page, dark: bool) -> None:
    page.wait("document.querySelector('#wall li') && document.querySelector('#log li')")
    page.evaluate("document.querySelector('#charts').scrollIntoView()")
    page.wait("document.querySelector('.chart polyline, .chart circle')")
    for width in (360, 768, 1440):
        page.look(width=width, dark=dark)
        page.wait(f"innerWidth === {width}")
        outside = (
            "[...document.querySelectorAll('main *, header *')].filter(one => {"
            "const box = one.getBoundingClientRect(); return box.width && box.right > innerWidth + 1"
            "&& !one.closest('.unseen, .scroll, svg, .log'); }).map(one => one.outerHTML.slice(0, 200))"
        )
        page.wait_for_none(outside)
        page.wait(f"document.documentElement.scrollWidth <= {width}")
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == ("rgb(13, 17, 23)" if dark else "rgb(246, 248, 250)")
    page.look(width=360, dark=dark)
    for opener, view in ((".tile .picture", "#camera-view"), ("#wall button", "#person-view")):
        page.click(opener)
        page.wait(f"document.querySelector('{view}').open")
        assert page.evaluate(
            f"document.querySelector('{view}').scrollWidth <= document.querySelector('{view}').clientWidth"
        )
        page.press("Escape")
        page.wait(f"!document.querySelector('{view}').open")
