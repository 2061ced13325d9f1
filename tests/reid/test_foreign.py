"""Checkpoints of other programs: the network is found under whatever wrappers were put around it."""

from __future__ import annotations

import argparse
import collections
import pickle
import zipfile
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from deepsort_cli.core.errors import InputError  # noqa: E402
from deepsort_cli.reid.backbones.osnet import OSNet  # noqa: E402
from deepsort_cli.reid.checkpoint import load_model  # noqa: E402
from deepsort_cli.reid.foreign import find_network  # noqa: E402

NET = OSNet("osnet_x0_25", num_classes=4)
STATE = NET.state_dict()
PREFIXES = ("module.", "_orig_mod.", "net.", "backbone.", "encoder.", "model.", "student.0.", "base_network.")
CONTAINERS = ("state_dict", "model_state_dict", "model", "net", "ema", "weights", "params")


def prefixed(prefix: str, state: dict[str, torch.Tensor] | None = None) -> dict[str, torch.Tensor]:
    return {prefix + key: value for key, value in (STATE if state is None else state).items()}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(PREFIXES), max_size=5), st.lists(st.sampled_from(CONTAINERS), max_size=4))
def test_any_nesting_of_wrappers(prefixes: list[str], containers: list[str]) -> None:
    content: object = prefixed("".join(prefixes))
    for name in containers:
        content = {"epoch": 3, name: content, "optimizer": {"state": {0: {"momentum": torch.zeros(2)}}}}
    found = find_network(content, Path("a.pth"))
    assert found.state.keys() == STATE.keys()
    assert all(found.state[key] is STATE[key] for key in STATE)
    assert not found.notes


@pytest.mark.parametrize("name", ["model.pth.tar-60", "model", "last.ckpt", "weights.bin", "net.onnx"])
def test_the_suffix_does_not_matter(tmp_path: Path, name: str) -> None:
    torch.save({"state_dict": STATE, "epoch": 60}, tmp_path / name)
    assert load_model(tmp_path / name)[1].num_classes == 4
    torch.save(prefixed("module."), tmp_path / name, _use_new_zipfile_serialization=False)
    assert load_model(tmp_path / name)[1].num_classes == 4


def test_safetensors(tmp_path: Path) -> None:
    save_file = pytest.importorskip("safetensors.torch").save_file
    save_file(prefixed("backbone."), tmp_path / "model.safetensors")
    model, _ = load_model(tmp_path / "model.safetensors")
    assert all(torch.equal(value, STATE[key]) for key, value in model.state_dict().items())
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "cut.bin").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="damaged safetensors"):
        load_model(tmp_path / "cut.bin")


def test_the_network_itself_is_preferred_to_its_copies_and_said() -> None:
    copy = {key: value + 1 if value.is_floating_point() else value for key, value in STATE.items()}
    for content in (
        prefixed("ema_model.", copy) | prefixed("model."),
        {"model_ema": copy, "model": STATE},
        prefixed("teacher.", copy) | prefixed("student."),
        [{"ema": copy}, {"net": STATE}],
    ):
        found = find_network(content, Path("a.pth"))
        assert found.state["conv1.conv.weight"] is STATE["conv1.conv.weight"]
        assert found.state.keys() == STATE.keys()
        assert "2 networks" in found.notes[0]
    assert find_network({"ema": copy}, Path("a.pth")).state["conv1.conv.weight"] is copy["conv1.conv.weight"]


def test_losses_beside_the_network_are_left_out_and_other_layers_refused() -> None:
    beside = {"criterion.centers": torch.zeros(4, 2), "n_averaged": torch.tensor(3)}
    found = find_network(prefixed("model.") | beside, Path("a.pth"))
    assert found.state.keys() == STATE.keys()
    assert found.notes == ("not used: criterion.centers, n_averaged",)
    with pytest.raises(InputError, match=r"head\.0\.weight.*ONNX"):
        find_network(prefixed("model.") | {"head.0.weight": torch.zeros(8, 512)}, Path("a.pth"))


def test_a_head_beside_the_backbone_under_wrappers() -> None:
    ours = OSNet("osnet_x0_25", num_classes=6, feature_dim=0, neck="bnneck").state_dict()
    state = {}
    for key, value in ours.items():
        body = not key.startswith(("bnneck.", "classifier."))
        state["module." + ("base." + key if body else key.replace("bnneck.", "bottleneck."))] = value
    found = find_network({"state_dict": state}, Path("a.pth"))
    assert found.state.keys() == ours.keys()


def test_configurations_pickled_beside_the_weights_do_no_harm(tmp_path: Path) -> None:
    settings_ = collections.defaultdict(dict, lr=0.1)
    extra = {"args": argparse.Namespace(lr=0.1, out=Path("runs")), "hyper_parameters": settings_}
    torch.save({"state_dict": STATE, **extra}, tmp_path / "a.pth")
    assert load_model(tmp_path / "a.pth")[1].name == "osnet_x0_25"


def test_what_is_no_checkpoint_is_called_what_it_is(tmp_path: Path) -> None:
    def refused(name: str) -> str:
        with pytest.raises(InputError) as caught:
            load_model(tmp_path / name)
        assert name in str(caught.value)
        return str(caught.value)

    torch.save(NET, tmp_path / "whole.pth")
    assert "osnet.OSNet" in refused("whole.pth")
    assert "state_dict()" in refused("whole.pth")
    torch.save({"epoch": 3, "network": NET}, tmp_path / "inside.pth")
    assert "could run code" in refused("inside.pth")
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps({"a": 1}, protocol=4))
    refused("plain.pkl")
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        archive.writestr("net/code/__torch__.py", "")
        archive.writestr("net/constants.pkl", b"\x80\x02).")
    assert "TorchScript" in refused("script.pt")
    (tmp_path / "given.pth").write_bytes(b"\x08\x08\x12\x07pytorch\x1a\x052.0.0" + bytes(40))
    assert "ONNX model" in refused("given.pth")
    (tmp_path / "page.pth").write_bytes(b"<!DOCTYPE html><html>Sign in</html>")
    assert "web page" in refused("page.pth")
    torch.save({"layer1.0.conv1.weight": torch.zeros(1)}, tmp_path / "resnet.pth")
    assert "ResNet" in refused("resnet.pth")
    torch.save(
        {"conv1.conv.weight": torch.zeros(()), "conv2.0.conv1.conv.weight": torch.zeros(1)}, tmp_path / "odd.pth"
    )
    refused("odd.pth")
    torch.save(torch.zeros(3), tmp_path / "tensor.pth")
    assert "Tensor" in refused("tensor.pth")
