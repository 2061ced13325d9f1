"""What the tests of runs need."""

from __future__ import annotations

from collections.abc import Callable

from deepsort_cli.core.events import Listener
from deepsort_cli.workflows.track import Progress, Summary


class Heard(Listener):
    """Remembers everything; calls `then` with every event, `alarm` with every warning."""

    def __init__(self, then: Callable[[object], None] | None = None, alarm: Callable[[str], None] | None = None):
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.events: list[object] = []
        self._then, self._alarm = then, alarm

    def note(self, message: str) -> None:
        self.notes.append(message)

    def warn(self, message: str) -> None:
        self.warnings.append(message)
        if self._alarm is not None:
            self._alarm(message)

    def happened(self, event: object) -> None:
        self.events.append(event)
        if self._then is not None:
            self._then(event)

    @property
    def summaries(self) -> list[Summary]:
        return [event for event in self.events if isinstance(event, Summary)]

    def progress_of(self, source: str) -> list[Progress]:
        return [event for event in self.events if isinstance(event, Progress) and event.source == source]
