"""`deepsort export` as a library call: checkpoint in, verified ONNX embedder out."""

from __future__ import annotations

import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deepsort_cli.core.cpus import available_cpus
from deepsort_cli.core.embedder_metadata import EmbedderMetadata
from deepsort_cli.core.errors import DeepsortError, InputError, RunError
from deepsort_cli.core.files import atomic_path, check_output_file, file_sha256
from deepsort_cli.core.images import read_image
from deepsort_cli.core.model_files import onnx_name
from deepsort_cli.core.preprocess import Float32Array, Preprocess
from deepsort_cli.core.types import Image
from deepsort_cli.data.loading import load_manifest
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.data.roots import check_root
from deepsort_cli.evaluation.evaluate import evaluate
from deepsort_cli.evaluation.figures import ModelInfo, figures
from deepsort_cli.evaluation.health import fault_of
from deepsort_cli.evaluation.protocol import EvaluationData, prepare
from deepsort_cli.evaluation.settings import EvaluationDataSettings, EvaluationSettings
from deepsort_cli.workflows.evaluate import Listener, load_data
from deepsort_cli.workflows.extraction import Extractor, extract
from deepsort_cli.perception.embedders import Embedder
from deepsort_cli.perception.runtime import open_session
from deepsort_cli.perception.settings import EmbedderSettings, RuntimeSettings
from deepsort_cli.reid.bundled import weights_file
from deepsort_cli.reid.checkpoint import CheckpointInfo, load_model
from deepsort_cli.reid.export import check_packages, quantize, write_graph, write_metadata
from deepsort_cli.reid.extract import extract_features
from deepsort_cli.reid.osnet import OSNet
from deepsort_cli.reid.settings import ExportSettings
from deepsort_cli.reid.untrained import is_untrained, model_remarks

BATCHES = (1, 2, 7, 32)
"""Numbers of crops at once with which a file is verified."""
MAX_DIFFERENCE = 1e-5
MIN_COSINE = 0.99999
CPU = RuntimeSettings(device="cpu")
"""Where files are verified: the device everybody has, and the one that computes in full float32."""
METRICS = ("mAP", "mINP", "rank1", "rank5", "rank10")
TIMED_BATCHES = (1, 8, 32)
TIMED_SECONDS = 1.0
"""How long each of the two programs is timed per batch size."""


@dataclass(frozen=True)
class Check:
    """The exported float32 graph against PyTorch, at one batch size.

    Attributes:
        batch: crops at once.
        difference: largest absolute difference of two values.
        cosine: smallest cosine between two embeddings of a crop.
        length: largest difference of an embedding's length from 1, as the graph gives it.
    """

    batch: int
    difference: float
    cosine: float
    length: float

    @property
    def passed(self) -> bool:
        # Written so that NaN fails.
        return self.difference <= MAX_DIFFERENCE and self.cosine >= MIN_COSINE and self.length <= MAX_DIFFERENCE


@dataclass(frozen=True)
class Loss:
    """What lower precision costs.

    Attributes:
        mean_cosine, min_cosine: between the embeddings of a crop before and after.
        crops: how many were compared.
        mAP_before, mAP_after: fractions; None without a query and a gallery.
    """

    mean_cosine: float
    min_cosine: float
    crops: int
    mAP_before: float | None = None
    mAP_after: float | None = None


@dataclass(frozen=True)
class Timing:
    """Median milliseconds per batch, preprocessing included: the exported file and PyTorch, measured in turns."""

    batch: int
    onnx: float
    pytorch: float


@dataclass(frozen=True)
class Exported:
    """What `run_export` wrote.

    Attributes:
        path: the file.
        precision: float32, float16 or int8.
        metadata: what the file says about itself.
        crops: which crops it was verified on, in words.
        checks: one per batch size; empty without verification.
        loss: of lower precision, None for float32.
        timings: one per batch size; empty without benchmark.
        warnings: what the user should know.
    """

    path: Path
    precision: str
    metadata: EmbedderMetadata
    crops: str
    checks: tuple[Check, ...]
    loss: Loss | None
    timings: tuple[Timing, ...]
    warnings: tuple[str, ...]


