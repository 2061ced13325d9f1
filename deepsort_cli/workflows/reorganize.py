"""`deepsort reorganize` as a library call."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepsort_cli.core.counted import counted, listed
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener, LoggingListener
from deepsort_cli.core.files import printable
from deepsort_cli.data.finding import count_reasons
from deepsort_cli.data.reorganize import Outcome, Plan, plan_reorganize
from deepsort_cli.data.reorganize import reorganize as carry_out
from deepsort_cli.settings.keywords import from_keywords
from deepsort_cli.settings.reorganize import ReorganizeSettings


@dataclass(frozen=True)
class Reorganized:
    """What was to be done, and what was: None for a dry run."""

    plan: Plan
    outcome: Outcome | None


def reorganize(
    src: Path | str | None = None,
    dst: Path | str | None = None,
    *,
    listener: Listener | None = None,
    **keywords: Any,
) -> Reorganized:
    """Turn a flat Re-ID dataset into a folder per person, as `deepsort reorganize` does.

    Args:
        src: the dataset; it is only read.
        dst: folder to fill.
        listener: told what happens, by `happened` the `Plan`; None: remarks go to the logger `deepsort`.
        keywords: the command's flags with underscores: `mode=`, `layout=`, `dry_run=True`.

    Raises:
        InputError: something given cannot be used; nothing was written.
        RunError: another file stands where an image should go, or the file system refuses.
    """
    keywords |= {name: value for name, value in {"src": src, "dst": dst}.items() if value is not None}
    return run_reorganize(from_keywords(ReorganizeSettings, keywords), listener or LoggingListener())


def run_reorganize(settings: ReorganizeSettings, listener: Listener) -> Reorganized:
    """What `reorganize` does, with the settings of `deepsort reorganize`.

    Raises:
        InputError, RunError: see `reorganize`.
    """
    if settings.src is None or settings.dst is None:
        raise InputError(f"`{'src' if settings.src is None else 'dst'}` is missing. Give `src` and `dst`, two folders.")
    plan = plan_reorganize(settings.src, settings.layout, settings.pattern, settings.link_sources)
    reasons = count_reasons(plan.left_out)
    if reasons:
        left = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
        listener.warn(f"{counted(len(plan.left_out), 'file stays', 'files stay')} behind ({left}).")
    if plan.cameras:
        given = [f"{number} is {printable(name)}" for name, number in plan.cameras.items()]
        listener.note(f"Cameras known by name get numbers: {listed(given)}.")
    listener.happened(plan)
    if settings.dry_run:
        return Reorganized(plan, None)

    def progress(done: int, total: int) -> None:
        listener.progress("placing", done, total)

    outcome = carry_out(plan, settings.dst, settings.mode, progress=progress)
    if outcome.copied:
        listener.note(
            f"{outcome.copied:,} are copies: no hard links can be made from {settings.src} to {settings.dst}."
        )
    if outcome.others:
        listener.warn(
            f"{counted(outcome.others, 'image')} of other sources {'lies' if outcome.others == 1 else 'lie'} in the "
            f"folders of {settings.dst} that were filled: people of the same number count as one. If they are "
            "different people, give another `dst`."
        )
    if settings.mode == "link":
        listener.note(f"Links leave the folder, so allow them: `link_sources`={settings.src.resolve()}")
    return Reorganized(plan, outcome)
