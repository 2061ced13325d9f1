"""Events posted to other programs, which may be slow, away or unwilling."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from deepsort_cli.core.errors import InputError
from deepsort_cli.serving import webhooks
from deepsort_cli.serving.events import Comings, Event, EventLog
from deepsort_cli.serving.webhooks import Webhooks, check_url

from .site import tracks_of

WAIT = 60


class Receiver:
    """A program that takes events.

    Attributes:
        answers: what it answers, one after the other; then 200.
        bodies: what came.
    """

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[Any] = []
        self.answering = threading.Event()
        self.answering.set()
        self.url = ""

    @property
    def ids(self) -> list[int]:
        return [body["id"] for body in self.bodies]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            made.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            made.headers.append(self.headers)
            made.answering.wait(WAIT)
            status = made.answers.pop(0) if made.answers else 200
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.send_header("Location", "http://192.0.2.1/")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        made.url = f"http://user:geheim@127.0.0.1:{server.server_address[1]}/hook?key=geheim"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield made
        server.shutdown()


class Said:
    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.notes: list[str] = []


@pytest.fixture
def said() -> Said:
    return Said()


def make(url: str, said: Said) -> tuple[Webhooks, Comings]:
    log = EventLog()
    hooks = Webhooks(url, log, said.warnings.append, said.notes.append, first_pause=0.02)
    hooks.start()
    return hooks, Comings(log, 0, "door")


def until(condition: Any) -> None:
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_every_event_is_posted_in_order(receiver: Receiver, said: Said) -> None:
    hooks, door = make(receiver.url, said)
    door.see(1.0, tracks_of([1, 2]), None)
    until(lambda: len(receiver.bodies) == 2)
    door.see(2.0, tracks_of([1, 2, 3]), None)
    door.end()
    hooks.close(farewell=WAIT)
    assert receiver.ids == [1, 2, 3, 1, 2, 3]
    assert [body["event"] for body in receiver.bodies] == [1, 2, 3, 4, 5, 6]
    assert receiver.bodies[0]["type"] == "appeared"
    assert receiver.headers[0]["Content-Type"] == "application/json"
    assert receiver.headers[0]["Authorization"].startswith("Basic ")
    assert said.warnings == []
    assert "6 events" in said.notes[0]
    assert "geheim" not in said.notes[0]


def test_what_does_not_arrive_is_tried_again_and_what_is_refused_is_not(receiver: Receiver, said: Said) -> None:
    receiver.answers = [500, 429, 200, 404, 302, 503, 200]
    hooks, door = make(receiver.url, said)
    door.see(1.0, tracks_of([1, 2, 3, 4]), None)
    until(lambda: hooks.delivered + hooks.dropped == 4)
    hooks.close()
    assert receiver.ids == [1, 1, 1, 2, 3, 4, 4]
    assert (hooks.delivered, hooks.dropped) == (2, 2)
    assert [word for word in ("500", "429", "404", "302", "503") if word in " ".join(said.warnings)] == [
        "500", "429", "404", "302", "503",
    ]  # fmt: skip
    assert "2 events arrived, 2 did not" in said.warnings[-1]
    assert "geheim" not in " ".join(said.warnings)


def test_a_receiver_that_is_away_holds_up_nobody_and_the_oldest_give_way(
    said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "MOST_WAITING", 5)
    hooks, door = make("http://127.0.0.1:9/?key=geheim", said)
    for number in range(1, 31):
        door.see(float(number), tracks_of([number]), None)
    until(lambda: "trying again" in " ".join(said.warnings) and hooks.dropped)
    hooks.close(farewell=0.2)
    hooks.close()
    texts = " ".join(said.warnings)
    assert "trying again" in texts
    assert hooks.dropped > 0
    assert f"0 events arrived, {hooks._log.last} did not" in texts
    assert "geheim" not in texts


def test_all_events_are_counted_while_some_are_being_taken_over(receiver: Receiver, said: Said) -> None:
    may = threading.Event()

    class Slow(deque[Event]):
        def extend(self, events: Iterable[Event]) -> None:
            assert may.wait(150)
            super().extend(events)

    hooks, door = make(receiver.url, said)
    hooks._waiting = Slow()
    door.see(1.0, tracks_of([1, 2, 3]), None)
    until(lambda: hooks._read)
    hooks.close(farewell=0)
    may.set()
    assert "0 events arrived, 3 did not" in said.warnings[-1]


def test_the_end_posts_what_still_waits(receiver: Receiver, said: Said) -> None:
    receiver.answers = [503] * 3
    hooks, door = make(receiver.url, said)
    door.see(1.0, tracks_of([1, 2, 3]), None)
    hooks.close(farewell=WAIT)
    assert hooks.delivered == 3


def test_what_happens_while_no_answer_comes_is_counted_as_well(receiver: Receiver, said: Said) -> None:
    receiver.answering.clear()
    hooks, door = make(receiver.url, said)
    door.see(1.0, tracks_of([1]), None)
    until(lambda: receiver.bodies)
    door.see(2.0, tracks_of([1, 2, 3]), None)
    hooks.close(farewell=0.1)
    receiver.answering.set()
    assert "0 events arrived, 3 did not" in said.warnings[-1]


@pytest.mark.parametrize(
    "url", ["", "host/hook", "ftp://host/", "http://", "http:///x", "http://h:99999/", "http://[::1/", "http://a b/"]
)
def test_what_cannot_be_posted_to_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="serve.events"):
        check_url(url)
    check_url("https://user:pass@host:8443/hook?key=value")
    check_url("HTTP://[::1]:80")


def test_a_refused_address_does_not_tell_its_secrets() -> None:
    with pytest.raises(InputError) as raised:
        check_url("htp://user:geheim@host/?key=geheim")
    assert "geheim" not in str(raised.value)