def run_export(
    checkpoint: Path | None,
    output: Path | None = None,
    settings: ExportSettings | None = None,
    data: EvaluationDataSettings | None = None,
    *,
    overwrite: bool = False,
    listener: Listener | None = None,
    on_check: Callable[[Check], None] | None = None,
) -> Exported:
    """Export a checkpoint, verify the file, and only then give it its name.

    Args:
        checkpoint: ours, torchreid's or fast-reid's.
        output: the ONNX file; None: beside the checkpoint.
        data: real crops. A query alone serves verification and calibration; with a gallery mAP is measured too, and
            the threshold for the tracker.
        on_check: told of every verification as it is done.

    Raises:
        InputError: something given cannot be used; nothing was written.
        RunError: the export or its verification failed; there is no file under the name.
    """
    settings, data, listener = settings or ExportSettings(), data or EvaluationDataSettings(), listener or Listener()
    if checkpoint is None:
        raise InputError("no checkpoint given. Try: deepsort export CHECKPOINT.pth")
    output = output or onnx_name(checkpoint)
    checkpoint = weights_file(checkpoint)
    if output.suffix.lower() != ".onnx":
        raise InputError(
            f"--output {output}: the name of an ONNX model ends in .onnx. Try {output.with_suffix('.onnx')}."
        )
    check_packages(simplify=settings.simplify)
    model, info = load_model(checkpoint)
    if output.exists() and output.samefile(checkpoint):
        raise InputError(f"--output {output}: this is the checkpoint itself. Choose another name.")
    check_output_file(output, overwrite=overwrite, option="--output")
    sizes = {name: getattr(settings, name) or getattr(info.preprocess, name) for name in ("height", "width")}
    preprocess = info.preprocess.model_copy(update=sizes)
    stored = None if settings.metrics is None else read_metrics(settings.metrics)
    images, evaluated = _real_images(data, listener, settings.ignore_camera)
    wanted = settings.calibration_crops if settings.int8 else max(BATCHES)
    crops = generated_crops(wanted) if images is None else _read_crops(images, wanted)
    origin = f"{len(crops)} generated crops" if images is None else f"{len(crops)} crops of {images.root}"

    fault = fault_of(extract_features(model, crops[: max(BATCHES)], preprocess))
    if fault is not None:
        raise InputError(
            f"{checkpoint}: the model is broken: {fault}, on {origin}. No file was written: export another checkpoint."
        )
    warnings = _warnings(checkpoint, model, info, preprocess, settings, images is None)
    sha256 = file_sha256(checkpoint)
    metadata = EmbedderMetadata(
        **preprocess.model_dump(),
        architecture=info.name,
        embedding_size=model.embedding_dim,
        normalized=True,
        training_data=settings.training_data,
        training_fingerprint=info.fingerprint,
        training_state=_training_state(model, info),
        checkpoint_sha256=sha256,
        versions=_versions(info),
        license=settings.license,
    )
    batch = settings.batch or (None if settings.dynamic_batch else 1)
    precision = "float16" if settings.half else "int8" if settings.int8 else "float32"
    checks: list[Check] = []
    loss = None
    with atomic_path(output) as temporary, tempfile.TemporaryDirectory() as folder:
        exact = Path(folder) / "float32.onnx"
        write_graph(model, preprocess, exact, batch=batch, opset=settings.opset, simplify=settings.simplify)
        write_metadata(exact, metadata)
        if settings.verify:
            checks = verify(exact, model, preprocess, crops, on_check)
        ready = exact
        if precision != "float32":
            ready = Path(folder) / f"{precision}.onnx"
            if settings.half:
                write_graph(
                    model, preprocess, ready, batch=batch, opset=settings.opset, simplify=settings.simplify, half=True
                )
            else:
                quantize(exact, ready, _calibration(crops, preprocess, batch))
            write_metadata(ready, metadata)
            loss = _loss(ready, model, preprocess, crops)
        found = None
        if evaluated is not None:
            found = _figures(ready, evaluated, listener)
            if loss is not None:
                before = _figures(exact, evaluated, listener)
                measured = (figures["fractions"]["mAP"] for figures in (before, found))
                loss = Loss(loss.mean_cosine, loss.min_cosine, loss.crops, *measured)
        recommended = recommend(settings, info, stored, found, sha256)
        warnings += recommended.warnings
        metadata = metadata.model_copy(update=recommended.fields())
        write_metadata(ready, metadata)
        temporary.write_bytes(ready.read_bytes())
        embedder = _open(temporary)  # as the tracker will
        if embedder.metadata != metadata:
            raise RunError("the metadata read back from the file differs from what was written. Please report this.")
        timings = _benchmark(temporary, model, preprocess, crops, batch) if settings.benchmark else []
    return Exported(output, precision, metadata, origin, tuple(checks), loss, tuple(timings), tuple(warnings))


