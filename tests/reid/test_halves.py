"""Few people, of whom nobody is held out: halves tell whether training helps; where it does not the start is kept."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from deepsort_cli.core.events import Listener  # noqa: E402
from deepsort_cli.core.preprocess import Preprocess  # noqa: E402
from deepsort_cli.evaluation.bootstrap import Interval  # noqa: E402
from deepsort_cli.reid import keeper, training  # noqa: E402
from deepsort_cli.reid.backbones.osnet import OSNet  # noqa: E402
from deepsort_cli.reid.certainty import Trial  # noqa: E402
from deepsort_cli.reid.checkpoint import CheckpointInfo, load_model, read_checkpoint, save_checkpoint  # noqa: E402
from deepsort_cli.reid.events import RunPlan, StepReport  # noqa: E402
from deepsort_cli.reid.halves import Learned, try_halves  # noqa: E402
from deepsort_cli.reid.schedule import with_value  # noqa: E402
from deepsort_cli.reid.settings import TrainConfig  # noqa: E402
from deepsort_cli.reid.train_data import TrainData  # noqa: E402
from deepsort_cli.reid.training import train  # noqa: E402
from deepsort_cli.reid.validator import Validator  # noqa: E402
from tests.reid.conftest import make_people  # noqa: E402

BETTER = Trial(6, Interval(0.05, 0.01, 0.09))
WORSE = Trial(6, Interval(-0.05, -0.09, -0.01))
UNSURE = Trial(6, Interval(0.01, -0.02, 0.04))


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr(keeper, "draw_curves", lambda *arguments, **options: None)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six people, and trained weights to start from."""
    folder = tmp_path_factory.mktemp("few")
    make_people(folder / "people", 6, per_camera=2)
    torch.manual_seed(5)
    torch.save(OSNet("osnet_x0_25", num_classes=9, feature_dim=32).state_dict(), folder / "start.pth")
    size = Preprocess(height=32, width=16)
    known = CheckpointInfo("osnet_x0_25", 9, 32, "bnneck", size, metrics={"threshold": 0.01}, neck_feature="before")
    weights = known.build().state_dict()
    save_checkpoint(folder / "known.pth", weights, known)
    save_checkpoint(folder / "other feature.pth", weights, replace(known, neck_feature="after"))
    return folder


def config_of(few: Path, name: str, output: Path) -> TrainConfig:
    values = {
        "data": {"root": few / "people", "scan": {"use_cache": False}},
        "model": {"pretrained": few / "start.pth", "feature_dim": 32, "input": {"height": 32, "width": 16}},
        "training": {"epochs": 2, "amp": "off", "device": "cpu", "tensorboard": False},
    }
    values["training"] |= {"name": name, "output_dir": output}
    return TrainConfig.model_validate(values)


class Watch(Listener):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.stages: list[tuple[str, int, int | None]] = []
        self.plans = 0
        self.stop_in_trial = False

    def note(self, message: str) -> None:
        self.notes.append(message)

    def happened(self, event: object) -> None:
        self.plans += isinstance(event, RunPlan)

    def progress(self, stage: str, done: int, total: int | None) -> None:
        self.stages.append((stage, done, total))
        if self.stop_in_trial and "halves" in stage:
            self.stop_in_trial = False
            os.kill(os.getpid(), signal.SIGINT)


def test_each_half_is_learned_from_and_the_other_looked_for(few: Path, tmp_path: Path) -> None:
    """The trial is seen, writes nothing, and leaves the run what it would have been without it."""
    watch, config = Watch(), config_of(few, "run", tmp_path)
    watch.stop_in_trial = True
    with pytest.raises(KeyboardInterrupt):
        train(config, watch)
    assert not list((tmp_path / "run" / "checkpoints").glob("*"))
    result = train(config, watch)
    assert result.trial is not None
    assert result.trial.people == 6
    assert watch.plans == 2  # of the run, each time it was started
    steps = [(done, of) for stage, done, of in watch.stages if "halves" in stage]
    assert steps[-1] == (4, 4)
    assert any(result.trial.words() in note for note in watch.notes)
    assert not [warning for warning in result.warnings if "nothing was validated" in warning]
    again = train(config)
    assert (again.trial, again.resumed_epoch) == (result.trial, 2)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "try_halves", lambda *arguments: None)
        train(config_of(few, "plain", tmp_path))
    a, b = (read_checkpoint(tmp_path / name / "checkpoints" / "last.pth") for name in ("run", "plain"))
    assert all(torch.equal(value, b["state_dict"][key]) for key, value in a["state_dict"].items())


