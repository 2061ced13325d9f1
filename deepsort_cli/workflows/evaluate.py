"""`deepsort eval` as a library call: model and data in, figures and a report folder out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener, LoggingListener
from deepsort_cli.core.files import check_output_folder
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.evaluation.evaluate import Evaluation
from deepsort_cli.evaluation.evaluate import evaluate as evaluate_features
from deepsort_cli.evaluation.figures import Comparison, Measured, ModelInfo, compare
from deepsort_cli.evaluation.health import fault_of
from deepsort_cli.evaluation.metrics_file import as_json
from deepsort_cli.evaluation.protocol import EvaluationData, prepare
from deepsort_cli.evaluation.settings import EvaluationDataSettings, EvaluationSettings, ExtractionSettings
from deepsort_cli.evaluation.summary import WIDTH, summary_text
from deepsort_cli.settings.evaluate import EvalSettings
from deepsort_cli.settings.keywords import from_keywords
from deepsort_cli.workflows.evaluation_data import load_query_and_gallery
from deepsort_cli.workflows.extraction import Extractor, extract, open_extractor
from deepsort_cli.workflows.extraction_elsewhere import Embed, check_cluster, embedding
from deepsort_cli.workflows.model_choice import existing_model, find_model


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation came to: rates are fractions, distances cosine distances.

    Attributes:
        model: what was evaluated.
        evaluation: all figures of it.
        against: the second model, and the differences to it, where two were compared.
        folder: the report.
    """

    model: ModelInfo
    evaluation: Evaluation
    against: Comparison | None
    folder: Path

    @property
    def threshold(self) -> float | None:
        """The `max_cosine_distance` recommended to the tracker; None where there are too few pairs for one."""
        return self._measured.threshold

    def as_json(self) -> dict[str, Any]:
        """The figures as `--json` prints them: what `metrics.json` holds, and `report`, where it lies."""
        return {**as_json(self._measured, self.against), "report": str(self.folder)}

    def text(self, width: int = WIDTH) -> str:
        """The summary, in lines of so many characters."""
        return summary_text(self._measured, self.against, width)

    @property
    def _measured(self) -> Measured:
        return Measured(self.model, self.evaluation)


def evaluate(model: Path | str | None = None, *, listener: Listener | None = None, **keywords: Any) -> Evaluated:
    """Evaluate a Re-ID model, or two on the same data, and write the report, as `deepsort eval` does.

    Args:
        model: an ONNX model, a checkpoint or the name of a bundled model; None: the best of the newest finished run in
            `runs/`, else the bundled one.
        listener: told what happens; None: remarks go to the logger `deepsort`.
        keywords: the command's flags with underscores (`root=`, `query=`, `rerank=True`), or whole sections
            (`evaluation={"top_k": 5}`).

    Raises:
        InputError: something given cannot be used; nothing was written.
        RunError: reading or writing failed.
    """
    if model is not None:
        keywords["checkpoint"] = model
    return run_evaluate(from_keywords(EvalSettings, keywords), listener or LoggingListener())


def run_evaluate(settings: EvalSettings, listener: Listener) -> Evaluated:
    """What `evaluate` does, with the settings of `deepsort eval`.

    Raises:
        InputError, RunError: see `evaluate`.
    """
    extraction, evaluation = settings.extraction, settings.evaluation
    settings = check_cluster(settings, listener)
    found = find_model(settings.checkpoint)
    if settings.checkpoint is None:
        listener.note(f"Evaluating {found.path} ({found.source}).")
    for remark in found.remarks:
        listener.warn(remark)
    models = [open_extractor(found.path, settings.runtime, extraction.batch_size, settings.reid)]
    if settings.against is not None:
        other = existing_model(settings.against, "against")
        models.append(open_extractor(other, settings.runtime, extraction.batch_size, settings.reid))
    for extractor in models:
        for remark in extractor.remarks:
            listener.warn(f"{extractor.path}: {remark}.")
    check_output_folder(settings.report.dir, key="report.dir")
    query, gallery = load_query_and_gallery(settings.data, listener, ignore_camera=evaluation.ignore_camera)
    images = prepare(query, gallery, ignore_camera=evaluation.ignore_camera)
    for note in images.notes:
        listener.note(note)
    models = [_remembering(x, images, settings.data, listener) for x in models]
    names = short_names([x.path for x in models])
    results = []
    for extractor in models:
        name = short_name(extractor.path)
        with embedding(extractor, settings, listener, name) as embed:
            results.append(evaluate_model(extractor, images, evaluation, extraction, listener, name, embed))
    infos = [
        _info(x, name, why, flip_test=extraction.flip_test)
        for x, name, why in zip(models, names, (found.source, "given"), strict=False)
    ]
    return _report(results, infos, settings, listener)


