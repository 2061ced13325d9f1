"""All outputs of one source: where they go, whether they can be written, and the sinks behind them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

from deepsort_cli.core import Frame, InputError, Tracks
from deepsort_cli.core.files import (
    check_output_file,
    check_output_folder,
    is_same_file,
    look,
    remove_abandoned,
)
from deepsort_cli.core.regions import Counts
from deepsort_cli.core.streams import clock
from deepsort_cli.core.types import FloatArray, Media
from deepsort_cli.video.overlay import Overlay
from deepsort_cli.video.settings import OutputSettings
from deepsort_cli.video.sinks import (
    STDOUT,
    CropSink,
    CsvSink,
    DisplaySink,
    GroundTruthSink,
    JsonlSink,
    MotSink,
    Sink,
    VideoSink,
    check_video,
    output_path,
    remove_old_crops,
)
from deepsort_cli.video.sources import Source
from deepsort_cli.video.whole_run import TIMELINE_SUFFIXES, ComparisonSink, RefinedSink, SummarySink, TimelineSink

TO_STDOUT = ("--save-txt", "--save-jsonl", "--save-csv", "--save-gt")
"""Outputs of whole lines, frame by frame."""

Say = Callable[[str], None]
Refine = Callable[[FloatArray], FloatArray]
AnySink = TypeVar("AnySink", bound=Sink)


@dataclass(frozen=True)
class Outputs:
    """Where the results of one source go."""

    video: Path | None
    txt: Path | None
    jsonl: Path | None
    csv: Path | None
    summary: Path | None
    timeline: Path | None
    ground_truth: Path | None
    crops: Path | None

    @classmethod
    def plan(cls, output: OutputSettings, name: str, many: bool) -> Outputs:
        def place(path: Path | None) -> Path | None:
            return path if path is None or path == STDOUT else output_path(path, name, many)

        return cls(
            place(output.save_video),
            place(output.save_txt),
            place(output.save_jsonl),
            place(output.save_csv),
            place(output.save_summary),
            place(output.save_timeline),
            place(output.save_gt),
            place(output.save_crops),
        )

    def files(self) -> dict[str, Path]:
        named = {
            "--save": self.video,
            "--save-txt": self.txt,
            "--save-jsonl": self.jsonl,
            "--save-csv": self.csv,
            "--save-summary": self.summary,
            "--save-timeline": self.timeline,
            "--save-gt": self.ground_truth,
        }
        return {option: path for option, path in named.items() if path is not None}

    def to_stdout(self) -> list[str]:
        """The options whose rows go to standard output."""
        return [option for option, path in self.files().items() if path == STDOUT]

    @property
    def keeps_nothing(self) -> bool:
        """No file of any kind is asked for."""
        return not self.files() and self.crops is None

    def check(
        self, source: Source, place: Path | None, output: OutputSettings, note: Say = lambda message: None
    ) -> None:
        """Refuse outputs that cannot be written, that exist, or that are the source itself.

        Temporary files that killed runs have left beside them are removed, and named.
        """
        overwrite = output.overwrite
        if self.timeline is not None and self.timeline.suffix.lower() not in TIMELINE_SUFFIXES:
            raise InputError(f"--save-timeline {self.timeline}: use one of {', '.join(TIMELINE_SUFFIXES)}.")
        if self.ground_truth is not None and source.kind != "demo":
            raise InputError("--save-gt: only the demo scene knows its ground truth (--source demo).")
        seen: dict[Path, str] = {}
        for option, path in self.files().items():
            if path == STDOUT and option not in TO_STDOUT:
                raise InputError(
                    f"{option} -: only {', '.join(TO_STDOUT)} can go to standard output; give a file name."
                )
            look(path, option=option)
            if path.resolve() in seen:
                raise InputError(f"{option} {path}: {seen[path.resolve()]} writes the same file.")
            seen[path.resolve()] = option
            if path == STDOUT:
                continue
            if place is not None and is_same_file(path, place):
                raise InputError(f"{option} {path}: this is the source itself. Choose another name.")
            check_output_file(path, overwrite=overwrite, option=option)
            for left in remove_abandoned(path):
                note(f"removed {left}, left behind by a run that was killed")
        if self.video is not None:
            shape = source.media.sample_aspect_ratio if source.media is not None else Fraction(1)
            check_video(self.video, source.output_fps, output, source.width, source.height, shape)
        if self.crops is not None:
            look(self.crops, option="--save-crops")
            check_output_folder(self.crops, option=f"--save-crops {self.crops}")
            if any(self.crops.iterdir()) and not overwrite:
                raise InputError(
                    f"--save-crops {self.crops}: the folder is not empty. Pass --overwrite to replace earlier "
                    "crops, or choose another folder."
                )

    def open(
        self,
        source: Source,
        output: OutputSettings,
        names: dict[int, str],
        warn: Say,
        note: Say = lambda message: None,
        *,
        refine: Refine | None = None,
        comparison: ComparisonSink | None = None,
    ) -> Sinks:
        """Open all sinks.

        Args:
            refine: refines the tracks before they go into tables of any kind, at the end; see `RefinedSink`. Pictures
                and crops show them as they are during the run.
            comparison: takes the tracks that go into the tables.
        """
        with contextlib.ExitStack() as opened:  # if one cannot be opened, those before it are closed

            def add(sink: AnySink) -> AnySink:
                opened.callback(sink.close)
                return sink

            display = add(DisplaySink(f"deepsort: {source.name}")) if output.display else None
            data: list[Sink] = []
            pictures: list[Sink] = [] if display is None else [display]
            if self.video is not None:
                media = self._media(source, output, warn)
                video = VideoSink(self.video, source.output_fps, settings=output, media=media, warn=warn, note=note)
                pictures.append(add(video))
            tables: list[Sink] = [] if comparison is None else [comparison]
            if self.txt is not None:
                tables.append(add(MotSink(self.txt)))
            if self.jsonl is not None:
                tables.append(add(JsonlSink(self.jsonl, names)))
            if self.csv is not None:
                tables.append(add(CsvSink(self.csv, names)))
            if self.summary is not None:
                tables.append(add(SummarySink(self.summary, names)))
            if self.timeline is not None:
                tables.append(add(TimelineSink(self.timeline, source.name, source.output_fps)))
            data += tables if refine is None or not tables else [RefinedSink(refine, tables)]
            if self.ground_truth is not None:
                data.append(add(GroundTruthSink(self.ground_truth, source.ground_truth)))
            if self.crops is not None:
                if output.overwrite:
                    remove_old_crops(self.crops)
                data.append(add(CropSink(self.crops)))
            opened.pop_all()
            return Sinks(data, pictures, display, Overlay(output, names))

    def _media(self, source: Source, output: OutputSettings, warn: Say) -> Media | None:
        """The recording behind the video, without its sound where that would not go with the pictures."""
        media, settings = source.media, source.settings
        if media is None or not media.audio or not output.audio:
            return media
        if settings.stride > 1:
            warn(f"{self.video}: without the source's sound, because of --stride {settings.stride}.")
        elif settings.fps is not None:
            warn(f"{self.video}: without the source's sound, because input.fps={settings.fps:g} changes the pace.")
        else:
            return media
        return replace(media, audio=False)


@dataclass
class Sinks:
    """All sinks of one source. Data sinks see the clean frame, picture sinks the annotated one."""

    data: list[Sink]
    pictures: list[Sink]
    display: DisplaySink | None
    overlay: Overlay
    seconds: dict[str, float] = field(default_factory=lambda: {"write": 0.0, "draw": 0.0, "encode": 0.0})

    def write(self, item: tuple[Frame, Tracks, Counts | None, float | None]) -> None:
        """Write a frame, its tracks, the counts after it, and the speed to draw into the picture (None for none)."""
        frame, tracks, counts, fps = item
        with clock(self.seconds, "write"):
            for sink in self.data:
                sink.write(frame, tracks, counts)
        if self.pictures and frame.image is not None:
            with clock(self.seconds, "draw"):
                image = self.overlay.draw(frame.image, tracks, fps=fps, counts=counts)
            with clock(self.seconds, "encode"):
                for sink in self.pictures:
                    sink.write(Frame(frame.index, image, frame.time), tracks, counts)

    def close(self) -> None:
        """Close every sink, also when one of them fails; the first failure is raised at the end."""
        with contextlib.ExitStack() as stack:
            for sink in (*self.data, *self.pictures):
                stack.callback(sink.close)

    def __enter__(self) -> Sinks:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