def test_the_start_is_kept_where_halves_say_so(few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "try_halves", lambda *arguments: WORSE)
    config = config_of(few, "run", tmp_path)
    result = train(config)
    assert (result.best["epoch"], result.last["epoch"], result.trial) == (0, 2, WORSE)
    (said,) = [warning for warning in result.warnings if "start" in warning]
    assert "-5.0 [-9.0, -1.0]" in said
    assert "best.pth holds the weights of the start" in said
    model, info = load_model(result.folder / "checkpoints" / "best.pth")
    start = torch.load(few / "start.pth", weights_only=True)
    assert torch.equal(model.conv1.conv.weight, start["conv1.conv.weight"])
    assert (info.epoch, info.status) == (0, "finished")
    longer = config.model_copy(update={"training": config.training.model_copy(update={"epochs": 3})})
    assert train(longer).best["epoch"] == 0  # it is not forgotten when the run goes on
    assert json.loads((result.folder / "history.json").read_text())[0]["epoch"] == 0


@pytest.mark.parametrize("trial", [BETTER, UNSURE])
def test_what_was_learned_is_kept_where_halves_gained(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trial: Trial
) -> None:
    monkeypatch.setattr(training, "try_halves", lambda *arguments: trial)
    result = train(config_of(few, "run", tmp_path))
    assert (result.best["epoch"], result.trial) == (2, trial)
    assert ("cannot be told apart" in trial.words()) == (trial is UNSURE)


@pytest.mark.parametrize(
    ("share", "start"),
    [(None, "known"), (0, "known"), (0.4, "known"), (None, "other feature"), (0, "other feature")],
    ids=["halves", "nobody", "held out", "halves, other feature", "nobody, other feature"],
)
def test_the_threshold_of_the_start_is_carried_over(few: Path, tmp_path: Path, share: float | None, start: str) -> None:
    """Measured on the other halves or on the held-out people, and as it was where nobody was looked for.

    Weights that put out their feature after BNNeck, as the bundled ones do, have another threshold before it.
    """
    config = config_of(few, "run", tmp_path)
    config = config.model_copy(
        update={
            "data": config.data.model_copy(update={"val_ratio": share}),
            "model": config.model.model_copy(update={"pretrained": few / f"{start}.pth"}),
        }
    )
    result = train(config)
    for name in ("best", "last"):
        info = load_model(result.folder / "checkpoints" / f"{name}.pth")[1]
        source, threshold = info.threshold_source, info.metrics.get("threshold")
        if start == "other feature" and share == 0:
            assert (threshold, source) == (None, "")
        elif info.epoch == 0 and start == "known":
            assert (threshold, source) == (0.01, "that of the weights it started from, which these are")
        elif share == 0:
            assert (threshold, source) == (0.01, "that of the weights it started from; not measured since")
        else:
            who = "6 people" if share is None else "2 people"
            assert threshold is not None
            assert 0 < threshold < 0.5
            assert f"{who} not learned from as the start did at its 0.01" in source
    again = train(config)
    assert again.resumed_epoch == 2
    assert load_model(result.folder / "checkpoints" / "last.pth")[1].metrics.get("threshold") == threshold


def test_a_new_run_may_start_from_the_one_it_takes_the_place_of(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its weights move aside with it, and halves are tried from there."""
    starts: list[Path | None] = []

    def learn(config: TrainConfig, *rest: object) -> Trial:
        starts.append(config.model.pretrained)
        assert load_model(starts[-1])[1].epoch == len(starts) - 1
        return BETTER

    config = config_of(few, "run", tmp_path)
    config = config.model_copy(update={"training": config.training.model_copy(update={"epochs": 1})})
    with monkeypatch.context() as patch:
        patch.setattr(training, "try_halves", learn)
        best = train(config).folder / "checkpoints" / "best.pth"
        again = with_value(with_value(config, "model.pretrained", best), "training.resume", "never")
        assert train(again).resumed_epoch is None
    moved = tmp_path / "run" / "previous-1" / "checkpoints" / "best.pth"
    assert starts == [few / "start.pth", moved]
    text = (tmp_path / "run" / "config.yaml").read_text()
    assert f"# start: deepsort weights from {moved}" in text
    assert f"pretrained: {moved}" in text
    assert train(with_value(again, "training.resume", "auto")).resumed_epoch == 1


def test_dozens_of_people_are_all_learned_from(
    few: Path, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five held-out people could not decide; a run that held some out when it began goes on so."""
    config = config_of(few, "run", tmp_path)
    config = config.model_copy(update={"data": config.data.model_copy(update={"root": people})})
    asked = []

    def learn(config: TrainConfig, data: TrainData, *rest: object) -> Trial:
        asked.append(len(data.pids))
        return BETTER

    monkeypatch.setattr(training, "try_halves", learn)
    result = train(config)
    assert (result.held_out, result.identities, result.trial, asked) == (0, 16, BETTER, [16])
    assert train(config).resumed_epoch == 2

    before = config.model_copy(update={"training": config.training.model_copy(update={"name": "before"})})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "tries_halves", lambda *arguments: False)
        assert train(before).held_out == 5
    again = train(before)
    assert (again.held_out, again.resumed_epoch, asked) == (5, 2, [16])


