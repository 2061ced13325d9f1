"""`deepsort eval` as a library call: model and data in, figures and a report folder out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.files import check_output_folder
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.data.scan import check_root, load_manifest, part_folders
from deepsort_cli.data.splits import load_query_gallery, split_by_identity, without_cameras
from deepsort_cli.evaluation.evaluate import Evaluation, evaluate
from deepsort_cli.evaluation.figures import ModelInfo, difference_figures, figures
from deepsort_cli.evaluation.protocol import EvaluationData, prepare
from deepsort_cli.evaluation.settings import (
    EvaluationDataSettings,
    EvaluationSettings,
    ExtractionSettings,
    ReportSettings,
)
from deepsort_cli.evaluation.summary import summary_text
from deepsort_cli.extraction import Extractor, extract, open_extractor
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
    """

    progress: Callable[[str, int, int], None] = _ignore_stage
    info: Callable[[str], None] = _ignore


@dataclass(frozen=True)
class Outcome:
    """What an evaluation came to.

    Attributes:
        evaluation: all figures of the model.
        figures: the same as plain data, with `against` and `difference` where two models were compared, and `report`.
        text: the summary.
        folder: the report.
    """

    evaluation: Evaluation
    figures: dict[str, Any]
    text: str
    folder: Path


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
        model: a .onnx model, a .pth checkpoint or the name of a bundled model; None takes what `find_model` finds.
        against: a second model to compare with.

    Raises:
        InputError: something given cannot be used; nothing was written.
        RunError: reading or writing failed.
    """
    evaluation, extraction = evaluation or EvaluationSettings(), extraction or ExtractionSettings()
    report, listener = report or ReportSettings(), listener or Listener()
    path, source = find_model(model)
    if model is None:
        listener.info(f"Evaluating {path} ({source}).")
    models = [open_extractor(path, runtime, extraction.batch_size)]
    if against is not None:
        models.append(open_extractor(_existing(against, "--against"), runtime, extraction.batch_size))
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

    infos = [
        ModelInfo(str(x.path), _name(x.path), x.sha256, x.embedding_size, extraction.flip_test, why)
        for x, why in zip(models, (source, "given"), strict=False)
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
    return Outcome(results[0], content, text, folder)


def find_model(given: Path | None) -> tuple[Path, str]:
    """The model to evaluate and why: the given one, else the best of the newest run here, else the bundled one.

    Raises:
        InputError: there is none.
    """
    if given is not None:
        return _existing(given, ""), "given"
    runs = sorted(Path().glob(RUNS), key=lambda path: path.stat().st_mtime)
    if runs:
        return runs[-1], "the best checkpoint of the newest run"
    bundled = bundled_model()
    if bundled is not None:
        return bundled, "the bundled model"
    raise InputError(f"no model: none was given, {RUNS} does not exist here, and none is bundled. Try: {EXAMPLE}")


def _existing(given: Path, flag: str) -> Path:
    """The model file of this name, or the bundled model."""
    found = model_file(given)
    if not found.exists():
        raise InputError(no_such_model(str(given), "reid", flag))
    return found


def load_data(
    settings: EvaluationDataSettings, listener: Listener | None = None, *, ignore_camera: bool = False
) -> tuple[Manifest, Manifest]:
    """The query and the gallery that the settings name.

    Raises:
        InputError: none or too much is named, or a folder cannot be used.
    """
    listener = listener or Listener()
    scan = settings.scan.model_copy(update={"drop_small": False})  # a query folder has one image per identity

    def progress(done: int, total: int) -> None:
        listener.progress("scanning", done, total)

    def load(folder: Path) -> Manifest:
        return load_manifest(folder, scan, progress=progress, notify=listener.info)

    query, gallery, root = settings.query, settings.gallery, settings.root
    if root is not None and (query is not None or gallery is not None):
        raise InputError("--root stands for both sets: give either --root, or --query and --gallery.")
    if root is not None:
        if settings.val_ratio is not None:
            whole = load_manifest(root, settings.scan, progress=progress, notify=listener.info)
            whole = without_cameras(whole) if ignore_camera else whole
            _, queries, rest = split_by_identity(whole, settings.val_ratio, settings.seed)
            return queries, rest
        check_root(root)
        if not {"query", "gallery"} & set(part_folders(root).values()):
            raise InputError(
                f"--root {root}: holds no query and gallery folders. To evaluate on a share of its identities, add "
                "for example --val-ratio 0.2; else give --query and --gallery."
            )
        return load_query_gallery(root, scan, progress=progress, notify=listener.info)
    if settings.val_ratio is not None:
        raise InputError("--val-ratio splits the folder given with --root, which is missing.")
    if query is None or gallery is None:
        missing = "--gallery" if query is not None else "--query" if gallery is not None else "--query and --gallery"
        raise InputError(f"{missing} missing. Try: {EXAMPLE}, or --root DIR of a Market-1501-style dataset.")
    for option, folder in (("--query", query), ("--gallery", gallery)):
        check_root(folder)
        if part_folders(folder):
            raise InputError(f"{option} {folder}: is a whole dataset. Give one of its folders, or use --root {folder}.")
    return load(query), load(gallery)


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
    return evaluate(images, query, gallery, settings, lambda done, queries: listener.progress("ranking", done, queries))


def _name(path: Path) -> str:
    """A short name: `runs/x/checkpoints/best.pth` is called x/best."""
    if path.parent.name == "checkpoints" and path.parent.parent.name:
        return f"{path.parent.parent.name}/{path.stem}"
    return path.stem
