"""`deepsort refine` as a library call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepsort_cli.core.counted import counted
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener, LoggingListener
from deepsort_cli.core.looks import Looks
from deepsort_cli.core.track_tables import is_track_table
from deepsort_cli.settings.keywords import from_keywords
from deepsort_cli.settings.refine import RefineSettings
from deepsort_cli.tracking.evidence import Evidence
from deepsort_cli.tracking.refinement import Refinement, refine_file
from deepsort_cli.tracking.settings import CANONICAL_COSINE_DISTANCE, NOBODY_ALIKE, PER_THRESHOLD
from deepsort_cli.workflows.refine_across import run_across

USUAL_FPS = 25.0
IDLE_ACROSS = ("max_gap", "link_distance", "link_gap")


def refine(
    results: Path | str | Sequence[Path | str] | None = None, *, listener: Listener | None = None, **keywords: Any
) -> Refinement:
    """Link finished tracks, fill their gaps, smooth their boxes, drop short ones, as `deepsort refine` does; or, with
    `across=True`, find out who is who in the tracks of several cameras.

    Args:
        results: tracking results, as MOTChallenge text; with `across=True` JSON Lines or CSV of every camera.
        listener: told what happens; None: remarks go to the logger `deepsort`.
        keywords: the command's flags with underscores: `output=`, `interpolate="linear"`, `max_gap=`, `min_length=`,
            `link=True`, `looks="looks.npz"`; `across=True`, `looks=["a.npz", "b.npz"]`, `output="people"`.

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
    if not settings.results:
        raise InputError(
            "the result file is missing. Name the file of tracks, and for example `output`=refined.txt and "
            "`refinement.interpolate`=linear."
        )
    for remark in _unheard(settings):
        listener.warn(remark)
    if settings.across.enabled:
        return run_across(settings, listener)
    results, looks = _only(settings.results, "results"), _only(settings.looks, "looks")
    assert results is not None
    if is_track_table(results):
        raise InputError(
            f"{results}: what is refined is MOTChallenge text (`output.save_txt`). JSON Lines and CSV are for "
            "`across.enabled`=true, which says who is who in the tracks of several cameras."
        )
    if settings.output is None:
        raise InputError(
            f"`output` is missing. Name the file to write, for example `output`={results.stem}_refined.txt."
        )
    evidence = _evidence(settings, looks, listener) if settings.refinement.link else None
    refinement, overwrite = settings.refinement, settings.overwrite
    done = refine_file(results, settings.output, refinement, evidence, overwrite=overwrite, warn=listener.warn)
    if done.linking is not None:
        listener.note(str(done.linking))
    listener.note(
        f"{counted(done.rows, 'row')} of {counted(done.tracks, 'track')}: dropped "
        f"{counted(done.dropped_tracks, 'track')}, filled {counted(done.filled_rows, 'row')}, wrote "
        f"{counted(done.written_rows, 'row')}"
    )
    listener.note(f"wrote {settings.output}")
    return done


def _unheard(settings: RefineSettings) -> list[str]:
    """What is set but of no effect."""
    refinement = settings.refinement
    if settings.across.enabled:
        usual = type(refinement)()
        idle = [name for name in IDLE_ACROSS if getattr(refinement, name) != getattr(usual, name)]
        keys = [f"refinement.{name}" for name in idle] + ["fps"] * (settings.fps is not None)
        return [f"`{key}` changes nothing, as `across.enabled` says who is who and does nothing else" for key in keys]
    remarks = [settings.across.unheard, refinement.unheard]
    for key, given in (("looks", bool(settings.looks)), ("fps", settings.fps is not None)):
        if given and not refinement.link:
            remarks.append(f"`{key}` is for linking only, which was not asked for (`refinement.link`=true).")
    return [remark for remark in remarks if remark is not None]


def _only(paths: Sequence[Path], key: str) -> Path | None:
    if len(paths) > 1:
        writes = key == "results" and not paths[-1].exists()
        meant = f" The one to write is named by `output`={paths[-1]}." if writes else ""
        raise InputError(
            f"`{key}`: {len(paths)} are given, and one file is refined at a time.{meant} To find out who is who in "
            "those of several cameras: `across.enabled`=true."
        )
    return paths[0] if paths else None


def _evidence(settings: RefineSettings, path: Path | None, listener: Listener) -> Evidence:
    """What linking goes by.

    Raises:
        InputError: there are no looks, or they cannot be read.
    """
    if path is None:
        raise InputError(
            "`refinement.link`: needs to know what the tracks looked like; where they were is not enough. Track with "
            "`output.save_looks`=looks.npz, and give that file: `looks`=looks.npz."
        )
    looks = Looks.load(path, key="looks")
    threshold, fps = looks.max_cosine_distance, settings.fps or looks.fps
    if threshold == 0 and settings.refinement.link_distance is None:
        raise InputError(NOBODY_ALIKE.format("refinement.link", "refinement.link_distance"))
    options = settings.refinement.link_options(CANONICAL_COSINE_DISTANCE if threshold is None else threshold)
    if settings.refinement.link_distance is not None:
        why = "`refinement.link_distance`"
    elif threshold is None:
        why = f"{PER_THRESHOLD:g} × the paper's {CANONICAL_COSINE_DISTANCE:g}, as {path} has no threshold"
    else:
        why = f"{PER_THRESHOLD:g} × the {threshold:g} that {path} was tracked with"
    listener.note(f"people differ where their looks are further apart than {options.distance:g} ({why})")
    if fps is None:
        listener.warn(f"{path} does not say how many frames a second has; {USUAL_FPS:g} are taken. Set `fps`.")
    return Evidence(path, looks, fps or USUAL_FPS, options)
