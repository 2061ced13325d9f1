"""What every backbone has: its name, its parts, a head for Re-ID, and a place in the registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import ClassVar, Literal, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Neck = Literal["bnneck", "none"]
NeckFeature = Literal["before", "after"]

HEAD = ("fc", "bnneck", "classifier")
"""Parts behind the backbone, in their order; they depend on feature length, neck and identities."""
NEVER_TRAINED = ("bnneck.bias",)
"""Parameters that keep their value; see `Backbone`'s `neck`."""


class Backbone(nn.Module):
    """Images → appearance features: a backbone and the head behind it.

    A backbone derives from this. Its `__init__` calls this one, builds its layers and ends with `add_head`; its
    `feature_map` calls the layers.

    Args:
        name: as registered.
        num_classes: identities the classifier tells apart; 0 builds no classifier.
        feature_dim: width of the fully connected layer after pooling; 0 leaves it out.
        neck: `bnneck` puts a BatchNorm with frozen bias between feature and classifier, whose classifier has no bias
            (Luo et al. 2019); `none` is the layout of the public checkpoints.
        neck_feature: what the embedding is where there is a BNNeck: the feature `before` it, which the losses on
            distances train, or `after` it, which the classifier sees.
        cosine_scale: a number makes the logits of training cosine similarities to the classifier's rows times this
            (Wojke and Bewley 2018); None leaves them scalar products.

    Attributes:
        feature_layers: patterns of the names of all parameters but those of the head.
        embedding_size: width of the features.
    """

    feature_layers: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        name: str,
        num_classes: int = 0,
        feature_dim: int = 512,
        neck: Neck = "none",
        neck_feature: NeckFeature = "after",
        cosine_scale: float | None = None,
    ):
        super().__init__()
        self.name = name
        self.num_classes = num_classes
        self.feature_dim = feature_dim
        self.neck = neck
        self.neck_feature = neck_feature
        self.cosine_scale = cosine_scale

    def feature_map(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) normalised RGB → (N, C, h, w) activations of the last layer; their mean is the feature."""
        raise NotImplementedError

    @classmethod
    def recognise(cls, state: Mapping[str, Tensor]) -> str | None:
        """The name of the variant that a file of another program holds, by names and shapes; None: another network."""
        return None

    def add_head(self, channels: int) -> None:
        """Build what follows a feature map of so many channels, and give all layers their first weights."""
        self.fc = None
        if self.feature_dim:
            layers = nn.Linear(channels, self.feature_dim), nn.BatchNorm1d(self.feature_dim), nn.ReLU()
            self.fc = nn.Sequential(*layers)
        self.embedding_size = self.feature_dim or channels
        self.bnneck = None
        if self.neck == "bnneck":
            self.bnneck = nn.BatchNorm1d(self.embedding_size)
            self.bnneck.bias.requires_grad_(False)
        self.classifier = None
        if self.num_classes:
            self.classifier = nn.Linear(self.embedding_size, self.num_classes, bias=self.neck == "none")
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                # Bag of Tricks starts the classifier near zero so that early gradients come from the triplet loss.
                nn.init.normal_(module.weight, std=0.001 if module is self.classifier else 0.01)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """(N, 3, H, W) normalised RGB → the embedding in eval mode; features and logits in training mode.

        Returns:
            eval: (N, D) embedding, before or after BNNeck as `neck_feature` says, not normalised.
            training: (N, D) features before BNNeck, for losses on distances, and (N, classes) logits.

        Raises:
            RuntimeError: training mode without a classifier.
        """
        features = self.feature_map(images).mean(dim=(2, 3))
        if self.fc is not None:
            features = self.fc(features)
        if not self.training and self.neck_feature == "before":
            return features
        embedding = features if self.bnneck is None else self.bnneck(features)
        if not self.training:
            return embedding
        if self.classifier is None:
            raise RuntimeError("this model was built without a classifier (num_classes=0) and cannot be trained")
        if self.cosine_scale is None:
            return features, self.classifier(embedding)
        # In float32: bfloat16 tells few cosines apart.
        with torch.autocast(images.device.type, enabled=False):
            directions = F.normalize(self.classifier.weight.float(), dim=1)
            logits = self.cosine_scale * F.normalize(embedding.float(), dim=1) @ directions.T
            return features, logits if self.classifier.bias is None else logits + self.classifier.bias

    def is_feature_layer(self, name: str) -> bool:
        """Whether a parameter of this name belongs to the backbone, not to the head."""
        return any(fnmatchcase(name, pattern) for pattern in self.feature_layers)

    @property
    def output_layers(self) -> tuple[str, ...]:
        """Parts of the head that the embedding passes through."""
        after = self.bnneck is not None and self.neck_feature == "after"
        return (*(("fc",) if self.fc is not None else ()), *(("bnneck",) if after else ()))


Kind = TypeVar("Kind", bound=type[Backbone])

REGISTERED: dict[str, type[Backbone]] = {}
"""Name → class."""


def register(*names: str) -> Callable[[Kind], Kind]:
    """Make a backbone known by its names."""

    def note(kind: Kind) -> Kind:
        REGISTERED.update(dict.fromkeys(names, kind))
        return kind

    return note


def part_of(name: str) -> str:
    """The part of the network a tensor belongs to: of the head `fc`, `bnneck`, `classifier`; else a layer's name."""
    return name.partition(".")[0]


def count_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def count_macs(model: Backbone, height: int, width: int) -> int:
    """Multiply-accumulates of convolutions and linear layers for one image, a bias counting as one; no classifier."""
    total = 0

    def count(module: nn.Conv2d | nn.Linear, _: object, output: Tensor) -> None:
        nonlocal total
        per_output = module.weight[0].numel() + (module.bias is not None)
        total += output[0].numel() * per_output

    layers = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers if layer is not model.classifier]
    was_training = model.training
    parameter = next(model.parameters())
    try:
        with torch.no_grad():
            model.eval()(parameter.new_zeros(1, 3, height, width))
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    return total
