"""What an exported file says of its quality: the threshold for the tracker and where it is from, and figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepsort_cli.core.errors import InputError
from deepsort_cli.reid.checkpoint import CheckpointInfo
from deepsort_cli.reid.settings import ExportSettings

METRICS = ("mAP", "mINP", "rank1", "rank5", "rank10")


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
            "no threshold is known, so `deepsort track` uses its default with this model. Give `data.query` and "
            "`data.gallery`, `export.metrics`=results/…/metrics.json or `export.threshold`"
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
        raise InputError(
            f"`export.metrics` {path}: no such file. `deepsort eval` writes it into its report folder."
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"`export.metrics` {path}: cannot be read as JSON ({error}).") from None
    if not isinstance(found, dict) or "mAP" not in found or "threshold" not in found:
        raise InputError(
            f"`export.metrics` {path}: is no metrics.json of `deepsort eval`: it has no mAP and threshold."
        )
    threshold = found["threshold"]
    if threshold is not None and not (isinstance(threshold, int | float) and 0 <= threshold <= 2):
        raise InputError(f"`export.metrics` {path}: its threshold {threshold!r} is no cosine distance between 0 and 2.")
    return found


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
