"""The loss functions: batch-hard triplets and center loss of the Bag of Tricks (Luo et al. 2019), contrastive loss."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Triplets(NamedTuple):
    """Batch-hard triplets: one per anchor.

    Attributes:
        loss: scalar.
        active: share of triplets whose loss is above zero (margin violated).
        positive, negative: mean distance to the hardest positive and negative.
    """

    loss: Tensor
    active: Tensor
    positive: Tensor
    negative: Tensor


def euclidean_distances(features: Tensor) -> Tensor:
    """(N, D) → (N, N) Euclidean distances whose gradient is finite at distance 0."""
    squared = features.square().sum(dim=1)
    squared = squared[:, None] + squared[None, :] - 2 * features @ features.T
    return squared.clamp_min(1e-12).sqrt()


def batch_hard_triplets(features: Tensor, classes: Tensor, margin: float | None, normalize: bool) -> Triplets:
    """Triplet loss on the farthest positive and nearest negative of each anchor (Hermans et al. 2017).

    Args:
        features: (N, D), before BNNeck.
        classes: (N,) identities.
        margin: hinge max(0, d_pos − d_neg + margin); None is the soft margin log(1 + exp(d_pos − d_neg)).
        normalize: scale features to unit length first.
    """
    features = features.float()
    if normalize:
        features = F.normalize(features, dim=1)
    distances = euclidean_distances(features)
    same = classes[:, None] == classes[None, :]
    # The anchor itself stays among its positives: its distance 0 is never the largest where there is another image.
    positive = distances.masked_fill(~same, 0.0).amax(dim=1)
    negative = distances.masked_fill(same, torch.inf).amin(dim=1)
    gap = positive - negative
    losses = F.softplus(gap) if margin is None else F.relu(gap + margin)
    active = (gap > 0 if margin is None else losses > 0).float().mean()
    return Triplets(losses.mean(), active, positive.detach().mean(), negative.detach().mean())


def supervised_contrastive(features: Tensor, classes: Tensor, temperature: float) -> Tensor:
    """Supervised contrastive loss (Khosla et al. 2020, L_out) over all pairs of a batch.

    Each image must tell its own identity's images from all others by cosine similarity. Unlike batch-hard triplets,
    which follow one pair of each kind per anchor, every pair has a gradient.

    Args:
        features: (N, D), before BNNeck; scaled to unit length here.
        classes: (N,) identities; an image alone of its identity is left out as an anchor.
        temperature: divides the similarities; smaller stresses the hardest pairs.

    Returns:
        Scalar, 0 where no identity has two images.
    """
    features = F.normalize(features.float(), dim=1)
    itself = torch.eye(len(features), dtype=torch.bool, device=features.device)
    similarities = (features @ features.T / temperature).masked_fill(itself, -torch.inf)
    log_probabilities = similarities - similarities.logsumexp(dim=1, keepdim=True)
    positives = (classes[:, None] == classes[None, :]) & ~itself
    # Only positives are summed: the image itself is at minus infinity.
    sums = torch.where(positives, log_probabilities, 0.0).sum(dim=1)
    counts = positives.sum(dim=1)
    return -(sums / counts.clamp_min(1)).sum() / (counts > 0).sum().clamp_min(1)


class Centers(nn.Module):
    """Center loss (Wen et al. 2016): pulls features towards a running center of their identity.

    Args:
        rate: the paper's α, how far a center moves towards the features of a batch.
    """

    def __init__(self, classes: int, dim: int, rate: float):
        super().__init__()
        self.rate = rate
        self.register_buffer("centers", torch.zeros(classes, dim))
        self.centers: Tensor

    def forward(self, features: Tensor, classes: Tensor) -> Tensor:
        """Half the mean squared distance of (N, D) features to the centers of their (N,) classes."""
        return 0.5 * (features.float() - self.centers[classes]).square().sum(dim=1).mean()

    @torch.no_grad()
    def update(self, features: Tensor, classes: Tensor) -> None:
        """Move the centers of the classes in a batch."""
        difference = self.centers[classes] - features.float()
        total = torch.zeros_like(self.centers).index_add_(0, classes, difference)
        count = torch.bincount(classes, minlength=len(self.centers))[:, None]
        self.centers -= self.rate * total / (1 + count)
