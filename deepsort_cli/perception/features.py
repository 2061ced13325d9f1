"""Which output of a Re-ID model is the embedding, and whether it tells crops apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.looks import measured
from deepsort_cli.core.types import Image

Array = npt.NDArray[np.float32]

FEATURE_WORDS = ("embed", "feat", "descriptor", "vector")
LOGIT_WORDS = ("logit", "cls_score", "class", "prob", "pred", "softmax", "score")
CLASS_COUNTS = frozenset({575, 576, 625, 700, 702, 751, 767, 1000, 1041, 1367, 1467, 1501, 13164})
"""Training identities of VeRi-776, MARS, DukeMTMC, Market-1501, CUHK03, MSMT17, VehicleID (and ImageNet's classes)."""
ALIKE = 1e-3
"""Cosine distance below which two plainly different crops count as alike; OSNet gives them about 0.5."""


def probe_crops(height: int, width: int) -> Image:
    """(2, height, width, 3) uint8 BGR: red stripes on black, and a green gradient on light grey."""
    crops = np.zeros((2, height, width, 3), dtype=np.uint8)
    crops[0, :, ::2, 2] = 230
    crops[0, height // 2 :, :, 2] = 150
    crops[1] = 190
    crops[1, :, :, 1] = np.linspace(255, 120, height).astype(np.uint8)[:, None]
    crops[1, :, :, 2] = np.linspace(20, 160, width).astype(np.uint8)
    return crops


def as_rows(output: npt.NDArray[np.generic], count: int) -> Array | None:
    """(count, D) where an output is one vector per crop, also straight from global pooling, (count, D, 1, 1)."""
    if output.dtype.kind != "f" or len(output.shape) not in (2, 4) or output.shape[0] < count:
        return None
    if output.ndim == 4:
        if output.shape[2:] != (1, 1):
            return None
        output = output[:, :, 0, 0]
    return np.asarray(output[:count], dtype=np.float32) if output.shape[1] >= 2 else None


def choose_output(
    names: Sequence[str], outputs: Sequence[npt.NDArray[np.generic]], count: int, wanted: str | None, size: int | None
) -> int:
    """Position of the embedding among a model's outputs.

    Args:
        names: of the outputs, in small letters.
        outputs: their values for `count` crops.
        wanted: the name the user gave.
        size: length of an embedding by the model's metadata, where it says so.

    Raises:
        InputError: no output is one vector per crop, several could be, or the one named is not there.
    """
    listed = ", ".join(f"{name} {tuple(output.shape)}" for name, output in zip(names, outputs, strict=True)) or "none"
    rows = {i: found for i, output in enumerate(outputs) if (found := as_rows(output, count)) is not None}
    if wanted is not None:
        position = next((i for i, name in enumerate(names) if name == wanted.lower()), None)
        if position is None:
            raise InputError(f"`reid.output` {wanted}: it has no such output. Its outputs: {listed}.")
        if position not in rows:
            raise InputError(
                f"`reid.output` {wanted}: not one embedding per crop, ({count}, D). Its outputs: {listed}."
            )
        return position
    if not rows:
        raise InputError(
            f"none of its outputs is one embedding per crop, ({count}, D): {listed}. Give a Re-ID model exported with "
            f"its features as output."
        )
    left = _narrow(names, rows, size)
    if len(left) > 1:
        raise InputError(
            f"several of its outputs could be the embedding: {listed}. Name it: `reid.output`={names[left[0]]}."
        )
    return left[0]


def _narrow(names: Sequence[str], rows: dict[int, Array], size: int | None) -> list[int]:
    """What is left of the candidates after one rule after the other, as long as each leaves something."""
    left = list(rows)
    rules = (
        [i for i in left if rows[i].shape[1] == size],
        [i for i in left if any(word in names[i] for word in FEATURE_WORDS)],
        [i for i in left if not any(word in names[i] for word in LOGIT_WORDS)],
        [i for i in left if not _are_probabilities(rows[i])],
        [i for i in left if _are_unit(rows[i])],
        [i for i in left if rows[i].shape[1] not in CLASS_COUNTS],
    )
    for kept in rules:
        both = [i for i in left if i in kept]
        left = both or left
    return left[:1] if len(left) > 1 and _same_directions([rows[i] for i in left]) else left


def _are_unit(rows: Array) -> bool:
    return bool(np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-2))


def _are_probabilities(rows: Array) -> bool:
    return bool((rows >= 0).all() and np.allclose(rows.sum(axis=1), 1, atol=1e-2))


def _same_directions(candidates: list[Array]) -> bool:
    """Whether all are the same embedding, for example before and after it was made unit length."""
    if len({found.shape for found in candidates}) > 1:
        return False
    units = [found / np.maximum(lengths, 1e-12)[:, None] for found, lengths in map(measured, candidates)]
    return all(bool(np.allclose(found, units[0], atol=1e-3)) for found in units)


def faults(name: str, output: str, rows: Array) -> str | None:
    """A warning where the embeddings of the two `probe_crops` will not tell people apart; None where they may.

    Args:
        name: of the model.
        output: name of the output they come from.
        rows: (2, D) as the network gives them.

    Raises:
        InputError: they are no numbers.
    """
    if not np.isfinite(rows).all():
        raise InputError(
            "its embeddings of ordinary crops are NaN or infinite: the model is broken, or overflows in half "
            "precision. Export it again, in float32."
        )
    rows, norms = measured(rows)
    remedy = (
        "appearance will tell nobody apart. Check the export, and what the model wants to be shown: "
        "`reid.scale`=…, `reid.mean`=…, `reid.std`=…"
    )
    if not norms.all():
        return f"{name}: embeddings come out as zeros; {remedy}"
    distance = 1 - float(rows[0] @ rows[1] / (norms[0] * norms[1]))
    if distance < ALIKE:
        return f"{name}: two very different crops come out alike (cosine distance {max(distance, 0):.2g}); {remedy}"
    named = any(word in output for word in LOGIT_WORDS) and not any(word in output for word in FEATURE_WORDS)
    if named or _are_probabilities(rows):
        return (
            f"{name}: its output {output}, {rows.shape[1]} numbers, looks like scores of training identities. Features "
            "from before the last layer compare people better."
        )
    return None
