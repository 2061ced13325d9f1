"""Training: that it learns, stops and continues exactly, and says clearly what it cannot do."""

from __future__ import annotations

import contextlib
import errno
import json
import multiprocessing
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from deepsort_cli.core.errors import DeepsortError, InputError, RunError  # noqa: E402
from deepsort_cli.core.events import Listener  # noqa: E402
from deepsort_cli.evaluation.bootstrap import Interval  # noqa: E402
from deepsort_cli.evaluation.chance import Chance  # noqa: E402
from deepsort_cli.reid import keeper, trainer  # noqa: E402
from deepsort_cli.reid.backbones.osnet import OSNet  # noqa: E402
from deepsort_cli.reid.checkpoint import load_model, read_checkpoint  # noqa: E402
from deepsort_cli.reid.events import RunPlan, StepReport  # noqa: E402
from deepsort_cli.reid.learner import Learner  # noqa: E402
from deepsort_cli.reid.resume import flatten  # noqa: E402
from deepsort_cli.reid.settings import TrainConfig  # noqa: E402
from deepsort_cli.reid.training import train  # noqa: E402
from deepsort_cli.reid.validation import best_row, has_collapsed, verdicts  # noqa: E402
from tests.ports import free_port  # noqa: E402
from tests.reid.conftest import make_people  # noqa: E402

Make = Callable[..., TrainConfig]

TINY = {
    "data": {"val_ratio": 0.25, "scan": {"use_cache": False}},
    "model": {"pretrained": None, "feature_dim": 32, "input": {"height": 32, "width": 16}},
    "augment": {"pad": 2},
    "training": {
        "epochs": 3,
        "batch_size": 16,
        "half_size": 0,
        "amp": "off",
        "device": "cpu",
        "eval_every": 2,
        "name": "run",
        "tensorboard": False,
    },
}

BIGGER = {"model__input": {"height": 64, "width": 32}}


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    """One thread, and no pictures: drawing them takes longer than training here."""
    if "plots" not in request.fixturenames:
        monkeypatch.setattr(keeper, "draw_curves", lambda *arguments, **options: None)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def plots() -> None:
    """Asks for the pictures all the same."""


@pytest.fixture
def make(people: Path, tmp_path: Path) -> Make:
    """Settings of a run of a few seconds; keywords replace keys, with `__` for the dot."""

    def build(**changes: Any) -> TrainConfig:
        values = json.loads(json.dumps(TINY))
        values["data"]["root"] = str(people)
        values["training"]["output_dir"] = str(tmp_path / "runs")
        for key, value in changes.items():
            *parents, last = key.split("__")
            node = values
            for parent in parents:
                node = node.setdefault(parent, {})
            node[last] = value
        return TrainConfig.model_validate(values)

    return build


def folder_of(config: TrainConfig) -> Path:
    return config.training.output_dir / str(config.training.name)


