"""Settings of detectors, embedders and the ONNX Runtime sessions behind them."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from deepsort_cli.core.settings import CommaFloats, CommaInts, CommaStrings, Settings
from deepsort_cli.perception.scores import HOG, USUAL, ScorePair, scores_of

DEVICES = ("auto", "cpu", "cuda", "tensorrt", "coreml", "openvino", "directml", "rocm", "migraphx")


def _per_channel(value: tuple[float, ...]) -> tuple[float, ...]:
    if len(value) not in (1, 3):
        raise ValueError("expected one number, or three: one per channel")
    return value


def _above_zero(value: tuple[float, ...]) -> tuple[float, ...]:
    if min(value) <= 0:
        raise ValueError("expected numbers above 0")
    return value


Scale = Annotated[float, Field(gt=0.0, le=1.0)] | None
Channels = Annotated[CommaFloats, AfterValidator(_per_channel)] | None
Deviations = Annotated[CommaFloats, AfterValidator(_per_channel), AfterValidator(_above_zero)] | None
Color = Literal["RGB", "BGR"] | None
SCALE = "Factor of pixels in 0-255 before mean and std: 1 for models that normalise inside;"
MEAN, DEVIATION = (f"{what} of scaled pixels, one number or one per channel;" for what in ("Mean", "Deviation"))


def normalisation(
    scale: float | None,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
    usual: tuple[tuple[float, ...], tuple[float, ...]],
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Mean and deviation of pixels in 0-255, by channel, of a network that is shown (pixel · scale − mean) / std.

    Args:
        scale, mean, std: as in the settings; None where not given.
        usual: mean and deviation, of pixels in 0-255, without settings.
    """
    factor = scale or 1 / 255
    means = usual[0] if mean is None else tuple(value / factor for value in mean)
    stds = usual[1] if std is None else tuple(value / factor for value in std)
    if scale is not None:  # a scale alone means: no further normalisation
        means = (0.0,) if mean is None else means
        stds = (1 / factor,) if std is None else stds
    first, second = (means * 3)[:3], (stds * 3)[:3]
    return (first[0], first[1], first[2]), (second[0], second[1], second[2])


