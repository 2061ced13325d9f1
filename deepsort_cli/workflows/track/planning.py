"""What is planned for the sources of a run before the first frame: what is written, and what is counted."""

from __future__ import annotations

from collections.abc import Sequence

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener
from deepsort_cli.core.regions import Line, Zone, check_inside, parse_lines, parse_zones
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.tracking.counting import RegionCounter
from deepsort_cli.tracking.settings import CountingSettings
from deepsort_cli.video.outputs import Outputs, to_stdout
from deepsort_cli.video.sources import Source
from deepsort_cli.workflows.track.parts import Parts


class Regions:
    """The lines and zones of a run, read once, and fresh counts for every source."""

    def __init__(self, settings: CountingSettings) -> None:
        """Read them.

        Raises:
            InputError: one cannot be read.
        """
        self._lines, self._zones = parse_lines(settings.lines), parse_zones(settings.zones)
        self._margin = settings.margin

    def check(self, source: Source) -> None:
        """See that they lie in the source's picture.

        Raises:
            InputError: one does not.
        """
        if source.width and source.height:  # unknown where no pixels are read
            check_inside(self._lines, self._zones, source.width, source.height, source.name)

    @property
    def both(self) -> tuple[Sequence[Line], Sequence[Zone]]:
        """All lines, and all zones."""
        return self._lines, self._zones

    def start(self) -> RegionCounter | None:
        """What counts in one source; None where there is nothing to count."""
        return RegionCounter(self._lines, self._zones, self._margin) if self._lines or self._zones else None


def plan_outputs(
    settings: TrackSettings, sources: Sequence[Source], names: Sequence[str], parts: Parts, listener: Listener
) -> list[Outputs]:
    """The outputs of every source.

    Raises:
        InputError: one cannot be written as asked for.
    """
    many = len(sources) > 1
    facts = parts.facts if settings.output.save_detections is not None else {}
    plans = [
        Outputs.plan(
            source,
            settings.output,
            parts.detector.class_names,
            facts=facts,
            suffix=name if many else None,
            warn=listener.warn,
            note=listener.note,
            refined=settings.refinement.wanted,
        )
        for source, name in zip(sources, names, strict=True)
    ]
    rows = to_stdout(settings.output)
    if many and rows:
        raise InputError(f"`{rows[0]}` -: rows of {len(plans)} sources would mix. Give a file name, or one source.")
    return plans
