"""What the figures of an evaluation suggest to do."""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import deepsort_cli
from deepsort_cli.core.counted import counted
from deepsort_cli.core.model_files import onnx_name
from deepsort_cli.evaluation.bootstrap import Interval
from deepsort_cli.evaluation.evaluate import ENOUGH_IDENTITIES, Evaluation, Threshold
from deepsort_cli.evaluation.figures import Measured, typed
from deepsort_cli.evaluation.health import FEW_DIFFERENT, num_different

ASSETS = Path(deepsort_cli.__file__).resolve().parent / "assets"
HARDLY_BETTER_THAN_CHANCE = 0.4
"""Equal error rate from which on no threshold is of use; chance has 0.5."""
UNSURE = 0.15
"""Equal error rate from which on appearance alone confuses people."""


@dataclass(frozen=True)
class Advice:
    """A piece of advice, and the commands that follow it, to be copied."""

    text: str
    commands: tuple[str, ...] = ()


def recommendations(found: Measured) -> list[Advice]:
    """What to do, most useful first."""
    evaluation = found.evaluation
    texts = [*_ranking_advice(evaluation), *_camera_advice(evaluation), *_certainty(evaluation), *_failing(evaluation)]
    return [*_model_advice(evaluation), *_threshold_advice(found), *map(Advice, texts)]


def track_commands(path: Path, threshold: float) -> tuple[str, ...]:
    """What to type to track with a model, exporting it first where it is a checkpoint."""
    exported, commands = path, []
    if path.parent == ASSETS:
        exported = Path(path.stem)  # bundled models go by their names
    if path.suffix.lower() != ".onnx":
        exported = onnx_name(path)
        commands.append(shlex.join(["deepsort", "export", str(path)]))
    words = ["deepsort", "track", "--source", "VIDEO", "--reid", str(exported), "--max-cosine-distance"]
    return (*commands, shlex.join([*words, typed(threshold)]))


def _model_advice(evaluation: Evaluation) -> list[Advice]:
    """What is wrong with the embeddings or the data as such."""
    advice = []
    features = np.concatenate([evaluation.query_features, evaluation.gallery_features])
    different = num_different(features)
    if different < FEW_DIFFERENT * len(features):
        text = (
            f"Only {different:,} of {len(features):,} embeddings differ from each other: the model is broken, or most "
            "pictures are copies, which `deepsort scan` finds."
        )
        advice.append(Advice(text))
    people = evaluation.data.counts.query_identities
    if people < ENOUGH_IDENTITIES:
        text = (
            f"{people} {'identity is' if people == 1 else 'identities are'} too few to judge a model by: with other "
            f"people every figure here may be far off{', and the intervals cannot know it' if people > 1 else ''}."
        )
        advice.append(Advice(text))
    return advice


def _threshold_advice(found: Measured) -> list[Advice]:
    evaluation = found.evaluation
    error = (evaluation.verification_same_camera or evaluation.verification).eer
    if error >= HARDLY_BETTER_THAN_CHANCE and _judged(evaluation):
        text = (
            f"Pairs are told apart hardly better than by chance (equal error rate {100 * error:.2f} %), so no "
            "threshold helps. Use another model, or track without appearance (`reid.model_path`=none)."
        )
        return [Advice(text)]
    advice = []
    if evaluation.threshold is not None and found.threshold is not None:
        commands = track_commands(Path(found.model.path), found.threshold)
        about = _about_threshold(evaluation, evaluation.threshold)
        advice += [Advice("Track with this model:", commands), *map(Advice, about)]
    else:
        text = "Evaluate on more people before choosing a threshold; without one the tracker uses its own default."
        advice.append(Advice(text))
    if error > UNSURE and _judged(evaluation):
        text = (
            f"With an equal error rate of {100 * error:.2f} % appearance alone confuses people: keep the tracker's "
            "motion gating on, and expect switches after long occlusions."
        )
        advice.append(Advice(text))
    return advice


def _judged(evaluation: Evaluation) -> bool:
    """Whether error rates come from pairs enough to speak of them."""
    found = evaluation.verification_same_camera or evaluation.verification
    return min(found.num_positive, found.num_negative) >= ENOUGH_IDENTITIES


def _about_threshold(evaluation: Evaluation, found: Threshold) -> list[str]:
    texts = []
    if found.pairs == "cross-camera" and evaluation.settings.threshold.pairs == "auto":
        texts.append(
            "The threshold comes from pairs of different cameras, because there are too few pairs within one camera. "
            "There, as in tracking, images of a person are closer: try a value up to a quarter lower."
        )
    if _width(found.interval) > 0.1:
        texts.append(
            f"The threshold is known to ±{_width(found.interval) / 2:.2f} only. Evaluate on more identities "
            "before relying on it."
        )
    return texts


def _ranking_advice(evaluation: Evaluation) -> list[str]:
    ranking, texts = evaluation.ranking, []
    if ranking.rank(1) < 0.5:
        texts.append(
            "Fewer than half of the queries find a right image first. If the model was trained on other data, adapt "
            "it: deepsort finetune."
        )
    elif ranking.mINP < 0.5 * ranking.mAP:
        texts.append(
            "Matches are found, but the hardest one of a query comes late (mINP is far below mAP): look at the last "
            "matches in the retrieval grid for poses, occlusions or wrong labels that training should cover."
        )
    if not evaluation.settings.rerank.enabled and 0.2 < ranking.mAP < 0.95:
        texts.append("For search rather than tracking, `evaluation.rerank.enabled` usually raises mAP.")
    return texts


def _camera_advice(evaluation: Evaluation) -> list[str]:
    pairs = [pair for pair in evaluation.camera_pairs if pair.num_queries >= ENOUGH_IDENTITIES]
    if len(pairs) < 2:
        return []
    worst, best = min(pairs, key=lambda pair: pair.mAP), max(pairs, key=lambda pair: pair.mAP)
    if best.mAP - worst.mAP < 0.2:
        return []
    return [
        f"Cameras differ: mAP is {100 * worst.mAP:.2f} % from camera {worst.q_camid} to {worst.g_camid}, but "
        f"{100 * best.mAP:.2f} % from {best.q_camid} to {best.g_camid}. Where that is not just because more people "
        "pass the first, training images from there help most."
    ]


def _certainty(evaluation: Evaluation) -> list[str]:
    if _width(evaluation.mAP) <= 0.1:
        return []
    return [
        f"The 95 % interval of mAP spans {100 * _width(evaluation.mAP):.0f} points: differences between models "
        "smaller than that need more identities, or a comparison (`against`) on this data."
    ]


def _failing(evaluation: Evaluation) -> list[str]:
    failing = [i for i in evaluation.identities if i.num_valid and i.ap < 0.5 * evaluation.ranking.mAP]
    if not failing:
        return []
    worst = ", ".join(evaluation.data.who(i.pid) for i in sorted(failing, key=lambda i: (i.ap, i.pid))[:5])
    return [
        f"{counted(len(failing), 'identity reaches', 'identities reach')} less than half of the mean AP, the worst "
        f"first: {worst}. csv/per_identity_ap.csv has them all, csv/top_k_retrievals.csv what was found instead."
    ]


def _width(found: Interval) -> float:
    return 0.0 if math.isnan(found.low) else found.high - found.low
