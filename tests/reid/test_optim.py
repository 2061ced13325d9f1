"""Parameter groups, freezing and the learning rate."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from deepsort_cli.core.errors import InputError  # noqa: E402
from deepsort_cli.reid.backbones.osnet import OSNet  # noqa: E402
from deepsort_cli.reid.optim import (  # noqa: E402
    build_optimizer,
    freeze,
    lr_factor,
    parameter_groups,
    set_learning_rate,
    train_mode,
)
from deepsort_cli.reid.settings import OptimizerSettings, SchedulerSettings, TrainingSettings  # noqa: E402


@pytest.fixture
def model() -> OSNet:
    return OSNet("osnet_x0_25", num_classes=5, feature_dim=32, neck="bnneck")


def group_of(model: OSNet, groups: list[dict], name: str) -> dict:
    parameter = dict(model.named_parameters())[name]
    found = [group for group in groups if any(parameter is other for other in group["params"])]
    assert len(found) == 1
    return found[0]


def test_norms_and_biases_do_not_decay(model: OSNet) -> None:
    groups, described = parameter_groups(model, OptimizerSettings(weight_decay=0.01))
    assert group_of(model, groups, "conv1.conv.weight")["weight_decay"] == 0.01
    assert group_of(model, groups, "classifier.weight")["weight_decay"] == 0.01
    for name in ("conv1.bn.weight", "conv1.bn.bias", "conv2.0.gate.fc1.bias", "fc.0.bias", "bnneck.weight"):
        assert group_of(model, groups, name)["weight_decay"] == 0.0
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    assert sum(group.size for group in described) == trained


def test_first_matching_multiplier_counts(model: OSNet) -> None:
    settings = OptimizerSettings(lr=0.1, layer_lr_multipliers={"conv1.*": 0.0, "conv*": 0.5})
    groups, described = parameter_groups(model, settings)
    optimizer = build_optimizer(groups, settings)
    set_learning_rate(optimizer, 0.02)
    assert group_of(model, optimizer.param_groups, "conv1.conv.weight")["lr"] == 0.0
    assert group_of(model, optimizer.param_groups, "conv2.0.conv1.conv.weight")["lr"] == pytest.approx(0.01)
    assert group_of(model, optimizer.param_groups, "fc.0.weight")["lr"] == pytest.approx(0.02)
    assert {group.lr for group in described} == {0.0, 0.05, 0.1}


@pytest.mark.parametrize("pattern", ["conv1", "backbone.*", "layer4.*"])
def test_patterns_that_match_nothing_are_errors(model: OSNet, pattern: str) -> None:
    with pytest.raises(InputError, match="matches no parameter"):
        parameter_groups(model, OptimizerSettings(layer_lr_multipliers={pattern: 0.1}))
    with pytest.raises(InputError, match="matches no parameter"):
        freeze(model, TrainingSettings(freeze=(pattern,)))


def test_a_missing_wildcard_is_suggested(model: OSNet) -> None:
    with pytest.raises(InputError, match=r"Did you mean 'conv1\*'"):
        freeze(model, TrainingSettings(freeze=("conv1",)))


def test_frozen_feature_layers_leave_the_head(model: OSNet) -> None:
    names = freeze(model, TrainingSettings(freeze_feature_layers=True))
    trained = {name.split(".")[0] for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained == {"fc", "bnneck", "classifier"}
    assert "conv5.conv.weight" in names
    assert "bnneck.bias" not in names  # frozen by design, never released
    _, described = parameter_groups(model, OptimizerSettings())
    assert {group.frozen for group in described} == {True, False}


def test_frozen_batchnorm_stays_in_eval(model: OSNet) -> None:
    freeze(model, TrainingSettings(freeze=("conv1.*",)))
    train_mode(model)
    assert not model.conv1.bn.training
    assert model.conv2[0].conv1.bn.training
    assert model.bnneck.training  # only its bias is frozen
    before = model.conv1.bn.running_mean.clone()
    model(torch.randn(4, 3, 32, 16))
    assert torch.equal(model.conv1.bn.running_mean, before)


def test_freezing_everything_is_an_error(model: OSNet) -> None:
    with pytest.raises(InputError, match="nothing to train"):
        freeze(model, TrainingSettings(freeze=("*",)))


def test_multistep_is_the_bag_of_tricks_schedule() -> None:
    settings = SchedulerSettings(name="multistep", warmup_epochs=10, milestones=(40, 70), gamma=0.1)
    rate = {epoch: lr_factor(settings, epoch, 120) for epoch in (0, 5, 10, 39.99, 40, 70, 119)}
    assert rate[0] == pytest.approx(0.01)
    assert rate[5] == pytest.approx(0.505)
    assert rate[10] == rate[39.99] == 1
    assert rate[40] == pytest.approx(0.1)
    assert rate[70] == rate[119] == pytest.approx(0.01)


def test_cosine_falls_smoothly_to_its_end() -> None:
    settings = SchedulerSettings(name="cosine", warmup_epochs=5, final_factor=0.02)
    rates = [lr_factor(settings, 5 + i, 25) for i in range(21)]
    assert rates[0] == 1
    assert rates[10] == pytest.approx(0.51)
    assert rates[20] == pytest.approx(0.02)
    assert rates == sorted(rates, reverse=True)


@pytest.mark.parametrize(("epochs", "length"), [(5, 0.5), (50, 5), (350, 10)])
def test_default_warmup_suits_the_length_of_the_run(epochs: int, length: float) -> None:
    assert lr_factor(SchedulerSettings(), length * 0.99, epochs) < 1
    assert lr_factor(SchedulerSettings(), length, epochs) == pytest.approx(1)


def test_no_warmup() -> None:
    assert lr_factor(SchedulerSettings(warmup_epochs=0), 0, 10) == 1


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_every_optimizer_takes_a_step(model: OSNet, name: str) -> None:
    settings = OptimizerSettings(name=name)
    optimizer = build_optimizer(parameter_groups(model, settings)[0], settings)
    before = model.classifier.weight.clone()
    model.train()(torch.randn(4, 3, 32, 16))[1].square().sum().backward()
    optimizer.step()
    assert not torch.equal(model.classifier.weight, before)