def outcome(config: TrainConfig) -> tuple[str, dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """All a run leaves that must not depend on interruptions."""
    folder = folder_of(config)
    last, best = (read_checkpoint(folder / "checkpoints" / name) for name in ("last.pth", "best.pth"))
    return (folder / "history.json").read_text(), flatten(last["training"]["learner"]), best["state_dict"]


def assert_same(a: TrainConfig, b: TrainConfig) -> None:
    for one, other in zip(outcome(a), outcome(b), strict=True):
        if isinstance(one, str):
            assert one == other
            continue
        assert one.keys() == other.keys()
        for key, value in one.items():
            same = torch.equal(value, other[key]) if isinstance(value, torch.Tensor) else value == other[key]
            assert same, key


class Watch(Listener):
    """Records everything, and calls `on_step` after every step."""

    def __init__(self, on_step: Callable[[StepReport], None] = lambda report: None):
        self.on_step = on_step
        self.reports: list[StepReport] = []
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.plan: RunPlan | None = None

    def happened(self, event: object) -> None:
        if isinstance(event, RunPlan):
            self.plan = event
        elif isinstance(event, StepReport):
            self.reports.append(event)
            self.on_step(event)

    def note(self, message: str) -> None:
        self.notes.append(message)

    def warn(self, message: str) -> None:
        self.warnings.append(message)


# Learning


def test_it_learns_to_find_people_across_cameras(make: Make, tmp_path: Path) -> None:
    config = make(
        data__root=str(make_people(tmp_path / "people", 24)),
        model__feature_dim=128,
        augment__erase=0,
        optimizer__lr=0.01,
        training__epochs=12,
        training__eval_every=4,
    )
    result = train(config)
    history = json.loads((folder_of(config) / "history.json").read_text())
    start, end = history[0], history[-1]
    assert (start["epoch"], end["epoch"], result.epochs) == (0, 12, 12)
    assert end["ce"] < 0.85 * history[1]["ce"]
    assert end["mAP"] > start["mAP"] + 0.2
    assert end["positive"] - end["negative"] < history[1]["positive"] - history[1]["negative"] - 0.1
    assert result.best["mAP"] == max(row["mAP"] for row in history if "mAP" in row)
    # best.pth is that epoch's model, complete with all that is needed to use it.
    model, info = load_model(folder_of(config) / "checkpoints" / "best.pth")
    assert info.epoch == result.best["epoch"]
    assert info.metrics["mAP"] == result.best["mAP"]
    assert (info.num_classes, len(info.pids), info.neck) == (18, 18, "bnneck")
    assert info.preprocess.height == 32
    assert len(info.fingerprint) == 40
    assert model.embedding_size == 128


@pytest.mark.usefixtures("plots")
def test_run_folder_is_complete(make: Make) -> None:
    config = make(training__epochs=4, training__keep_checkpoints=2)
    train(config)
    folder = folder_of(config)
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    logs = {name for name in names if name.startswith("logs/train_")}
    assert len(logs) == 1
    assert names - logs == {
        ".lock",
        "config.yaml",
        "history.json",
        "plots/training_curves.png",
        *(f"checkpoints/{name}.pth" for name in ("best", "last", "epoch_0003", "epoch_0004")),
    }
    text = (folder / "config.yaml").read_text()
    for fact in ("# torch:", "# deepsort:", "# fingerprint:"):
        assert fact in text
    from deepsort_cli.settings import resolve
    from deepsort_cli.settings.train import TrainSettings

    again = resolve(TrainSettings, config=folder / "config.yaml")
    expected = config.resolved().model_dump()
    expected["training"]["instances"] = 4  # chosen
    assert again.model_dump() == expected
    assert "epoch 4" in (folder / next(iter(logs))).read_text()


def test_defaults_of_the_schedule_reach_the_optimizer(make: Make) -> None:
    watch = Watch()
    train(make(training__epochs=2, optimizer__lr=0.01, scheduler__warmup_epochs=1), watch)
    rates = [report.lr for report in watch.reports]
    steps = watch.reports[0].steps
    assert rates[0] == pytest.approx(0.0001)
    assert rates[steps] == pytest.approx(0.01)
    assert rates[-1] < 0.005
    assert {group.lr for group in watch.plan.groups} == {0.01}


@pytest.mark.parametrize(
    "changes",
    [
        {"training__accum_steps": 2, "training__grad_clip": 1.0, "training__ema_decay": 0.9},
        {"loss__center_weight": 0.0005, "loss__triplet_margin": None, "loss__normalize_features": False},
        {"training__amp": "bf16", "optimizer__name": "sgd", "optimizer__lr": 0.01, "scheduler__name": "multistep"},
        {"model__neck": "none", "model__feature_dim": 0, "loss__triplet_weight": 0, "data__val_ratio": 0},
        {"model__neck_feature": "after"},
        {"loss__contrastive_weight": 2.0, "loss__cosine_scale": 20.0, "training__amp": "bf16"},
        {"loss__cosine_scale": 10.0, "model__neck": "none", "training__half_size": 0.5, **BIGGER},
        {"augment__jitter": 0.5, "augment__grayscale": 0.2, "training__channels_last": False, "data__cache_mb": 0},
    ],
)
def test_options_train_too(make: Make, changes: dict[str, Any]) -> None:
    config = make(training__epochs=2, **changes)
    result = train(config)
    assert result.epochs == 2
    info = load_model(folder_of(config) / "checkpoints" / "best.pth")[1]
    assert (info.neck, info.neck_feature) == (config.model.neck, config.model.neck_feature)
    assert all(value == value for value in result.last.values())


def test_the_first_epochs_at_half_size(make: Make) -> None:
    """Three of five epochs; a run interrupted in each part ends as one that was not, and files name their size."""
    settings = {"training__epochs": 5, "training__half_size": 0.6, "training__eval_every": 1, **BIGGER}
    whole, parts = (make(training__name=name, training__keep_checkpoints=5, **settings) for name in ("whole", "parts"))
    watch = Watch()
    train(whole, watch)
    for at in ((2, 1), (5, 1)):

        def interrupt(report: StepReport, at: tuple[int, int] = at) -> None:
            if (report.epoch, report.step) == at:
                os.kill(os.getpid(), signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            train(parts, Watch(interrupt))
    train(parts)
    assert_same(whole, parts)
    assert watch.notes.count("epoch 4: images at full size from now on") == 1
    heights = []
    for epoch in range(1, 6):
        checkpoint = folder_of(whole) / "checkpoints" / f"epoch_{epoch:04d}.pth"
        heights.append(load_model(checkpoint)[1].preprocess.height)
    assert heights == [32, 32, 32, 64, 64]


def test_averaged_weights_are_what_is_kept(make: Make) -> None:
    config = make(training__ema_decay=0.99, training__epochs=1)
    train(config)
    last = read_checkpoint(folder_of(config) / "checkpoints" / "last.pth")
    learner = last["training"]["learner"]
    key = "classifier.weight"
    assert torch.equal(last["state_dict"][key], learner["average"][f"module.{key}"])
    assert not torch.equal(last["state_dict"][key], learner["model"][key])


def test_frozen_layers_keep_their_values_until_released(make: Make, tmp_path: Path) -> None:
    seen: list[torch.Tensor] = []
    pretrained = tmp_path / "start.pth"
    torch.manual_seed(5)
    torch.save(OSNet("osnet_x0_25", num_classes=9, feature_dim=32).state_dict(), pretrained)
    config = make(
        training__freeze_feature_layers=True,
        training__freeze_epochs=2,
        model__pretrained=str(pretrained),
        training__keep_checkpoints=3,
    )
    watch = Watch()
    train(config, watch)
    for epoch in (1, 2, 3):
        state = read_checkpoint(folder_of(config) / "checkpoints" / f"epoch_{epoch:04d}.pth")["state_dict"]
        seen.append(state["conv1.conv.weight"])
        if epoch < 3:
            assert torch.equal(state["conv1.bn.running_mean"], torch.zeros(16))
    start = torch.load(pretrained, weights_only=True)["conv1.conv.weight"]
    assert torch.equal(seen[0], start)
    assert torch.equal(seen[1], start)
    assert not torch.equal(seen[2], start)
    assert any("classifier.weight" in note for note in watch.notes)  # the report of what was not taken over
    assert {group.frozen for group in watch.plan.groups} == {True, False}


# Stopping and continuing


def test_interrupted_within_an_epoch_and_continued(make: Make) -> None:
    whole, parts = make(training__name="whole"), make(training__name="parts")
    train(whole)

    def interrupt(report: StepReport) -> None:
        if (report.epoch, report.step) == (2, 1):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(parts, Watch(interrupt))
    position = read_checkpoint(folder_of(parts) / "checkpoints" / "last.pth")["training"]["position"]
    assert (position["epoch"], position["step"]) == (1, 2)
    result = train(parts)
    assert result.resumed_epoch == 1
    assert_same(whole, parts)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Last epochs of the curves that were drawn."""
    epochs: list[int] = []
    monkeypatch.setattr(keeper, "draw_curves", lambda history, *_, **options: epochs.append(history[-1]["epoch"]))
    return epochs


def test_curves_are_not_drawn_after_every_short_epoch(
    make: Make, drawn: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    train(make(training__epochs=4))
    assert drawn == [1, 4]
    drawn.clear()
    monkeypatch.setattr(keeper, "CURVES_EVERY", 0.0)
    train(make(training__epochs=4, training__name="slow"))
    assert drawn == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("at", "end", "expected"),
    [((3, 1), KeyboardInterrupt(), [1, 2]), ((4, 2), RunError("no loss"), [1, 3]), ((1, 1), RunError("at once"), [])],
)
def test_curves_show_what_was_finished_before_a_run_broke_off(
    make: Make, drawn: list[int], at: tuple[int, int], end: BaseException, expected: list[int]
) -> None:
    def break_off(report: StepReport) -> None:
        if (report.epoch, report.step) == at:
            raise end

    with pytest.raises(type(end)):
        train(make(training__epochs=5), Watch(break_off))
    assert drawn == expected


def test_tensorboard_is_closed_however_a_run_ends(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else its thread would keep what it has not written yet."""
    closed = []
    board = SimpleNamespace(add_scalar=lambda *_: None, flush=lambda: None, close=lambda: closed.append(True))
    monkeypatch.setattr(trainer, "_tensorboard", lambda *_: board)

    def break_off(report: StepReport) -> None:
        if report.epoch == 1:
            raise ValueError

    with pytest.raises(ValueError):
        train(make(training__tensorboard=True), Watch(break_off))
    assert closed == [True]
    train(make(training__tensorboard=True))
    assert closed == [True, True]


def test_curves_of_a_killed_run_that_goes_on_and_breaks_off_again(
    make: Make, drawn: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(report: StepReport) -> None:
        if (report.epoch, report.step) == (3, 1):
            raise RunError("no loss")

    with pytest.raises(RunError), monkeypatch.context() as patch:
        patch.setattr(keeper.Keeper, "drawing", lambda self: contextlib.nullcontext())  # as if killed
        train(make(training__epochs=5), Watch(break_off))
    assert drawn == [1]
    with pytest.raises(RunError):
        train(make(training__epochs=5), Watch(break_off))
    assert drawn == [1, 2]


def test_number_of_workers_changes_nothing(make: Make) -> None:
    alone, helped = make(training__name="alone"), make(training__name="helped", training__workers=2)
    train(alone)
    train(helped)
    assert_same(alone, helped)


def _train_in_child(
    config: dict[str, Any],
    environment: dict[str, str] | None = None,
    kill_after: float | None = None,
    cost: Path | None = None,
) -> None:
    """Train in a process of its own; `kill_after` seconds of computing, wherever it is then, it is killed.

    Args:
        cost: takes how many seconds of computing a training took that was not killed.
    """
    os.environ.update(environment or {})
    torch.set_num_threads(1)
    keeper.draw_curves = lambda *arguments, **options: None

    def kill() -> None:
        while time.process_time() < kill_after:
            time.sleep(0.002)
        os.kill(os.getpid(), signal.SIGKILL)

    if kill_after is not None:
        kill_after += time.process_time()
        threading.Thread(target=kill, daemon=True).start()
    begin = time.process_time()
    train(TrainConfig.model_validate(config))
    if cost is not None:
        cost.write_text(str(time.process_time() - begin))


@pytest.fixture(scope="module")
def children() -> Any:
    """Processes that start in no time, from one that has loaded PyTorch and not used it yet."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.reid.test_trainer"])
    return context


def run_child(children: Any, config: TrainConfig, kill_after: float | None = None, cost: Path | None = None) -> int:
    """The exit code of a training in a process of its own."""
    process = children.Process(target=_train_in_child, args=(config.model_dump(), None, kill_after, cost))
    process.start()
    process.join()
    return process.exitcode


@pytest.mark.slow
def test_killed_at_ten_random_moments(make: Make, children: Any, tmp_path: Path) -> None:
    """kill -9, start again: history, weights and optimizer are those of the run that was left alone."""
    settings = {
        "training__epochs": 5,
        "training__ema_decay": 0.9,
        "training__save_every_minutes": 0.001,
        "loss__center_weight": 0.0005,
    }
    whole, parts = make(training__name="whole", **settings), make(training__name="parts", **settings)
    assert run_child(children, whole, cost=tmp_path / "cost") == 0
    whole_cost, rng = float((tmp_path / "cost").read_text()), random.Random()
    kills = [run_child(children, parts, rng.uniform(0.05, 0.25) * whole_cost) for _ in range(10)]
    assert set(kills) <= {-signal.SIGKILL, 0}
    assert kills[:3] == [-signal.SIGKILL] * 3  # it was not over before it was killed
    assert run_child(children, parts) == 0
    assert_same(whole, parts)
    leftovers = [path for path in folder_of(parts).rglob(".*") if path.name != ".lock"]
    assert not leftovers


def test_a_finished_run_says_so(make: Make) -> None:
    config, watch = make(training__epochs=1), Watch()
    train(config)
    before = (folder_of(config) / "checkpoints" / "last.pth").stat().st_mtime_ns
    result = train(config, watch)
    assert any("done already" in note for note in watch.notes)
    assert result.epochs == 1
    assert (folder_of(config) / "checkpoints" / "last.pth").stat().st_mtime_ns == before


def test_more_epochs_continue_a_finished_run(make: Make) -> None:
    train(make(training__epochs=1))
    watch = Watch()
    result = train(make(training__epochs=2), watch)
    assert (result.epochs, result.resumed_epoch) == (2, 1)
    assert any("training.epochs 1 → 2" in note for note in watch.notes)
    fewer = Watch()
    assert train(make(training__epochs=1), fewer).epochs == 2
    assert any("done already, after 2 epochs" in note for note in fewer.notes)


def test_more_epochs_go_on_as_a_finished_run_ended(make: Make) -> None:
    """Neither a second warm-up nor a second time at half size, also where the longer run is interrupted."""
    settings = {"training__half_size": 0.5, "training__eval_every": 1, "optimizer__lr": 0.01, **BIGGER}
    train(make(training__epochs=4, **settings))
    last = json.loads((folder_of(make()) / "history.json").read_text())[-1]
    watch = Watch()

    def interrupt(report: StepReport) -> None:
        if (report.epoch, report.step) == (6, 1):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(make(training__epochs=8, **settings), Watch(interrupt))
    result = train(make(training__epochs=8, **settings), watch)
    assert (result.epochs, result.resumed_epoch) == (8, 5)
    assert [report.lr for report in watch.reports] == pytest.approx([0.0001] * len(watch.reports))
    history = json.loads((folder_of(make()) / "history.json").read_text())
    assert all(row["lr"] < last["lr"] for row in history[5:])
    assert [row["height"] for row in history] == [32, 32, 32, 64, 64, 64, 64, 64, 64]
    assert not [note for note in watch.notes if "half" in note or "full size from now" in note]


def test_more_epochs_stretch_an_unfinished_run_but_never_shrink_the_images_again(make: Make) -> None:
    settings = {"training__half_size": 0.5, **BIGGER}

    def interrupt(report: StepReport) -> None:
        if (report.epoch, report.step) == (4, 1):  # a closed terminal: shell and kernel tell it
            os.kill(os.getpid(), getattr(signal, "SIGHUP", signal.SIGINT))
            os.kill(os.getpid(), getattr(signal, "SIGHUP", 0))

    with pytest.raises(KeyboardInterrupt):
        train(make(training__epochs=4, **settings), Watch(interrupt))
    watch = Watch()
    train(make(training__epochs=8, **settings), watch)
    (said,) = [note for note in watch.notes if "course over 8 epochs" in note]
    assert "images at full size" in said
    heights = [row["height"] for row in json.loads((folder_of(make()) / "history.json").read_text())]
    assert heights == [32, 32, 32, 64, 64, 64, 64, 64, 64]


def test_resume_never_keeps_the_earlier_run_aside(make: Make) -> None:
    config, never = make(training__epochs=1), {"training__epochs": 1, "training__resume": "never"}
    watch = Watch()
    train(make(**never), watch)
    assert not [note for note in watch.notes if "moved" in note], "there was none"
    old = (folder_of(config) / "history.json").read_text()
    (log,) = (folder_of(config) / "logs").iterdir()
    with pytest.raises(InputError, match="nowhere"):
        train(make(**never, model__pretrained="nowhere.pth"))
    assert (folder_of(config) / "history.json").read_text() == old, "what is refused moves nothing"
    result = train(make(**never, training__seed=3))
    assert result.resumed_epoch is None
    logs = {path.name for path in (folder_of(config) / "previous-1" / "logs").iterdir()}
    (now,) = (folder_of(config) / "logs").iterdir()
    assert log.name in logs
    assert now.name not in logs
    assert (folder_of(config) / "previous-1" / "history.json").read_text() == old
    assert (folder_of(config) / "previous-1" / "checkpoints" / "best.pth").exists()


def test_resume_from_a_given_checkpoint(make: Make) -> None:
    first, second = make(training__name="first"), make(training__name="second")
    train(first)
    path = folder_of(first) / "checkpoints" / "epoch_0002.pth"
    result = train(make(training__name="second", training__resume=str(path)))
    assert result.resumed_epoch == 2
    assert (folder_of(first) / "history.json").read_text() == (folder_of(second) / "history.json").read_text()


def test_a_run_continued_elsewhere_has_its_best_weights_there(make: Make) -> None:
    """Also where no epoch beats them any more; and where they are lost, that is said before anything is moved."""
    config = make(training__epochs=2, training__eval_every=1, training__keep_checkpoints=1)
    checkpoints = folder_of(config) / "checkpoints"
    train(config)
    last = read_checkpoint(checkpoints / "last.pth")
    last["training"]["position"]["history"][1]["mAP"] = 1.0  # nothing beats the first epoch
    torch.save(last, checkpoints / "last.pth")
    best = read_checkpoint(checkpoints / "best.pth")
    best["info"] |= {"epoch": 1, "metrics": {"mAP": 1.0}}
    torch.save(best, checkpoints / "best.pth")

    def more(name: str, resume: Path) -> Any:
        return train(make(training__epochs=3, training__name=name, training__resume=str(resume)))

    (checkpoints / "best.pth").rename(checkpoints / "hidden")
    with pytest.raises(InputError, match=r"weights of this run so far, those after epoch 1.*`model.pretrained`"):
        more("second", checkpoints / "last.pth")
    (checkpoints / "hidden").rename(checkpoints / "best.pth")
    assert more("second", checkpoints / "last.pth").best["epoch"] == 1
    moved = folder_of(make(training__name="second")) / "checkpoints"
    assert load_model(moved / "best.pth")[1].epoch == 1
    # Going back to an earlier epoch of a run in its own folder loses nothing of it.
    (checkpoints / "last.pth").rename(checkpoints / "epoch_0002.pth")
    result = more(config.training.name or "", checkpoints / "epoch_0002.pth")
    assert (result.resumed_epoch, result.best["epoch"]) == (2, 1)
    assert load_model(checkpoints / "best.pth")[1].epoch == 1
    assert (folder_of(config) / "previous-1" / "checkpoints" / "best.pth").exists()


def test_a_checkpoint_wins_over_pretrained_weights_and_says_so(make: Make, tmp_path: Path) -> None:
    other = tmp_path / "not there.pth"
    settings = {"training__half_size": None, **BIGGER}
    train(make(training__epochs=2, **settings))
    watch = Watch()
    result = train(make(training__epochs=3, model__pretrained=str(other), **settings), watch)
    assert result.resumed_epoch == 2
    (warning,) = [text for text in result.warnings if "not used" in text]
    assert str(other) in warning
    assert "began with random weights" in warning
    assert "other" not in watch.plan.start
    # Nor do the learning rate and the size of the images follow weights that are not used.
    assert {group.lr for group in watch.plan.groups} == {0.1}
    assert not [note for note in watch.notes if "optimizer.lr" in note or "half_size" in note]


def test_a_run_from_pretrained_weights_continues_without_naming_them(make: Make, tmp_path: Path) -> None:
    start = tmp_path / "start.pth"
    torch.save(OSNet("osnet_x0_25", num_classes=9, feature_dim=32).state_dict(), start)
    train(make(training__epochs=1, model__pretrained=str(start)))
    start.unlink()
    for given in ("auto", str(start), os.path.relpath(start)):
        watch = Watch()
        train(make(training__epochs=1, model__pretrained=given), watch)
        assert {group.lr for group in watch.plan.groups} == {0.0012}  # what twelve people began with
        assert not [text for text in watch.warnings if "not used" in text]
    watch = Watch()
    train(make(training__epochs=1, model__pretrained=None), watch)
    (said,) = [text for text in watch.warnings if "not used" in text]
    assert "`model.pretrained` none" in said
    assert f"began with {start}" in said


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"model__name": "osnet_x0_5"}, "model.name: osnet_x0_25 then, osnet_x0_5 now"),
        ({"model__input__height": 64}, "model.input.height"),
        ({"training__batch_size": 8}, "training.batch_size: 16 then, 8 now"),
        ({"training__seed": 9}, "training.seed"),
        ({"optimizer__layer_lr_multipliers": {"conv1.*": 0.5}}, "layer_lr_multipliers"),
    ],
)
def test_resuming_another_run_says_what_differs(make: Make, changes: dict[str, Any], named: str) -> None:
    train(make(training__epochs=1))
    with pytest.raises(InputError) as caught:
        train(make(training__epochs=2, **changes))
    assert named in str(caught.value)
    assert "`training.resume`=never" in str(caught.value)


def test_resuming_with_other_images_says_so(make: Make, tmp_path: Path) -> None:
    train(make(training__epochs=1))
    other = make_people(tmp_path / "other", 20, seed=1)
    expected = r"(?s)training identities: 12 then, 15 now.*data.scan.min_side: 8 then, 9 now"
    with pytest.raises(InputError, match=expected):
        train(make(training__epochs=2, data__root=str(other), data__scan__min_side=9))


def test_the_same_images_with_other_cameras_are_another_validation(make: Make, people: Path, tmp_path: Path) -> None:
    """The history would jump where the rule of the search changes, and best.pth with it."""
    for part, shots in (("query", "0"), ("gallery", "12")):
        (tmp_path / "test" / part).mkdir(parents=True)
        for shot in shots:
            for file in people.glob(f"*_f000000{shot}.png"):
                shutil.copy(file, tmp_path / "test" / part)
    for camera in (1, 2):  # distractors are nobody to look for
        shutil.copy(
            people / f"0001_c{camera}_f0000001.png", tmp_path / "test" / "query" / f"0000_c{camera}_f0000009.png"
        )
    make_people(tmp_path / "train", 6, per_camera=2, seed=3)
    roots = {"data__root": str(tmp_path / "train"), "data__test_root": str(tmp_path / "test")}
    config = make(training__epochs=1, training__batch_size=8, **roots)
    watch = Watch()
    assert train(config, watch).held_out == 16
    assert any("2 distractors (person id 0) left out of the query set" in note for note in watch.notes)
    with pytest.raises(InputError, match=r"(?s)people and cameras on them: .*data.ignore_camera: False then, True now"):
        train(make(training__epochs=2, training__batch_size=8, **roots, data__ignore_camera=True))
    last = folder_of(config) / "checkpoints" / "last.pth"
    content = torch.load(last, weights_only=True)
    del content["training"]["data"]["people and cameras on them"]  # as earlier versions wrote it
    torch.save(content, last)
    assert train(make(training__epochs=2, training__batch_size=8, **roots)).resumed_epoch == 1


def test_resume_from_weights_alone_is_refused(make: Make) -> None:
    config = make(training__epochs=1)
    train(config)
    best = folder_of(config) / "checkpoints" / "best.pth"
    with pytest.raises(InputError, match="`model.pretrained`"):
        train(make(training__resume=str(best)))


def test_two_runs_in_one_folder_are_refused(make: Make, children: Any) -> None:
    config = make(training__epochs=500)
    process = children.Process(target=_train_in_child, args=(config.model_dump(),))
    process.start()
    try:
        history = folder_of(config) / "history.json"
        deadline = time.monotonic() + 600
        while not history.exists() and process.is_alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        with pytest.raises(InputError, match="another training"):
            train(config)
    finally:
        process.kill()
        process.join()
    # The lock died with its process.
    assert train(make(training__epochs=1, training__resume="never")).epochs == 1


# Several processes


def test_two_processes_compute_what_one_computes(make: Make, children: Any, tmp_path: Path) -> None:
    """With BatchNorm frozen nothing depends on how a batch is divided: losses, gradients and weights must agree."""
    start = tmp_path / "start.pth"
    torch.manual_seed(0)
    torch.save(OSNet("osnet_x0_25", num_classes=2, feature_dim=32, neck="bnneck").state_dict(), start)
    settings = {
        "model__pretrained": str(start),
        "training__freeze": ["*.bn.*", "fc.1.*", "bnneck.*"],
        "training__epochs": 2,
        "training__accum_steps": 2,
        "training__eval_every": 1,
        "loss__center_weight": 0.0005,
        "loss__contrastive_weight": 1.0,
        "loss__cosine_scale": 20.0,
        "optimizer__name": "sgd",
        "optimizer__lr": 0.01,
    }
    single, several = make(training__name="single", **settings), make(training__name="several", **settings)
    train(single)
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    processes = [
        children.Process(
            target=_train_in_child,
            args=(several.model_dump(), common | {"RANK": str(rank), "LOCAL_RANK": str(rank)}),
        )
        for rank in (0, 1)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(900)
    assert [process.exitcode for process in processes] == [0, 0]
    one, two = (json.loads((folder_of(config) / "history.json").read_text()) for config in (single, several))
    assert len(one) == len(two) == 3
    for row, other in zip(one, two, strict=True):
        # The features lie 0.002 apart; float32 knows the square of such a distance between unit vectors to some 1e-7.
        assert row == pytest.approx(other, rel=1e-3, abs=1e-4)
    weights = [read_checkpoint(folder_of(c) / "checkpoints" / "last.pth")["state_dict"] for c in (single, several)]
    for key, value in weights[0].items():
        torch.testing.assert_close(value, weights[1][key], rtol=1e-3, atol=1e-5, msg=key)
    assert len(list((folder_of(several) / "logs").iterdir())) == 1  # only the first process writes


# Trouble


def test_divergence_stops_and_keeps_the_last_good_checkpoint(make: Make) -> None:
    train(make(training__epochs=1))
    with pytest.raises(RunError, match=r"diverged.*last\.pth.*`optimizer.lr`") as caught:
        train(make(training__epochs=9, optimizer__lr=1e9))
    assert "epoch 2" in str(caught.value)
    content = read_checkpoint(folder_of(make()) / "checkpoints" / "last.pth")
    assert content["training"]["position"]["epoch"] == 1
    assert all(value.isfinite().all() for value in content["state_dict"].values())


def test_a_full_disk_keeps_the_last_good_checkpoint_and_the_run_goes_on(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, written = Path.write_bytes, []

    def write(self: Path, data: bytes) -> int:
        written.append(self.name)
        if self.name.startswith(".last.") and sum(name.startswith(".last.") for name in written) == 2:
            honest(self, bytes(data)[:1000])
            raise OSError(errno.ENOSPC, "No space left on device")
        return honest(self, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write)
        with pytest.raises(
            RunError, match=r"last\.pth: cannot be written: the disk is full.*one written before is kept"
        ):
            train(make(training__epochs=2))
    checkpoints = folder_of(make()) / "checkpoints"
    assert read_checkpoint(checkpoints / "last.pth")["training"]["position"]["epoch"] == 1
    assert not list(checkpoints.glob(".*"))
    assert train(make(training__epochs=2)).resumed_epoch == 1


def test_cameras_that_are_ignored_are_no_obstacle_and_the_price_is_said(make: Make, tmp_path: Path) -> None:
    one = make_people(tmp_path / "one", 8, per_camera=6, cameras=1)
    with pytest.raises(InputError, match="`data.ignore_camera`"):
        train(make(data__root=str(one)))
    watch = Watch()
    result = train(make(data__root=str(one), data__ignore_camera=True, training__epochs=1), watch)
    assert "mAP" in result.last
    assert any("cameras are ignored" in text for text in watch.warnings)


def test_a_loss_that_is_no_number_stops_the_run(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Learner.step

    def step(self, *arguments, **options):
        return honest(self, *arguments, **options) * float("nan")

    monkeypatch.setattr(Learner, "step", step)
    with pytest.raises(RunError, match="no longer a finite number"):
        train(make())


def test_broken_weights_are_never_saved(make: Make) -> None:
    def poison(report: StepReport) -> None:
        if report.epoch == 2 and report.step == report.steps:
            learners[0].model.classifier.weight.data.fill_(float("nan"))

    learners: list[Learner] = []
    honest = Learner.__init__

    def keep(self, *arguments):
        honest(self, *arguments)
        learners.append(self)

    config = make(training__eval_every=50)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Learner, "__init__", keep)
        with pytest.raises(RunError, match="no longer finite"):
            train(config, Watch(poison))
    assert read_checkpoint(folder_of(config) / "checkpoints" / "last.pth")["training"]["position"]["epoch"] == 1


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 99999999999 bytes."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: Error code 12"),
        MemoryError(),
    ],
)
def test_out_of_memory_names_the_batch_size(make: Make, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def step(self, *arguments, **options):
        raise error

    monkeypatch.setattr(Learner, "step", step)
    with pytest.raises(RunError, match="out of memory.*`training.batch_size`=16"):
        train(make())


def collapsing(triplet: float, ce: float, mAP: float) -> list[dict[str, float]]:
    start = [
        {"epoch": 0, "mAP": 0.004},
        {"epoch": 1, "triplet": 0.6, "ce": 6.6},
        {"epoch": 2, "triplet": 0.31, "ce": 5},
    ]
    return [*start, {"epoch": 3, "triplet": triplet, "ce": ce, "mAP": mAP}]


def test_collapse_is_noticed_and_health_is_not_mistaken_for_it(make: Make) -> None:
    loss = make().loss
    assert has_collapsed(collapsing(0.301, 2.6, 0.015), loss, chance=0.0035)
    assert not has_collapsed(collapsing(0.15, 2.6, 0.015), loss, chance=0.0035)  # triplets are being solved
    assert not has_collapsed(collapsing(0.52, 2.6, 0.015), loss, chance=0.0035)  # features are still apart
    assert not has_collapsed(collapsing(0.301, 6.5, 0.005), loss, chance=0.0035)  # nothing is learned yet at all
    assert not has_collapsed(collapsing(0.301, 2.6, 0.15), loss, chance=0.0035)  # people are found
    assert not has_collapsed(collapsing(0.301, 2.6, 0.015)[2:], loss, chance=0.0035)  # too early to say
    assert not has_collapsed(collapsing(0.301, 2.6, 1.0), loss, chance=1.0)  # one person alone is always found
    soft = make(loss__triplet_margin=None).loss
    assert has_collapsed(collapsing(0.694, 2.6, 0.015), soft, chance=0.0035)
    assert not has_collapsed(collapsing(0.301, 2.6, 0.015), soft, chance=0.0035)


@pytest.mark.parametrize("half", [0.0, 0.8])
def test_what_is_kept_says_what_it_is(make: Make, half: float) -> None:
    """However short a run is, its product is trained, at full size, and finished; before its end it is not."""
    config = make(training__epochs=2, training__eval_every=1, training__half_size=half, **BIGGER)
    best = folder_of(config) / "checkpoints" / "best.pth"
    seen: list[tuple[str, bool]] = []

    def look(report: StepReport) -> None:
        if report.epoch == 2 and not seen:
            info = load_model(best)[1]
            seen.append((info.status, info.full_size))
        assert report.epoch == 2 or not best.exists()  # random weights are not worth a file

    result = train(config, Watch(look))
    assert seen == [("interrupted", half == 0)]
    info = load_model(best)[1]
    assert (info.status, info.full_size, info.start, info.planned_epochs) == ("finished", True, "random", 2)
    assert info.epoch == result.best["epoch"] > 0
    assert info.preprocess.height == 64
    assert info.validation == {
        "identities": 4,
        "chance_mAP": pytest.approx(result.chance.mAP),
        "chance_rank1": pytest.approx(result.chance.rank1),
    }
    assert 0 < result.chance.mAP < 1


def test_few_people_are_all_learned_from_and_nothing_is_claimed(make: Make, tmp_path: Path) -> None:
    root = make_people(tmp_path / "nine", 9, per_camera=3)
    watch = Watch()
    config = make(data__root=str(root), data__val_ratio=None, training__batch_size=None, training__epochs=2)
    result = train(config, watch)
    assert (result.held_out, result.identities, result.chance, result.start) == (0, 9, None, None)
    assert (result.best["epoch"], result.best) == (2, result.last)
    assert "mAP" not in result.best
    said = " ".join(watch.warnings)
    assert "9 people are too few to hold 5 of them out" in said
    assert "nothing was validated" in said
    assert "9 people are too few to learn from random weights" in said
    assert watch.plan.batch == "9 people × 4 images"
    info = load_model(folder_of(config) / "checkpoints" / "best.pth")[1]
    assert (info.epoch, info.status, info.validation) == (2, "finished", {})


def test_one_camera_is_enough(make: Make, tmp_path: Path) -> None:
    root = make_people(tmp_path / "one camera", 18, per_camera=4, cameras=1)
    settings = {"data__root": str(root), "data__val_ratio": None, "training__epochs": 1}
    with pytest.raises(InputError, match=r"all images come from camera 1.*`data.ignore_camera`"):
        train(make(**settings))
    result = train(make(data__ignore_camera=True, **settings))
    assert result.held_out == 5
    assert result.best["mAP_low"] <= result.best["mAP"] <= result.best["mAP_high"]
    assert result.certainty is not None
    assert result.certainty.people == 5
    if result.best["epoch"] > 0:
        assert result.certainty.difference is not None
        assert result.best["gain"] == result.certainty.difference.interval.value
    assert any("cameras are ignored" in text for text in result.warnings)


def test_verdicts() -> None:
    def judged(
        start: float | None,
        trained: float,
        random_start: bool = False,
        chance: float = 0.2,
        people: int = 100,
        gain: Interval | None = None,
    ) -> list[str]:
        rows = [{"epoch": 1, "mAP": trained, "height": 64}, {"epoch": 2, "mAP": trained - 0.1, "height": 64}]
        if start is not None:
            rows.insert(0, {"epoch": 0, "mAP": start, "height": 64})
        best = best_row(rows, random_start=random_start)
        return verdicts(rows, best, Chance(chance, chance), random_start=random_start, people=people, gain=gain)

    assert judged(0.5, 0.6) == []
    assert judged(0.5, 0.6, gain=Interval(0.1, 0.05, 0.15)) == []
    (said,) = judged(0.5, 0.6, gain=Interval(0.1, -0.05, 0.25))
    assert "cannot be told apart from the start: mAP +10.0 [-5.0, +25.0] on 100 people" in said
    (said,) = judged(0.5, 0.4, gain=Interval(-0.1, -0.2, 0.0))
    assert "no epoch found people better" in said
    assert judged(None, 0.6) == []
    (said,) = judged(1.0, 1.0, random_start=True)
    assert "no epoch found people better than the untrained network" in said
    (said,) = judged(0.5, 0.5)
    assert "training has not helped" in said
    (said,) = judged(0.5, 0.4)
    assert "best.pth holds the weights of the start" in said
    (said,) = judged(0.1, 0.2)
    assert "no better than chance (mAP 20.0%, chance 20.0%)" in said
    (said,) = judged(0.3, 0.35, people=5)
    assert "hardly better than chance (mAP 35.0%, chance 20.0%), and 5 people" in said
    assert judged(0.3, 0.35) == judged(0.3, 0.45, people=5) == []
    assert len(judged(0.3, 0.2)) == 1
    assert len(judged(0.3, 0.2, random_start=True)) == 2
    (said,) = verdicts([{"epoch": 3}], {"epoch": 3}, None, random_start=True, people=0)
    assert "nothing was validated" in said
    assert "compare with the start" not in said
    (said,) = verdicts([{"epoch": 3}], {"epoch": 3}, None, random_start=False, people=0)
    assert "compare with the start on others" in said
    risen = [{"epoch": 1, "loss": 5.0}, {"epoch": 2, "loss": 17.5}, {"epoch": 3, "loss": 9.0}]
    (said, _) = verdicts(risen, risen[-1], None, random_start=True, people=0)
    assert "the loss did not fall (epoch 1: 5, the last: 9)" in said
    assert "Start from trained weights" in said
    (said, _) = verdicts(risen, risen[-1], None, random_start=False, people=0)
    assert "Start from trained weights" not in said
    (said,) = verdicts(
        [{**risen[0], "accuracy": 0.5}, {**risen[1], "accuracy": 0.6}], risen[1], None, random_start=True, people=0
    )
    assert "did not fall" not in said, "more of the people are told apart all the same"


def test_best_row_at_full_size_and_after_the_start() -> None:
    half = [{"epoch": 0, "mAP": 0.9, "height": 32}, {"epoch": 1, "mAP": 0.8, "height": 32}]
    full = [{"epoch": 2, "mAP": 0.3, "height": 64}, {"epoch": 3, "mAP": 0.3, "height": 64}]
    assert best_row(half[:1], random_start=True)["epoch"] == 0
    assert best_row(half)["epoch"] == 0
    assert best_row(half, random_start=True)["epoch"] == 1
    assert best_row([*half, *full])["epoch"] == 2
    assert best_row([{"epoch": 0, "mAP": 0.3, "height": 64}, *full])["epoch"] == 2  # a tie does not go to the start
    assert best_row([{"epoch": 0, "mAP": 0.4, "height": 64}, *full])["epoch"] == 0


def test_best_row() -> None:
    rows = [{"epoch": 1}, {"epoch": 2, "mAP": 0.4}, {"epoch": 3, "mAP": 0.5}, {"epoch": 4, "mAP": 0.5}, {"epoch": 5}]
    assert best_row(rows)["epoch"] == 3
    assert best_row(rows[:1])["epoch"] == 1


# Bad input


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data__root": None}, "`data.root`"),
        ({"data__root": "/nonexistent/folder"}, "/nonexistent/folder"),
        ({"training__batch_size": 128}, r"12 identities.*`training.batch_size`=48"),
        ({"training__batch_size": 36, "training__instances": 9}, r"no identity has 9 images.*training\.instances`=6"),
        ({"training__device": "cuda:7"}, "cuda:7"),
        ({"training__device": "toaster"}, "toaster"),
        ({"training__amp": "fp16"}, "GPU"),
        ({"training__resume": "/nonexistent.pth"}, "nonexistent.pth"),
        ({"model__pretrained": "/nonexistent.pth"}, "nonexistent.pth"),
        ({"data__test_root": "/nonexistent"}, "/nonexistent"),
        ({"training__freeze": ["layer9.*"]}, r"layer9\.\*"),
        ({"training__output_dir": "/dev/null/runs"}, "/dev/null"),
    ],
)
def test_bad_input_has_one_clear_message(make: Make, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        train(make(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training__batch_size": 30}, "no multiple of"),
        ({"training__batch_size": 4}, "negatives need a second"),
        ({"augment__erase_area": [0.4, 0.02]}, "ascending"),
        ({"optimizer__lr": 0}, "greater than 0"),
        ({"model__name": "resnet50"}, "osnet_x0_25"),
        ({"model__input": {"height": 32, "width": 8}}, "at least 16"),
        ({"training__half_size": 0.5}, r"32×16.*at least 32 each way, or set `training\.half_size`=0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make: Make, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_empty_folders_are_named(make: Make, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty"):
        train(make(data__root=str(tmp_path / "empty")))


def test_unwritable_output(make: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file"):
        train(make(training__output_dir=str(tmp_path / "file")))


def test_validation_without_any_match_is_refused(make: Make, tmp_path: Path) -> None:
    make_people(tmp_path / "test" / "query", 4, cameras=1)
    make_people(tmp_path / "test" / "gallery", 4, cameras=1)
    with pytest.raises(InputError, match="nothing to validate on"):
        train(make(data__test_root=str(tmp_path / "test")))


def test_identities_below_k_images_are_mentioned(make: Make, tmp_path: Path) -> None:
    make_people(tmp_path / "few", 8, per_camera=4)
    for path in (tmp_path / "few").glob("0001_*"):
        if "_f0000000" not in path.name:
            path.unlink()
    watch = Watch()
    train(make(data__root=str(tmp_path / "few"), data__val_ratio=0, training__epochs=1), watch)
    assert any("1 of 8 identities have fewer than 4 images" in warning for warning in watch.warnings)


def test_an_image_that_vanished_is_named(make: Make, tmp_path: Path) -> None:
    root = make_people(tmp_path / "people", 8)
    victims = sorted(root.glob("*.png"))

    def vanish(report: StepReport) -> None:
        for path in victims:
            path.unlink(missing_ok=True)

    with pytest.raises(DeepsortError, match=r"\.png"):
        train(make(data__root=str(root), data__cache_mb=0, data__val_ratio=0, training__workers=0), Watch(vanish))