def verify(
    path: Path,
    model: OSNet,
    preprocess: Preprocess,
    crops: Sequence[Image],
    on_check: Callable[[Check], None] | None = None,
) -> list[Check]:
    """Compare an ONNX embedder with PyTorch on the same crops, each preprocessed as its own side says.

    Args:
        preprocess: of the PyTorch model; the ONNX side reads its own from the file.

    Raises:
        RunError: they differ by more than rounding, or the file does not run.
    """
    checks = []
    crops = crops[: max(BATCHES)]
    for batch in BATCHES:
        wanted = extract_features(model, crops, preprocess, batch_size=batch)
        embedder = _open(path, batch)
        try:
            got = embedder.embed_crops(crops)
        except DeepsortError as error:
            raise RunError(f"the exported file fails at batch {batch}: {error}") from error
        check = Check(batch, *_compare(got, wanted), _length_error(path, embedder.metadata, crops[:batch]))
        checks.append(check)
        if on_check is not None:
            on_check(check)
    wrong = [check for check in checks if not check.passed]
    if wrong:
        shown = ", ".join(
            f"batch {c.batch}: difference {c.difference:.1e}, cosine {c.cosine:.6f}, length off by {c.length:.1e}"
            for c in wrong
        )
        raise RunError(
            f"verification failed, no file was written. ONNX Runtime and PyTorch disagree ({shown}; allowed "
            f"{MAX_DIFFERENCE:g} and {MIN_COSINE}). Try --no-simplify or another --opset; if the weights hold huge or "
            "NaN values, no export can be exact."
        )
    return checks


@dataclass(frozen=True)
class Recommendation:
    """What a file says about its quality: threshold with its origin, and evaluation figures as fractions."""

    threshold: float | None
    source: str
    metrics: Mapping[str, float]
    warnings: tuple[str, ...] = ()

    def fields(self) -> dict[str, Any]:
        """As fields of `EmbedderMetadata`."""
        return {"threshold": self.threshold, "threshold_source": self.source, "metrics": dict(self.metrics)}


def recommend(
    settings: ExportSettings,
    info: CheckpointInfo,
    stored: Mapping[str, Any] | None,
    measured: Mapping[str, Any] | None,
    sha256: str,
) -> Recommendation:
    """Choose the threshold and the figures to store.

    The threshold is, in this order: the one given, that of the metrics file, that just measured, the checkpoint's.

    Args:
        stored: content of a metrics.json.
        measured: figures of the exported file itself, in the same form.
        sha256: of the checkpoint, to notice figures of another model.
    """
    warnings: list[str] = []
    metrics = {name: value for name, value in info.metrics.items() if name != "threshold"}
    threshold, source = info.metrics.get("threshold"), "stored in the checkpoint"
    for found in (measured, stored):  # the later wins
        if found is None:
            continue
        metrics = _fractions(found)
        if found.get("threshold") is not None:
            threshold, source = float(found["threshold"]), _origin(found)
    if stored is not None:
        model = stored.get("model") or {}
        if model.get("sha256") not in (None, "", sha256):
            warnings.append(
                f"{settings.metrics} was measured on another file ({model.get('path', 'unknown')}); its threshold "
                "holds only if that one has the same weights"
            )
        if stored.get("threshold") is None:
            why = stored.get("threshold_missing") or "its data has no pairs to find one from"
            warnings.append(f"{settings.metrics} recommends no threshold: {why}")
    if measured is not None and measured.get("threshold") is None:
        warnings.append(f"the data recommends no threshold: {measured.get('threshold_missing')}")
    if threshold is not None and not 0 < threshold <= 2:
        warnings.append(f"the threshold {threshold:g} ({source}) is of no use: the model hardly tells images apart")
        threshold = None
    if settings.threshold is not None:
        threshold, source = settings.threshold, "given by hand"
    if threshold is None:
        source = ""
        warnings.append(
            "no threshold is known, so `deepsort track` uses its default with this model. Give --query and --gallery, "
            "--metrics results/…/metrics.json or --threshold"
        )
    return Recommendation(threshold, source, metrics, tuple(warnings))


def _fractions(found: Mapping[str, Any]) -> dict[str, float]:
    """The figures to store, as fractions; files of earlier versions have them in rounded percent only."""
    exact = found.get("fractions") or {}
    values = {name: exact.get(name) for name in METRICS}
    for name in METRICS:
        if values[name] is None and isinstance(found.get(name), int | float):
            values[name] = round(found[name] / 100, 6)
    return {name: float(value) for name, value in values.items() if isinstance(value, int | float)}


