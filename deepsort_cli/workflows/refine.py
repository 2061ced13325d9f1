"""`deepsort refine` as a library call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepsort_cli.core.counted import counted
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener, LoggingListener
from deepsort_cli.settings.keywords import from_keywords
from deepsort_cli.settings.refine import RefineSettings
from deepsort_cli.tracking.refinement import Refinement, refine_file


def refine(results: Path | str | None = None, *, listener: Listener | None = None, **keywords: Any) -> Refinement:
    """Fill gaps in finished tracks, smooth their boxes, drop short ones, as `deepsort refine` does.

    Args:
        results: tracking results, as MOTChallenge text.
        listener: told what happens; None: remarks go to the logger `deepsort`.
        keywords: the command's flags with underscores: `output=`, `interpolate="linear"`, `max_gap=`, `min_length=`.

    Returns:
        Numbers of rows and tracks.

    Raises:
        InputError: something given cannot be used; nothing was written.
        RunError: the output cannot be written.
    """
    if results is not None:
        keywords["results"] = results
    return run_refine(from_keywords(RefineSettings, keywords), listener or LoggingListener())


def run_refine(settings: RefineSettings, listener: Listener) -> Refinement:
    """What `refine` does, with the settings of `deepsort refine`.

    Raises:
        InputError, RunError: see `refine`.
    """
    if settings.results is None or settings.output is None:
        missing = "the result file" if settings.results is None else "`output`"
        raise InputError(
            f"{missing} is missing. Name the file of tracks, and for example `output`=refined.txt and "
            "`refinement.interpolate`=linear."
        )
    done = refine_file(settings.results, settings.output, settings.refinement, overwrite=settings.overwrite)
    listener.note(
        f"{counted(done.rows, 'row')} of {counted(done.tracks, 'track')}: dropped "
        f"{counted(done.dropped_tracks, 'track')}, filled {counted(done.filled_rows, 'row')}, wrote "
        f"{counted(done.written_rows, 'row')}"
    )
    listener.note(f"wrote {settings.output}")
    return done
