"""What a run tells its listener: how far it is, and what came of each source."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deepsort_cli.core.counted import counted
from deepsort_cli.core.mot import Comparison
from deepsort_cli.core.regions import Counts
from deepsort_cli.perception.fate import Fate
from deepsort_cli.tracking.linking import Linking

Ending = Literal["end", "quit", "interrupted", "stopped", "failed"]
"""The source ended; the user quit the window; Ctrl-C; the loop over the run was left; an error, which hurt no other
source."""


@dataclass(frozen=True)
class Live:
    """How a camera or stream keeps up.

    Attributes:
        latency_ms: milliseconds from when a frame had come to when its tracks were there, the median; None before the
            first frame.
        latency_p95_ms: what 95 in 100 frames kept to.
        skipped: frames passed over for newer ones.
        reconnects: how often it was lost and found again.
        connected: whether it is there now; of a summary, whether it was at the end.
    """

    latency_ms: float | None
    latency_p95_ms: float | None
    skipped: int
    reconnects: int
    connected: bool


@dataclass(frozen=True)
class Serving:
    """The run can be seen in a browser.

    Attributes:
        url: where.
        token: made for this run; None where it was given, and need not be told.
        private: only programs of this machine reach it, and may read without the token.
    """

    url: str
    token: str | None
    private: bool

    @property
    def link(self) -> str:
        """The address to open, which lets a browser in. It is a secret."""
        return self.url if self.token is None else f"{self.url}?token={self.token}"


@dataclass(frozen=True)
class Progress:
    """How far a source is: told with 0 frames before its first, after every frame, and while a camera is silent.

    Attributes:
        source: name of the source.
        total: frames to come in all, often an estimate; None for cameras, and once more came.
        frames: frames tracked so far.
        tracks: people reported so far (distinct ids).
        present: tracks in the last frame.
        fps: frames per second lately.
        live: what a camera or stream is like; None for what is recorded.
        people: how many different people were seen until now; None unless `across.enabled`.
    """

    source: str
    total: int | None
    frames: int = 0
    tracks: int = 0
    present: int = 0
    fps: float = 0.0
    live: Live | None = None
    people: int | None = None


@dataclass(frozen=True)
class Summary:
    """What came of one source; told when all its outputs are closed.

    Attributes:
        source, kind: name and kind of the source.
        frames: frames tracked.
        tracks: distinct ids reported.
        rows: track boxes reported over all frames.
        seconds: wall-clock time from the first frame asked for to the last file closed; what a loop over the run does
            is in it.
        stage_ms: average milliseconds per frame that each stage worked; stages overlap, and several frames are
            detected and embedded at once.
        outputs: files and folders written.
        ending: what ended it.
        present: tracks in the last frame.
        live: how a camera or stream has kept up; None for what is recorded.
        error: what went wrong, of a source that failed while others went on.
        detector, embedder: what was used; embedder is None without appearance.
        max_cosine_distance: the appearance threshold in force.
        frames_detected: frames the detector looked at; all of them unless `DetectorSettings.interval` says otherwise.
        embedded, embeddings_skipped: how many detections were embedded, and how many need not be because
            `TrackerSettings.refresh_every` is on.
        camera_motions: frames whose camera motion could be measured; None where it is not compensated.
        by_time: tracks were predicted by the time between frames, not by one step for each.
        counts: the final counts of lines and zones, None where there are none.
        comparison: the written tracks beside the ground truth of the same frames, where it was asked for.
        fate: what became of the detections.
        linking: what came of linking the tracks at the end; None where that was not asked for.
        people: how many different people were seen; None unless `across.enabled`.
        refined: distinct ids in tables, after linking and refinement; None where nothing was refined.
    """

    source: str
    kind: str
    frames: int
    tracks: int
    rows: int
    seconds: float
    stage_ms: dict[str, float]
    outputs: list[Path]
    ending: Ending
    detector: str
    embedder: str | None
    max_cosine_distance: float
    frames_detected: int
    embedded: int
    embeddings_skipped: int
    camera_motions: int | None
    by_time: bool = False
    counts: Counts | None = None
    comparison: Comparison | None = None
    fate: Fate | None = None
    present: int = 0
    live: Live | None = None
    error: str | None = None
    linking: Linking | None = None
    people: int | None = None
    refined: int | None = None

    @property
    def fps(self) -> float:
        return self.frames / self.seconds if self.seconds > 0 else 0.0

    def warnings(self) -> list[str]:
        """What speaks against the result: no tracks, and detections that could not be used."""
        fate, found = self.fate, []
        if fate is None:
            return []
        if self.rows == 0:
            return [f"{self.source}: no tracks: {fate.remedy()}"]
        if fate.beyond:
            beyond = counted(fate.beyond, "detection is", "detections are")
            found.append(f"{self.source}: {beyond} in frames behind its last one.")
        if fate.unusable:
            kept = counted(fate.counts.kept, "detection")
            ignored = counted(fate.unusable, f"of {kept} was ignored", f"of {kept} were ignored")
            found.append(f"{self.source}: {ignored}: {fate.no_area()}")
        return found

    def remarks(self) -> list[str]:
        """What is worth knowing, though nothing is wrong with it: frames that were not looked at."""
        if self.live is None or not self.live.skipped:
            return []
        effect = (
            "the time until the next counts for the tracks"
            if self.by_time
            else "tracks were predicted as if there had been none (`tracker.clock`=time counts the time)"
        )
        skipped = (
            f"{counted(self.live.skipped, 'frame')} came while others were tracked and "
            f"{'was' if self.live.skipped == 1 else 'were'} passed over"
        )
        return [f"{self.source}: {skipped}; {effect}."]

    def __str__(self) -> str:
        ending = "" if self.ending == "end" else f" ({self.ending})"
        written = ", ".join(map(str, self.outputs))
        return (
            f"{self.source}: {counted(self.tracks, 'track')} in {counted(self.frames, 'frame')}{ending}, "
            f"{self.fps:.1f} frames per second" + (f"; wrote {written}" if written else "")
        )
