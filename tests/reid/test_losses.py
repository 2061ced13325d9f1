"""Losses against their definitions."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from deepsort_cli.core.errors import InputError  # noqa: E402
from deepsort_cli.reid import losses  # noqa: E402
from deepsort_cli.reid.loss_functions import Centers, batch_hard_triplets, euclidean_distances, supervised_contrastive  # noqa: E402
from deepsort_cli.reid.losses import REGISTERED, Batch, Loss, Losses, figure_names, weights_of  # noqa: E402
from deepsort_cli.reid.settings import LossSettings  # noqa: E402


def by_definition(features, classes, margin, normalize):
    """Loops over anchors, as Hermans et al. 2017 write it."""
    if normalize:
        features = features / features.norm(dim=1, keepdim=True)
    losses, active = [], []
    for i, anchor in enumerate(features):
        distances = [(anchor - other).norm().item() for other in features]
        positive = max(distances[j] for j in range(len(features)) if classes[j] == classes[i] and j != i)
        negative = min(distances[j] for j in range(len(features)) if classes[j] != classes[i])
        gap = positive - negative
        losses.append(math.log1p(math.exp(gap)) if margin is None else max(0.0, gap + margin))
        active.append(gap > 0 if margin is None else gap + margin > 0)
    return sum(losses) / len(losses), sum(active) / len(active)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    identities=st.integers(2, 5),
    instances=st.integers(2, 4),
    margin=st.sampled_from([0.3, 1.0, None]),
    normalize=st.booleans(),
)
def test_batch_hard_triplets(seed: int, identities: int, instances: int, margin: float | None, normalize: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(identities * instances, 6, generator=generator)
    classes = torch.arange(identities).repeat_interleave(instances)
    classes = classes[torch.randperm(len(classes), generator=generator)]
    found = batch_hard_triplets(features, classes, margin, normalize)
    loss, active = by_definition(features.double(), classes.tolist(), margin, normalize)
    assert found.loss.item() == pytest.approx(loss, rel=1e-4, abs=1e-4)
    assert found.active.item() == pytest.approx(active, abs=1e-6)


def test_identical_features_give_the_margin_and_a_finite_gradient() -> None:
    """The point of collapse: everything at one place."""
    features = torch.ones(8, 4, requires_grad=True)
    classes = torch.arange(4).repeat_interleave(2)
    for normalize in (True, False):
        found = batch_hard_triplets(features, classes, 0.3, normalize)
        found.loss.backward()
        assert found.loss.item() == pytest.approx(0.3, abs=1e-4)
        assert torch.isfinite(features.grad).all()


def test_normalised_loss_ignores_length() -> None:
    features, classes = torch.randn(8, 4), torch.arange(4).repeat_interleave(2)
    short = batch_hard_triplets(features, classes, 0.3, True).loss
    long = batch_hard_triplets(features * torch.rand(8, 1) * 100, classes, 0.3, True).loss
    torch.testing.assert_close(short, long)


def test_half_precision_features_are_handled_in_full() -> None:
    features = torch.randn(8, 64).to(torch.bfloat16)
    assert euclidean_distances(features.float()).dtype == torch.float32
    assert batch_hard_triplets(features, torch.arange(4).repeat_interleave(2), 0.3, False).loss.dtype == torch.float32


def test_centers_follow_their_class() -> None:
    centers = Centers(3, 2, rate=0.5)
    features = torch.tensor([[2.0, 0.0], [4.0, 0.0], [0.0, 6.0]], requires_grad=True)
    classes = torch.tensor([0, 0, 2])
    loss = centers(features, classes)
    assert loss.item() == pytest.approx(0.5 * (4 + 16 + 36) / 3)
    loss.backward()
    torch.testing.assert_close(features.grad, features.detach() / 3)
    centers.update(features, classes)
    # Wen et al. 2016, eq. 4: the step is the sum of differences over one plus their number.
    torch.testing.assert_close(centers.centers, torch.tensor([[0.5 * 6 / 3, 0.0], [0.0, 0.0], [0.0, 0.5 * 6 / 2]]))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), temperature=st.sampled_from([0.05, 0.1, 1.0]))
def test_supervised_contrastive(seed: int, temperature: float) -> None:
    """Against the sums of Khosla et al. 2020, equation 2, for identities with one to five images."""
    generator = torch.Generator().manual_seed(seed)
    classes = torch.randint(0, 4, (9,), generator=generator)
    features = torch.randn(9, 6, generator=generator)
    found = supervised_contrastive(features, classes, temperature)

    unit = (features / features.norm(dim=1, keepdim=True)).double()
    losses = []
    for i in range(9):
        others = [k for k in range(9) if k != i]
        positives = [k for k in others if classes[k] == classes[i]]
        if positives:
            total = sum(math.exp(unit[i] @ unit[k] / temperature) for k in others)
            losses.append(-sum(math.log(math.exp(unit[i] @ unit[k] / temperature) / total) for k in positives))
            losses[-1] /= len(positives)
    assert found.item() == pytest.approx(sum(losses) / max(1, len(losses)), rel=1e-4, abs=1e-4)


def test_supervised_contrastive_pulls_an_identity_together() -> None:
    torch.manual_seed(0)
    features = torch.randn(12, 4, requires_grad=True)
    classes = torch.arange(4).repeat_interleave(3)
    for _ in range(60):
        loss = supervised_contrastive(features, classes, 0.1)
        (gradient,) = torch.autograd.grad(loss, features)
        features = (features - 0.5 * gradient).detach().requires_grad_(True)
    found = batch_hard_triplets(features, classes, 0.3, normalize=True)
    assert found.positive < 0.5 * found.negative


def test_supervised_contrastive_of_strangers_is_nothing() -> None:
    features = torch.randn(5, 4, requires_grad=True)
    loss = supervised_contrastive(features, torch.arange(5), 0.1)
    loss.backward()
    assert loss.item() == 0
    assert not features.grad.any()


class Spread(Loss):
    """What somebody else might add: pushes all features of a batch apart."""

    name, title = "spread", "spread of features"
    extras = ("nearness",)

    def forward(self, batch: Batch) -> tuple[torch.Tensor, ...]:
        near = (batch.features @ batch.features.T).mean()
        return near, near.detach() / 2


def test_a_loss_is_added_in_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registered, it has a weight, a figure, a column and a curve; the others are what they were."""
    torch.manual_seed(0)
    features, logits = torch.randn(6, 4, requires_grad=True), torch.randn(6, 3)
    classes = torch.tensor([0, 0, 1, 1, 2, 2])
    batch = Batch(features, classes, logits, classes)
    plain, before = Losses(LossSettings(), 3, 4)(batch)
    known = figure_names()
    assert before.shape == (len(known) + 1,)  # and the number of batches
    monkeypatch.setattr(losses, "REGISTERED", dict(REGISTERED))
    losses.register(Spread)
    assert set(figure_names()) == {*known, "spread", "nearness"}
    assert [name for name in figure_names() if name in known] == list(known)
    assert torch.equal(Losses(LossSettings(), 3, 4)(batch)[0], plain)
    total, figures = Losses(LossSettings(weights={"spread": 0.5}), 3, 4)(batch)
    found = dict(zip(figure_names(), figures.tolist(), strict=False))
    assert found["nearness"] == pytest.approx(found["spread"] / 2)
    assert total.item() == found["loss"] == pytest.approx(plain.item() + 0.5 * found["spread"])
    assert {name: found[name] for name in known[1:]} == dict(zip(known[1:], before.tolist()[1:], strict=False))


def test_weights_of_losses_are_checked() -> None:
    found = weights_of(LossSettings(triplet_weight=0.5, weights={"ce": 2, "center": 0.1}))
    assert found.items() >= {"ce": 2, "triplet": 0.5, "contrastive": 1, "center": 0.1}.items()
    with pytest.raises(InputError, match="no loss is called tripplet. There are ce, triplet"):
        Losses(LossSettings(weights={"tripplet": 1}), 3, 4)
    with pytest.raises(InputError, match="nothing to learn from"):
        Losses(LossSettings(triplet_weight=0, contrastive_weight=0, weights={"ce": 0}), 3, 4)


def test_losses_that_learn_go_on_where_they_were() -> None:
    torch.manual_seed(0)
    classes = torch.tensor([0, 0, 1, 1])
    batch = Batch(torch.randn(4, 4), classes, torch.randn(4, 2), classes)
    settings = LossSettings(center_weight=0.1)
    first = Losses(settings, 2, 4)
    first(batch)
    again = Losses(settings, 2, 4)
    again.load_state(first.state())
    assert torch.equal(again(batch)[1], first(batch)[1])
    with pytest.raises(InputError, match="center cannot be turned on or off"):
        Losses(LossSettings(), 2, 4).load_state(first.state())
