"""Events posted to another program, which may be slow or away: the run never waits for it."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from urllib.parse import urlsplit

from deepsort_cli.core.counted import counted
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.urls import hide_secrets
from deepsort_cli.serving.events import Event, EventLog

KEY = "`serve.events`"
MOST_WAITING = 2000
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before an event is tried again, doubled each time."""
TIMEOUT = (5.0, 10.0)
"""Seconds to connect, and to wait for the answer."""
FAREWELL_SECONDS = 5.0
"""How long the end of a run waits for what is still to be posted."""
REFUSED = frozenset(range(300, 500)) - {408, 425, 429}
"""Answers that trying again would not change."""

Say = Callable[[str], None]


def check_url(url: str) -> None:
    """Refuse what cannot be posted to.

    Raises:
        InputError: it is no address of a web server.
    """
    try:
        parts = urlsplit(url.strip())
        good = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or any(character.isspace() for character in url.strip()):
        raise InputError(f"{KEY} {hide_secrets(url)}: expected an address, http://HOST/… or https://HOST/…")


class Webhooks:
    """Posts every event of a log as JSON, in their order, each until it has arrived or is refused.

    An event that was answered too late, or not at all, is posted again: its receiver can tell by the number in
    `event` that it is the same. Too many that wait push the oldest out, which is said and counted.

    Attributes:
        delivered, dropped: how many events arrived, and how many never will.
    """

    def __init__(self, url: str, log: EventLog, warn: Say, note: Say, *, first_pause: float = FIRST_PAUSE) -> None:
        self._url, self._shown = url.strip(), hide_secrets(url.strip())
        self._log, self._warn, self._note = log, warn, note
        self._first_pause = first_pause
        self._waiting: deque[Event] = deque()
        self._read = 0
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._until = float("inf")
        self._told: set[str] = set()
        self.delivered = self.dropped = 0
        import requests  # takes as long to import as much else together, and most runs post nothing

        self._session = requests.Session()
        self._failure = requests.RequestException
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin to post."""
        self._log.tell(self._wake.set)
        self._thread.start()

    def close(self, farewell: float | None = None) -> None:
        """Post what still waits, for so many seconds (None: `FAREWELL_SECONDS`), and say what became of all.

        Can be called again.
        """
        if self._stop.is_set():
            return
        farewell = FAREWELL_SECONDS if farewell is None else farewell
        self._until = time.monotonic() + farewell
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(farewell + 0.5)  # it may wait for an answer: then nobody knows whether that arrived
        self._session.close()
        delivered = self.delivered  # its thread may still be at work
        lost = self._log.last - delivered
        if lost:
            self._warn(f"{KEY} {self._shown}: {counted(delivered, 'event')} arrived, {lost:,} did not.")
        elif delivered:
            self._note(f"{counted(delivered, 'event')} arrived at {self._shown}")

    def _run(self) -> None:
        while True:
            self._wake.clear()
            self._take()
            while self._waiting and time.monotonic() < self._until:
                self._deliver()
                self._take()
            if self._stop.is_set():
                return
            self._wake.wait()

    def _take(self) -> None:
        """Take over new events from the log."""
        found, missed = self._log.after(self._read)
        if found:
            self._read = found[-1].number
        self._waiting.extend(found)
        extra = max(0, len(self._waiting) - MOST_WAITING)
        for _ in range(extra):
            self._waiting.popleft()
        if missed + extra:
            self._drop(missed + extra, f"more than {MOST_WAITING:,} events wait, the oldest are dropped")

    def _deliver(self) -> None:
        """Post the oldest event until it has arrived, is refused, is pushed out, or time is up."""
        event, pause = self._waiting[0], self._first_pause
        while True:
            problem = self._post(event)
            if problem is None:
                return
            self._tell(f"{problem}; trying again")
            self._pause(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            self._take()
            if not self._waiting or self._waiting[0] is not event or time.monotonic() >= self._until:
                return

    def _post(self, event: Event) -> str | None:
        """Post an event. None: it has arrived or never will, and waits no more; else what the problem is."""
        body = json.dumps({"event": event.number, **event.as_json()}, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "deepsort"}
        try:
            with self._session.post(
                self._url, body, headers=headers, timeout=TIMEOUT, allow_redirects=False, stream=True
            ) as answer:
                status = answer.status_code
        except self._failure as error:
            return type(error).__name__  # its message would show the address
        except (ValueError, UnicodeError):
            status = 400
        if status in REFUSED:
            self._waiting.popleft()
            self._drop(1, f"it answers {status}, so such events are dropped")
            return None
        if status >= 300:
            return f"it answers {status}"
        self._waiting.popleft()
        self.delivered += 1
        return None

    def _pause(self, seconds: float) -> None:
        """Wait; at the end of the run not any longer than it does."""
        if not self._stop.wait(seconds):
            return
        time.sleep(min(0.2, seconds, max(0.0, self._until - time.monotonic())))

    def _drop(self, number: int, why: str) -> None:
        self.dropped += number
        self._tell(why)

    def _tell(self, problem: str) -> None:
        """Say a problem when it turns up first."""
        if problem not in self._told:
            self._told.add(problem)
            self._warn(f"{KEY} {self._shown}: {problem}.")
