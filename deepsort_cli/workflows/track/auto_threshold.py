"""The appearance threshold measured while tracking: `tracker.max_cosine_distance`=auto."""

from __future__ import annotations

from collections.abc import Callable

from deepsort_cli.core.recording import Origin, recording_of
from deepsort_cli.core.types import Detections, Frame
from deepsort_cli.evaluation.looks import Memory, compare_looks
from deepsort_cli.workflows.track.perceive import Perceived

PERIOD = 60.0
"""Seconds of the source after which the threshold is measured, and measured again where that was too little."""
ATTEMPTS = 3

Say = Callable[[str], None]


class AutoThreshold:
    """Gathers what is seen in the beginning of a source, and measures the threshold once there is enough.

    Until then, and where there is never enough, the threshold is what it would have been without.
    """

    def __init__(self, memory: Memory, usual: float, note: Say, warn: Say) -> None:
        """Begin a source.

        Args:
            memory: what the tracker remembers of a track.
            usual: the threshold until then.
            note, warn: are told what was found, or that nothing could be.
        """
        self._memory = memory
        self._usual = usual
        self._note, self._warn = note, warn
        self._seen: list[tuple[Frame, Detections]] = []
        self._attempts = 0
        self._lacking = "the source ended before"
        self._done = False
        self._began: float | None = None

    def __call__(self, seen: Perceived) -> float | None:
        """The threshold, in the frame in which it is found; None in all others."""
        if self._done or seen.detections is None:
            return None
        if self._began is None:
            self._began = seen.frame.time
        self._seen.append((Frame(seen.frame.index, None, seen.frame.time), seen.detections))
        if seen.frame.time - self._began < PERIOD * (self._attempts + 1):
            return None
        self._attempts += 1
        looks = compare_looks(recording_of(Origin(), self._seen), self._memory)
        if looks.lacking is None:
            found = looks.threshold()
            self._end()
            self._note(
                f"`tracker.max_cosine_distance`={found.value:.3f} from now on ({seen.frame.time:.0f} s): 95 % interval "
                f"{found.low:.3f} to {found.high:.3f}, {looks.num_different:,} comparisons of people seen at once"
            )
            return round(found.value, 3)
        self._lacking = looks.lacking
        if self._attempts == ATTEMPTS:
            self.finish()
        return None

    def finish(self) -> None:
        """The source ended, or was watched long enough in vain."""
        if not self._done:
            self._end()
            self._warn(
                f"`tracker.max_cosine_distance`=auto measured nothing: {self._lacking}. {self._usual:g} was used "
                "throughout"
            )

    def _end(self) -> None:
        self._done = True
        self._seen = []
