"""Settings of training. Cheap to import: no torch here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field, field_validator, model_validator

from deepsort_cli.core.preprocess import Preprocess
from deepsort_cli.core.settings import CommaInts, CommaStrings, Settings
from deepsort_cli.data.settings import SCAN_DEFAULTS, DatasetSettings, ScanSettings
from deepsort_cli.reid.bundled import has_bundled_weights

ModelName = Literal["osnet_x1_0", "osnet_x0_75", "osnet_x0_5", "osnet_x0_25", "osnet_ibn_x1_0", "osnet_ain_x1_0"]
Probability = Annotated[float, Field(ge=0, le=1)]
Strength = Annotated[float, Field(ge=0, le=1)]
Range = tuple[float, float]

FIXED: dict[str, Any] = {"on_resume": "fixed"}
SILENT: dict[str, Any] = {"on_resume": "silent"}
"""Marks of fields. `FIXED`: a run cannot change it when it goes on, because the saved state would not fit, the draws
would differ, or figures before and after could not be compared. `SILENT`: its change is not worth a remark then; the
images themselves are compared instead."""

LEARNING_RATES = {"sgd": (0.1, 0.01), "adam": (3e-3, 3.5e-4), "adamw": (3e-3, 3.5e-4)}
"""Optimizer → the highest learning rate where none is given: from random weights, from pretrained ones."""

ENOUGH_FOR_FULL_RATE = 35
"""Fewest people from whom trained weights learn at the full rate. Measured (docs/TRAINING.md, "Few people"): at the
same rate fewer make the network forget all others within some twenty steps."""

FINETUNING_RATES = {"sgd": 0.03, "adam": 1e-3, "adamw": 1e-3}
"""The same for `deepsort finetune`, whose backbone learns at a fraction of it."""

EPOCHS, TRAINED_EPOCHS = 120, 30
"""Epochs where none are given: from random weights, which is the most; from trained ones with many people."""

FEWEST_STEPS = 120
"""Batches that a training from trained weights sees where its number of epochs is not given."""

EVAL_EVERY = 5
"""Epochs between validations where their number is not given and there are enough people to validate on."""

FEW_HELD_OUT = 20
"""Held-out people below which nothing finer than start against end is to be read from them: a bootstrap interval over
them is clearly too narrow, and the best of many epochs is the luckiest."""

HALF_SIZE = 0.8
"""Share of the epochs at half size where none is given and weights are random; pretrained ones know their size."""

BATCH_SIZE = 64
"""Images of a batch where its size is not given and there are enough people."""

INSTANCES = 4
"""Images of a person in a batch where their number is not given and somebody has so many."""

PADDING = 10 / 256
"""Padding where none is given, as a share of the input height (10 pixels of 256 in Luo et al. 2019)."""

AUTO = Path("auto")
"""The value of `model.pretrained` that leaves the choice to the network."""

SMALLEST_INPUT = 16
"""Pixels of the smallest side OSNet can halve four times."""


class DataSettings(DatasetSettings):
    """What to learn from and what to validate on."""

    root: Path | None = Field(None, description="Folder of person crops to train on; see `deepsort scan`.")
    test_root: Path | None = Field(
        None, description="Folder to validate on: query and gallery, or a Market-style dataset. Default: part of root."
    )
    val_ratio: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="Share of identities held out to validate on where there is no test_root; null: 0.1, at least "
        "5 people, and none where fewer than 10 would be left, or where the start is trained and there are fewer than "
        "60: halves of these are tried instead.",
    )
    ignore_camera: bool = Field(False, description="Count every image as seen by a camera of its own.")
    scan: ScanSettings = Field(SCAN_DEFAULTS, description="How datasets are read.")
    cache_mb: int = Field(
        1024, ge=0, description="Keep decoded crops in memory if they fit in this many MB; 0 decodes them every time."
    )


class ModelSettings(Settings):
    """The network."""

    name: ModelName = Field(
        "osnet_x0_25",
        description=f"{', '.join(get_args(ModelName))}.",
        json_schema_extra=FIXED,
    )
    feature_dim: int = Field(
        512,
        ge=0,
        le=8192,
        description="Length of the features; 0 takes the last convolution's.",
        json_schema_extra=FIXED,
    )
    neck: Literal["bnneck", "none"] = Field(
        "bnneck", description="bnneck (BatchNorm between triplet loss and classifier) or none.", json_schema_extra=FIXED
    )
    neck_feature: Literal["before", "after"] = Field(
        "before",
        description="What the finished model puts out where it has a BNNeck: the feature before or after it.",
        json_schema_extra=FIXED,
    )
    pretrained: Path | None = Field(
        AUTO,
        description="What to start from: auto (the bundled weights where this network has some), none (random "
        "weights), the name of a bundled model, or a checkpoint: ours, torchreid's or fast-reid's.",
    )
    input: Preprocess = Field(Preprocess(), description="Input size and normalisation.", json_schema_extra=FIXED)

    @field_validator("pretrained", mode="before")
    @classmethod
    def _none_is_a_word(cls, value: object) -> object:
        return None if isinstance(value, str | Path) and str(value).lower() == "none" else value

    @property
    def start(self) -> Path | None:
        """`pretrained` with the choice made that `auto` leaves: a name or a file, None for random weights."""
        if self.pretrained != AUTO:
            return self.pretrained
        usual, size = Preprocess(), {"height": self.input.height, "width": self.input.width}
        same_input = usual.model_copy(update=size) == self.input  # another size does no harm
        return Path(self.name) if same_input and has_bundled_weights(self.name) else None


class AugmentSettings(Settings):
    """Random changes to training images."""

    flip: Probability = Field(0.5, description="Probability of mirroring.")
    pad: int | None = Field(
        None,
        ge=0,
        le=1000,
        description="Pixels of padding before a random crop of the input size; null: 10 at a height of 256, and in "
        "proportion at others.",
    )
    erase: Probability = Field(0.5, description="Probability of erasing a random rectangle (Zhong 2020).")
    erase_area: Range = Field((0.02, 0.4), description="Smallest and largest erased share of the image.")
    erase_ratio: Range = Field((0.3, 3.33), description="Smallest and largest height-to-width ratio of the rectangle.")
    jitter: Probability = Field(0.0, description="Probability of colour jitter.")
    brightness: Strength = Field(0.2, description="Strength of brightness jitter.")
    contrast: Strength = Field(0.15, description="Strength of contrast jitter.")
    saturation: Strength = Field(0.15, description="Strength of saturation jitter.")
    hue: float = Field(0.0, ge=0, le=0.5, description="Strength of hue jitter (slow).")
    grayscale: Probability = Field(0.0, description="Probability of removing colour.")

    def padding(self, height: int) -> int:
        """`pad`, or what suits an input height."""
        return round(PADDING * height) if self.pad is None else self.pad

    @model_validator(mode="after")
    def _ranges_ascend(self) -> AugmentSettings:
        for name in ("erase_area", "erase_ratio"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name} needs two positive numbers in ascending order, got {low}, {high}")
        if self.erase_area[1] > 1:
            raise ValueError(f"erase_area is a share of the image and cannot exceed 1, got {self.erase_area[1]}")
        return self


class LossSettings(Settings):
    """Label-smoothed cross-entropy + losses on distances within a batch."""

    label_smoothing: float = Field(0.1, ge=0, lt=1, description="Share of the target spread over all identities.")
    triplet_weight: float = Field(1.0, ge=0, description="Weight of the triplet loss; 0 turns it off.")
    triplet_margin: float | None = Field(0.3, gt=0, description="Margin; null is the soft margin log(1 + exp(x)).")
    normalize_features: bool = Field(
        True,
        description="Triplet loss on unit-length features; raw ones collapse when trained from scratch.",
    )
    contrastive_weight: float = Field(
        1.0, ge=0, description="Weight of the supervised contrastive loss (Khosla 2020) over all pairs of a batch."
    )
    contrastive_temperature: float = Field(0.1, gt=0, le=1, description="Its temperature; smaller stresses hard pairs.")
    cosine_scale: float | None = Field(
        None,
        gt=0,
        description="Classify by cosine similarity times this (Wojke 2018; 20 is good); null: by scalar product.",
    )
    center_weight: float = Field(
        0.0, ge=0, description="Weight of the center loss (0.0005 in Bag of Tricks).", json_schema_extra=FIXED
    )
    center_rate: float = Field(0.5, gt=0, le=1, description="How fast centers follow the features of their identity.")
    weights: dict[str, Annotated[float, Field(ge=0)]] = Field(
        {}, description="Weight of any loss by its name, e.g. {'ce': 0.5}; wins over the keys above."
    )


class OptimizerSettings(Settings):
    """How parameters are updated."""

    name: Literal["adam", "adamw", "sgd"] = Field("sgd", description="adam, adamw or sgd.", json_schema_extra=FIXED)
    lr: float | None = Field(
        None,
        gt=0,
        description="Highest learning rate; null: 0.1 (sgd), 0.003 (others); from trained weights 0.01, 0.00035, in "
        "finetune 0.03, 0.001; less for few people.",
    )
    weight_decay: float = Field(5e-4, ge=0, description="Weight decay; BatchNorm and biases get none.")
    momentum: float = Field(0.9, ge=0, lt=1, description="Momentum of sgd.")
    layer_lr_multipliers: dict[str, Annotated[float, Field(ge=0)]] = Field(
        {},
        json_schema_extra=FIXED,
        description="Parameter name pattern → factor on lr, e.g. {'conv*': 0.1}; the first match counts.",
    )

    @property
    def highest_lr(self) -> float:
        """`lr`, or what suits random weights."""
        return LEARNING_RATES[self.name][0] if self.lr is None else self.lr


class SchedulerSettings(Settings):
    """The course of the learning rate: linear warm-up, then cosine or steps."""

    name: Literal["cosine", "multistep"] = Field("cosine", description="cosine or multistep, after the warm-up.")
    warmup_epochs: float | None = Field(
        None,
        ge=0,
        description="Length of the warm-up; null: a tenth of the run, at most 10 epochs from random weights "
        "and 300 steps from trained ones.",
    )
    warmup_factor: float = Field(0.01, gt=0, le=1, description="Where the warm-up starts, as a factor on lr.")
    final_factor: float = Field(0.01, ge=0, le=1, description="Where cosine ends, as a factor on lr.")
    milestones: CommaInts = Field((40, 70), description="Epochs after which multistep multiplies lr by gamma.")
    gamma: float = Field(0.1, gt=0, le=1, description="Factor of multistep.")


class TrainingSettings(Settings):
    """The run."""

    epochs: int | None = Field(
        None,
        ge=1,
        description="Passes over all identities; null: 120 from random weights, 30 from trained ones, and there more "
        "or fewer for few people.",
    )
    batch_size: int | None = Field(
        None,
        ge=2,
        description="Images per step, over all processes: identities × instances; null: 64, fewer for fewer people.",
        json_schema_extra=FIXED,
    )
    instances: int | None = Field(
        None,
        ge=2,
        description="Images per identity in a batch (K); null: 4, fewer where nobody has so many.",
        json_schema_extra=FIXED,
    )
    half_size: Probability | None = Field(
        None,
        description="Share of the epochs, the first ones, at half the input height and width, which is far faster; "
        "null: 0.8, or 0 if pretrained.",
    )
    accum_steps: int = Field(
        1, ge=1, description="Batches per update; the triplet loss still sees one at a time.", json_schema_extra=FIXED
    )
    grad_clip: float | None = Field(None, gt=0, description="Largest gradient norm; null does not clip.")
    freeze: CommaStrings = Field(
        (), description="Parameter name patterns that are not trained, e.g. conv1.*,conv2.*.", json_schema_extra=FIXED
    )
    freeze_feature_layers: bool = Field(
        False, description="Train only the head: fc, neck and classifier.", json_schema_extra=FIXED
    )
    freeze_epochs: int | None = Field(
        None, ge=1, description="Unfreeze everything after so many epochs; null: never.", json_schema_extra=FIXED
    )
    ema_decay: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Decay of averaged weights, which are then validated and kept; null is off.",
        json_schema_extra=FIXED,
    )
    amp: Literal["auto", "off", "bf16", "fp16"] = Field(
        "auto", description="Mixed precision: auto (where GPU or CPU compute in it), off, bf16 or fp16."
    )
    channels_last: bool = Field(True, description="Memory layout with channels innermost; faster nearly everywhere.")
    compile: bool = Field(False, description="Compile the model with torch.compile.")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1 or mps.", json_schema_extra=SILENT)
    workers: int | None = Field(
        None,
        ge=0,
        description="Processes that prepare images; null: 0 on a CPU with cached crops, else up to 8.",
        json_schema_extra=SILENT,
    )
    seed: int = Field(0, ge=0, description="Source of all randomness.", json_schema_extra=FIXED)
    eval_every: int | None = Field(
        None,
        ge=1,
        description="Epochs between validations, of which the last one always has one; null: 5, but the last one alone "
        "where a run from trained weights is validated on fewer than 20 people.",
    )
    output_dir: Path = Field(Path("runs"), description="Folder of run folders.", json_schema_extra=SILENT)
    name: str | None = Field(
        None, description="Name of the run folder; default: model and dataset.", json_schema_extra=SILENT
    )
    resume: str = Field(
        "auto",
        description="auto: go on with the folder's run; never: start anew; or a checkpoint to go on from.",
        json_schema_extra=SILENT,
    )
    keep_checkpoints: int = Field(3, ge=1, description="Most recent epoch_*.pth to keep.")
    save_every_minutes: float = Field(10.0, gt=0, description="Longest time between saves within an epoch.")
    tensorboard: bool = Field(True, description="Log to TensorBoard where it is installed.")

    @field_validator("name")
    @classmethod
    def _name_is_one_folder(cls, name: str | None) -> str | None:
        if name is not None and (not name.strip(" .") or any(letter in name for letter in "/\\\0") or name == "~"):
            raise ValueError(
                "the name of a run is one folder within output_dir, without / or \\; for another place set "
                "`training.output_dir`"
            )
        return name

    @property
    def length(self) -> int:
        """`epochs`, or what suits random weights."""
        return self.epochs or EPOCHS

    @property
    def validation_interval(self) -> int:
        """`eval_every`, or what it is where there are enough people."""
        return self.eval_every or EVAL_EVERY

    @property
    def images_per_step(self) -> int:
        """`batch_size`, or what it is where there are enough people."""
        return self.batch_size or max(BATCH_SIZE // self.images_per_identity, 2) * self.images_per_identity

    @property
    def images_per_identity(self) -> int:
        """`instances`, or what it is where people have enough pictures."""
        return self.instances or INSTANCES

    @property
    def identities(self) -> int:
        """Of one batch."""
        return self.images_per_step // self.images_per_identity

    @model_validator(mode="after")
    def _batch_holds_whole_identities(self) -> TrainingSettings:
        if self.batch_size is None:
            return self
        instances = self.images_per_identity
        if self.batch_size % instances:
            raise ValueError(
                f"`training.batch_size` {self.batch_size} is no multiple of `training.instances` {instances}"
            )
        if self.batch_size < 2 * instances:
            raise ValueError(
                f"`training.batch_size` {self.batch_size} holds one identity of {instances} images; "
                "negatives need a second"
            )
        return self


class TrainConfig(Settings):
    """Everything a training can be told."""

    data: DataSettings = Field(DataSettings(), description="Data.", json_schema_extra=SILENT)
    model: ModelSettings = Field(ModelSettings(), description="Network.")
    augment: AugmentSettings = Field(AugmentSettings(), description="Augmentation.")
    loss: LossSettings = Field(LossSettings(), description="Losses.")
    optimizer: OptimizerSettings = Field(OptimizerSettings(), description="Optimizer.")
    scheduler: SchedulerSettings = Field(SchedulerSettings(), description="Learning rate.")
    training: TrainingSettings = Field(TrainingSettings(), description="Run.")

    @model_validator(mode="after")
    def _input_is_large_enough(self) -> TrainConfig:
        size, halved = self.model.input, bool(self.resolved_half_size)
        least = 2 * SMALLEST_INPUT if halved else SMALLEST_INPUT
        if min(size.height, size.width) < least:
            remedy = ", or set `training.half_size`=0" if halved else ""
            raise ValueError(
                f"an input of {size.height}×{size.width} pixels (`model.input.height`, `model.input.width`) is too "
                f"small{' to train at half of it' if halved else ''}; use at least {least} each way{remedy}"
            )
        return self

    @model_validator(mode="after")
    def _crops_show_something(self) -> TrainConfig:
        side = min(self.model.input.height, self.model.input.width)
        if (self.augment.pad or 0) >= side:
            raise ValueError(
                f"`augment.pad` {self.augment.pad} is not below the smaller side of the input, {side} pixels, so crops "
                "may show padding alone; choose less, or null for what suits the height"
            )
        return self

    @property
    def resolved_half_size(self) -> float:
        """`training.half_size`, or what suits start and input size."""
        if self.training.half_size is not None:
            return self.training.half_size
        large = min(self.model.input.height, self.model.input.width) >= 2 * SMALLEST_INPUT
        return HALF_SIZE if large and self.model.start is None else 0.0

    def resolved(self) -> TrainConfig:
        """The same with numbers where null leaves the choice to what the run starts from."""
        lr = self.optimizer.lr
        if lr is None:
            lr = LEARNING_RATES[self.optimizer.name][self.model.start is not None]
        optimizer = self.optimizer.model_copy(update={"lr": lr})
        training = self.training.model_copy(update={"half_size": self.resolved_half_size})
        augment = self.augment.model_copy(update={"pad": self.augment.padding(self.model.input.height)})
        return self.model_copy(update={"augment": augment, "optimizer": optimizer, "training": training})


class ResetSettings(Settings):
    """Which parts of a checkpoint start afresh when it is prepared for other data."""

    classifier: bool = Field(True, description="Start the classifier afresh, for the identities of the target.")
    bnneck: bool = Field(False, description="Start BNNeck afresh; it does so anyway where the checkpoint has none.")
    fc: bool = Field(False, description="Start the fully connected layer afresh.")


class NewModelSettings(Settings):
    """What may differ between a checkpoint and the model prepared from it."""

    neck: Literal["bnneck", "none"] = Field("bnneck", description="BatchNorm between triplet loss and classifier.")
    neck_feature: Literal["before", "after"] = Field(
        "before", description="What the new model puts out where it has a BNNeck: the feature before or after it."
    )
    feature_dim: int | None = Field(None, ge=0, le=8192, description="Length of the features; null: the checkpoint's.")
    height: int | None = Field(None, ge=16, le=4096, description="Input height in pixels; null: the checkpoint's.")
    width: int | None = Field(None, ge=16, le=4096, description="Input width in pixels; null: the checkpoint's.")


class FinetuneConfig(Settings):
    """Everything that preparing a checkpoint for other data, and training it there, can be told."""

    source_checkpoint: Path | None = Field(
        None, description="Checkpoint to start from: ours, torchreid's or fast-reid's, or the name of a bundled model."
    )
    target_dataset: DataSettings = Field(DataSettings(), description="The new data; `data` means the same.")
    output_path: Path | None = Field(
        None, description="The prepared checkpoint; default: CHECKPOINT-TARGET.pth in the current folder."
    )
    overwrite: bool = Field(False, description="Replace outputs that exist.")
    reset: ResetSettings = Field(ResetSettings(), description="What starts afresh; the backbone is always kept.")
    model: NewModelSettings = Field(NewModelSettings(), description="The new model.")
    train: bool = Field(False, description="Go straight on and train, with the settings below.")
    backbone_lr_factor: float = Field(0.1, ge=0, description="Learning rate of the backbone, as a factor on lr.")
    augment: AugmentSettings = Field(AugmentSettings(), description="Augmentation.")
    loss: LossSettings = Field(LossSettings(), description="Losses.")
    optimizer: OptimizerSettings = Field(OptimizerSettings(), description="Optimizer.")
    scheduler: SchedulerSettings = Field(SchedulerSettings(), description="Learning rate.")
    training: TrainingSettings = Field(
        TrainingSettings(epochs=30, half_size=0.0, freeze_feature_layers=True, freeze_epochs=3),
        description="Run: shorter than from scratch, and the head learns alone at first.",
    )

    @model_validator(mode="before")
    @classmethod
    def _as_elsewhere(cls, values: Any) -> Any:
        """Other commands call the data `data`, and so do findings that say which setting to change."""
        if not isinstance(values, dict) or not isinstance(values.get("data"), dict):
            return values
        target = values.get("target_dataset", {})
        target = target.model_dump() if isinstance(target, DataSettings) else target
        return {key: value for key, value in values.items() if key != "data"} | {
            "target_dataset": _merged(values["data"], target)
        }


def _merged(weak: dict[str, Any], strong: Any) -> Any:
    """Both, at every depth; where both say something the second counts."""
    if not isinstance(strong, dict):
        return strong
    both = {key: _merged(weak[key], strong[key]) for key in weak.keys() & strong if isinstance(weak[key], dict)}
    return weak | strong | both


class ExportSettings(Settings):
    """How a checkpoint becomes an ONNX embedder."""

    dynamic_batch: bool = Field(True, description="Accept any number of crops at once.")
    batch: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="Accept exactly so many crops; null: any number, or 1 where dynamic_batch is off.",
    )
    opset: int = Field(17, ge=13, le=20, description="Version of the ONNX operators.")
    simplify: bool = Field(True, description="Simplify the graph with onnxsim.")
    verify: bool = Field(True, description="Compare the file with PyTorch before it gets its name.")
    half: bool = Field(False, description="Compute in float16: half the size, for devices that are fast at it.")
    int8: bool = Field(
        False, description="Compute in 8-bit integers (static quantisation); calibrate with `data.query`."
    )
    calibration_crops: int = Field(256, ge=8, le=10_000, description="Crops from which int8 learns value ranges.")
    threshold: float | None = Field(
        None, gt=0, le=2, description="max_cosine_distance to recommend; null: from metrics, the data, the checkpoint."
    )
    metrics: Path | None = Field(None, description="metrics.json of `deepsort eval`: its threshold and figures.")
    height: int | None = Field(None, ge=16, le=4096, description="Input height in pixels; null: the checkpoint's.")
    width: int | None = Field(None, ge=16, le=4096, description="Input width in pixels; null: the checkpoint's.")
    training_data: str = Field("", description="Name of the training data, stored in the file.")
    license: str = Field("", description="Terms of the weights, stored in the file.")
    ignore_camera: bool = Field(False, description="Measuring mAP, count every image as seen by a camera of its own.")
    benchmark: bool = Field(False, description="Measure the time per batch beside PyTorch's.")

    @model_validator(mode="after")
    def _one_precision(self) -> ExportSettings:
        if self.half and self.int8:
            raise ValueError("`export.half` and `export.int8` exclude each other; choose one")
        return self


def share_for_people(people: int) -> float:
    """Share of the usual learning rate at which trained weights learn from so many people."""
    return min(1.0, (people / ENOUGH_FOR_FULL_RATE) ** 2)


def rate_for_people(rate: float, people: int) -> float:
    """The learning rate at which trained weights learn from so many people, of the one for many; two digits."""
    return float(f"{rate * share_for_people(people):.2g}")


def marked(model: type[BaseModel], mark: Mapping[str, Any], prefix: str = "") -> set[str]:
    """Dotted keys of the fields, or of whole sections, that carry a mark: `FIXED` or `SILENT`."""
    found: set[str] = set()
    for name, field in model.model_fields.items():
        if field.json_schema_extra == mark:
            found.add(prefix + name)
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= marked(field.annotation, mark, f"{prefix}{name}.")
    return found
