"""Types of the package's public names, made from the commands' tables of options: `make configs`."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from deepsort_cli.core.errors import DeepsortError as DeepsortError
from deepsort_cli.core.errors import InputError as InputError
from deepsort_cli.core.errors import RunError as RunError
from deepsort_cli.core.events import Listener as Listener
from deepsort_cli.core.types import Detections as Detections
from deepsort_cli.core.types import Frame as Frame
from deepsort_cli.core.types import Tracks as Tracks
from deepsort_cli.evaluation.mot_score import Scoring
from deepsort_cli.evaluation.settings import (
    EvaluationDataSettings,
    EvaluationSettings,
    ExtractionSettings,
    ReportSettings,
)
from deepsort_cli.perception.settings import EmbedderReading, RuntimeSettings
from deepsort_cli.perception.settings import CameraMotionSettings as CameraMotionSettings
from deepsort_cli.perception.settings import DetectorSettings as DetectorSettings
from deepsort_cli.perception.settings import EmbedderSettings as EmbedderSettings
from deepsort_cli.reid.settings import (
    AugmentSettings,
    DataSettings,
    ExportSettings,
    LossSettings,
    ModelSettings,
    NewModelSettings,
    OptimizerSettings,
    ResetSettings,
    SchedulerSettings,
    TrainingSettings,
)
from deepsort_cli.reid.train_result import TrainResult
from deepsort_cli.serving.settings import ServeSettings
from deepsort_cli.settings.scan import ScanReportSettings, ScannedData
from deepsort_cli.settings.tune import SearchSettings
from deepsort_cli.tracking.refinement import Refinement
from deepsort_cli.tracking.settings import AcrossSettings, CamerasSettings, CountingSettings, RefinementSettings
from deepsort_cli.tracking.settings import TrackerSettings as TrackerSettings
from deepsort_cli.tracking.tracker import Tracker as Tracker
from deepsort_cli.video.settings import ArchiveSettings, DemoSettings, SourceSettings
from deepsort_cli.video.settings import OutputSettings as OutputSettings
from deepsort_cli.workflows.archive.run import track_archive as track_archive
from deepsort_cli.workflows.calibrate import Calibration
from deepsort_cli.workflows.evaluate import Evaluated
from deepsort_cli.workflows.export import Exported
from deepsort_cli.workflows.finetune import Finetuned
from deepsort_cli.workflows.models import models as models
from deepsort_cli.workflows.people import Action, PeopleDone
from deepsort_cli.workflows.reorganize import Reorganized
from deepsort_cli.workflows.scan import Scan
from deepsort_cli.workflows.track.run import Model, Run
from deepsort_cli.workflows.tune.results import Tuned

__version__: str
_HOMES: dict[str, str]
_Path = str | PathLike[str]
__all__ = [
    "CameraMotionSettings",
    "DeepsortError",
    "Detections",
    "DetectorSettings",
    "EmbedderSettings",
    "Frame",
    "InputError",
    "Listener",
    "OutputSettings",
    "RunError",
    "Tracker",
    "TrackerSettings",
    "Tracks",
    "calibrate",
    "evaluate",
    "export",
    "finetune",
    "models",
    "people",
    "refine",
    "reorganize",
    "scan",
    "score",
    "track",
    "track_archive",
    "train",
    "tune",
]

def calibrate(
    *sources: Any,
    listener: Listener | None = None,
    source: str | Sequence[Any] = ...,
    start: int = 0,
    stride: int = 1,
    max_frames: int | None = None,
    detector: str | None | DetectorSettings | Mapping[str, Any] = None,
    classes: str | Sequence[str] = ...,
    reid: str | None | EmbedderSettings | Mapping[str, Any] = None,
    preset: Literal["deepsort", "strong", "fast"] = "deepsort",
    nn_budget: int | None = 100,
    output: _Path | None = None,
    plot: _Path | None = None,
    overwrite: bool = False,
    device: str = "auto",
    input: SourceSettings | Mapping[str, Any] = ...,
    demo: DemoSettings | Mapping[str, Any] = ...,
    runtime: RuntimeSettings | Mapping[str, Any] = ...,
    tracker: TrackerSettings | Mapping[str, Any] = ...,
) -> Calibration:
    """Measure the appearance threshold on sources of one's own, as `deepsort calibrate` does.

    Args:
        sources: videos, folders, …, or recordings of such; or one list of them.
        listener: told how far it is, and what speaks against the result; None: the logger `deepsort` is.
        source: Video, image folder, camera number, URL, or a recording (.npz) of one; repeat for several.
        start: Frames to skip at the beginning.
        stride: Process every n-th frame.
        max_frames: Stop after this many processed frames; None: all.
        detector: ONNX detector file, a model's name as yolox_nano (fetched once), or hog, which is built in. Default:
            yolox_nano where it has been fetched, else hog.
        classes: Names or numbers of the classes kept, or all; by default person where the model knows it.
        reid: Re-ID ONNX model, the name of a bundled one, or none: motion and overlap only. Default: bundled.
        preset: deepsort: as in the paper; strong: more accurate; fast: at least twice the frames per second.
        nn_budget: Appearance features kept per track, newest first; None: all.
        output: Settings for `config`, .yaml; or a copy of the Re-ID model with the threshold inside, .onnx.
        plot: Picture of the distances, .png.
        overwrite: Replace outputs that exist.
        device: auto, cpu, cuda, tensorrt, coreml, openvino, directml, rocm, migraphx; cuda:1: second GPU; openvino:gpu,
            openvino:npu: Intel's.
        input: Section: Which frames of the source.
        demo: Section: The generated scene, source demo.
        runtime: Section: Device and threads of the networks.
        tracker: Section: The tracker: nn_budget and ema_alpha matter.

    Raises:
        InputError: something given cannot be used, or too little was seen to measure anything.
        RunError: a source failed, or an output cannot be written.
    """

def evaluate(
    model: Path | str | None = None,
    *,
    listener: Listener | None = None,
    checkpoint: _Path | None = None,
    against: _Path | None = None,
    flip_test: bool = False,
    batch_size: int = 32,
    device: str = "auto",
    cluster: str | None = None,
    query: _Path | None = None,
    gallery: _Path | None = None,
    root: _Path | None = None,
    layout: Literal["auto", "folders", "cameras", "market1501", "dukemtmc", "cuhk03", "msmt17", "mars", "ltcc"] = "auto",
    pattern: str | None = None,
    allow_links: _Path | Sequence[_Path] = ...,
    workers: int = 0,
    val_ratio: float | None = None,
    seed: int = 0,
    ignore_camera: bool = False,
    metric: Literal["cosine", "euclidean"] = "cosine",
    rerank: bool = False,
    ranks: int | str | Sequence[int] = ...,
    bootstrap: int = 1000,
    output_dir: _Path = ...,
    plots: bool = True,
    data: EvaluationDataSettings | Mapping[str, Any] = ...,
    extraction: ExtractionSettings | Mapping[str, Any] = ...,
    evaluation: EvaluationSettings | Mapping[str, Any] = ...,
    reid: EmbedderReading | Mapping[str, Any] = ...,
    runtime: RuntimeSettings | Mapping[str, Any] = ...,
    report: ReportSettings | Mapping[str, Any] = ...,
) -> Evaluated:
    """Evaluate a Re-ID model, or two on the same data, and write the report, as `deepsort eval` does.

    Args:
        model: an ONNX model, a checkpoint or the name of a bundled model; None: the best of the newest finished run in
            `runs/`, else the bundled one.
        listener: told what happens; None: remarks go to the logger `deepsort`.
        checkpoint: Model: ONNX, checkpoint, or the name of a bundled one. Default: best of the newest finished run in
            runs/, else the bundled one.
        against: A second model, compared with the first on the same data.
        flip_test: Average the embeddings of each image and its mirror image.
        batch_size: Images given to the model at once.
        device: auto, cpu, cuda, tensorrt, coreml, openvino, directml, rocm, migraphx; cuda:1: second GPU; openvino:gpu,
            openvino:npu: Intel's.
        cluster: Share the embedding among the machines of a Ray cluster: auto, or ray://HOST:10001.
        query: Folder of the query images.
        gallery: Folder of the gallery images.
        root: Instead of both: a folder that holds query and gallery, or one to split.
        layout: auto, folders, cameras, market1501, dukemtmc, cuhk03, msmt17, mars or ltcc.
        pattern: Instead of a layout: a regular expression with named groups pid and camid, found in each path.
        allow_links: Folders outside the dataset that its symbolic links may point into; repeat for several.
        workers: Processes that read images; 0 means one per CPU.
        val_ratio: Split root by identity and evaluate on this share, as training does.
        seed: Seed of that split; training's split has the same.
        ignore_camera: Count every image as seen by a camera of its own.
        metric: Distance between embeddings.
        rerank: Re-rank with k-reciprocal neighbours before computing mAP and CMC.
        ranks: Ranks of the CMC curve to report, comma-separated.
        bootstrap: Resamplings for confidence intervals; 0 for none.
        output_dir: Where the timestamped report folder is made.
        plots: Draw the plots; without them the page has tables only.
        data: Section: Query and gallery.
        extraction: Section: Computing embeddings.
        evaluation: Section: Distances and figures.
        reid: Section: How ONNX models are read, both where there are two.
        runtime: Section: Where the model runs.
        report: Section: The report folder.

    Raises:
        InputError: something given cannot be used; nothing was written.
        RunError: reading or writing failed.
    """

def export(
    checkpoint: Path | str | None = None,
    *,
    listener: Listener | None = None,
    output: _Path | None = None,
    overwrite: bool = False,
    batch: int | None = None,
    opset: int = 17,
    simplify: bool = True,
    height: int | None = None,
    width: int | None = None,
    half: bool = False,
    int8: bool = False,
    threshold: float | None = None,
    metrics: _Path | None = None,
    query: _Path | None = None,
    gallery: _Path | None = None,
    root: _Path | None = None,
    val_ratio: float | None = None,
    ignore_camera: bool = False,
    layout: Literal["auto", "folders", "cameras", "market1501", "dukemtmc", "cuhk03", "msmt17", "mars", "ltcc"] = "auto",
    pattern: str | None = None,
    allow_links: _Path | Sequence[_Path] = ...,
    verify: bool = True,
    benchmark: bool = False,
    export: ExportSettings | Mapping[str, Any] = ...,
    data: EvaluationDataSettings | Mapping[str, Any] = ...,
) -> Exported:
    """Export a checkpoint, verify the file, and only then give it its name, as `deepsort export` does.

    Args:
        checkpoint: ours, torchreid's or fast-reid's, or the name of bundled weights.
        listener: told what happens, among it every `Check` as it is done; None: remarks go to the logger `deepsort`.
        output: The ONNX file; default: beside the checkpoint, with .onnx.
        overwrite: Replace outputs that exist.
        batch: Accept exactly so many crops; None: any number, or 1 where dynamic_batch is off.
        opset: Version of the ONNX operators.
        simplify: Simplify the graph with onnxsim.
        height: Input height in pixels; None: the checkpoint's.
        width: Input width in pixels; None: the checkpoint's.
        half: Compute in float16: half the size, for devices that are fast at it.
        int8: Compute in 8-bit integers (static quantisation); calibrate with `data.query`.
        threshold: max_cosine_distance to recommend; None: from metrics, the data, the checkpoint.
        metrics: metrics.json of `deepsort eval`: its threshold and figures.
        query: Folder of the query images.
        gallery: Folder of the gallery images.
        root: Instead of both: a folder that holds query and gallery, or one to split.
        val_ratio: Split root by identity and evaluate on this share, as training does.
        ignore_camera: Measuring mAP, count every image as seen by a camera of its own.
        layout: auto, folders, cameras, market1501, dukemtmc, cuhk03, msmt17, mars or ltcc.
        pattern: Instead of a layout: a regular expression with named groups pid and camid, found in each path.
        allow_links: Folders outside the dataset that its symbolic links may point into; repeat for several.
        verify: Compare the file with PyTorch before it gets its name.
        benchmark: Measure the time per batch beside PyTorch's.
        export: Section: The file.
        data: Section: Real crops to verify and calibrate with, and to measure mAP on.

    Raises:
        InputError: something given cannot be used; nothing was written.
        RunError: the export or its verification failed; there is no file under the name.
    """

def finetune(
    checkpoint: Path | str | None = None,
    *,
    listener: Listener | None = None,
    target: _Path | None = None,
    root: _Path | None = None,
    test_root: _Path | None = None,
    val_ratio: float | None = None,
    layout: Literal["auto", "folders", "cameras", "market1501", "dukemtmc", "cuhk03", "msmt17", "mars", "ltcc"] = "auto",
    pattern: str | None = None,
    allow_links: _Path | Sequence[_Path] = ...,
    ignore_camera: bool = False,
    output: _Path | None = None,
    overwrite: bool = False,
    reset_classifier: bool = True,
    reset_bnneck: bool = False,
    reset_fc: bool = False,
    neck: Literal["bnneck", "none"] = "bnneck",
    height: int | None = None,
    width: int | None = None,
    train: bool = False,
    epochs: int | None = 30,
    freeze_epochs: int | None = 3,
    batch_size: int | None = None,
    lr: float | None = None,
    seed: int = 0,
    output_dir: _Path = ...,
    name: str | None = None,
    device: str = "auto",
    amp: Literal["auto", "off", "bf16", "fp16"] = "auto",
    workers: int | None = None,
    source_checkpoint: _Path | None = None,
    target_dataset: DataSettings | Mapping[str, Any] = ...,
    reset: ResetSettings | Mapping[str, Any] = ...,
    model: NewModelSettings | Mapping[str, Any] = ...,
    backbone_lr_factor: float = 0.1,
    augment: AugmentSettings | Mapping[str, Any] = ...,
    loss: LossSettings | Mapping[str, Any] = ...,
    optimizer: OptimizerSettings | Mapping[str, Any] = ...,
    scheduler: SchedulerSettings | Mapping[str, Any] = ...,
    training: TrainingSettings | Mapping[str, Any] = ...,
) -> Finetuned:
    """Prepare a checkpoint for other people, as `deepsort finetune` does: the same backbone, a fresh classifier.

    Args:
        checkpoint: ours, torchreid's or fast-reid's, or the name of bundled weights.
        listener: told what happens, by `happened` a `Prepared`, then what a training tells; None: remarks go to the
            logger `deepsort`.
        target: Folder of person crops to train on; see `deepsort scan`.
        root: Folder of person crops to train on; see `deepsort scan`.
        test_root: Folder to validate on: query and gallery, or a Market-style dataset. Default: part of root.
        val_ratio: Share of identities held out to validate on where there is no test_root; None: 0.1, at least 5
            people, and none where fewer than 10 would be left, or where the start is trained and there are fewer than
            60: halves of these are tried instead.
        layout: auto, folders, cameras, market1501, dukemtmc, cuhk03, msmt17, mars or ltcc.
        pattern: Instead of a layout: a regular expression with named groups pid and camid, found in each path.
        allow_links: Folders outside the dataset that its symbolic links may point into; repeat for several.
        ignore_camera: Count every image as seen by a camera of its own.
        output: The prepared checkpoint; default: CHECKPOINT-TARGET.pth in the current folder.
        overwrite: Replace outputs that exist.
        reset_classifier: Start the classifier afresh, for the identities of the target.
        reset_bnneck: Start BNNeck afresh; it does so anyway where the checkpoint has none.
        reset_fc: Start the fully connected layer afresh.
        neck: BatchNorm between triplet loss and classifier.
        height: Input height in pixels; None: the checkpoint's.
        width: Input width in pixels; None: the checkpoint's.
        train: Go straight on and train, with the settings below.
        epochs: Passes over all identities; None: 120 from random weights, 30 from trained ones, and there more or fewer
            for few people.
        freeze_epochs: Unfreeze everything after so many epochs; None: never.
        batch_size: Images per step, over all processes: identities × instances; None: 64, fewer for fewer people.
        lr: Highest learning rate; None: 0.1 (sgd), 0.003 (others); from trained weights 0.01, 0.00035, in finetune
            0.03, 0.001; less for few people.
        seed: Source of all randomness.
        output_dir: Folder of run folders.
        name: Name of the run folder; default: model and dataset.
        device: auto, cpu, cuda, cuda:1 or mps.
        amp: Mixed precision: auto (where GPU or CPU compute in it), off, bf16 or fp16.
        workers: Processes that prepare images; None: 0 on a CPU with cached crops, else up to 8.
        source_checkpoint: Checkpoint to start from: ours, torchreid's or fast-reid's, or the name of a bundled model.
        target_dataset: Section: The new data; `data` means the same.
        reset: Section: What starts afresh; the backbone is always kept.
        model: Section: The new model.
        backbone_lr_factor: Learning rate of the backbone, as a factor on lr.
        augment: Section: Augmentation.
        loss: Section: Losses.
        optimizer: Section: Optimizer.
        scheduler: Section: Learning rate.
        training: Section: Run: shorter than from scratch, and the head learns alone at first.

    Raises:
        InputError: the checkpoint, the data or the output cannot be used, or they do not fit each other.
        RunError: the file cannot be written, or the training failed.
        KeyboardInterrupt: interrupted; the state of the training was saved.
    """

def people(
    file: Path | str | None = None,
    action: Action = 'list',
    who: Sequence[str | int] | str | int = (),
    *,
    listener: Listener | None = None,
    older_than: str | None = None,
    unnamed: bool = False,
    output: _Path | None = None,
    overwrite: bool = False,
) -> PeopleDone:
    """List, export, forget or rename the people that a run with `people_file=` keeps, as `deepsort people` does.

    Args:
        file: the file of people.
        action: `list`, `export`, `forget` or `rename`.
        who: people by number or name; none: all, except to forget. Of `rename`, a person and the new name.
        listener: told what happens; None: remarks go to the logger `deepsort`.
        older_than: People whom a run has seen, but none for so long: 30m, 12h, 7d, 2w; None: all.
        unnamed: People without a name only.
        output: Folder to export into.
        overwrite: Replace what an earlier export wrote.

    Returns:
        The people it was about, and what is left.

    Raises:
        InputError: something given cannot be used; nothing was changed.
        RunError: the file cannot be written.
    """

def refine(
    results: Path | str | Sequence[Path | str] | None = None,
    *,
    listener: Listener | None = None,
    output: _Path | None = None,
    interpolate: Literal["linear", "gaussian"] | None = None,
    max_gap: int = 20,
    min_length: int = 1,
    link: bool = False,
    looks: _Path | Sequence[_Path] = ...,
    link_distance: float | None = None,
    link_gap: float = 8.0,
    fps: float | None = None,
    across: bool | CamerasSettings | Mapping[str, Any] = False,
    overlap: str | Sequence[Any] = ...,
    starts: float | str | Sequence[float] = ...,
    overwrite: bool = False,
    refinement: RefinementSettings | Mapping[str, Any] = ...,
) -> Refinement:
    """Link finished tracks, fill their gaps, smooth their boxes, drop short ones, as `deepsort refine` does; or, with
    `across=True`, find out who is who in the tracks of several cameras.

    Args:
        results: tracking results, as MOTChallenge text; with `across=True` JSON Lines or CSV of every camera.
        listener: told what happens; None: remarks go to the logger `deepsort`.
        output: Where to write the refined results; with `across.enabled` a folder for copies with a `person`.
        interpolate: Fill gaps in tracks: linear, or gaussian, which also smooths the boxes; None: not at all.
        max_gap: Longest gap to fill, in missing frames.
        min_length: Drop tracks with boxes in fewer frames than this.
        link: Join the tracks of one person by looks, time and motion; split tracks of two people.
        looks: What the tracks looked like, as `output.save_looks` of the run wrote it; with `across.enabled` one for
            each camera, in the same order.
        link_distance: Cosine distance at which looks alone tell people apart; None: 1.25 × max_cosine_distance.
        link_gap: Seconds after which nobody is recognised any more.
        fps: Frames per second of the results; None: as `looks` says, else 25.
        across: Say which person each track is, the same in all sources: by looks, time and place.
        overlap: Sources that see the same place, so that a person may be in both at once: 1,2 counted from 1 in the
            order given, or all; repeat for several places.
        starts: When each recording began, in seconds on one clock; empty: all at the same moment.
        overwrite: Replace outputs that exist; the output may then be the input itself.
        refinement: Section: What to do to the tracks.

    Returns:
        Numbers of rows and tracks.

    Raises:
        InputError: something given cannot be used; nothing was written.
        RunError: the output cannot be written.
    """

def reorganize(
    src: Path | str | None = None,
    dst: Path | str | None = None,
    *,
    listener: Listener | None = None,
    mode: Literal["auto", "hardlink", "copy", "link"] = "auto",
    layout: Literal["auto", "folders", "cameras", "market1501", "dukemtmc", "cuhk03", "msmt17", "mars", "ltcc"] = "auto",
    pattern: str | None = None,
    allow_links: _Path | Sequence[_Path] = ...,
    dry_run: bool = False,
) -> Reorganized:
    """Turn a flat Re-ID dataset into a folder per person, as `deepsort reorganize` does.

    Args:
        src: the dataset; it is only read.
        dst: folder to fill.
        listener: told what happens, by `happened` the `Plan`; None: remarks go to the logger `deepsort`.
        mode: hardlink, copy, link (symbolic), or auto: hard links, copies where there can be none.
        layout: auto, folders, cameras, market1501, dukemtmc, cuhk03, msmt17, mars or ltcc.
        pattern: Instead of a layout: a regular expression with named groups pid and camid, found in each path.
        allow_links: Folders outside the dataset that its symbolic links may point into; repeat for several.
        dry_run: Only say what would be done.

    Raises:
        InputError: something given cannot be used; nothing was written.
        RunError: another file stands where an image should go, or the file system refuses.
    """

def scan(
    root: Path | str | None = None,
    *,
    listener: Listener | None = None,
    test_root: _Path | None = None,
    layout: Literal["auto", "folders", "cameras", "market1501", "dukemtmc", "cuhk03", "msmt17", "mars", "ltcc"] = "auto",
    pattern: str | None = None,
    allow_links: _Path | Sequence[_Path] = ...,
    paranoid: bool = False,
    near_duplicates: bool = True,
    min_samples: int = 2,
    drop_small: bool = False,
    workers: int = 0,
    force_rescan: bool = False,
    cache: bool = True,
    cache_dir: _Path | None = None,
    html: _Path | None = None,
    overwrite: bool = False,
    fail_on_invalid: bool = False,
    data: ScannedData | Mapping[str, Any] = ...,
    report: ScanReportSettings | Mapping[str, Any] = ...,
) -> Scan:
    """Check a Re-ID dataset for what would crash or silently spoil a training, as `deepsort scan` does.

    Args:
        root: the dataset folder, or a CSV that names its images.
        listener: told what happens; None: remarks go to the logger `deepsort`.
        test_root: A test set kept elsewhere, checked against the first.
        layout: auto, folders, cameras, market1501, dukemtmc, cuhk03, msmt17, mars or ltcc.
        pattern: Instead of a layout: a regular expression with named groups pid and camid, found in each path.
        allow_links: Folders outside the dataset that its symbolic links may point into; repeat for several.
        paranoid: Decode every pixel of every image.
        near_duplicates: Look for nearly equal images where they would do harm.
        min_samples: Report identities with fewer images than this.
        drop_small: Leave identities below min_samples out of the file list.
        workers: Processes that read images; 0 means one per CPU.
        force_rescan: Read all files again, whatever is remembered.
        cache: Remember the result and use it while the files stay the same.
        cache_dir: Where scans are remembered; None: in <root>/.reid_cache, or in the user's cache folder where that
            cannot be written.
        html: Write a self-contained HTML report to this file.
        overwrite: Replace outputs that exist.
        fail_on_invalid: Exit with 2 on invalid files, findings of level error, or a dataset without images.
        data: Section: The dataset.
        report: Section: The report.

    Raises:
        InputError: something given cannot be used.
        RunError: a worker process died, or the report cannot be written.
    """

def score(
    gt: Path | str | Sequence[Path | str] | None = None,
    results: Path | str | Sequence[Path | str] | None = None,
    *,
    listener: Listener | None = None,
    across: bool = False,
    benchmark: Literal["MOT15", "MOT16", "MOT17", "MOT20"] | None = None,
    gt_class: int | None = None,
    result_class: int | None = None,
    allow_missing: bool = False,
    csv: _Path | None = None,
    overwrite: bool = False,
) -> Scoring:
    """Score tracking results with the official scorer, as `deepsort score` does. Needs the extra `score`.

    Args:
        gt: ground truth: a sequence folder, a folder of such, a gt.txt, or KITTI's label_02; with `across=True` also
            one for every camera.
        results: a text file, or a folder of <sequence>.txt files; with `across=True` files of all cameras, in the same
            order, or a folder.
        listener: told what counted and what was left out; None: remarks go to the logger `deepsort`.
        across: Score cameras as one sequence: ids (`person` of JSON Lines and CSV) hold in all of them.
        benchmark: Whose official preprocessing applies; by default by the columns of each ground truth.
        gt_class: The class in column 8 of ground truth that counts; None: see docs/TRACKING.md.
        result_class: The class in column 8 of results that counts; None: all of them.
        allow_missing: Leave out sequences without results, instead of refusing.
        csv: Also write the scores as a CSV table.
        overwrite: Replace outputs that exist.

    Returns:
        Scores of each sequence, fractions and counts; where there are several, those of all together last; with
        `across=True` those of all cameras as one sequence.

    Raises:
        InputError: something given cannot be used, or the scorer is not installed.
        RunError: the scorer failed, or the table cannot be written.
    """

def track(
    *sources: Any,
    listener: Listener | None = None,
    detector: Model = None,
    reid: Model = None,
    preset: Literal["deepsort", "strong", "fast"] = "deepsort",
    source: str | Sequence[Any] = ...,
    detections: _Path | None = None,
    start: int = 0,
    stride: int = 1,
    max_frames: int | None = None,
    conf: float | None = None,
    iou: float | None = None,
    classes: str | Sequence[str] = ...,
    imgsz: int | str | Sequence[int] = ...,
    agnostic_nms: bool = False,
    max_det: int = 300,
    detect_every: int = 1,
    max_cosine_distance: Literal["auto"] | float | None = None,
    nn_budget: int | None = 100,
    max_iou_distance: float = 0.7,
    max_age: str | int = 30,
    n_init: str | int = 3,
    clock: Literal["frames", "time"] | None = None,
    gating: bool = True,
    start_score: Literal["auto"] | float | None = None,
    low_score: float | None = None,
    reentry: str | int = 0,
    box: Literal["kalman", "detection"] = "kalman",
    dense_ids: bool = False,
    camera_motion: Literal["none", "flow", "ecc"] | CameraMotionSettings | Mapping[str, Any] = "none",
    save: _Path | None = None,
    save_txt: _Path | None = None,
    save_jsonl: _Path | None = None,
    save_csv: _Path | None = None,
    save_crops: _Path | None = None,
    save_gt: _Path | None = None,
    save_summary: _Path | None = None,
    save_timeline: _Path | None = None,
    save_detections: _Path | None = None,
    save_heatmap: _Path | None = None,
    save_looks: _Path | None = None,
    save_people: _Path | None = None,
    audio: bool = True,
    emit: Literal["matched", "paper"] = "matched",
    display: bool = False,
    show_fps: bool = False,
    serve: str | None | ServeSettings | Mapping[str, Any] = None,
    events: str | None = None,
    labels: Literal["auto", "full", "id", "none"] = "auto",
    overwrite: bool = False,
    rotate: str | None = None,
    line: str | Sequence[Any] = ...,
    zone: str | Sequence[Any] = ...,
    across: bool | AcrossSettings | Mapping[str, Any] = False,
    known: _Path | None = None,
    people_file: _Path | None = None,
    overlap: str | Sequence[Any] = ...,
    interpolate: Literal["linear", "gaussian"] | None = None,
    max_gap: int = 20,
    min_length: int = 1,
    link: bool = False,
    link_distance: float | None = None,
    link_gap: float = 8.0,
    score: bool = False,
    gt: _Path | None = None,
    output_dir: _Path | None = None,
    cluster: str | None = None,
    dry_run: bool = False,
    jobs: int | None = None,
    device: str = "auto",
    input: SourceSettings | Mapping[str, Any] = ...,
    demo: DemoSettings | Mapping[str, Any] = ...,
    runtime: RuntimeSettings | Mapping[str, Any] = ...,
    tracker: TrackerSettings | Mapping[str, Any] = ...,
    refinement: RefinementSettings | Mapping[str, Any] = ...,
    counting: CountingSettings | Mapping[str, Any] = ...,
    output: OutputSettings | Mapping[str, Any] = ...,
    archive: ArchiveSettings | Mapping[str, Any] = ...,
) -> Run:
    """Track people, or whatever the detector finds: `deepsort track`, lazily.

    Everything is opened and checked now; frames are read, and outputs written, when you iterate or call `finish`:

        run = deepsort.track("street.mp4", detector="yolox_nano", save="out.mp4")
        for frame, tracks in run:
            print(frame.index, frame.time, tracks.ids, tracks.boxes)
        print(run.summary)

    Args:
        sources: videos, folders, MOTChallenge sequences, camera numbers, URLs, or `demo`; or one list of them. Several
            have ids and outputs of their own. Cameras and streams are tracked all at once, recordings `jobs` at a time
            (None: as many as there are cores, and one where a function is given); what they give is the same as alone.
        listener: is told what happens: `Progress` and `Summary`, notes and warnings. None: those go to the logger
            `deepsort`.
        detector: a model's name or path, settings, or a function from a (H, W, 3) uint8 BGR image to `Detections`, an
            (N, 4) to (N, 6) array (x1 y1 x2 y2, score, class), supervision `Detections` or Ultralytics `Results`.
        reid: a model's name or path, `"none"`, settings, or a function from an image and (N, 4) boxes to (N, D)
            features. Functions are asked for one frame after the other, from a thread of their own.
        preset: deepsort: as in the paper; strong: more accurate; fast: at least twice the frames per second.
        source: Camera number, video, image folder or glob, MOT sequence, URL, or demo (demo:1 to demo:4: cameras of one
            generated world); repeat for several. With `archive.output_dir` also a folder, a glob or a text file of
            videos.
        detections: Stored detections (MOT det.txt, .npy, .npz) to track instead of running a detector.
        start: Frames to skip at the beginning.
        stride: Process every n-th frame.
        max_frames: Stop after this many processed frames; None: all.
        conf: Lowest confidence of a detection; by default 0.3, hog 0.4.
        iou: IoU above which the weaker of two boxes of a class is dropped; by default 0.45, for hog 0.4.
        classes: Names or numbers of the classes kept, or all; by default person where the model knows it.
        imgsz: Input size of models with dynamic size: 640, the longer side; or height,width, exactly.
        agnostic_nms: Boxes suppress each other whatever their classes.
        max_det: Most detections kept per frame.
        detect_every: Run the detector on every n-th frame only; in between, tracks move as predicted.
        max_cosine_distance: Largest cosine distance at which an appearance may match, or auto: measured on the first
            minute; None: the model's own, else 0.2.
        nn_budget: Appearance features kept per track, newest first; None: all.
        max_iou_distance: Largest 1 − IoU at which boxes may match.
        max_age: How long a confirmed track survives without a detection: frames looked at, or seconds as in 1.2s.
        n_init: Detections that confirm a track, the first one included; or seconds it is seen on end: 0.1s.
        clock: Predict tracks by one step a frame, as in the paper, or by the time that passed between frames; None:
            frames.
        gating: Refuse appearance matches that the motion model finds implausible.
        start_score: A track begins only with a detection scored at least this; auto: what suits the detector, as far as
            known, else 0.7; None: with any full one.
        low_score: Detections scored from here to high_score may continue tracks by overlap, no more; None: off.
        reentry: How long a deleted track may get its id back by appearance: frames, or seconds as in 12s; 0: off.
        box: Box reported of a track seen in this frame: the filter's, or its detection's own.
        dense_ids: Number tracks when they are confirmed: 1, 2, 3, … The original numbers all that begin.
        camera_motion: Compensate a moving camera: none, flow (follows corners of the background), ecc (aligns images).
        save: Annotated video; H.264 for .mp4, .mov and .mkv, VP9 for .webm, MPEG-4 for .avi.
        save_txt: Tracks as MOTChallenge text.
        save_jsonl: Tracks as JSON Lines, one object per frame.
        save_csv: Tracks as a CSV table, one row per track and frame.
        save_crops: Folder for a picture of every matched track, a folder per id.
        save_gt: Exact ground truth of the demo scene, as MOTChallenge text.
        save_summary: CSV table with one row per track: when, how long, how far, mean score.
        save_timeline: Picture with a bar per track over time; .png, .svg or .pdf.
        save_detections: Recording of all detections and embeddings, .npz; `detections` tracks it again.
        save_heatmap: Picture of where people stood and walked, by time; .png, .svg or .pdf. For still cameras.
        save_looks: What tracks looked like, up to 128 features each, for `refinement.link` later; .npz.
        save_people: Page that shows who was matched to whom, and how near, for checking; .html, one for the run.
        audio: Keep the source's sound in the video.
        emit: Tracks to output: matched in this frame, or also one predicted row after a miss as in the paper.
        display: Show a live window; q or Esc stops.
        show_fps: Draw the processing speed into the picture.
        serve: Show the run in a browser until Ctrl-C: on this machine, with HOST:PORT to others too, who need a token.
        events: Post who appears, leaves, crosses a line, enters a zone or is recognised to this address, as JSON.
        labels: On boxes: id, class and score (full), the id alone, none, or what leaves people visible.
        overwrite: Replace outputs that exist.
        rotate: Begin new files at whole times (15m, 1h, 1d) or when they get large (500MB); None: one file each.
        line: Count who crosses the line x1,y1,x2,y2 in pixels, or name=x1,y1,x2,y2; repeat for several.
        zone: Count who is inside x1,y1,x2,y2,x3,y3,… around a zone, or name=x1,y1,…; repeat for several.
        across: Say which person each track is, the same in all sources: by looks, time and place.
        known: Folder of known people, NAME/*.jpg: tracks that look like one get the name.
        people_file: File of people, .npz, read at the start and written by the run: who comes again in a later run
            keeps the number and the name.
        overlap: Sources that see the same place, so that a person may be in both at once: 1,2 counted from 1 in the
            order given, or all; repeat for several places.
        interpolate: Fill gaps in tracks: linear, or gaussian, which also smooths the boxes; None: not at all.
        max_gap: Longest gap to fill, in missing frames.
        min_length: Drop tracks with boxes in fewer frames than this.
        link: Join the tracks of one person by looks, time and motion; split tracks of two people.
        link_distance: Cosine distance at which looks alone tell people apart; None: 1.25 × max_cosine_distance.
        link_gap: Seconds after which nobody is recognised any more.
        score: Score the tracks against ground truth at the end: of a MOT sequence, or of demo scenes.
        gt: Ground truth to score against, for a source without its own: a file or a sequence folder.
        output_dir: Track an archive: results of each video in a folder of its own in here; outputs name files in it.
        cluster: Share an archive among the machines of a Ray cluster: auto, or ray://HOST:10001.
        dry_run: Only say what would be done.
        jobs: Videos tracked at once; None: as many as there are cores. Cameras always are.
        device: auto, cpu, cuda, tensorrt, coreml, openvino, directml, rocm, migraphx; cuda:1: second GPU; openvino:gpu,
            openvino:npu: Intel's.
        input: Section: Which frames of the source.
        demo: Section: The generated scene, source demo.
        runtime: Section: Device and threads of the networks.
        tracker: Section: The DeepSORT tracker.
        refinement: Section: What is done to the tracks before they go into tables, at the end.
        counting: Section: Lines and zones where people are counted.
        output: Section: What to write and show.
        archive: Section: Many videos at once.

    Returns:
        The run: an iterable of `Frame` and `Tracks`.

    Raises:
        InputError: something asked for cannot be used; nothing was written.
        RunError: a model cannot be fetched.
    """

def train(
    root: Path | str | None = None,
    *,
    listener: Listener | None = None,
    test_root: _Path | None = None,
    val_ratio: float | None = None,
    layout: Literal["auto", "folders", "cameras", "market1501", "dukemtmc", "cuhk03", "msmt17", "mars", "ltcc"] = "auto",
    pattern: str | None = None,
    allow_links: _Path | Sequence[_Path] = ...,
    ignore_camera: bool = False,
    model: Literal["osnet_x1_0", "osnet_x0_75", "osnet_x0_5", "osnet_x0_25", "osnet_ibn_x1_0", "osnet_ain_x1_0"] | ModelSettings | Mapping[str, Any] = "osnet_x0_25",
    pretrained: _Path | None = ...,
    height: int = 256,
    width: int = 128,
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    seed: int = 0,
    output_dir: _Path = ...,
    name: str | None = None,
    resume: str = "auto",
    device: str = "auto",
    amp: Literal["auto", "off", "bf16", "fp16"] = "auto",
    workers: int | None = None,
    data: DataSettings | Mapping[str, Any] = ...,
    augment: AugmentSettings | Mapping[str, Any] = ...,
    loss: LossSettings | Mapping[str, Any] = ...,
    optimizer: OptimizerSettings | Mapping[str, Any] = ...,
    scheduler: SchedulerSettings | Mapping[str, Any] = ...,
    training: TrainingSettings | Mapping[str, Any] = ...,
) -> TrainResult:
    """Train a Re-ID model on a folder of person crops, or go on with an interrupted training, as `deepsort train` does.

    Args:
        root: the folder, or a CSV that names images.
        listener: told what happens, by `happened` the events of `deepsort_cli.reid.events`; None: remarks go to the
            logger `deepsort`.
        test_root: Folder to validate on: query and gallery, or a Market-style dataset. Default: part of root.
        val_ratio: Share of identities held out to validate on where there is no test_root; None: 0.1, at least 5
            people, and none where fewer than 10 would be left, or where the start is trained and there are fewer than
            60: halves of these are tried instead.
        layout: auto, folders, cameras, market1501, dukemtmc, cuhk03, msmt17, mars or ltcc.
        pattern: Instead of a layout: a regular expression with named groups pid and camid, found in each path.
        allow_links: Folders outside the dataset that its symbolic links may point into; repeat for several.
        ignore_camera: Count every image as seen by a camera of its own.
        model: osnet_x1_0, osnet_x0_75, osnet_x0_5, osnet_x0_25, osnet_ibn_x1_0, osnet_ain_x1_0.
        pretrained: What to start from: auto (the bundled weights where this network has some), none (random weights),
            the name of a bundled model, or a checkpoint: ours, torchreid's or fast-reid's.
        height: Input height in pixels.
        width: Input width in pixels.
        epochs: Passes over all identities; None: 120 from random weights, 30 from trained ones, and there more or fewer
            for few people.
        batch_size: Images per step, over all processes: identities × instances; None: 64, fewer for fewer people.
        lr: Highest learning rate; None: 0.1 (sgd), 0.003 (others); from trained weights 0.01, 0.00035, in finetune
            0.03, 0.001; less for few people.
        seed: Source of all randomness.
        output_dir: Folder of run folders.
        name: Name of the run folder; default: model and dataset.
        resume: auto: go on with the folder's run; never: start anew; or a checkpoint to go on from.
        device: auto, cpu, cuda, cuda:1 or mps.
        amp: Mixed precision: auto (where GPU or CPU compute in it), off, bf16 or fp16.
        workers: Processes that prepare images; None: 0 on a CPU with cached crops, else up to 8.
        data: Section: Data.
        augment: Section: Augmentation.
        loss: Section: Losses.
        optimizer: Section: Optimizer.
        scheduler: Section: Learning rate.
        training: Section: Run.

    Raises:
        InputError: something given, or in the data, cannot be used.
        RunError: the loss diverged, memory ran out, or a file could not be written.
        KeyboardInterrupt: interrupted; the state was saved.
    """

def tune(
    *sources: Any,
    listener: Listener | None = None,
    source: str | Sequence[Any] = ...,
    gt: _Path | Sequence[_Path] = ...,
    start: int = 0,
    stride: int = 1,
    max_frames: int | None = None,
    detector: str | None | DetectorSettings | Mapping[str, Any] = None,
    classes: str | Sequence[str] = ...,
    reid: str | None | EmbedderSettings | Mapping[str, Any] = None,
    preset: Literal["deepsort", "strong", "fast"] = "deepsort",
    objective: str = "hota",
    trials: int = 100,
    keep: str | Sequence[str] = ...,
    cross_validate: bool = True,
    seed: int = 0,
    output_dir: _Path = ...,
    jobs: int | None = None,
    cluster: str | None = None,
    device: str = "auto",
    input: SourceSettings | Mapping[str, Any] = ...,
    demo: DemoSettings | Mapping[str, Any] = ...,
    camera_motion: CameraMotionSettings | Mapping[str, Any] = ...,
    runtime: RuntimeSettings | Mapping[str, Any] = ...,
    tracker: TrackerSettings | Mapping[str, Any] = ...,
    search: SearchSettings | Mapping[str, Any] = ...,
) -> Tuned:
    """Search the settings that track sources best, as `deepsort tune` does. Needs the extra `tune`.

    Args:
        sources: videos, MOTChallenge sequences or folders of these, recordings; or one list of them.
        listener: told how far it is, and `BestSoFar`; None: remarks go to the logger `deepsort`.
        source: Video, MOT sequence or a folder of these, detections, or a recording (.npz); repeat for several.
        gt: Ground truth of each source, in their order, or one folder for all; not for those with their own.
        start: Frames to skip at the beginning.
        stride: Process every n-th frame.
        max_frames: Stop after this many processed frames; None: all.
        detector: ONNX detector file, a model's name as yolox_nano (fetched once), or hog, which is built in. Default:
            yolox_nano where it has been fetched, else hog.
        classes: Names or numbers of the classes kept, or all; by default person where the model knows it.
        reid: Re-ID ONNX model, the name of a bundled one, or none: motion and overlap only. Default: bundled.
        preset: deepsort: as in the paper; strong: more accurate; fast: at least twice the frames per second.
        objective: What is made as large as possible: hota, idf1, mota, or a mix as hota=1,idf1=1.
        trials: Settings tried; those tried before in the folder count.
        keep: Keys that stay as they are, e.g. tracker.n_init.
        cross_validate: Also search without each sequence in turn, and see how good the result is on that one.
        seed: Seed of the search.
        output_dir: Folder of the study; one that is there already is continued.
        jobs: Processes that try settings; None: one, or all there is room for on a cluster.
        cluster: Share the trials among the machines of a Ray cluster: auto, or ray://HOST:10001.
        device: auto, cpu, cuda, tensorrt, coreml, openvino, directml, rocm, migraphx; cuda:1: second GPU; openvino:gpu,
            openvino:npu: Intel's.
        input: Section: Which frames of the sources.
        demo: Section: The generated scene, source demo.
        camera_motion: Section: A moving camera.
        runtime: Section: Device and threads of the networks.
        tracker: Section: The tracker, where the search begins.
        search: Section: The search.

    Raises:
        InputError: something given cannot be used, or the extra is not installed.
        RunError: a source failed, or an output cannot be written.
        KeyboardInterrupt: after the results so far were written; the same call goes on.
    """
