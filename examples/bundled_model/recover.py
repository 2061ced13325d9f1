"""Make a checkpoint to train on from the exported model: the same network, with batch normalisation again.

Export multiplies each BatchNorm into the convolution before it, and what is left cannot be trained well. Here every
convolution gets its BatchNorm back: mean and variance are measured on images, scale and shift are set so that the
network still computes what the file computes. Nothing but the ONNX file and the images goes in.

    python recover.py osnet_x0_25.onnx osnet_x0_25.pth --images DIR
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from deepsort_cli.core.embedder_metadata import EmbedderMetadata
from deepsort_cli.core.images import read_image
from deepsort_cli.core.preprocess import Preprocess
from deepsort_cli.data.loading import load_manifest
from deepsort_cli.perception.embedders import open_embedder
from deepsort_cli.perception.settings import EmbedderSettings
from deepsort_cli.reid.backbones.osnet import OSNet
from deepsort_cli.reid.checkpoint import CheckpointInfo, save_checkpoint
from deepsort_cli.reid.extract import extract_features

BATCH, IMAGES = 64, 512
"""How many images the statistics are measured on; drawn at random, the same every time."""
ALLOWED = 1e-5
"""Largest difference of the embeddings from those of the file."""


def weights_by_name(graph: onnx.GraphProto) -> Iterator[tuple[str, Tensor]]:
    """Names of the network and their values; a folded convolution has a bias, which no convolution of OSNet has."""
    values = {item.name: torch.from_numpy(numpy_helper.to_array(item).copy()) for item in graph.initializer}
    for name, value in values.items():
        if name.startswith("network."):
            yield name.removeprefix("network."), value
    for node in graph.node:
        if node.op_type == "Conv" and not node.input[1].startswith("network."):
            layer = module_name(node.output[0])
            yield f"{layer}.weight", values[node.input[1]]
            yield f"{layer}.bias", values[node.input[2]]


def module_name(output: str) -> str:
    """`/network/conv2/conv2.0/conv2b/conv2b.0/conv1/Conv_output_0` → `conv2.0.conv2b.0.conv1`."""
    parts = output.strip("/").split("/")[1:-1]
    names = [part for part, after in zip(parts, [*parts[1:], ""], strict=True) if not after.startswith(f"{part}.")]
    return ".".join(names)


def rebuild(graph: onnx.GraphProto, info: CheckpointInfo) -> tuple[OSNet, dict[str, Tensor]]:
    """The network with the folded weights, and the shifts that their BatchNorm layers have to add."""
    model = info.build().eval()
    state, shifts = model.state_dict(), {}
    missing = {name for name in state if not name.endswith("num_batches_tracked")}
    for name, value in weights_by_name(graph):
        if name not in state:  # the bias of a folded convolution
            layer = name.removesuffix(".bias")
            shifts[f"{layer.rpartition('.')[0]}.bn"] = value
            continue
        state[name].copy_(value)
        missing.discard(name)
    own = {name for name in missing if name.rpartition(".")[0] in shifts}
    if missing - own:
        raise SystemExit(f"the file lacks {', '.join(sorted(missing - own))}")
    return model, shifts


@torch.inference_mode()
def restore_norms(model: OSNet, shifts: dict[str, Tensor], images: list[Tensor]) -> None:
    """Give BatchNorm layers the statistics of what they see, and the scale and shift that leave the function as it is.

    Each convolution gets weights of the length with which it would be initialised: normalisation makes their length
    meaningless for the function, yet it decides how fast a learning rate turns them.
    """
    layers = {name: module for name, module in model.named_modules() if name in shifts}
    for norm in layers.values():  # first as plain shifts, so that every layer sees what it should
        norm.weight.fill_(math.sqrt(1 + norm.eps))
    for name, norm in layers.items():
        norm.bias.copy_(shifts[name])
    sums: dict[str, list[Tensor]] = {name: [] for name in layers}

    def measure(name: str) -> object:
        def hook(_: nn.Module, inputs: tuple[Tensor]) -> None:
            x = inputs[0].double()
            sums[name].append(torch.stack([x.mean(dim=(0, 2, 3)), x.square().mean(dim=(0, 2, 3))]))

        return hook

    hooks = [norm.register_forward_pre_hook(measure(name)) for name, norm in layers.items()]
    for batch in images:
        model(batch)
    for hook in hooks:
        hook.remove()
    for name, norm in layers.items():
        mean, square = torch.stack(sums[name]).mean(dim=0)
        variance = square - mean.square()
        owner = model.get_submodule(name.rpartition(".")[0])
        conv = owner.conv if hasattr(owner, "conv") else owner.conv2
        usual = math.sqrt(2 * conv.weight[0].numel() / (conv.weight.shape[0] * conv.kernel_size[0] ** 2 / conv.groups))
        length = conv.weight.double().flatten(1).norm(dim=1).clamp_min(1e-12)
        ratio = usual / length  # of the new weights to the old ones
        conv.weight.mul_(ratio.float().view(-1, 1, 1, 1))
        norm.running_mean.copy_(mean * ratio)
        norm.running_var.copy_(variance * ratio.square())
        norm.weight.copy_((norm.running_var.double() + norm.eps).sqrt() / ratio)
        norm.bias.copy_(shifts[name] + mean)


def difference(model: OSNet, path: Path, preprocess: Preprocess, crops: list[np.ndarray]) -> float:
    """Largest difference of two values of the unit-length embeddings of the file and of the network."""
    embedder = open_embedder(EmbedderSettings(model_path=str(path)))
    assert embedder is not None
    return float(np.abs(embedder.embed_crops(crops) - extract_features(model, crops, preprocess)).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--images", type=Path, required=True, help="dataset on which statistics are measured")
    options = parser.parse_args()

    file = onnx.load(options.model)
    metadata = EmbedderMetadata.from_props({entry.key: entry.value for entry in file.metadata_props})
    info = CheckpointInfo(
        name=metadata.architecture,
        num_classes=0,
        feature_dim=metadata.embedding_size,
        neck="bnneck",
        neck_feature="after",
        preprocess=metadata.preprocess,
        start="pretrained",
        metrics={**metadata.metrics, **({} if metadata.threshold is None else {"threshold": metadata.threshold})},
    )
    manifest = load_manifest(options.images)
    drawn = torch.randperm(len(manifest), generator=torch.Generator().manual_seed(0))[:IMAGES].tolist()
    crops = [read_image(manifest.file(i)) for i in drawn]
    size = info.preprocess
    batches = [size.batch(size.resize_crops(crops[i : i + BATCH])) for i in range(0, len(crops), BATCH)]
    model, shifts = rebuild(file.graph, info)
    restore_norms(model, shifts, [torch.from_numpy(batch) for batch in batches])
    noise = list(np.random.default_rng(0).integers(0, 256, (32, 256, 128, 3), dtype=np.uint8))
    for what, some in (("images", crops[:64]), ("noise", noise)):
        found = difference(model, options.model, size, some)
        print(f"largest difference of embeddings on {what}: {found:.1e}")
        if not found <= ALLOWED:
            raise SystemExit(f"more than {ALLOWED:g}: no checkpoint was written")
    save_checkpoint(options.output, model.state_dict(), info)
    print(f"wrote {options.output}")


if __name__ == "__main__":
    main()
