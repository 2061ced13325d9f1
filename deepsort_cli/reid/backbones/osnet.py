"""OSNet, the omni-scale network for person re-identification (Zhou et al., ICCV 2019), in six variants.

Parameter names are those of the public torchreid checkpoints, so that those load strictly. `ibn` and `ain` follow
the paper's journal version (Zhou et al., TPAMI 2021): instance normalisation for generalisation across datasets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from deepsort_cli.core.errors import InputError
from deepsort_cli.reid.backbones.base import Backbone, register

STREAMS = 4
"""Every block sees four scales: stacks of 1, 2, 3 and 4 light 3×3 convolutions."""


@dataclass(frozen=True)
class Variant:
    """What sets one OSNet apart from another.

    Attributes:
        channels: output channels of the stem and of the three stages.
        norm: `bn`, `ibn` (InstanceNorm in the stem and after the residual sums of the first stage) or `ain`
            (InstanceNorm in the stem and inside chosen residuals).
    """

    channels: tuple[int, int, int, int]
    norm: Literal["bn", "ibn", "ain"] = "bn"


VARIANTS = {
    "osnet_x1_0": Variant((64, 256, 384, 512)),
    "osnet_x0_75": Variant((48, 192, 288, 384)),
    "osnet_x0_5": Variant((32, 128, 192, 256)),
    "osnet_x0_25": Variant((16, 64, 96, 128)),
    "osnet_ibn_x1_0": Variant((64, 256, 384, 512), "ibn"),
    "osnet_ain_x1_0": Variant((64, 256, 384, 512), "ain"),
}

AIN_INSIDE = ((True, True), (False, True), (True, False))
"""Which blocks of the three `ain` stages normalise by instance inside the residual, as found by the paper's search."""


class Conv(nn.Module):
    """Convolution without bias, normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, instance_norm: bool = False):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)
        self.bn = nn.InstanceNorm2d(outputs, affine=True) if instance_norm else nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.relu(self.bn(self.conv(x)))
        return out


class LinearConv(nn.Module):
    """1×1 convolution without activation; `norm=False` leaves the normalisation to the block."""

    def __init__(self, inputs: int, outputs: int, norm: bool = True):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.bn = nn.BatchNorm2d(outputs) if norm else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x if self.bn is None else self.bn(x)


class LightConv(nn.Module):
    """The paper's Lite 3×3: a 1×1 convolution, then a depthwise 3×3, with one normalisation at the end."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.relu(self.bn(self.conv2(self.conv1(x))))
        return out


