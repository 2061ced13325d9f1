"""Every verb called from Python gives what its command gives, and refuses what its command refuses."""

from __future__ import annotations

import json
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from deepsort_cli.cli import app
from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.events import Listener
from deepsort_cli.workflows.models import models, place
from deepsort_cli.workflows.refine import refine
from deepsort_cli.workflows.reorganize import reorganize
from deepsort_cli.workflows.scan import scan

ROWS = "".join(
    f"{frame},{person},{10 * frame + person},20,30,60,0.9,-1,-1,-1\n"
    for frame in (1, 2, 4, 5)
    for person in (1, 2)
    if (frame, person) != (5, 2)
)


def command(*words: object) -> Any:
    """What a command prints as JSON."""
    done = CliRunner().invoke(app, [*map(str, words), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


class Notes(Listener):
    """Remembers every remark."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)

    warn = note


def test_scan(market: Path) -> None:
    def steady(found: dict[str, Any]) -> dict[str, Any]:
        found = json.loads(json.dumps(found))  # lists for tuples
        return {key: value for key, value in found.items() if key not in ("created", "seconds")}

    part = market / "bounding_box_test"
    found = scan(part, cache=False, min_samples=7)
    assert steady(found.summary()) == steady(command("scan", "--root", part, "--no-cache", "--min-samples", 7))
    assert found.result.images.paths and found.failures == []
    with pytest.raises(InputError, match=r"`data\.root` is missing"):
        scan()


def test_reorganize(market: Path, tmp_path: Path) -> None:
    plan = reorganize(market / "query", tmp_path / "a", dry_run=True)
    assert (plan.outcome, plan.plan.identities, (tmp_path / "a").exists()) == (None, 12, False)
    done = reorganize(market / "query", tmp_path / "a", mode="copy")
    shown = command("reorganize", "--src", market / "query", "--dst", tmp_path / "b", "--mode", "copy")
    assert done.outcome is not None
    assert (done.outcome.made, done.plan.identities) == (shown["made"], shown["identities"]) == (24, 12)
    names = [sorted(path.relative_to(tmp_path / top) for path in (tmp_path / top).rglob("*.png")) for top in "ab"]
    assert names[0] == names[1]
    watch = Notes()
    reorganize(market / "bounding_box_test", tmp_path / "a", mode="copy", listener=watch)
    assert any("24 images of other sources lie in the folders" in text for text in watch.notes)
    with pytest.raises(InputError, match="`dst` is missing"):
        reorganize(market / "query")


def test_refine(tmp_path: Path) -> None:
    (tmp_path / "out.txt").write_text(ROWS)
    watch = Notes()
    done = refine(tmp_path / "out.txt", output=tmp_path / "a.txt", interpolate="linear", min_length=4, listener=watch)
    assert (done.rows, done.dropped_tracks, done.filled_rows, done.written_rows) == (7, 1, 1, 5)
    assert watch.notes[-1] == f"wrote {tmp_path / 'a.txt'}"
    shown = command(
        "refine", tmp_path / "out.txt", "-o", tmp_path / "b.txt", "--interpolate", "linear", "--min-length", 4
    )
    assert shown["written_rows"] == 5
    assert (tmp_path / "a.txt").read_text() == (tmp_path / "b.txt").read_text()
    refine(tmp_path / "out.txt", output=tmp_path / "none.txt", min_length=400, listener=watch)
    assert any("so all are dropped. Set less." in note for note in watch.notes)
    with pytest.raises(InputError, match="`output` is missing"):
        refine(tmp_path / "out.txt")


def test_score(tmp_path: Path) -> None:
    pytest.importorskip("trackeval", reason="needs the extra [score]")
    from deepsort_cli.workflows.score import score

    (tmp_path / "gt.txt").write_text(ROWS)
    (tmp_path / "out.txt").write_text("".join(ROWS.splitlines(keepends=True)[:-2]))
    found = score(tmp_path / "gt.txt", tmp_path / "out.txt", csv=tmp_path / "scores.csv").scores
    [shown] = command("score", "--gt", tmp_path / "gt.txt", "--results", tmp_path / "out.txt")
    assert 0 < found[0].HOTA < 1  # fractions, which the command shows in percent
    assert round(100 * found[0].HOTA, 2) == shown["HOTA"]
    assert found[0].misses == shown["misses"] == 2
    assert (tmp_path / "scores.csv").exists()
    before = sys.stdout
    with ThreadPoolExecutor(3) as pool:
        scores = list(pool.map(lambda _: score(tmp_path / "gt.txt", tmp_path / "out.txt").scores[0].HOTA, range(30)))
    assert sys.stdout is before
    assert set(scores) == {found[0].HOTA}
    with pytest.raises(InputError, match="`results` is missing"):
        score(tmp_path / "gt.txt")
    for name in ("seq/gt/gt.txt", "results/seq.txt"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(ROWS)
    (tmp_path / "link.csv").symlink_to(tmp_path / "results/seq.txt")
    for name, key in (("seq/gt/gt.txt", "gt"), ("results/seq.txt", "results"), ("link.csv", "results")):
        with pytest.raises(InputError, match=f"`csv` .*: `{key}` reads this file"):
            score(tmp_path / "seq", tmp_path / "results", csv=tmp_path / name, overwrite=True)


def test_models(tmp_path: Path, colour_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPSORT_MODELS", str(tmp_path))
    everything = models()
    assert everything == command("models")
    name = everything[0]["name"]
    assert models(name) == [everything[0]] == [command("models", name)]
    assert models(colour_model) == [command("models", colour_model)]
    assert str(place(name)) == everything[0]["path"]
    with pytest.raises(InputError, match="Did you mean yolox_nano"):
        models("yolox_nan")
    with pytest.raises(RunError, match="not in the cache"):
        place("yolox_nano")


def test_train_and_finetune(tmp_path: Path) -> None:
    """Weight for weight; of a fine-tuning, the prepared file."""
    torch = pytest.importorskip("torch")
    from deepsort_cli.reid.checkpoint import read_checkpoint
    from deepsort_cli.workflows.finetune import finetune
    from deepsort_cli.workflows.train import train
    from tests.reid.conftest import make_people

    def same(one: Path, other: Path) -> bool:
        first, second = (read_checkpoint(path)["state_dict"] for path in (one, other))
        return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)

    root = make_people(tmp_path / "people", 4, per_camera=2)
    size = {"height": 32, "width": 16}

    def of_the_program() -> tuple[list[int], bool]:
        return torch.get_rng_state().tolist(), torch.backends.cudnn.benchmark

    torch.manual_seed(5)
    before = of_the_program()
    result = train(
        root, pretrained="none", epochs=1, val_ratio=0, batch_size=8, amp="off", workers=0, name="a", **size,
        output_dir=tmp_path, model={"feature_dim": 32}, training={"tensorboard": False, "half_size": 0},
        data={"scan": {"use_cache": False}},
    )  # fmt: skip
    settings = (
        "model.feature_dim=32",
        "training.tensorboard=false",
        "training.half_size=0",
        "data.scan.use_cache=false",
    )
    shown = command(
        "train", "--root", root, "--pretrained", "none", "--epochs", 1, "--val-ratio", 0, "--batch-size", 8,
        "--amp", "off", "--workers", 0, "--name", "b", "--height", 32, "--width", 16, "--output-dir", tmp_path,
        *(word for setting in settings for word in ("--set", setting)),
    )  # fmt: skip
    assert shown["last"] == dict(result.last)
    last = result.folder / "checkpoints" / "last.pth"
    assert same(last, Path(shown["last_checkpoint"]))

    other = make_people(tmp_path / "others", 3, per_camera=2, seed=1)
    shutil.rmtree(tmp_path / "b")
    done = finetune(last, target=other, val_ratio=0, output=tmp_path / "c.pth")
    assert of_the_program() == before
    shown = command("finetune", last, "--target", other, "--val-ratio", 0, "--output", tmp_path / "d.pth")
    assert (done.training, done.prepared.identities, shown["identities"]) == (None, 3, 3)
    assert same(tmp_path / "c.pth", tmp_path / "d.pth")
    assert np.isfinite(result.last["loss"])
    with pytest.raises(InputError, match=r"`target_dataset\.root`"):
        finetune(last)
