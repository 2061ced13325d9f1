"""What a workflow tells whoever watches it: one listener for progress, remarks, warnings and events of all verbs."""

from __future__ import annotations

import logging

logger = logging.getLogger("deepsort")


class Listener:
    """Who is told what happens. Override what you want to hear; the rest goes nowhere.

    Settings are named by their key in backticks, `tracker.max_age`, with `=value` behind it where a value is meant; the
    command line shows them as its flags.
    """

    def note(self, message: str) -> None:
        """A fact worth a line."""

    def warn(self, message: str) -> None:
        """Something that speaks against the result, or calls for a decision."""

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """How far a stage is.

        Args:
            stage: what is being done, in words.
            done, total: of whatever it counts: images, frames, queries; `total` is None where unknown.
        """

    def happened(self, event: object) -> None:
        """Something particular to a verb: each workflow says which events, all of them dataclasses, it tells of."""


class LoggingListener(Listener):
    """The listener of calls from Python that name none: remarks and warnings go to the logger `deepsort`."""

    def note(self, message: str) -> None:
        logger.info(message)

    def warn(self, message: str) -> None:
        logger.warning(message)
