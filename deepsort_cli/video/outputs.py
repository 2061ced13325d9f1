"""All outputs of one source: where they go, whether they can be written, and the sinks behind them.

Which outputs there are is the table `sinks.outputs`; nothing here knows one of them.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from deepsort_cli.core import Frame, InputError, Tracks
from deepsort_cli.core.errors import DeepsortError
from deepsort_cli.core.files import (
    Inputs,
    behind_link,
    check_output_file,
    check_output_folder,
    look,
    permissions_of,
    refuse_input,
    remove_abandoned,
)
from deepsort_cli.core.regions import Counts
from deepsort_cli.core.streams import KNOWN, all_of, clock, close_all
from deepsort_cli.core.types import Detections, FloatArray
from deepsort_cli.video.overlay import Overlay
from deepsort_cli.video.settings import OutputSettings
from deepsort_cli.video.sinks import (
    ANY_LABEL,
    STDOUT,
    ClassNames,
    DisplaySink,
    Job,
    Output,
    PartClock,
    RecordingSink,
    RefinedSink,
    RotatingSink,
    Sink,
    WhileRoomSink,
    output_path,
    outputs,
    parts_of,
)
from deepsort_cli.video.sinks.refined import Link, Refine
from deepsort_cli.video.sources import Source

Say = Callable[[str], None]
AnySink = TypeVar("AnySink", bound=Sink)


def asked_for(settings: OutputSettings) -> list[Output]:
    """The outputs that the settings name a path for."""
    return [output for output in outputs() if getattr(settings, output.field) is not None]


def needs_pixels(settings: OutputSettings) -> bool:
    """Whether an output, or the window, needs the frames' images."""
    return settings.display or any(output.pixels for output in asked_for(settings))


def to_stdout(settings: OutputSettings) -> list[str]:
    """The keys of the outputs that go to standard output."""
    return [output.key for output in asked_for(settings) if getattr(settings, output.field) == STDOUT]