class LightStream(nn.Module):
    """A stack of light convolutions under the name the `ain` checkpoints give it."""

    def __init__(self, channels: int, depth: int):
        super().__init__()
        self.layers = nn.Sequential(*(LightConv(channels) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return out


class Gate(nn.Module):
    """The aggregation gate: channel weights from the pooled map; one gate is shared by the four streams."""

    def __init__(self, channels: int, reduction: int = 16):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.sigmoid(self.fc2(torch.relu(self.fc1(x.mean(dim=(2, 3), keepdim=True)))))
        return x * weights


class Block(nn.Module):
    """An omni-scale residual block.

    Args:
        inputs, outputs: channels.
        norm: the variant's normalisation; it decides how the streams are named.
        norm_after_sum: InstanceNorm after the residual sum (`ibn`).
        norm_inside: InstanceNorm in place of the last BatchNorm, inside the residual (`ain`).
    """

    def __init__(self, inputs: int, outputs: int, norm: str, norm_after_sum: bool = False, norm_inside: bool = False):
        super().__init__()
        middle = outputs // 4
        self.conv1 = Conv(inputs, middle)
        self.listed = norm == "ain"
        if self.listed:
            self.conv2 = nn.ModuleList(LightStream(middle, depth) for depth in range(1, STREAMS + 1))
        else:
            self.conv2a = LightConv(middle)
            self.conv2b = nn.Sequential(*(LightConv(middle) for _ in range(2)))
            self.conv2c = nn.Sequential(*(LightConv(middle) for _ in range(3)))
            self.conv2d = nn.Sequential(*(LightConv(middle) for _ in range(4)))
        self.gate = Gate(middle)
        self.conv3 = LinearConv(middle, outputs, norm=not norm_inside)
        self.downsample = LinearConv(inputs, outputs) if inputs != outputs else None
        self.norm_inside = norm_inside
        self.IN = nn.InstanceNorm2d(outputs, affine=True) if norm_after_sum or norm_inside else None

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        x = self.conv1(x)
        a, b, c, d = self.conv2 if self.listed else (self.conv2a, self.conv2b, self.conv2c, self.conv2d)
        residual = self.conv3(self.gate(a(x)) + self.gate(b(x)) + self.gate(c(x)) + self.gate(d(x)))
        if self.IN is None:
            return torch.relu(residual + identity)
        if self.norm_inside:
            return torch.relu(self.IN(residual) + identity)
        return torch.relu(self.IN(residual + identity))


@register(*VARIANTS)
class OSNet(Backbone):
    """OSNet in the variant `name`, a key of `VARIANTS`; arguments as of `Backbone`."""

    feature_layers = ("conv*", "pool*")  # only `ain` variants have pools with parameters

    def __init__(self, name: str, *arguments: Any, **options: Any):
        super().__init__(name, *arguments, **options)
        norm = VARIANTS[name].norm
        channels = VARIANTS[name].channels

        self.conv1 = Conv(3, channels[0], kernel=7, stride=2, instance_norm=norm != "bn")
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        stages = []
        for stage, (inputs, outputs) in enumerate(pairwise(channels)):
            after_sum = norm == "ibn" and stage == 0
            inside = AIN_INSIDE[stage] if norm == "ain" else (False, False)
            blocks = [
                Block(inputs, outputs, norm, after_sum, inside[0]),
                Block(outputs, outputs, norm, after_sum, inside[1]),
            ]
            stages.append(blocks)
        pool2, pool3 = (nn.Sequential(Conv(width, width), nn.AvgPool2d(2, stride=2)) for width in channels[1:3])
        if norm == "ain":
            self.conv2, self.pool2 = nn.Sequential(*stages[0]), pool2
            self.conv3, self.pool3 = nn.Sequential(*stages[1]), pool3
        else:
            self.conv2 = nn.Sequential(*stages[0], pool2)
            self.conv3 = nn.Sequential(*stages[1], pool3)
            self.pool2, self.pool3 = nn.Sequential(), nn.Sequential()
        self.conv4 = nn.Sequential(*stages[2])
        self.conv5 = Conv(channels[3], channels[3])
        self.add_head(channels[3])

    def feature_map(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) normalised RGB → (N, C, H/16, W/16) activations of the last convolution."""
        x = self.maxpool(self.conv1(images))
        x = self.pool2(self.conv2(x))
        x = self.pool3(self.conv3(x))
        out: Tensor = self.conv5(self.conv4(x))
        return out

    @classmethod
    def recognise(cls, state: Mapping[str, Tensor]) -> str | None:
        """See `Backbone.recognise`: by the channels of the stem and where instances are normalised.

        Raises:
            InputError: an OSNet, but none of `VARIANTS`.
        """
        stem = state.get("conv1.conv.weight")
        if stem is None:
            return None
        norm = "ain" if "conv2.0.IN.weight" in state and "conv2.0.conv3.bn.weight" not in state else "bn"
        if norm == "bn" and "conv2.0.IN.weight" in state:
            norm = "ibn"
        channels = stem.shape[0]
        name = next((name for name, v in VARIANTS.items() if v.channels[0] == channels and v.norm == norm), None)
        if name is None:
            raise InputError(f"wrong architecture, no {norm} OSNet with {channels} stem channels is known here.")
        return name