def test_a_trained_start_is_measured_and_kept_at_the_size_it_knows(few: Path, tmp_path: Path) -> None:
    """Half-size images in the first epochs are no reason to look for people with a start that sees half of them."""
    config = config_of(few, "run", tmp_path)
    config = config.model_copy(
        update={
            "model": config.model.model_copy(update={"input": Preprocess(height=64, width=32)}),
            "training": config.training.model_copy(update={"half_size": 0.5}),
        }
    )
    sizes: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        measure = Validator.measure

        def noted(self: Validator, model: OSNet, size: Preprocess, *rest: object) -> object:
            sizes.append(size.height)
            return measure(self, model, size, *rest)

        patch.setattr(Validator, "measure", noted)
        patch.setattr(training, "try_halves", lambda *arguments: (try_halves(*arguments), WORSE)[1])
        result = train(config)
    assert sizes[:4] == [64] * 4  # start and end of both halves
    info = load_model(result.folder / "checkpoints" / "best.pth")[1]
    assert (info.epoch, info.preprocess.height, info.full_size) == (0, 64, True)
    assert [row["height"] for row in json.loads((result.folder / "history.json").read_text())] == [64, 32, 64]


@pytest.mark.parametrize(
    ("start", "changes"),
    [("other feature", {"neck": "none"}), ("known", {"feature_dim": 0}), ("known", {"feature_dim": 16})],
    ids=["no BNNeck", "no fully connected layer", "another one"],
)
def test_no_threshold_is_carried_into_a_network_without_the_layers_it_was_measured_behind(
    few: Path, tmp_path: Path, start: str, changes: dict[str, object]
) -> None:
    config = config_of(few, "run", tmp_path)
    config = config.model_copy(
        update={
            "data": config.data.model_copy(update={"val_ratio": 0.4}),
            "model": config.model.model_copy(update={"pretrained": few / f"{start}.pth", **changes}),
            "training": config.training.model_copy(update={"epochs": 1}),
        }
    )
    result = train(config)
    for name in ("best", "last"):
        info = load_model(result.folder / "checkpoints" / f"{name}.pth")[1]
        assert (info.metrics.get("threshold"), info.threshold_source) == (None, "")


def test_who_is_in_which_half(few: Path, tmp_path: Path) -> None:
    from deepsort_cli.reid.train_data import load_data

    config = config_of(few, "run", tmp_path)
    data = load_data(config.data, 0, Listener())
    seen: list[tuple[TrainConfig, TrainData]] = []

    def learn(config: TrainConfig, half: TrainData, listener: Listener) -> Learned:
        seen.append((config, half))
        assert half.query is not None
        listener.happened(StepReport(1, 1, 1, {}, 0.1, 1.0, 0.0))
        before = np.full(len(half.query), 0.5)
        return Learned(before, before + 0.1 * len(seen))

    watch = Watch()
    trial = try_halves(config, data, learn, watch)
    assert trial is not None
    assert (trial.people, trial.helped, trial.told_apart) == (6, True, True)
    assert trial.gain.value == pytest.approx(0.15)
    assert Trial.of(trial.saved()) == trial
    (one, first), (_, second) = seen
    assert set(first.pids) == set(second.query.pids)
    assert set(second.pids) == set(first.query.pids)
    assert (len(first.pids), one.training.batch_size, one.training.eval_every) == (3, 12, 2)
    assert one.optimizer.lr == 0.000073  # chosen for three people
    slowed = with_value(config, "optimizer.lr", 0.00029)  # as finetune chooses it for six, of its 0.01
    assert try_halves(slowed, data, learn, watch, 0.01) is not None
    assert try_halves(slowed, data, learn, watch) is not None  # the user's own
    assert [config.optimizer.lr for config, _ in seen[2:]] == [0.000073, 0.000073, 0.00029, 0.00029]
    crowded = config.model_copy(update={"training": config.training.model_copy(update={"instances": 5})})
    assert try_halves(crowded, data, learn, watch) is None  # nobody has five pictures
