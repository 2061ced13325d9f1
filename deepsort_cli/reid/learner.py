"""The model together with everything that learns along with it, and what one step does to it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from deepsort_cli.core.errors import InputError
from deepsort_cli.reid.distributed import Ranks, gather_rows
from deepsort_cli.reid.losses import Centers, batch_hard_triplets, supervised_contrastive
from deepsort_cli.reid.optim import build_optimizer, freeze, parameter_groups, set_learning_rate, train_mode
from deepsort_cli.reid.osnet import OSNet
from deepsort_cli.reid.settings import TrainConfig

FIGURES = ("loss", "ce", "triplet", "contrastive", "center", "accuracy", "active", "positive", "negative")
"""What a step is measured by: losses, accuracy in the batch, share of active triplets, their mean distances."""

OPTIONAL_LOSSES = ("contrastive", "center")
"""Those of `FIGURES` that are computed only where their weight is above 0."""


class Learner:
    """Model, optimizer, averaged weights and centers.

    Args:
        model: with its initial weights; it is moved to `device` and its frozen layers are marked.

    Attributes:
        model: the bare network, whose state goes into checkpoints.
        step_model: the same network as called in training: compiled, distributed.
        average: exponential moving average of the weights, or None.
        groups: what the optimizer was given, for people.

    Raises:
        InputError: see `freeze`, `parameter_groups` and `amp_type`.
    """

    def __init__(self, model: OSNet, config: TrainConfig, device: torch.device, ranks: Ranks):
        self.config = config
        self.device = device
        self.ranks = ranks
        torch.backends.cudnn.benchmark = True  # the input size changes once at most
        if ranks.several and device.type == "cuda":
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        self.layout = torch.channels_last if config.training.channels_last else torch.contiguous_format
        model.cosine_scale = config.loss.cosine_scale
        self.model = model.to(device).to(memory_format=self.layout)
        self.frozen = freeze(self.model, config.training)
        groups, self.groups = parameter_groups(self.model, config.optimizer)
        self.optimizer = build_optimizer(groups, config.optimizer)
        self.amp = amp_type(config.training.amp, device)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.amp == torch.float16)
        self.average: AveragedModel | None = None
        if config.training.ema_decay is not None:
            blend = get_ema_multi_avg_fn(config.training.ema_decay)  # type: ignore[no-untyped-call]
            self.average = AveragedModel(self.model, multi_avg_fn=blend, use_buffers=True)
        self.centers: Centers | None = None
        if config.loss.center_weight:
            self.centers = Centers(model.num_classes, model.embedding_dim, config.loss.center_rate).to(device)
        self._wrap()

    def _wrap(self) -> None:
        step_model: Any = self.model
        if self.config.training.compile:
            step_model = torch.compile(self.model)
        if self.ranks.several:
            devices = [self.device] if self.device.type == "cuda" else None
            step_model = DistributedDataParallel(step_model, device_ids=devices)
        self.step_model: Any = step_model

    def start_epoch(self, epoch: int) -> bool:
        """Prepare for epoch `epoch` (from 0); returns whether frozen layers were released now."""
        last_frozen = self.config.training.freeze_epochs
        release = bool(self.frozen) and last_frozen is not None and epoch >= last_frozen
        if release:
            parameters = dict(self.model.named_parameters())
            for name in self.frozen:
                parameters[name].requires_grad_(True)
            self.frozen = []
            self._wrap()  # DistributedDataParallel learns which parameters are trained when it is built
        train_mode(self.step_model)
        return release

    def step(self, images: Tensor, classes: Tensor, lr: float, *, share: float = 1.0, update: bool = True) -> Tensor:
        """Learn from this process's part of one batch.

        Args:
            images: (n, 3, H, W) float32.
            classes: (n,) int64.
            lr: learning rate before multipliers.
            share: of this batch in its update: 1 / number of accumulated batches.
            update: whether this batch completes an update.

        Returns:
            (10,) values of `FIGURES` for this process, and a 1 that counts the step.
        """
        images = images.to(self.device, memory_format=self.layout, non_blocking=True)
        classes = classes.to(self.device, non_blocking=True)
        # Gradients travel between processes only when they are complete.
        wait = isinstance(self.step_model, DistributedDataParallel) and not update
        with self.step_model.no_sync() if wait else contextlib.nullcontext():
            with torch.autocast(self.device.type, dtype=self.amp, enabled=self.amp is not None):
                features, logits = self.step_model(images)
            loss, figures = self._losses(features.float(), logits.float(), classes)
            self.scaler.scale(loss * share).backward()  # type: ignore[no-untyped-call]
        if update:
            self._update(lr)
        return figures

    def _losses(self, features: Tensor, logits: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        settings = self.config.loss
        ce = F.cross_entropy(logits, classes, label_smoothing=settings.label_smoothing)
        loss = ce
        zero = ce.new_zeros(())
        contrastive = center = zero
        # Distances count between the images of all processes.
        all_features, all_classes = gather_rows(features, self.ranks), gather_rows(classes, self.ranks)
        triplet, active, positive, negative = batch_hard_triplets(
            all_features, all_classes, settings.triplet_margin, settings.normalize_features
        )
        if settings.triplet_weight:  # otherwise for information
            loss = loss + settings.triplet_weight * triplet
        if settings.contrastive_weight:
            contrastive = supervised_contrastive(all_features, all_classes, settings.contrastive_temperature)
            loss = loss + settings.contrastive_weight * contrastive
        if self.centers is not None:
            center = self.centers(all_features, all_classes)
            loss = loss + settings.center_weight * center
            self.centers.update(all_features, all_classes)
        accuracy = (logits.argmax(dim=1) == classes).float().mean()
        figures = (loss, ce, triplet, contrastive, center, accuracy, active, positive, negative, zero + 1)
        return loss, torch.stack([figure.detach() for figure in figures])

    def _update(self, lr: float) -> None:
        set_learning_rate(self.optimizer, lr)
        if self.config.training.grad_clip is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.training.grad_clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update_parameters(self.model)

    @property
    def inference_model(self) -> OSNet:
        """The network to validate and to keep: the averaged one where there is one."""
        return self.model if self.average is None else cast(OSNet, self.average.module)

    def state(self) -> dict[str, Any]:
        """Tensors and plain containers from which `load_state` continues exactly."""
        state: dict[str, Any] = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }
        if self.average is not None:
            state["average"] = self.average.state_dict()
        if self.centers is not None:
            state["centers"] = self.centers.state_dict()
        return state

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        if self.centers is not None:
            self.centers.load_state_dict(state["centers"])

    def is_finite(self) -> bool:
        """Whether all weights and statistics are finite numbers."""
        tensors = [value for value in self.model.state_dict().values() if value.is_floating_point()]
        return bool(torch.stack([value.isfinite().all() for value in tensors]).all())


def amp_type(name: str, device: torch.device) -> torch.dtype | None:
    """The type of mixed precision, None for full precision.

    Raises:
        InputError: fp16 without a GPU.
    """
    if name == "auto":
        if device.type == "cpu":
            return torch.bfloat16 if _cpu_computes_in_bfloat16() else None
        if device.type != "cuda":
            return None
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if name == "fp16" and device.type == "cpu":
        raise InputError("--amp fp16: needs a GPU. Use --amp off, or bf16, on a CPU.")
    return {"off": None, "bf16": torch.bfloat16, "fp16": torch.float16}[name]


def _cpu_computes_in_bfloat16() -> bool:
    """Whether the processor has instructions for it; emulated it would be slower than float32."""
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # older PyTorch does not tell
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