@dataclass(frozen=True)
class Outputs:
    """The outputs of one source.

    Attributes:
        source: what is tracked.
        settings: what to write.
        paths: where each output goes.
        class_names: name by class number.
        facts: what the run's models are, for recordings.
        warn, note: take what is to be said about an output.
        refined: tables are refined at the end, and so written as a whole.
        parts: the files of outputs that are written in several, by their fields, from the oldest to the newest.
        threshold: gives the appearance threshold in force.
    """

    source: Source
    settings: OutputSettings
    paths: Sequence[tuple[Output, Path]]
    class_names: ClassNames
    facts: Mapping[str, Any]
    warn: Say
    note: Say
    refined: bool = False
    parts: dict[str, list[Path]] = field(default_factory=dict)
    threshold: Callable[[], float | None] = lambda: None

    @classmethod
    def plan(
        cls,
        source: Source,
        settings: OutputSettings,
        class_names: ClassNames | None = None,
        *,
        facts: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        warn: Say = lambda message: None,
        note: Say = lambda message: None,
        refined: bool = False,
    ) -> Outputs:
        """The outputs that the settings ask for; their names get the suffix, where there are several sources."""

        def place(path: Path) -> Path:
            return path if path == STDOUT else output_path(path, suffix or "", suffix is not None)

        wanted = [output for output in asked_for(settings) if output.sees != "run"]
        paths = [(output, place(getattr(settings, output.field))) for output in wanted]
        names = {} if class_names is None else class_names
        return cls(source, settings, paths, names, {} if facts is None else facts, warn, note, refined)

    @property
    def written(self) -> list[Path]:
        """The files and folders that are there now."""
        found = []
        for output, path in self.paths:
            found += self.parts.get(output.field, [path] if path != STDOUT else [])
        return [path for path in found if (any(path.iterdir()) if path.is_dir() else path.exists())]

    @property
    def rotates(self) -> bool:
        """Whether any output is written in several files, one after the other."""
        return any(self._rotates(output, path) for output, path in self.paths)

    def check(self, inputs: Inputs) -> None:
        """Refuse outputs that cannot be written, that exist, or that something is read from, as the source itself.

        Temporary files that killed runs have left beside them are removed, and named.

        Raises:
            InputError: naming the output; nothing was written.
        """
        seen: dict[Path, str] = {}
        for output, path in self.paths:
            self._check_path(output, path, inputs, seen)
        for output, path in self.paths:
            if path == STDOUT:
                continue
            if output.folder:
                check_output_folder(path, key=output.key)
                continue
            rotates = self._rotates(output, path)
            if rotates:
                self._check_parts(output, path, inputs)
            else:
                check_output_file(path, overwrite=self.settings.overwrite, key=output.key)
            for left in remove_abandoned(path if rotates else behind_link(path), ANY_LABEL if rotates else ""):
                self.note(f"removed {left}, left behind by a run that was killed")

    def _check_parts(self, output: Output, path: Path, inputs: Inputs) -> None:
        """Refuse an output in several files that cannot be written, or some of which are there."""
        check_output_folder(path.parent, key=output.key)
        look(path.with_name(f"{path.stem}_2000-01-01_00-00-00-10{path.suffix}"), key=output.key)  # the longest name
        there = [] if self.source.is_live else parts_of(path)  # those of cameras have a date, none is in the way
        for part in there:
            refuse_input(part, inputs, key=output.key)
        if there and not self.settings.overwrite:
            raise InputError(
                f"`{output.key}` {path}: there is {there[0]} already. Set `output.overwrite`=true to replace it and "
                "all other parts, or choose another name."
            )

    def _rotates(self, output: Output, path: Path) -> bool:
        """Whether an output is written in several files, one after the other."""
        rotation = self.settings.rotation
        whole = output.sees == "detections" or (output.sees == "tables" and self.refined)
        if rotation is None or output.folder or path == STDOUT or whole:
            return False
        return output.grows or rotation.seconds is not None

    def _check_path(self, output: Output, path: Path, inputs: Inputs, seen: dict[Path, str]) -> None:
        """Refuse a path by itself; `seen` are those of other outputs."""
        name = f"`{output.key}`"
        if path == STDOUT and not output.lines:
            able = ", ".join(f"`{other.key}`" for other in outputs() if other.lines)
            raise InputError(f"{name} -: only {able} can go to standard output; give a file name.")
        if path == STDOUT and sys.stdout is None:
            raise InputError(f"{name} -: standard output is closed. Give a file name.")
        look(path, key=output.key)
        if path.resolve() in seen:
            raise InputError(f"{name} {path}: {seen[path.resolve()]} writes the same file.")
        seen[path.resolve()] = name
        if path != STDOUT:
            refuse_input(path, inputs, key=output.key)
        output.check(self._job(output, path))

    def open(
        self,
        *,
        refine: Refine | None = None,
        link: Link | None = None,
        extra: Sequence[Sink] = (),
        watching: Sequence[Sink] = (),
    ) -> Sinks:
        """Open all sinks.

        Args:
            refine: refines the tracks before they go into tables of any kind, at the end; see `RefinedSink`. Pictures
                and crops show them as they are during the run.
            link: with `refine`, gives them other ids before that, which crops get as well.
            extra: sinks that see what tables see.
            watching: sinks that see tracks and clean frames as they come, whatever becomes of them at the end.
        """
        settings, parts_clock = self.settings, PartClock(self.source.is_live)
        with contextlib.ExitStack() as opened:  # if one cannot be opened, those before it are closed

            def add(sink: AnySink) -> AnySink:
                opened.callback(sink.close)
                return sink

            display = add(DisplaySink(f"deepsort: {self.source.name}")) if settings.display else None
            sinks: dict[str, list[Any]] = {"tables": list(extra), "frames": [], "pictures": [], "detections": []}
            for output, path in self.paths:
                sinks[output.sees].append(add(self._open(output, path, parts_clock)))
            tables = sinks["tables"]
            if refine is not None and (tables or (link is not None and sinks["frames"])):
                tables = [RefinedSink(refine, tables, link=link, written=sinks["frames"])]
            pictures = sinks["pictures"] if display is None else [display, *sinks["pictures"]]
            opened.pop_all()
            # The last is closed first: who gets other ids at the end can still rename what was written with frames.
            data, overlay = [*watching, *sinks["frames"], *tables], Overlay(settings, self.class_names)
            return Sinks(data, pictures, display, overlay, sinks["detections"])

    def _open(self, output: Output, path: Path, clock: PartClock) -> Sink:
        """The sink of an output, in one file or in several."""
        if not self._rotates(output, path):
            return self._one(output, self._job(output, path))
        replaces = self.settings.overwrite and not self.source.is_live
        modes: dict[Path, int | None] = {}
        for old in parts_of(path) if replaces else ():
            modes[old] = permissions_of(old)
            old.unlink()
        rotation, spoken = self.settings.rotation, _Once(self.warn, self.note)
        assert rotation is not None

        def open_part(part: Path, first: bool) -> Sink:
            with spoken.only_if(first):
                job = self._job(output, part)
                return self._one(output, replace(job, part=True, warn=spoken.warn, note=spoken.note))

        parts = self.parts.setdefault(output.field, [])
        return RotatingSink(path, rotation, clock, open_part, replaces=replaces, began=parts.append, modes=modes)

    def _one(self, output: Output, job: Job) -> Sink:
        assert output.open is not None
        sink = output.open(job)
        what = output.field.removeprefix("save_")
        return WhileRoomSink(sink, job.path, what, job.warn, folder=output.folder) if output.bulky else sink

    def _job(self, output: Output, path: Path) -> Job:
        said = (self.facts, self.warn, self.note)
        return Job(output, path, self.source, self.settings, self.class_names, *said, threshold=self.threshold)


class _Once:
    """Says what the first part of an output says when it is opened, and not again for every other part."""

    def __init__(self, warn: Say, note: Say) -> None:
        self._warn, self._note = warn, note
        self._silent = False

    def warn(self, message: str) -> None:
        if not self._silent:
            self._warn(message)

    def note(self, message: str) -> None:
        if not self._silent:
            self._note(message)

    @contextlib.contextmanager
    def only_if(self, spoken: bool) -> Iterator[None]:
        """Silent within the block, unless `spoken`."""
        self._silent = not spoken
        try:
            yield
        finally:
            self._silent = False


@dataclass
class Sinks:
    """All sinks of a source. Data sinks see the clean frame, picture sinks the annotated one."""

    data: list[Sink]
    pictures: list[Sink]
    display: DisplaySink | None
    overlay: Overlay
    records: list[RecordingSink] = field(default_factory=list)
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
                    sink.write(replace(frame, image=image), tracks, counts)

    def see(self, frame: Frame, detections: Detections | None, motion: FloatArray | None) -> None:
        """Record what was found in a frame; `detections` is None where the detector did not look."""
        for record in self.records:
            record.see(frame, detections, motion)

    def close(self) -> None:
        """Close every sink, also when some fail; what they say is raised at the end."""
        close_all([sink.close for sink in (*self.data, *self.pictures, *self.records)])

    def __enter__(self) -> Sinks:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self.close()
        except DeepsortError as failure:
            if isinstance(error, KNOWN):
                raise all_of([error, failure]) from None
            raise
