"""Checkpoints: our format, foreign formats, and files that are none."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from deepsort_cli.core.errors import InputError  # noqa: E402
from deepsort_cli.core.preprocess import Preprocess  # noqa: E402
from deepsort_cli.reid.backbones.osnet import OSNet  # noqa: E402
from deepsort_cli.reid.checkpoint import (  # noqa: E402
    CheckpointInfo,
    info_of,
    load_model,
    load_pretrained,
    read_checkpoint,
    save_checkpoint,
)

INFO = CheckpointInfo(
    "osnet_x0_25",
    num_classes=3,
    feature_dim=64,
    neck="bnneck",
    preprocess=Preprocess(height=128, width=64, mean=(0.4, 0.5, 0.6)),
    pids=(5, 7, 900),
    fingerprint="abc",
    epoch=4,
    metrics={"mAP": 0.5},
)


@pytest.fixture
def randomised() -> OSNet:
    """A model whose every entry differs from a fresh one, running statistics included."""
    model = INFO.build()
    for value in model.state_dict().values():
        if value.is_floating_point():
            value.uniform_(0.5, 1.5)
    return model.eval()


def images() -> torch.Tensor:
    return torch.randn(2, 3, 64, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({}, "finished", []),
        ({"epoch": 0, "start": "pretrained"}, "finished", []),
        ({"epoch": 0, "start": "random"}, "untrained", ["random numbers"]),
        ({"finished": False, "planned_epochs": 30}, "interrupted", ["after epoch 4 of 30"]),
        ({"finished": False, "full_size": False}, "interrupted", ["after epoch 4", r"half the input size \(128×64\)"]),
        ({"validation": {"identities": 5, "chance_mAP": 0.5}}, "finished", ["no better than chance"]),
        ({"validation": {"identities": 5, "chance_mAP": 0.4}}, "finished", ["on 5 people it did hardly better"]),
        ({"validation": {"identities": 50, "chance_mAP": 0.4}}, "finished", []),
    ],
)
def test_how_far_the_training_is(tmp_path: Path, changes: dict[str, Any], status: str, words: list[str]) -> None:
    info = replace(INFO, **changes)
    save_checkpoint(tmp_path / "a.pth", info.build().state_dict(), info)
    found = load_model(tmp_path / "a.pth")[1]
    assert found.status == status
    assert len(found.remarks) == len(words)
    for remark, word in zip(found.remarks, words, strict=True):
        assert re.search(word, remark)


def test_round_trip(tmp_path: Path, randomised: OSNet) -> None:
    path = tmp_path / "a.pth"
    save_checkpoint(path, randomised.state_dict(), INFO, training={"epoch": 4})
    model, info = load_model(path)
    assert not model.training
    assert (info.name, info.neck, info.feature_dim, info.num_classes) == ("osnet_x0_25", "bnneck", 64, 3)
    assert info.preprocess == INFO.preprocess
    assert (info.pids, info.fingerprint) == ((5, 7, 900), "abc")
    assert info.metrics == {"mAP": 0.5}
    assert info.source == "deepsort"
    with torch.no_grad():
        assert torch.equal(model(images()), randomised(images()))
    assert read_checkpoint(path)["training"] == {"epoch": 4}
    assert not list(tmp_path.glob(".*"))


def test_the_side_of_the_neck_is_kept(tmp_path: Path, randomised: OSNet) -> None:
    path = tmp_path / "a.pth"
    save_checkpoint(path, randomised.state_dict(), replace(INFO, neck_feature="before"))
    model, info = load_model(path)
    assert (info.neck_feature, model.neck_feature) == ("before", "before")
    with torch.no_grad():
        assert torch.equal(randomised.bnneck(model(images())), randomised(images()))
    # A file that does not say has the feature after it.
    content = torch.load(path, weights_only=True)
    del content["info"]["neck_feature"]
    torch.save(content, path)
    model, info = load_model(path)
    assert (info.neck_feature, model.neck_feature) == ("after", "after")


@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"state_dict": state, "epoch": 3}])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_torchreid_layout(tmp_path: Path, wrap, prefix: str) -> None:
    public = OSNet("osnet_x0_25", num_classes=751)
    torch.save(wrap({prefix + key: value for key, value in public.state_dict().items()}), tmp_path / "a.pth")
    model, info = load_model(tmp_path / "a.pth")
    assert (info.source, info.name, info.num_classes, info.feature_dim, info.neck) == (
        "torchreid", "osnet_x0_25", 751, 512, "none",
    )  # fmt: skip
    assert len(info.keys.loaded) == 567
    assert not (info.keys.missing or info.keys.mismatched or info.keys.unexpected)
    assert all(
        torch.equal(a, b) for a, b in zip(model.state_dict().values(), public.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("name", ["osnet_x1_0", "osnet_x0_75", "osnet_x0_5", "osnet_ibn_x1_0", "osnet_ain_x1_0"])
def test_architecture_is_read_off_the_keys(tmp_path: Path, name: str) -> None:
    torch.save(OSNet(name, num_classes=11).state_dict(), tmp_path / "a.pth")
    assert load_model(tmp_path / "a.pth")[1].name == name


def test_torchreid_training_checkpoint_with_numpy_scalars(tmp_path: Path) -> None:
    state = OSNet("osnet_x0_25", num_classes=4).state_dict()
    torch.save({"state_dict": state, "rank1": np.float32(0.9), "epoch": 7}, tmp_path / "a.pth")
    assert load_model(tmp_path / "a.pth")[1].num_classes == 4


@pytest.mark.parametrize("neck", ["heads.bottleneck.0.", "heads.bnneck."])
def test_fast_reid_layout(tmp_path: Path, neck: str) -> None:
    ours = OSNet("osnet_x0_25", num_classes=6, feature_dim=0, neck="bnneck").eval()
    ours.bnneck.running_mean.uniform_()
    state = {}
    for key, value in ours.state_dict().items():
        key = key.replace("bnneck.", neck) if key.startswith("bnneck.") else key
        key = "heads.weight" if key == "classifier.weight" else key
        state[key if key.startswith("heads.") else "backbone." + key] = value
    state["pixel_mean"] = torch.tensor([127.5, 127.5, 127.5]).view(1, 3, 1, 1)
    state["pixel_std"] = torch.tensor([51.0, 51.0, 51.0]).view(1, 3, 1, 1)
    torch.save({"model": state, "iteration": 10}, tmp_path / "a.pth")
    model, info = load_model(tmp_path / "a.pth")
    assert (info.source, info.neck, info.feature_dim, info.num_classes) == ("fast-reid", "bnneck", 0, 6)
    assert info.preprocess.mean == pytest.approx((0.5, 0.5, 0.5))
    assert info.preprocess.std == pytest.approx((0.2, 0.2, 0.2))
    with torch.no_grad():
        assert torch.equal(model(images()), ours(images()))


def test_pretrained_reports_what_was_not_taken(tmp_path: Path) -> None:
    public = OSNet("osnet_x0_25", num_classes=751)
    torch.save(public.state_dict() | {"extra": torch.zeros(1)}, tmp_path / "a.pth")
    model = OSNet("osnet_x0_25", num_classes=10, neck="bnneck")
    report, _ = load_pretrained(model, tmp_path / "a.pth")
    assert report.mismatched == (("classifier.weight", (751, 512), (10, 512)),)
    assert {key.split(".")[0] for key in report.missing} == {"bnneck"}
    assert set(report.unexpected) == {"classifier.bias", "extra"}
    assert torch.equal(model.fc[0].weight, public.fc[0].weight)
    assert any("751" in line and "classifier.weight" in line for line in report.lines())


def test_pretrained_of_another_architecture_is_an_error(tmp_path: Path) -> None:
    torch.save(OSNet("osnet_x0_5").state_dict(), tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"osnet_x0_5.*osnet_x0_25.*`model.name`=osnet_x0_5"):
        load_pretrained(OSNet("osnet_x0_25"), tmp_path / "a.pth")
    torch.save({"layer1.0.conv1.weight": torch.zeros(1)}, tmp_path / "resnet.pth")
    with pytest.raises(InputError, match="not an OSNet"):
        load_pretrained(OSNet("osnet_x0_25"), tmp_path / "resnet.pth")


def test_pretrained_with_a_hole_in_the_backbone_leaves_the_model_alone(tmp_path: Path) -> None:
    state = OSNet("osnet_x0_25").state_dict()
    del state["conv3.1.conv2c.1.bn.weight"]
    torch.save(state, tmp_path / "a.pth")
    model = OSNet("osnet_x0_25")
    before = {key: value.clone() for key, value in model.state_dict().items()}
    for load in (lambda: load_pretrained(model, tmp_path / "a.pth"), lambda: load_model(tmp_path / "a.pth")):
        with pytest.raises(InputError, match=r"conv3\.1\.conv2c\.1\.bn\.weight"):
            load()
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_layers_this_program_cannot_run_are_an_error(tmp_path: Path) -> None:
    state = {"backbone." + key: value for key, value in OSNet("osnet_x0_25", feature_dim=0).state_dict().items()}
    state["heads.bottleneck.0.weight"] = torch.zeros(64, 128, 1, 1)
    torch.save({"model": state}, tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"heads\.bottleneck"):
        load_model(tmp_path / "a.pth")


class Malicious:
    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def test_malicious_pickle_does_not_run(tmp_path: Path) -> None:
    torch.save({"state_dict": {"a": torch.zeros(1)}, "x": Malicious(tmp_path / "mark")}, tmp_path / "a.pth")
    with pytest.raises(InputError, match="could run code"):
        load_model(tmp_path / "a.pth")
    assert not (tmp_path / "mark").exists()
    torch.load(tmp_path / "a.pth", weights_only=False)  # the file is what the test takes it for
    assert (tmp_path / "mark").exists()


def test_files_that_are_no_checkpoints(tmp_path: Path, randomised: OSNet) -> None:
    whole = tmp_path / "whole.pth"
    save_checkpoint(whole, randomised.state_dict(), INFO)
    cut = whole.read_bytes()
    files = {
        "empty.pth": b"",
        "text.pth": b"hello\n" * 40,
        "log.pth": b"run  folder\nepoch 1/12  loss 5.8\n" * 9,
        "accounts.pth": b"root:x:0:0:root:/root:/bin/bash\n" * 9,
        "cut.pth": cut[: len(cut) // 2],
        "picture.pth": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=name):
            load_model(tmp_path / name)
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"epoch": 1}, tmp_path / "no_weights.pth")
    for name in ("list.pth", "no_weights.pth", "missing.pth", "."):
        with pytest.raises(InputError):
            load_model(tmp_path / name)


def test_newer_format_is_refused(tmp_path: Path, randomised: OSNet) -> None:
    save_checkpoint(tmp_path / "a.pth", randomised.state_dict(), INFO)
    content = read_checkpoint(tmp_path / "a.pth")
    with pytest.raises(InputError, match="newer version"):
        info_of(content | {"format_version": 99}, tmp_path / "a.pth")


def test_a_description_that_cannot_be_is_one_message_and_builds_nothing(tmp_path: Path, randomised: OSNet) -> None:
    """Files from elsewhere may say anything, for instance that they need all the memory there is."""
    path = tmp_path / "a.pth"
    save_checkpoint(path, randomised.state_dict(), INFO)
    whole = read_checkpoint(path)
    descriptions: list[dict[str, Any]] = [
        {"num_classes": 10**12}, {"feature_dim": -5}, {"feature_dim": 10**10}, {"epoch": "x"}, {"metrics": [1]},
        {"metrics": {"threshold": "a"}}, {"validation": {"chance_mAP": "x"}}, {"pids": "abc"}, {"name": "resnet50"},
        {"neck": "none of these"}, {"preprocess": {"height": 10**6}},
    ]  # fmt: skip
    weights, changed = whole["state_dict"], whole["state_dict"]["conv1.conv.weight"]
    damaged: list[dict[str, Any]] = [
        *({"info": whole["info"] | description} for description in descriptions),
        *({"info": info} for info in (5, [1, 2], None, {})),
        {"format_version": "1"},
        *({"state_dict": weights | other} for other in ({5: changed}, {"x": "y"})),
        *({"state_dict": weights | {"conv1.conv.weight": other}} for other in (changed.to_sparse(), 1j * changed)),
        {"state_dict": {}},
    ]
    for parts in damaged:
        torch.save(whole | parts, path)
        with pytest.raises(InputError, match=re.escape(str(path))) as caught:
            load_model(path)
        assert "\n" not in str(caught.value)


@pytest.mark.real_data
@pytest.mark.parametrize(("file", "classes"), [("osnet_x0_25_market1501.pth", 751), ("osnet_x0_25_msmt17.pth", 1041)])
def test_public_checkpoints_load_strictly(shared_data: Path, file: str, classes: int) -> None:
    model, info = load_model(shared_data / "models" / file)
    assert (info.name, info.num_classes, info.source) == ("osnet_x0_25", classes, "torchreid")
    assert len(info.keys.loaded) == 567
    assert not (info.keys.missing or info.keys.mismatched or info.keys.unexpected)
    assert model.embedding_size == 512
