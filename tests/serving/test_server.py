"""The server itself: streams, clients that are slow, silent or many, and its end."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import struct
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
import requests

from deepsort_cli.core.types import Frame
from deepsort_cli.serving import live, server, streams

from .site import BEARER, Page, jpegs, tracks_of

WAIT = 60


@pytest.fixture
def url(page: Page) -> Iterator[str]:
    with page.served() as address:
        yield address


def connect(url: str, sent: bytes) -> socket.socket:
    parts = urlsplit(url)
    made = socket.create_connection((parts.hostname, parts.port), timeout=WAIT)
    made.sendall(sent.replace(b"HOST", parts.netloc.encode()))
    return made


def until(condition: object) -> None:
    """Wait until something is so."""
    end = time.monotonic() + WAIT
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.02)


def grey_of(jpeg: bytes) -> float:
    return float(np.median(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)))


def test_a_viewer_sees_the_newest_picture_and_then_every_new_one(page: Page, url: str) -> None:
    page.frame(1, [1], grey=150)
    with requests.get(f"{url}/api/cameras/0/live", stream=True, timeout=WAIT) as answer:
        assert answer.headers["content-type"].startswith("multipart/x-mixed-replace")
        pictures = jpegs(answer)
        assert abs(grey_of(next(pictures)) - 150) < 4
        page.frame(2, [1], grey=210)
        assert abs(grey_of(next(pictures)) - 210) < 4
        assert page.hub.cameras[0].is_looked_at
    until(lambda: "deepsort_viewers 0" in requests.get(f"{url}/metrics", timeout=WAIT).text)
    assert requests.head(f"{url}/api/cameras/0/live", timeout=WAIT).status_code == 200  # has no end to wait for


def test_several_cameras_come_through_one_connection(page: Page, url: str) -> None:
    page.frame(1, [1], grey=60)
    page.frame(0, [1], camera=1, grey=180)
    seen = {}
    with requests.get(f"{url}/api/live?cameras=1,0,1&width=100", stream=True, timeout=WAIT) as answer:
        while len(seen) < 2:
            index, length = struct.unpack(">II", answer.raw.read(8))
            seen[index] = grey_of(answer.raw.read(length))
    assert abs(seen[0] - 60) < 4
    assert abs(seen[1] - 180) < 4
    assert requests.get(f"{url}/api/live?cameras=0,7", timeout=WAIT).status_code == 404
    assert requests.get(f"{url}/api/live?cameras=0,,1", timeout=WAIT).status_code == 400


def test_viewers_of_the_same_share_the_pictures_that_are_made(
    page: Page, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "SLOW_SECONDS", float("inf"))  # who waits for long would get smaller ones
    made = []
    make = page.site.stage.pictures._make
    page.site.stage.pictures._make = lambda view, wish: made.append((view.number, wish)) or make(view, wish)  # type: ignore[method-assign]
    answers = [requests.get(f"{url}/api/cameras/0/live", stream=True, timeout=WAIT) for _ in range(5)]
    pictures = [jpegs(answer) for answer in answers]
    for number in range(1, 4):
        page.frame(number, [1])
        for one in pictures:
            next(one)
    assert len(made) == len(set(made)) <= 4
    for answer in answers:
        answer.close()


def test_there_are_not_more_viewers_than_there_may_be(page: Page, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MOST_VIEWERS", 2)
    asked = b"GET /api/cameras/0/live HTTP/1.1\r\nHost: HOST\r\n\r\n"
    burst = [connect(url, asked) for _ in range(6)]  # before any of them is answered
    assert sorted(one.recv(12)[-3:] for one in burst) == [b"200"] * 2 + [b"503"] * 4
    for one in burst:
        one.close()
    until(lambda: requests.head(f"{url}/api/cameras/0/live", timeout=WAIT).status_code == 200)
    answers = [requests.get(f"{url}/api/cameras/0/live", stream=True, timeout=WAIT) for _ in range(2)]
    pictures = [jpegs(answer) for answer in answers]
    assert all(map(next, pictures))
    refused = requests.get(f"{url}/api/live", timeout=WAIT)
    assert refused.status_code == 503
    assert "error" in refused.json()
    answers[0].close()
    until(lambda: requests.head(f"{url}/api/cameras/0/live", timeout=WAIT).status_code == 200)
    answers[1].close()


def test_a_viewer_who_takes_nothing_holds_up_nobody_and_is_left(
    page: Page, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "STUCK_SECONDS", 1.0)
    noise = np.random.default_rng(0)
    stuck = connect(url, b"GET /api/cameras/0/live HTTP/1.1\r\nHost: HOST\r\n\r\n")
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    def viewers() -> str:
        return requests.get(f"{url}/metrics", timeout=WAIT).text

    until(lambda: "deepsort_viewers 1" in viewers())
    for number in range(1, 2000):
        image = noise.integers(0, 255, (720, 1280, 3), dtype=np.uint8)
        page.sinks[0].write(Frame(number, image, number / 25), tracks_of([1]))
        if "deepsort_viewers 0" in viewers():
            break
    else:
        raise AssertionError("it is still there")
    stuck.close()


def test_events_are_told_as_they_happen_and_again_after_a_break(page: Page, url: str) -> None:
    def read(answer: requests.Response, number: int) -> list[dict[str, str]]:
        found: list[dict[str, str]] = []
        fields: dict[str, str] = {}
        for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                found += [fields] if "event" in fields else []
                fields = {}
            if len(found) == number:
                break
        return found

    with requests.get(f"{url}/events", stream=True, timeout=WAIT) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        page.frame(1, [1, 2, 3])
        page.frame(2, [1, 2, 3, 4])
        first = read(answer, 2)
    assert [json.loads(event["data"])["id"] for event in first] == [3, 4]  # 1 and 2 were there before
    again = {"Last-Event-ID": first[0]["id"]}
    with requests.get(f"{url}/events", stream=True, headers=again, timeout=WAIT) as answer:
        assert read(answer, 1) == first[1:]
    with requests.get(f"{url}/events?last=2", stream=True, timeout=WAIT) as answer:
        assert read(answer, 2) == first
    other_run = {"Last-Event-ID": "0badcafe-17"}
    assert requests.get(f"{url}/events?types=appeared,lefd", timeout=WAIT).status_code == 400
    with requests.get(f"{url}/events?types=appeared,left", stream=True, headers=other_run, timeout=WAIT) as answer:
        assert [json.loads(event["data"])["id"] for event in read(answer, 4)] == [1, 2, 3, 4]


def test_what_is_silent_or_endless_is_left_and_garbage_answered(
    page: Page, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = connect(url, b"GET /static/common.css HTTP/1.1\r\nHost: HOST\r\n\r\n")
    assert kept.recv(1 << 16).startswith(b"HTTP/1.1 200")
    with monkeypatch.context() as patch:
        patch.setattr(server, "HEAD_SECONDS", 0.5)
        kept.sendall(b"GET /static")  # and then nothing
        while kept.recv(1 << 16):
            pass
        for sent in (b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: HOST\r\nX-Slow: "):
            assert connect(url, sent).recv(100) == b""
    for sent in (b"\x16\x03\x01\x02\x00\x01\x00\n\n", b"GET / HTTP/1.1\r\n\r\n", b"GET http:// HTTP/9\r\n\r\n"):
        assert connect(url, sent).recv(100).startswith((b"HTTP/1.1 400", b"HTTP/1.1 403"))
    with connect(url, b"GET /") as made:
        with contextlib.suppress(ConnectionError):  # it may have heard enough before the end
            made.sendall(b"a" * 100_000)
        assert made.recv(100).startswith(b"HTTP/1.1 400")
    assert requests.get(f"{url}/api/state", timeout=WAIT).status_code == 200
    assert page.problems == []


def test_more_connections_than_there_may_be_are_refused(page: Page, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 3)
    held = [connect(url, b"") for _ in range(3)]
    until(lambda: _refused(url))
    for one in held:
        one.close()
    until(lambda: not _refused(url))


def _refused(url: str) -> bool:
    try:
        return requests.get(f"{url}/api/state", timeout=WAIT).status_code != 200
    except requests.ConnectionError:
        return True


def test_the_end_ends_open_streams(page: Page) -> None:
    ended = threading.Event()
    with page.served() as url:
        pictures = requests.get(f"{url}/api/cameras/0/live", stream=True, timeout=WAIT)
        events = requests.get(f"{url}/events", stream=True, timeout=WAIT)
        taken = jpegs(pictures)
        next(taken)

        def drain() -> None:
            for items in (taken, events.iter_content(1 << 16)):
                for _ in items:
                    pass
            ended.set()

        threading.Thread(target=drain, daemon=True).start()
    assert ended.wait(WAIT)
    assert _refused(url)


def test_what_the_program_does_wrong_is_told_to_the_run(page: Page, url: str) -> None:
    page.hub.describe = lambda image: 1 / 0  # type: ignore[assignment,return-value]
    data = cv2.imencode(".png", np.zeros((9, 9, 3), np.uint8))[1].tobytes()
    headers = {"Content-Type": "image/png", **BEARER}
    for _ in range(2):
        assert requests.post(f"{url}/api/search", data, headers=headers, timeout=WAIT).status_code == 500
    assert page.problems == ["POST /api/search: ZeroDivisionError: division by zero"]


def test_pictures_come_less_often_where_they_cost_much() -> None:
    def periods(cost: float, run: float, load: float | None = 5.0) -> list[float]:
        """In pictures, after seconds in which pictures and the run's own work cost so much of two cores."""
        pace, found = live.Pace(2), []
        for second in range(12):
            pace.measure(second, second * cost, second * (cost + run), load)
            found.append(pace.period / live.SHORTEST)
        return found

    assert periods(0.05, 1.9) == [1.0] * 12
    crowded = periods(0.5, 1.5)
    assert crowded[:3] == [1.0, 2.0, 4.0]
    assert crowded[-1] == live.LONGEST / live.SHORTEST
    assert periods(0.25, 0.9, load=1.0) == [1.0] * 12, "there is room"
    assert periods(0.25, 0.9, load=None) == [1.0] * 12
    assert periods(0.25, 1.6, load=None)[-1] > 1
    assert periods(0.09, 0.4)[-1] > 1, "the run itself gets little, as others work as well"
    pace = live.Pace(2)
    for second in range(20):
        pace.measure(second, min(second, 10) * 0.5, second * 2.0, 5.0)
    assert pace.period == pytest.approx(live.SHORTEST), "the crowd has left"


def test_slow_viewers_get_smaller_pictures() -> None:
    taste = live.Taste(640)
    first = taste.wish
    wishes = [first]
    for _ in range(6):
        taste.took(live.SLOW_SECONDS + 0.1)
        wishes.append(taste.wish)
    assert [wish.quality for wish in wishes[:3]] == sorted({wish.quality for wish in wishes}, reverse=True)
    assert wishes[-1].width < 640
    for _ in range(1000):
        taste.took(0.01)
    assert taste.wish == first


def test_other_servers_of_the_program_keep_their_logs(page: Page, caplog: pytest.LogCaptureFixture) -> None:
    logs = [logging.getLogger(f"uvicorn.{name}") for name in ("error", "access")]
    with caplog.at_level(logging.INFO), page.served() as url:
        for log in logs:
            log.info("of another")
        with connect(url, b"no request at all\r\n\r\n") as made:
            assert made.recv(100).startswith(b"HTTP/1.1 400")
        assert requests.get(f"{url}/api/state", timeout=WAIT).ok
    assert [record.getMessage() for record in caplog.records if record.name.startswith("uvicorn")] == 2 * ["of another"]
