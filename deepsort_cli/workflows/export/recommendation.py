"""What an exported file says of its quality: the threshold for the tracker and where it is from, and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepsort_cli.evaluation.metrics_file import Quality
from deepsort_cli.reid.checkpoint import CheckpointInfo
from deepsort_cli.reid.settings import ExportSettings


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
    stored: Quality | None,
    measured: Quality | None,
    sha256: str,
    size: tuple[int, int],
) -> Recommendation:
    """Choose the threshold and the figures to store.

    The threshold is, in this order: the one given, that of the metrics file, that just measured, the checkpoint's; but
    what was just measured comes before a metrics file of another input size. What was measured at another size than the
    file's says so; rates of another size are left out.

    Args:
        stored: what a metrics.json says.
        measured: what was measured with the exported file itself.
        sha256: of the checkpoint, to notice figures of another model.
        size: height and width of the file's input.
    """
    warnings: list[str] = []
    metrics = {name: value for name, value in info.metrics.items() if name != "threshold"}
    threshold, source = info.metrics.get("threshold"), info.threshold_source or "stored in the checkpoint"
    measured_at = rates_at = (info.preprocess.height, info.preprocess.width)
    for found in (measured, stored):  # the later wins
        if found is None:
            continue
        fits = found.size in (None, size)
        if fits or measured is None:
            metrics, rates_at = dict(found.rates), found.size or size
        if found.threshold is not None and (fits or measured is None or measured.threshold is None):
            threshold, source, measured_at = found.threshold, _origin(found), found.size or size
    if stored is not None:
        if measured is not None and stored.size not in (None, size):
            warnings.append(
                f"{settings.metrics} was measured at an input of {_pixels(stored.size)}; what was measured now, at "
                f"{_pixels(size)}, counts before it"
            )
        if stored.sha256 not in ("", sha256):
            warnings.append(
                f"{settings.metrics} was measured on another file ({stored.path or 'unknown'}); its threshold "
                "holds only if that one has the same weights"
            )
        if stored.threshold is None:
            why = stored.missing or "its data has no pairs to find one from"
            warnings.append(f"{settings.metrics} recommends no threshold: {why}")
    if measured is not None and measured.threshold is None:
        warnings.append(f"the data recommends no threshold: {measured.missing}")
    if threshold is not None and not 0 < threshold <= 2:
        warnings.append(f"the threshold {threshold:g} ({source}) is of no use: the model hardly tells images apart")
        threshold = None
    if settings.threshold is not None:
        threshold, source, measured_at = settings.threshold, "given by hand", size
    if rates_at != size and metrics:
        warnings.append(
            f"its figures are of an input of {_pixels(rates_at)}, so this file, of {_pixels(size)}, has none"
        )
        metrics = {}
    if threshold is not None and measured_at != size:
        source = f"{source}, at {_pixels(measured_at)}"
        advice = "" if measured is not None else ". To measure it give `data.query` and `data.gallery`"
        warnings.append(
            f"the threshold {threshold:g} was found at an input of {_pixels(measured_at)}; at {_pixels(size)} another "
            f"may be right{advice}"
        )
    if threshold is None:
        source = ""
        warnings.append(
            "no threshold is known, so `deepsort track` uses its default with this model. Give `data.query` and "
            "`data.gallery`, `export.metrics`=results/…/metrics.json or `export.threshold`"
        )
    return Recommendation(threshold, source, metrics, tuple(warnings))


def _pixels(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"


def _origin(found: Quality) -> str:
    """How a threshold was found, in words."""
    where = "/".join(Path(found.query).parts[-2:]) or "unknown data"  # no whole path: the file may travel far
    words = [
        found.criterion or "unknown criterion",
        f"{found.pairs or 'unknown'} pairs",
        f"{'?' if found.identities is None else found.identities} identities of {where}",
    ]
    return ", ".join(words)