def _remembering(
    extractor: Extractor, images: EvaluationData, data: EvaluationDataSettings, listener: Listener
) -> Extractor:
    """The model with a remark where it has learned from the people it is to be measured on."""
    in_one_table = images.query.fingerprint == images.gallery.fingerprint
    tested = data.root is not None and data.val_ratio is None and in_one_table
    remark = "" if extractor.learned is None else extractor.learned.about(images.query, tested=tested)
    if not remark:
        return extractor
    listener.warn(f"{extractor.path}: {remark}.")
    return replace(extractor, remarks=(*extractor.remarks, remark))


def _report(
    results: Sequence[Evaluation], infos: Sequence[ModelInfo], settings: EvalSettings, listener: Listener
) -> Evaluated:
    """Write the folder."""
    # matplotlib takes as long to load as everything else here, so it comes after what may fail.
    from deepsort_cli.evaluation.report import write_report

    found, *others = map(Measured, infos, results)
    against = compare(found, others[0]) if others else None
    folder = write_report(found, settings.report, against, listener)
    return Evaluated(found.model, found.evaluation, against, folder)


def _info(extractor: Extractor, name: str, why: str, *, flip_test: bool) -> ModelInfo:
    return ModelInfo(
        str(extractor.path),
        name,
        extractor.sha256,
        extractor.embedding_size,
        flip_test,
        why,
        extractor.preprocess,
        extractor.origin,
        tuple(f"{extractor.path}: {remark}." for remark in extractor.remarks),
    )


def evaluate_model(
    extractor: Extractor,
    images: EvaluationData,
    settings: EvaluationSettings,
    extraction: ExtractionSettings,
    listener: Listener,
    name: str,
    embed: Embed | None = None,
) -> Evaluation:
    """Embed query and gallery with a model and compute all figures.

    Args:
        name: of the model, for the listener.
        embed: gives the embeddings of images; None: this process computes them.

    Raises:
        InputError: its embeddings say nothing.
    """
    total = len(images.query) + len(images.gallery)

    def features_of(part: Manifest, before: int) -> Any:
        def told(done: int) -> None:
            listener.progress(f"embedding, {name}", before + done, total)

        if embed is not None:
            return embed(part, told)
        flip = extraction.flip_test
        return extract(part, extractor, batch_size=extraction.batch_size, flip=flip, on_progress=told)

    query, gallery = features_of(images.query, 0), features_of(images.gallery, len(images.query))
    fault = fault_of(np.concatenate([query, gallery]))
    if fault is not None:
        raise InputError(f"{extractor.path}: the model is broken: {fault}. Use another checkpoint.")
    return evaluate_features(
        images, query, gallery, settings, lambda done, queries: listener.progress("ranking", done, queries)
    )


def short_names(paths: Sequence[Path]) -> list[str]:
    """Short names, told apart by their folders where they are the same."""
    names = [short_name(path) for path in paths]
    if len(set(names)) == len(names):
        return names
    longer = ["/".join(path.resolve().parts[-3:]) for path in paths]
    return longer if len(set(longer)) == len(longer) else [f"{name} ({i})" for i, name in enumerate(longer, start=1)]


def short_name(path: Path) -> str:
    """A short name: `runs/x/checkpoints/best.pth` is called x/best."""
    if path.parent.name == "checkpoints" and path.parent.parent.name:
        return f"{path.parent.parent.name}/{path.stem}"
    return path.stem
