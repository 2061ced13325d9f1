"""Settings of an evaluation: data, embeddings, figures and the report."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from deepsort_cli.core.settings import CommaInts, Settings
from deepsort_cli.data.settings import SCAN_DEFAULTS, DatasetSettings, ScanSettings


class EvaluationDataSettings(DatasetSettings):
    """Which images are looked for, and where."""

    query: Path | None = Field(None, description="Folder of the query images.")
    gallery: Path | None = Field(None, description="Folder of the gallery images.")
    root: Path | None = Field(
        None, description="Instead of both: a folder that holds query and gallery, or one to split."
    )
    val_ratio: float | None = Field(
        None, gt=0.0, lt=1.0, description="Split root by identity and evaluate on this share, as training does."
    )
    seed: int = Field(0, ge=0, description="Seed of that split; training's split has the same.")
    scan: ScanSettings = Field(SCAN_DEFAULTS, description="The scan.")


class ExtractionSettings(Settings):
    """How embeddings are computed."""

    batch_size: int = Field(32, ge=1, le=4096, description="Images given to the model at once.")
    flip_test: bool = Field(False, description="Average the embeddings of each image and its mirror image.")


class ReportSettings(Settings):
    """The folder that a run leaves behind."""

    dir: Path = Field(Path("results"), description="Where the timestamped report folder is made.")
    plots: bool = Field(True, description="Draw the plots; without them the page has tables only.")


class RerankSettings(Settings):
    """k-reciprocal re-ranking (Zhong 2017)."""

    enabled: bool = Field(False, description="Re-rank with k-reciprocal neighbours before computing mAP and CMC.")
    k1: int = Field(20, ge=1, description="Neighbours that must be mutual.")
    k2: int = Field(6, ge=1, description="Neighbours over which neighbourhoods are averaged.")
    lambda_value: float = Field(0.3, ge=0.0, le=1.0, description="Share of the original distance in the final one.")


class ThresholdSettings(Settings):
    """How the distance threshold recommended to the tracker is chosen.

    A tracker compares a detection with up to nn_budget images of each track and takes the nearest, all of one camera. A
    wrong track thus gets many chances, so that one wrong pair in a hundred is already much, while a right track needs
    only one good pair. Hence the default: 1 % of the wrong pairs of one camera. Tracking PETS09-S2L1, TUD-Campus and
    TUD-Stadtmitte with two public OSNets, it came closer to the best HOTA than the equal error rate did.
    """

    pairs: Literal["auto", "same-camera", "cross-camera"] = Field(
        "auto", description="Pairs it is chosen on; auto: of one camera, as in tracking, where there are enough."
    )
    criterion: Literal["fpr", "eer"] = Field(
        "fpr", description="fpr: a fixed share of wrong pairs accepted; eer: as many of them as right ones refused."
    )
    fpr: float = Field(0.01, gt=0.0, lt=1.0, description="Share of wrong pairs accepted under the criterion fpr.")


class EvaluationSettings(Settings):
    """What is computed from embeddings."""

    metric: Literal["cosine", "euclidean"] = Field("cosine", description="Distance between embeddings.")
    ranks: CommaInts = Field((1, 5, 10, 20), description="Ranks of the CMC curve to report, comma-separated.")
    ignore_camera: bool = Field(False, description="Count every image as seen by a camera of its own.")
    rerank: RerankSettings = Field(RerankSettings(), description="k-reciprocal re-ranking.")
    threshold: ThresholdSettings = Field(ThresholdSettings(), description="The threshold recommended to the tracker.")
    shortlist: int = Field(
        0, ge=0, description="Rank only so many nearest images per query, found by faiss; 0 ranks all, exactly."
    )
    top_k: int = Field(10, ge=1, le=100, description="Retrieved images listed per query.")
    bootstrap: int = Field(1000, ge=0, le=100_000, description="Resamplings for confidence intervals; 0 for none.")
    seed: int = Field(0, ge=0, description="Seed of every random choice.")

    @field_validator("ranks")
    @classmethod
    def _check_ranks(cls, ranks: tuple[int, ...]) -> tuple[int, ...]:
        if not ranks or min(ranks) < 1:
            raise ValueError("ranks are numbers from 1, for example 1,5,10")
        return tuple(sorted(set(ranks)))
