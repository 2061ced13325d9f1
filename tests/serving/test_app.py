"""What is answered to whom."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient

from deepsort_cli.core.regions import Line
from deepsort_cli.serving import app

from .site import BEARER, Page, picture

TRICKS = (
    "/static/../app.py",
    "/static/..%2fapp.py",
    "/static/%2e%2e/app.py",
    "/static/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "/static//etc/passwd",
    "/static/....//app.py",
    "/static/..\\app.py",
    "/static/page.css%00.html",
    f"/api/cameras/{'9' * 5000}/still",
    "/api/cameras/-1/still",
    "/api/cameras/%D9%A0/still",
    "/static/",
    "/static",
    "/api/people/..%2f..%2fapp.py/crop",
)


@pytest.fixture
def client(page: Page) -> TestClient:
    client = page.client()
    client.headers.update(BEARER)
    return client


def image_of(answer: Any) -> np.ndarray:
    assert answer.headers["content-type"] == "image/jpeg"
    return cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)


def png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


def test_the_page_and_its_files_are_there(client: TestClient) -> None:
    assert "<html" in client.get("/").text
    assert client.get("/static/page.css").headers["content-type"].startswith("text/css")


@pytest.mark.parametrize("path", TRICKS)
def test_no_path_leads_out_of_the_page(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "error" in answer.json()


def test_the_state_of_the_run(client: TestClient) -> None:
    state = client.get("/api/state").json()
    door, yard = state["cameras"]
    assert (state["people_now"], state["writable"], state["across"]) == (2, True, False)
    assert (door["name"], door["state"], door["fps"], door["width"], door["height"]) == (
        "door",
        "running",
        12.5,
        160,
        120,
    )
    assert (yard["state"], yard["time"], yard["lines"]) == ("waiting", None, [])


def test_stills_are_drawn_clean_or_small(client: TestClient) -> None:
    drawn, clean = (image_of(client.get(f"/api/cameras/0/still{query}")) for query in ("", "?clean=1"))
    assert drawn.shape == clean.shape == (120, 160, 3)
    assert np.abs(clean.astype(int) - 90).max() < 4
    assert np.abs(drawn.astype(int) - 90).max() > 60
    assert client.get("/api/cameras/1/still").status_code == 404  # it has not begun
    assert client.get("/api/cameras/2/still").status_code == 404
    assert client.get("/api/cameras/0/still?width=-3").status_code == 400


def test_lines_and_zones_can_be_changed_and_are_told_back(page: Page, client: TestClient) -> None:
    assert client.get("/api/cameras/0/regions").json() == {"lines": [], "zones": [], "flags": ""}
    wanted = {"lines": [{"name": "gate", "points": [[0, 60.04], [160, 60]]}], "zones": []}
    answer = client.put("/api/cameras/0/regions", json=wanted)
    assert answer.status_code == 200
    assert answer.json() == {
        "lines": [{"name": "gate", "points": [[0, 60], [160, 60]]}], "zones": [], "flags": "gate=0,60,160,60",
    }  # fmt: skip
    assert page.hub.cameras[0].take_regions() == ((Line("gate", (0, 60), (160, 60)),), ())
    assert page.hub.cameras[0].take_regions() is None
    assert page.hub.cameras[1].take_regions() is None


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "JSON"),
        (b"\xff", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b'{"lines": NaN}', "list"),
        (b"[]", "expected"),
        (b'{"lines": [{"name": "a", "points": [[0, 0], [1, 1]]}], "extra": 1}', "expected"),
        (json.dumps({"lines": [{"name": "a", "points": [[0, 0], [900, 1]]}]}).encode(), "outside"),
    ],
)
def test_regions_that_are_none_change_nothing(page: Page, client: TestClient, body: bytes, why: str) -> None:
    answer = client.put("/api/cameras/0/regions", content=body)
    assert answer.status_code == 400
    assert why in answer.json()["error"]
    assert page.hub.cameras[0].take_regions() is None


def test_bodies_that_are_too_large_are_not_read(client: TestClient) -> None:
    for path, method, most in (
        ("/api/cameras/0/regions", "PUT", app.MOST_JSON),
        ("/api/search", "POST", app.MOST_UPLOAD),
    ):
        headers = {"Content-Type": "image/png"}
        assert client.request(method, path, content=bytes(most + 1), headers=headers).status_code == 413
        pieces = (bytes(1 << 16) for _ in range(most // (1 << 16) + 2))  # announced by nobody
        assert client.request(method, path, content=pieces, headers=headers).status_code == 413


def test_people_their_pictures_and_who_looks_like_them(page: Page, client: TestClient) -> None:
    people = client.get("/api/people?limit=1&now=1").json()
    assert people["total"] == 2
    key = people["people"][0]["key"]
    assert client.get(f"/api/people/{key}").json()["visits"][0]["camera"] == 0
    assert image_of(client.get(f"/api/people/{key}/crop")).size
    for path in ("/api/people/c9-9", "/api/people/c9-9/crop", "/api/people/%00"):
        assert client.get(path).status_code == 404
    for query in ("limit=x", "offset=-1", "camera=1e3", "limit=99999999999999"):
        assert client.get(f"/api/people?{query}").status_code == 400
    found = client.post("/api/search", content=png(picture(200)), headers={"Content-Type": "image/png"})
    assert found.status_code == 200
    assert found.json()["threshold"] == 0.3


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "image/png", 415),
        (b"GIF89a" + bytes(50), "image/gif", 415),
        (png(picture())[:-30], "image/png", 415),
        (png(picture()), "text/plain", 415),
        (png(picture(height=1, width=8001)), "image/png", 413),
    ],
)
def test_what_is_no_picture_cannot_be_searched_for(client: TestClient, body: bytes, kind: str, status: int) -> None:
    answer = client.post("/api/search", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert answer.json()["error"]


def test_without_an_album_or_a_model_there_is_none(page: Page, client: TestClient) -> None:
    page.hub.describe = None
    assert client.post("/api/search", content=b"x", headers={"Content-Type": "image/png"}).status_code == 404
    page.hub.album = None
    assert client.get("/api/people").status_code == 404
    assert client.get("/api/state").json()["search"] is False


def test_history_and_metrics(page: Page, client: TestClient) -> None:
    assert client.get("/api/cameras/0/history?hours=0.5").json()["people"] == [2.0]
    for hours in ("0", "-1", "nan", "x"):
        assert client.get(f"/api/cameras/0/history?hours={hours}").status_code == 400
    text = client.get("/metrics").text
    assert 'deepsort_people{camera="0",source="door"} 2' in text
    assert 'source="yard \\"north\\""' in text
    assert 'deepsort_running{camera="0",source="door"} 1' in text
    page.hub.cameras[0].status = replace(page.hub.cameras[0].status, message="not connected")
    assert 'deepsort_running{camera="0",source="door"} 0' in client.get("/metrics").text


def test_an_error_of_the_programs_own_is_answered_without_its_words(page: Page, client: TestClient) -> None:
    def broken(image: np.ndarray) -> np.ndarray:
        raise RuntimeError("a secret")

    page.hub.describe = broken
    answer = client.post("/api/search", content=png(picture()), headers={"Content-Type": "image/png"})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert client.get("/api/cameras/0/regions/more").status_code == 404
    assert client.post("/api/state").status_code == 405