def read_metrics(path: Path) -> dict[str, Any]:
    """The figures that `deepsort eval` left in a metrics.json.

    Raises:
        InputError: there is no such file, or it is something else.
    """
    if path.is_dir():
        path = path / "metrics.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"--metrics {path}: no such file. `deepsort eval` writes it into its report folder.") from None
    except (OSError, ValueError) as error:
        raise InputError(f"--metrics {path}: cannot be read as JSON ({error}).") from None
    if not isinstance(found, dict) or "mAP" not in found or "threshold" not in found:
        raise InputError(f"--metrics {path}: is no metrics.json of `deepsort eval`: it has no mAP and threshold.")
    threshold = found["threshold"]
    if threshold is not None and not (isinstance(threshold, int | float) and 0 <= threshold <= 2):
        raise InputError(f"--metrics {path}: its threshold {threshold!r} is no cosine distance between 0 and 2.")
    return found


def generated_crops(count: int, seed: int = 0) -> list[Image]:
    """(h, w, 3) uint8 BGR pictures of the sizes of person crops: smooth patches of colour with grain."""
    import cv2

    rng = np.random.default_rng(seed)
    crops = []
    for _ in range(count):
        height = int(rng.integers(48, 320))
        patches = rng.uniform(0, 255, (8, 4, 3)).astype(np.float32)
        picture = cv2.resize(patches, (max(16, height * 2 // 5), height), interpolation=cv2.INTER_LINEAR)
        grain = rng.normal(0, 8, picture.shape)
        crops.append(np.clip(picture + grain, 0, 255).astype(np.uint8))
    return crops


def _real_images(
    data: EvaluationDataSettings, listener: Listener, ignore_camera: bool
) -> tuple[Manifest | None, EvaluationData | None]:
    """The images to take crops from, and the data to measure mAP on, where they were given."""
    if data.root is None and data.gallery is None and data.query is not None:
        check_root(data.query)
        scan = data.scan.model_copy(update={"drop_small": False})
        return load_manifest(data.query, scan, notify=listener.info), None
    if data.root is None and data.gallery is None:
        return None, None
    images = prepare(*load_data(data, listener, ignore_camera=ignore_camera), ignore_camera=ignore_camera)
    return images.query, images


def _read_crops(images: Manifest, count: int) -> list[Image]:
    """`count` images spread over a dataset; all of them, again and again, where there are fewer than a batch."""
    count = max(*BATCHES, min(count, len(images)))
    chosen = np.linspace(0, len(images) - 1, count).round().astype(int)
    return [read_image(images.file(int(i))) for i in chosen]


def _calibration(crops: Sequence[Image], preprocess: Preprocess, batch: int | None) -> list[Float32Array]:
    size = batch or 16
    crops = list(crops[: max(size, len(crops) // size * size)])
    crops += crops[: -len(crops) % size]
    return [preprocess.batch(preprocess.resize_crops(crops[i : i + size])) for i in range(0, len(crops), size)]


def _open(path: Path, batch: int = 32) -> Embedder:
    try:
        return Embedder(open_session(path, CPU), EmbedderSettings(batch_size=batch))
    except InputError as error:  # our own file, so no fault of the user's
        raise RunError(f"the exported file cannot be used: {error}") from error


def _compare(got: Float32Array, wanted: Float32Array) -> tuple[float, float]:
    """Largest absolute difference, and smallest cosine between rows of unit length."""
    if got.shape != wanted.shape:
        raise RunError(f"the exported file gives embeddings {got.shape}, PyTorch {wanted.shape}.")
    cosines = np.sum(got.astype(np.float64) * wanted, axis=1)
    return float(np.abs(got - wanted).max()), float(cosines.min())


def _length_error(path: Path, metadata: EmbedderMetadata, crops: Sequence[Image]) -> float:
    """How far the graph's own embeddings are from length 1."""
    session = open_session(path, CPU)
    size = session.input_shape[0]
    if size is not None:
        crops = [crops[i % len(crops)] for i in range(size)]
    preprocess = metadata.preprocess
    [embeddings] = session.run(preprocess.batch(preprocess.resize_crops(crops)))
    return float(np.abs(np.linalg.norm(embeddings.astype(np.float64), axis=1) - 1).max())


def _loss(path: Path, model: OSNet, preprocess: Preprocess, crops: Sequence[Image]) -> Loss:
    wanted = extract_features(model, crops, preprocess)
    got = _open(path).embed_crops(crops)
    fault = fault_of(got)
    if fault is not None:
        raise RunError(
            f"at this precision the model is broken: {fault}. No file was written. Export without --half or --int8."
        )
    cosines = np.sum(got.astype(np.float64) * wanted, axis=1)
    return Loss(float(cosines.mean()), float(cosines.min()), len(crops))


def _figures(path: Path, images: EvaluationData, listener: Listener) -> dict[str, Any]:
    embedder = _open(path)
    extractor = Extractor(
        path,
        lambda crops: embedder.embed_crops(list(crops)),
        embedder.metadata.preprocess,
        embedder.feature_size,
        "",
    )
    total = len(images.query) + len(images.gallery)

    def embed(part: Manifest, before: int) -> Float32Array:
        return extract(
            part, extractor, on_progress=lambda done: listener.progress(f"measuring {path.stem}", before + done, total)
        )

    query, gallery = embed(images.query, 0), embed(images.gallery, len(images.query))
    found = evaluate(images, query, gallery, EvaluationSettings(bootstrap=0))
    return figures(found, ModelInfo(str(path), path.stem, "", embedder.feature_size))


def _origin(found: Mapping[str, Any]) -> str:
    """How a threshold was found, in words."""
    folder = Path(str((found.get("data") or {}).get("query", "")))
    where = "/".join(folder.parts[-2:]) or "unknown data"  # no whole path: the file may travel far
    words = [
        str(found.get("threshold_criterion") or "unknown criterion"),
        f"{found.get('threshold_pairs') or 'unknown'} pairs",
        f"{found.get('query_identities', '?')} identities of {where}",
    ]
    return ", ".join(words)


def _benchmark(
    path: Path, model: OSNet, preprocess: Preprocess, crops: Sequence[Image], fixed: int | None
) -> list[Timing]:
    threads = torch.get_num_threads()
    torch.set_num_threads(available_cpus())  # as many as ONNX Runtime takes
    try:
        timings = []
        for batch in (fixed,) if fixed else TIMED_BATCHES:
            part = [crops[i % len(crops)] for i in range(batch)]
            embedder = _open(path, batch)
            onnx, pytorch = _in_turns(
                lambda embedder=embedder, part=part: embedder.embed_crops(part),  # type: ignore[misc]
                lambda part=part, batch=batch: extract_features(model, part, preprocess, batch_size=batch),  # type: ignore[misc]
            )
            timings.append(Timing(batch, onnx, pytorch))
        return timings
    finally:
        torch.set_num_threads(threads)


def _in_turns(*programs: Callable[[], object]) -> list[float]:
    """Median milliseconds of each program; run in turns, so that other load on the machine hits all alike."""
    for program in programs:
        program()
    taken: list[list[float]] = [[] for _ in programs]
    while sum(map(sum, taken)) < TIMED_SECONDS * len(programs) or len(taken[0]) < 5:
        for program, seconds in zip(programs, taken, strict=True):
            begin = time.perf_counter()
            program()
            seconds.append(time.perf_counter() - begin)
    return [1000 * statistics.median(seconds) for seconds in taken]


def _warnings(
    checkpoint: Path,
    model: OSNet,
    info: CheckpointInfo,
    preprocess: Preprocess,
    settings: ExportSettings,
    generated: bool,
) -> list[str]:
    warnings = []
    warnings += [f"{checkpoint}: {remark}" for remark in model_remarks(model, info)]
    if info.source != "deepsort" and settings.height is None and settings.width is None:
        warnings.append(
            f"{checkpoint}: does not say its input size; {preprocess.height}×{preprocess.width} is assumed. "
            "Give --height and --width if it was trained with another"
        )
    if settings.int8 and generated:
        warnings.append("int8 was calibrated on generated crops and loses much on real ones: give --query with yours")
    if not settings.verify:
        warnings.append("the file was not verified")
    return warnings


def _training_state(model: OSNet, info: CheckpointInfo) -> str:
    """What the file says of its training; files of other programs do not tell more than that there was one."""
    if is_untrained(model, info):
        return "untrained"
    return info.status if info.planned_epochs else ""


def _versions(info: CheckpointInfo) -> dict[str, str]:
    import onnx
    import onnxruntime

    import deepsort_cli

    found = {
        "deepsort": deepsort_cli.__version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "onnx": onnx.__version__,
        "onnxruntime": onnxruntime.__version__,
    }
    trained = {f"trained with {name}": version for name, version in info.versions.items()}
    return found | trained
