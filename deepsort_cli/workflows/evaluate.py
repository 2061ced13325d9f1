"""`deepsort eval` as a library call: model and data in, figures and a report folder out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.files import check_output_folder
from deepsort_cli.data.loading import advise, load_manifest, load_query_gallery
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.data.roots import check_root, part_folders
from deepsort_cli.data.splits import split_by_identity, without_cameras
from deepsort_cli.evaluation.evaluate import Evaluation, evaluate
from deepsort_cli.evaluation.figures import ModelInfo, difference_figures, figures
from deepsort_cli.evaluation.health import fault_of
from deepsort_cli.evaluation.protocol import EvaluationData, prepare
from deepsort_cli.evaluation.settings import (
    EvaluationDataSettings,
    EvaluationSettings,
    ExtractionSettings,
    ReportSettings,
)
from deepsort_cli.evaluation.summary import WIDTH, summary_text
from deepsort_cli.workflows.extraction import Extractor, extract, open_extractor
from deepsort_cli.perception.bundled import bundled_model, model_file
from deepsort_cli.perception.model_names import no_such_model
from deepsort_cli.perception.settings import RuntimeSettings

RUNS = "runs/*/checkpoints/best.pth"
EXAMPLE = "deepsort eval MODEL --query DIR --gallery DIR"


def _ignore_stage(stage: str, done: int, total: int) -> None: ...


def _ignore(message: str) -> None: ...


@dataclass(frozen=True)
class Listener:
    """Who is told what happens.

    Attributes:
        progress: called with a stage, what is done of it, and how much there is.
        info: called with remarks for the user.
        warn: called with what speaks against the result, or calls for a decision.
    """

    progress: Callable[[str, int, int], None] = _ignore_stage
    info: Callable[[str], None] = _ignore
    warn: Callable[[str], None] = _ignore


@dataclass(frozen=True)
class Outcome:
    """What an evaluation came to.

    Attributes:
        evaluation: all figures of the model.
        figures: the same as plain data, with `against` and `difference` where two models were compared, and `report`.
        folder: the report.
    """

    evaluation: Evaluation
    figures: dict[str, Any]
    folder: Path

    def text(self, width: int = WIDTH) -> str:
        """The summary, in lines of so many characters."""
        return summary_text(
            self.evaluation, self.figures, self.figures.get("against"), self.figures.get("difference"), width
        )


def run_evaluation(
    model: Path | None,
    data: EvaluationDataSettings,
    evaluation: EvaluationSettings | None = None,
    *,
    against: Path | None = None,
    extraction: ExtractionSettings | None = None,
    runtime: RuntimeSettings | None = None,
    report: ReportSettings | None = None,
    listener: Listener | None = None,
) -> Outcome:
    """Evaluate a Re-ID model, or two on the same data, and write the report.

    Args:
        model: an ONNX model, a checkpoint or the name of a bundled model; None takes what `find_model` finds.
        against: a second model to compare with.

    Raises:
        InputError: something given cannot be used; nothing was written.
        RunError: reading or writing failed.
    """
    evaluation, extraction = evaluation or EvaluationSettings(), extraction or ExtractionSettings()
    report, listener = report or ReportSettings(), listener or Listener()
    found = find_model(model)
    if model is None:
        listener.info(f"Evaluating {found.path} ({found.source}).")
    for remark in found.remarks:
        listener.warn(remark)
    models = [open_extractor(found.path, runtime, extraction.batch_size)]
    if against is not None:
        models.append(open_extractor(_existing(against, "--against"), runtime, extraction.batch_size))
    for extractor in models:
        for remark in extractor.remarks:
            listener.warn(f"{extractor.path}: {remark}.")
    check_output_folder(report.dir, option="--output-dir")
    images = prepare(
        *load_data(data, listener, ignore_camera=evaluation.ignore_camera), ignore_camera=evaluation.ignore_camera
    )
    for note in images.notes:
        listener.info(note)

    results: list[Evaluation] = []
    for extractor in models:
        results.append(_evaluate(extractor, images, evaluation, extraction, listener))
    # matplotlib takes as long to load as everything else here, so it comes after what may fail.
    from deepsort_cli.evaluation.report import Compared, write_report

    names = _names([x.path for x in models])
    infos = [
        ModelInfo(
            str(x.path),
            name,
            x.sha256,
            x.embedding_size,
            extraction.flip_test,
            why,
            {**x.preprocess.model_dump(mode="json"), "origin": x.origin},
            tuple(f"{x.path}: {remark}." for remark in x.remarks),
        )
        for x, name, why in zip(models, names, (found.source, "given"), strict=False)
    ]
    content = figures(results[0], infos[0])
    compared = None
    if against is not None:
        other = figures(results[1], infos[1])
        differences = difference_figures(results[0].compare(results[1]))
        compared = Compared(results[1], other, differences)
        content |= {"against": other, "difference": differences}
    text = summary_text(results[0], content, compared.figures if compared else None, content.get("difference"))
    folder = write_report(results[0], content, text, report, compared, listener.progress)
    content["report"] = str(folder)
    return Outcome(results[0], content, folder)


@dataclass(frozen=True)
class FoundModel:
    """A model to evaluate, why this one, and what to know about the choice."""

    path: Path
    source: str
    remarks: tuple[str, ...] = ()


def find_model(given: Path | None) -> FoundModel:
    """The model to evaluate: the given one, else the best of the newest finished run here, else the bundled one.

    A run that was not finished is taken only where no other is.

    Raises:
        InputError: there is none.
    """
    if given is not None:
        return FoundModel(_existing(given, ""), "given")
    files = sorted(Path().glob(RUNS), key=lambda path: path.stat().st_mtime, reverse=True)
    runs = {file: run_state(file.parent.parent) for file in files}
    if runs:
        chosen = max(files, key=lambda file: runs[file].worth)
        newer = files[: files.index(chosen)]
        remarks = [f"{file} is newer, but {runs[file].words}; it was not chosen." for file in newer[:3]]
        if runs[chosen].words:
            remarks.insert(0, f"{chosen}: {runs[chosen].words}, and there is no finished run here.")
        which = "run" if runs[chosen].words else "finished run"
        return FoundModel(chosen, f"the best checkpoint of the newest {which}", tuple(remarks))
    bundled = bundled_model()
    if bundled is not None:
        return FoundModel(bundled, "the bundled model")
    raise InputError(f"no model: none was given, {RUNS} does not exist here, and none is bundled. Try: {EXAMPLE}")


def _existing(given: Path, flag: str) -> Path:
    """The model file of this name, or the bundled model."""
    found = model_file(given)
    if not found.exists():
        raise InputError(no_such_model(str(given), "reid", flag))
    return found


@dataclass(frozen=True)
class RunState:
    """How far the training of a run folder has come.

    Attributes:
        worth: 2 for a finished one, 1 for an interrupted one, 0 where nothing was learned or nobody knows.
        words: what is missing; empty for a finished one.
    """

    worth: int
    words: str = ""


def run_state(folder: Path) -> RunState:
    """How far a run has come, by its history and its settings."""
    try:
        config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        planned, pretrained = int(config["training"]["epochs"]), config["model"]["pretrained"]
        history = json.loads((folder / "history.json").read_text(encoding="utf-8"))
        validated = [int(row["epoch"]) for row in history if "mAP" in row]
        done = int(history[-1]["epoch"])
    except (OSError, ValueError, KeyError, IndexError, TypeError, yaml.YAMLError):
        return RunState(0, "nothing says how far its training came")
    if pretrained is None and (done == 0 or validated == [0]):  # any trained epoch is preferred to random weights
        return RunState(0, "its best checkpoint is of epoch 0, the untrained network")
    if done < planned:
        return RunState(1, f"its training was not finished (epoch {done} of {planned})")
    return RunState(2)


def load_data(
    settings: EvaluationDataSettings, listener: Listener | None = None, *, ignore_camera: bool = False
) -> tuple[Manifest, Manifest]:
    """The query and the gallery that the settings name, and a word on what is wrong with them.

    Raises:
        InputError: none or too much is named, a folder cannot be used, or evaluating on it would mean nothing.
    """
    listener = listener or Listener()
    scan = settings.scan.model_copy(update={"drop_small": False})  # a query folder has one image per identity

    def progress(done: int, total: int) -> None:
        listener.progress("scanning", done, total)

    def load(folder: Path) -> Manifest:
        return load_manifest(folder, scan, progress=progress, notify=listener.info)

    def checked(query: Manifest, gallery: Manifest) -> tuple[Manifest, Manifest]:
        advise(query=query, gallery=gallery, settings=scan, ignore_camera=ignore_camera, warn=listener.warn)
        return query, gallery

    query, gallery, root = settings.query, settings.gallery, settings.root
    if root is not None and (query is not None or gallery is not None):
        raise InputError("--root stands for both sets: give either --root, or --query and --gallery.")
    if root is not None:
        if settings.val_ratio is not None:
            whole = load_manifest(root, settings.scan, progress=progress, notify=listener.info)
            advise(gallery=whole, settings=scan, ignore_camera=ignore_camera, warn=listener.warn)
            whole = without_cameras(whole) if ignore_camera else whole
            _, queries, rest = split_by_identity(whole, settings.val_ratio, settings.seed)
            return queries, rest
        check_root(root)
        if not {"query", "gallery"} & set(part_folders(root, scan).values()):
            raise InputError(
                f"--root {root}: holds no query and gallery folders. To evaluate on a share of its identities, add "
                "for example --val-ratio 0.2; else give --query and --gallery."
            )
        return checked(*load_query_gallery(root, scan, progress=progress, notify=listener.info))
    if settings.val_ratio is not None:
        raise InputError("--val-ratio splits the folder given with --root, which is missing.")
    if query is None or gallery is None:
        missing = "--gallery" if query is not None else "--query" if gallery is not None else "--query and --gallery"
        raise InputError(f"{missing} missing. Try: {EXAMPLE}, or --root DIR of a Market-1501-style dataset.")
    for option, folder in (("--query", query), ("--gallery", gallery)):
        check_root(folder)
        if part_folders(folder, scan):
            raise InputError(f"{option} {folder}: is a whole dataset. Give one of its folders, or use --root {folder}.")
    return checked(load(query), load(gallery))


def _evaluate(
    extractor: Extractor,
    images: EvaluationData,
    settings: EvaluationSettings,
    extraction: ExtractionSettings,
    listener: Listener,
) -> Evaluation:
    total = len(images.query) + len(images.gallery)

    def embed(part: Manifest, before: int) -> Any:
        return extract(
            part,
            extractor,
            batch_size=extraction.batch_size,
            flip=extraction.flip_test,
            on_progress=lambda done: listener.progress(f"embedding, {_name(extractor.path)}", before + done, total),
        )

    query, gallery = embed(images.query, 0), embed(images.gallery, len(images.query))
    fault = fault_of(np.concatenate([query, gallery]))
    if fault is not None:
        raise InputError(f"{extractor.path}: the model is broken: {fault}. Use another checkpoint.")
    return evaluate(images, query, gallery, settings, lambda done, queries: listener.progress("ranking", done, queries))


def _names(paths: Sequence[Path]) -> list[str]:
    """Short names, told apart by their folders where they are the same."""
    names = [_name(path) for path in paths]
    if len(set(names)) == len(names):
        return names
    longer = ["/".join(path.resolve().parts[-3:]) for path in paths]
    return longer if len(set(longer)) == len(longer) else [f"{name} ({i})" for i, name in enumerate(longer, start=1)]


def _name(path: Path) -> str:
    """A short name: `runs/x/checkpoints/best.pth` is called x/best."""
    if path.parent.name == "checkpoints" and path.parent.parent.name:
        return f"{path.parent.parent.name}/{path.stem}"
    return path.stem
