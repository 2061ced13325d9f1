"""What `deepsort train` and `deepsort finetune --train` say at the end. Cheap to import: no PyTorch here."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepsort_cli.cli.console import Reporter
from deepsort_cli.cli.encoding import literal
from deepsort_cli.cli.next_commands import reading_flags
from deepsort_cli.cli.wording import worded
from deepsort_cli.core.counted import counted
from deepsort_cli.reid.settings import TrainConfig

if TYPE_CHECKING:
    from deepsort_cli.reid.certainty import Certainty, Trial
    from deepsort_cli.reid.train_result import TrainResult


def close(report: Reporter, result: TrainResult, config: TrainConfig) -> None:
    """How far the run is, what it found beside where it started and what chance finds, and the commands that follow."""
    best_file = result.folder / "checkpoints" / "best.pth"
    lines = [f"{counted(result.epochs, 'epoch')} in {result.folder}"]
    if "mAP" in result.best and result.chance is not None:
        best = result.best
        sure = result.certainty
        within = "" if sure is None else f" [{100 * sure.best.low:.1f}, {100 * sure.best.high:.1f}]"
        lines.append(f"best mAP {best['mAP']:.1%}{within}, rank 1 {best['rank1']:.1%} (epoch {best['epoch']:.0f})")
        beside = [f"by chance {result.chance.mAP:.1%}, {result.chance.rank1:.1%}"]
        if result.start is not None and "mAP" in result.start:
            beside.insert(0, f"at the start {result.start['mAP']:.1%}, {result.start['rank1']:.1%}")
        lines.append(f"{'; '.join(beside)}; {result.held_out} people")
        if sure is not None:
            lines += [worded(line) for line in _about_gain(sure)]
        lines.append(f"model: {best_file}")
    elif result.trial is not None:
        lines.append(worded(result.trial.words()))
        lines.append(
            f"model: {best_file} (learned from all; itself it was not validated)"
            if result.best["epoch"]
            else f"model: {best_file} (the start)"
        )
    else:
        lines.append(f"model: {best_file} (epoch {result.best['epoch']:.0f}, not validated)")
    tell(report, "\n".join(lines), next_commands(result, config, best_file))


def _about_gain(sure: Certainty) -> list[str]:
    lines = []
    if sure.difference is not None:
        gain = sure.difference.interval
        points = f"{100 * gain.value:+.1f} [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]"
        end = "" if sure.told_apart else ": cannot be told apart from the start"
        lines.append(f"mAP against the start: {points} (95 % intervals over people){end}")
    return lines + ([sure.doubt] if sure.doubt else [])


def summary(result: TrainResult) -> dict[str, Any]:
    """A training for `--json`."""
    checkpoints = result.folder / "checkpoints"
    return {
        "folder": str(result.folder),
        "epochs": result.epochs,
        "best": dict(result.best),
        "last": dict(result.last),
        "start": None if result.start is None else dict(result.start),
        "chance": None if result.chance is None else {"mAP": result.chance.mAP, "rank1": result.chance.rank1},
        "certainty": certainty_summary(result.certainty),
        "trial": _trial(result.trial),
        "best_checkpoint": str(checkpoints / "best.pth"),
        "last_checkpoint": str(checkpoints / "last.pth"),
        "held_out_identities": result.held_out,
        "resumed_epoch": result.resumed_epoch,
        "seconds": round(result.seconds, 1),
        "images_per_second": round(result.images_per_second, 1),
        "warnings": list(result.warnings),
    }


def _trial(trial: Trial | None) -> dict[str, Any] | None:
    """What learning from halves of the people did, for `--json`, fractions."""
    if trial is None:
        return None
    gain = trial.gain
    return {
        "people": trial.people,
        "gain": gain.value,
        "interval": [gain.low, gain.high],
        "told_apart_from_start": trial.told_apart,
    }


def certainty_summary(sure: Certainty | None) -> dict[str, Any] | None:
    """The same for `--json`, fractions."""
    if sure is None:
        return None
    found: dict[str, Any] = {
        "people": sure.people,
        "mAP_interval": [sure.best.low, sure.best.high],
        "start_mAP_interval": None if sure.start is None else [sure.start.low, sure.start.high],
        "difference": None,
        "told_apart_from_start": sure.told_apart,
    }
    if sure.difference is not None:
        gain = sure.difference.interval
        found["difference"] = {"mAP": gain.value, "interval": [gain.low, gain.high]}
        found["difference"]["p_value"] = sure.difference.p_value
    return found


def next_commands(result: TrainResult, config: TrainConfig, best_file: Path) -> dict[str, str]:
    """What to do with the model: label → command, with the paths of this run."""
    onnx = f"{result.folder.name}.onnx"
    return {
        "evaluate": shlex.join(["deepsort", "eval", str(best_file), *_evaluation_data(result, config)]),
        "export": shlex.join(["deepsort", "export", str(best_file), "--output", onnx]),
        "track": shlex.join(["deepsort", "track", "--source", "VIDEO", "--reid", onnx]),
    }


def _evaluation_data(result: TrainResult, config: TrainConfig) -> list[str]:
    """Arguments of `deepsort eval` that choose the images this run was validated on."""
    data = config.data
    if data.test_root is not None:
        words = ["--root", str(data.test_root)]
    elif result.held_out:
        share = result.held_out / (result.held_out + result.identities)
        words = ["--root", str(data.root), "--val-ratio", f"{share:.6g}"]
        if config.training.seed:
            words += ["--seed", str(config.training.seed)]
    else:
        words = ["--root", "OTHER_PEOPLE"]
    if data.ignore_camera:
        words.append("--ignore-camera")
    return words + reading_flags(data.scan)


def tell(report: Reporter, text: str, following: Mapping[str, str]) -> None:
    """A text and labelled commands below it, each in one piece however narrow the terminal is, to be copied whole."""
    report.info(text)
    width = max(map(len, following)) + 1
    for label, command in following.items():
        if not report.quiet:
            report.console.print(literal(f"{label + ':':<{width}} {command}"), soft_wrap=True)
