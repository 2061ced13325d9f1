"""What a run cannot do is refused, and what somebody might not expect of it is said, before its first frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deepsort_cli.core import InputError
from deepsort_cli.core.events import Listener
from deepsort_cli.core.files import Inputs, refuse_input
from deepsort_cli.perception.catalogue import DEFAULT_DETECTOR, find
from deepsort_cli.perception.detectors import HogDetector
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.tracking.settings import NOBODY_ALIKE, PER_THRESHOLD
from deepsort_cli.video.outputs import Outputs, asked_for
from deepsort_cli.video.sources import Source
from deepsort_cli.workflows.track.auto_threshold import PERIOD
from deepsort_cli.workflows.track.parts import Parts

NOTHING_KEPT = (
    "the tracks will not be kept, only summed up at the end: no output is asked for. "
    "For example: `output.save_video`=out.mp4, `output.save_txt`=out.txt, `output.save_csv`=out.csv"
)
WEAK_DETECTOR = (
    "no detector is named, and the built-in hog finds few people in crowds or far away. One that finds far more "
    "({size}, {licence}): deepsort models download {name}"
)
NO_MODEL = "no Re-ID model: tracking by motion and overlap (name one with `reid.model_path`=MODEL.onnx)"
TABLES_ONLY = "refinement changes text outputs only, and none is asked for: {}"
REFINED = "text outputs get refined tracks at the end; pictures, counts and the summary are of the run itself"
ROTATED = (
    "outputs begin new files (`output.rotate`={}), whose names end with the time at which they begin: of day for "
    "cameras and streams (out_2026-05-01_14-00-00.csv), else within the recording (out_01-00-00.csv)"
)
LINKED = (
    "linking at the end: people differ where their looks are further apart than {}; text outputs and crops get the "
    "linked ids, pictures, counts and the number of tracks are of the run itself"
)
TRACKS_ARE_NO_PEOPLE = (
    "crops: a folder for each track, of which one person often has several. To train on them put those together: "
    "`refinement.link`=true does, as far as looks and motion tell"
)
NO_LOOKS = "`{}`: no appearance to go by, as there is no Re-ID model. Give one: `reid.model_path`=MODEL.onnx."

MEASURED = "`tracker.max_cosine_distance`=auto: measured after {:g} s of each source; until then"


def refuse_archive(settings: TrackSettings) -> None:
    """What belongs to an archive would go unheard here."""
    if settings.archive.output_dir is not None:
        raise InputError("`archive.output_dir`: that is an archive, and for `track_archive`, not `track`.")
    unheard = [f"`archive.{name}`" for name in ("cluster", "dry_run") if getattr(settings.archive, name)]
    if unheard:
        raise InputError(f"{unheard[0]} is for archives: name the folder of their results, `archive.output_dir`=out.")


def tell(settings: TrackSettings, parts: Parts, plans: Sequence[Outputs], listener: Listener, *, kept: bool) -> None:
    """What somebody might not expect of this run; `kept`: its rows will be there without any output, too."""
    outputs = asked_for(settings.output)
    if not outputs and not settings.output.display and not kept and settings.serve.address is None:
        listener.note(NOTHING_KEPT)
    if settings.across.unheard is not None:
        listener.warn(settings.across.unheard)
    refinement, crops = settings.refinement, settings.output.save_crops is not None
    if refinement.unheard is not None:
        listener.warn(refinement.unheard)
    if refinement.wanted:
        if kept or any(output.sees == "tables" for output in outputs) or (refinement.link and crops):
            listener.note(_linked(settings, parts) if refinement.link else REFINED)
            if settings.output.rotate is not None and any(output.sees == "tables" for output in outputs):
                listener.warn("`output.rotate`: refined text outputs are written at the end, each into one file.")
        else:
            listener.warn(TABLES_ONLY.format("`output.save_txt`, `output.save_csv`, `output.save_jsonl`, …"))
    if crops and not refinement.link and (parts.embedder is not None or parts.brings_features):
        listener.note(TRACKS_ARE_NO_PEOPLE)
    if any(plan.rotates for plan in plans):
        listener.note(ROTATED.format(settings.output.rotate))
    if settings.tracker.max_cosine_distance == "auto":
        _check_auto(parts)
        listener.note(f"{MEASURED.format(PERIOD)} {parts.tracker.appearance_threshold:g} is used")
    better = find(DEFAULT_DETECTOR)
    if isinstance(parts.detector, HogDetector) and settings.detector.model_path is None and better is not None:
        listener.note(WEAK_DETECTOR.format(size=better.megabytes, licence=better.licence, name=better.name))
    if parts.embedder is None and not parts.brings_features:
        listener.note(NO_MODEL)


def _check_auto(parts: Parts) -> None:
    """Refuse to measure looks that there are none of, or not of everybody."""
    if parts.embedder is None and not parts.detector.has_features:
        raise InputError(
            "`tracker.max_cosine_distance`=auto: there is no appearance to measure. Name a Re-ID model with "
            "`reid.model_path`, or leave it out."
        )
    if parts.embeds_on_demand:
        raise InputError(
            "`tracker.max_cosine_distance`=auto needs every detection embedded, and `tracker.refresh_every` (preset "
            "fast) embeds a few. Measure before, with deepsort calibrate, or leave one of them out."
        )


def _linked(settings: TrackSettings, parts: Parts) -> str:
    """What is said about linking before the run."""
    threshold, given = parts.tracker.appearance_threshold, settings.tracker.max_cosine_distance
    distance = f"{settings.refinement.link_options(threshold).distance:g}"
    if settings.refinement.link_distance is not None:
        return LINKED.format(f"{distance} (`refinement.link_distance`)")
    usual = f"{PER_THRESHOLD:g} × `tracker.max_cosine_distance`"
    if given == "auto":
        return LINKED.format(f"{usual}, as it is measured")
    own = f", {parts.appearance}'s own" if given is None and parts.embedder and not parts.brings_features else ""
    return LINKED.format(f"{distance} ({usual}, {threshold:g}{own})")


def check_looks(settings: TrackSettings, parts: Parts) -> None:
    """Refuse what needs looks where there are none; of a function neither are used where no model is wanted."""
    if parts.embedder is not None or parts.brings_features:
        _check_distance(settings, parts.tracker.appearance_threshold)
        return
    keys = {
        "refinement.link": settings.refinement.link,
        "output.save_looks": settings.output.save_looks,
        settings.across.asked_by: settings.across.wanted,
    }
    for key, wanted in keys.items():
        if wanted:
            raise InputError(NO_LOOKS.format(key))


def _check_distance(settings: TrackSettings, threshold: float) -> None:
    """Refuse to tell people apart by parts of no distance at all."""
    refinement, across = settings.refinement, settings.across
    if threshold == 0 and refinement.link and refinement.link_distance is None:
        raise InputError(NOBODY_ALIKE.format("refinement.link", "refinement.link_distance"))
    if threshold == 0 and across.wanted and across.distance is None:
        raise InputError(NOBODY_ALIKE.format(across.asked_by, "across.distance"))


def files_read(settings: TrackSettings, parts: Parts, sources: Sequence[Source]) -> list[tuple[str, Path]]:
    """All files that a run reads, each with the key of the setting behind it: no output may take their place."""
    named = {
        "detections": settings.detections,
        "gt": settings.gt,
        "detector.model_path": parts.detector.file,
        "reid.model_path": None if parts.embedder is None else parts.embedder.file,
    }
    found = [(key, path) for key, path in named.items() if path is not None]
    if settings.across.known is not None:
        found += [("across.known", path) for path in settings.across.known.glob("*/*")]
    return found + [("source", path) for source in sources for path in source.files]


def check_people(settings: TrackSettings, plans: Sequence[Outputs], inputs: Inputs) -> None:
    """Refuse a page about people where nobody tells them apart, and an output in place of the file of people."""
    people, page = settings.across.people, settings.output.save_people
    for output, path in [one for plan in plans for one in plan.paths]:
        if people is not None and path.resolve() == people.resolve():
            raise InputError(f"`across.people` {people}: `{output.key}` writes the same file. Choose another name.")
    if page is not None:
        refuse_input(page, inputs, key="output.save_people")
    if page is not None and not settings.across.wanted:
        raise InputError(
            f"`output.save_people` {page}: people are not told apart, so nobody is matched to "
            "anybody. Set `across.enabled`=true, or name known people: `across.known`=DIR."
        )