class DetectorSettings(Settings):
    """Which detector, and what of its detections is kept."""

    model_path: str | None = Field(
        None,
        description="ONNX detector file, a model's name as yolox_nano (fetched once), or hog, which "
        "is built in. Default: yolox_nano where it has been fetched, else hog.",
    )
    head: str = Field(
        "auto", description="Output format of the ONNX detector; auto recognises it, a wrong name lists them all."
    )
    conf: float | None = Field(
        None, ge=0.0, le=1.0, description="Lowest confidence of a detection; by default 0.3, hog 0.4."
    )
    iou: float | None = Field(
        None,
        ge=0.0,
        le=1.0,
        description="IoU above which the weaker of two boxes of a class is dropped; by default 0.45, for hog 0.4.",
    )
    classes: CommaStrings = Field(
        (), description="Names or numbers of the classes kept, or all; by default person where the model knows it."
    )
    imgsz: CommaInts = Field(
        (), description="Input size of models with dynamic size: 640, the longer side; or height,width, exactly."
    )
    agnostic_nms: bool = Field(False, description="Boxes suppress each other whatever their classes.")
    max_det: int = Field(300, ge=1, le=10_000, description="Most detections kept per frame.")
    scale: Scale = Field(None, description=f"{SCALE} null: the head's.")
    mean: Channels = Field(None, description=f"{MEAN} null: the head's, 0 with scale.")
    std: Deviations = Field(None, description=f"{DEVIATION} null: the head's, 1 with scale.")
    color: Color = Field(None, description="Order of the channels: RGB, BGR; null: the head's.")
    interval: int = Field(
        1, ge=1, le=100, description="Run the detector on every n-th frame only; in between, tracks move as predicted."
    )
    hog_stride: int = Field(8, ge=4, le=64, multiple_of=4, description="Step of hog's search window in pixels.")
    hog_scale: float = Field(1.2, gt=1.0, le=2.0, description="Factor between the image sizes hog searches.")

    @property
    def is_hog(self) -> bool:
        return self.model_path is None or self.model_path.lower() in (HOG, "")

    def scores(self, *, stored: bool = False) -> ScorePair:
        """What the scores of the detector named mean, or those of stored detections and of functions."""
        return USUAL if stored else scores_of(self.model_path)

    def lowest_confidence(self, *, stored: bool = False) -> float:
        """The `conf` in force: for stored detections, or for the detector named."""
        return self.scores(stored=stored).keep if self.conf is None else self.conf

    @field_validator("head")
    @classmethod
    def _check_head(cls, value: str) -> str:
        name = value.strip().lower()
        if name != "auto":
            from deepsort_cli.perception.heads import check_name  # NumPy only, and only where a head is named

            check_name(name)
        return name

    @field_validator("imgsz")
    @classmethod
    def _check_imgsz(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(value) > 2 or any(not 32 <= side <= 4096 for side in value):
            raise ValueError("expected one size, or height,width, each within 32 to 4096")
        return value


class EmbedderChoice(Settings):
    """Which Re-ID model, and how it is run."""

    model_path: str | None = Field(
        None,
        description="Re-ID ONNX model, the name of a bundled one, or none: motion and overlap only. Default: bundled.",
    )
    batch_size: int = Field(32, ge=1, le=1024, description="Most crops given to the model at once.")


class EmbedderReading(Settings):
    """How a Re-ID model is read where its file does not say; what is given wins over what the file says."""

    output: str | None = Field(
        None, description="Which of several outputs is the embedding; null: told by names, sizes and lengths."
    )
    scale: Scale = Field(None, description=f"{SCALE} null: 1/255.")
    mean: Channels = Field(None, description=f"{MEAN} null: the model's, 0 with scale.")
    std: Deviations = Field(None, description=f"{DEVIATION} null: the model's, 1 with scale.")
    color: Color = Field(None, description="Order of the channels: RGB, BGR; null: the model's.")


class EmbedderSettings(EmbedderReading, EmbedderChoice):  # the fields of the last come first
    """Which Re-ID model describes appearance."""


class RuntimeSettings(Settings):
    """Where and how neural networks run."""

    device: str = Field(
        "auto",
        description="auto, cpu, cuda, tensorrt, coreml, openvino, directml, rocm, migraphx; cuda:1: second GPU; "
        "openvino:gpu, openvino:npu: Intel's.",
    )
    threads: int = Field(0, ge=0, le=1024, description="CPU threads of one network; 0 uses the CPUs available.")

    @field_validator("device")
    @classmethod
    def _check_device(cls, value: str) -> str:
        name, colon, part = value.lower().partition(":")
        if name not in DEVICES or (colon and name in ("auto", "cpu", "coreml")):
            raise ValueError(f"expected one of {', '.join(DEVICES)}; with the number of a GPU as in cuda:1")
        if colon and name == "openvino":
            if not re.fullmatch(r"cpu|npu|gpu(\.\d{1,2})?", part):
                raise ValueError("expected openvino:cpu, openvino:gpu (the second one: openvino:gpu.1) or openvino:npu")
        elif colon and not re.fullmatch(r"\d{1,2}", part):
            raise ValueError(f"expected the number of a GPU behind the colon, as in {name}:1")
        return value.lower()


class CameraMotionSettings(Settings):
    """Compensation of a moving camera."""

    method: Literal["none", "flow", "ecc"] = Field(
        "none",
        description="Compensate a moving camera: none, flow (follows corners of the background), ecc (aligns images).",
    )
    size: int = Field(320, ge=64, le=4096, description="Longer side in pixels of the small image it is measured on.")
