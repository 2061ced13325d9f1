"""OSNet: sizes, names and values of the published networks."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from deepsort_cli.core.errors import InputError  # noqa: E402
from deepsort_cli.reid.backbones import build_backbone, count_macs, count_parameters  # noqa: E402
from deepsort_cli.reid.backbones.osnet import VARIANTS, OSNet  # noqa: E402

SIZES = {
    # name: backbone, + fc 512, + fc + 751 classes, MACs at 256×128, state entries
    "osnet_x1_0": (1_905_828, 2_169_508, 2_554_771, 978_878_352, 567),
    "osnet_x0_75": (1_087_610, 1_285_754, 1_671_017, 571_754_536, 567),
    "osnet_x0_5": (497_426, 630_034, 1_015_297, 272_901_064, 567),
    "osnet_x0_25": (134_792, 201_864, 587_127, 82_316_000, 567),
    "osnet_ibn_x1_0": (1_906_852, 2_170_532, 2_555_795, 978_878_352, 568),
    "osnet_ain_x1_0": (1_905_828, 2_169_508, 2_554_771, 978_878_352, 552),
}
GOLDEN = {
    # name: sum of the final feature map, sum of the 512-d output, from the reference implementation
    "osnet_x1_0": (53685.313156, 331.800337),
    "osnet_x0_25": (6191.671839, 147.301937),
    "osnet_ibn_x1_0": (55884.468097, 344.879128),
    "osnet_ain_x1_0": (65438.543622, 371.334166),
}


def fill_with_sines(model: OSNet) -> OSNet:
    """Weights that any implementation can reproduce without a file."""
    state = model.double().state_dict()
    for i, key in enumerate(sorted(state)):
        value = state[key]
        if not value.is_floating_point():
            continue
        wave = torch.sin(0.7 * torch.arange(value.numel(), dtype=torch.float64) + i)
        if key.endswith("running_var") or (value.ndim == 1 and key.endswith(".weight")):
            wave = 1 + 0.1 * wave
        elif value.ndim == 1:
            wave = 0.05 * wave
        else:
            wave = wave * (2 / value[0].numel()) ** 0.5
        value.copy_(wave.view(value.shape))
    return model.eval()


@pytest.mark.parametrize("name", SIZES)
def test_sizes_are_those_of_the_reference(name: str) -> None:
    backbone, with_fc, with_classes, macs, entries = SIZES[name]
    full = OSNet(name, num_classes=751)
    assert count_parameters(OSNet(name, feature_dim=0)) == backbone
    assert count_parameters(OSNet(name)) == with_fc
    assert count_parameters(full) == with_classes
    assert count_macs(full, 256, 128) == macs
    assert len(full.state_dict()) == entries
    assert set(SIZES) == set(VARIANTS)


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_forward(name: str) -> None:
    model = fill_with_sines(OSNet(name, num_classes=751))
    images = torch.sin(0.01 * torch.arange(2 * 3 * 256 * 128, dtype=torch.float64)).view(2, 3, 256, 128)
    with torch.no_grad():
        feature_map, output = model.feature_map(images), model(images)
    assert feature_map.shape[-2:] == (16, 8)
    assert output.shape == (2, 512)
    assert feature_map.sum().item() == pytest.approx(GOLDEN[name][0], rel=1e-6)
    assert output.sum().item() == pytest.approx(GOLDEN[name][1], rel=1e-6)


def test_bnneck_head_follows_the_bag_of_tricks() -> None:
    model = OSNet("osnet_x0_25", num_classes=10, neck="bnneck")
    assert not model.bnneck.bias.requires_grad
    assert model.classifier.bias is None
    images = torch.randn(4, 3, 64, 32)
    features, logits = model.train()(images)
    assert features.shape == (4, 512)
    assert logits.shape == (4, 10)
    # The classifier sees the feature after the neck, the triplet loss the one before it.
    expected = model.classifier(
        torch.nn.functional.batch_norm(features, None, None, model.bnneck.weight, training=True)
    )
    torch.testing.assert_close(logits, expected)


@pytest.mark.parametrize("neck_feature", ["before", "after"])
def test_inference_uses_the_feature_on_the_chosen_side_of_the_neck(neck_feature: Any) -> None:
    model = OSNet("osnet_x0_25", num_classes=10, feature_dim=0, neck="bnneck", neck_feature=neck_feature).eval()
    model.bnneck.running_mean.fill_(3.0)
    images = torch.randn(2, 3, 64, 32)
    with torch.no_grad():
        pooled = model.feature_map(images).mean(dim=(2, 3))
        expected = pooled if neck_feature == "before" else (pooled - 3) / (1 + 1e-5) ** 0.5
        torch.testing.assert_close(model(images), expected)
    assert model.embedding_size == 128
    # Training does not depend on it.
    assert [part.shape for part in model.train()(images)] == [(2, 128), (2, 10)]


def test_embedding_does_not_depend_on_the_rest_of_the_batch() -> None:
    model = OSNet("osnet_ibn_x1_0").eval()
    images = torch.randn(3, 3, 64, 32)
    with torch.no_grad():
        torch.testing.assert_close(model(images)[:1], model(images[:1]), rtol=1e-4, atol=1e-5)


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"osnet_x9.*osnet_x0_25"):
        build_backbone("osnet_x9")


def test_training_without_classifier_is_refused() -> None:
    with pytest.raises(RuntimeError, match="classifier"):
        OSNet("osnet_x0_25").train()(torch.randn(2, 3, 64, 32))


def test_cosine_logits_ignore_lengths() -> None:
    torch.manual_seed(0)
    model = OSNet("osnet_x0_25", num_classes=10, neck="bnneck").train()
    model.cosine_scale = 20.0
    images = torch.randn(4, 3, 64, 32)
    _, logits = model(images)
    assert logits.abs().max() <= 20
    with torch.no_grad():
        model.classifier.weight *= torch.arange(1.0, 11)[:, None]
    torch.testing.assert_close(model(images)[1], logits, rtol=1e-3, atol=1e-3)
