"""The model together with everything that learns along with it, and what one step does to it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from deepsort_cli.core.errors import InputError
from deepsort_cli.reid.backbones import Backbone
from deepsort_cli.reid.distributed import Ranks, gather_rows
from deepsort_cli.reid.losses import Batch, Losses
from deepsort_cli.reid.optim import build_optimizer, freeze, parameter_groups, set_learning_rate, train_mode
from deepsort_cli.reid.settings import TrainConfig


class Learner:
    """Model, optimizer, averaged weights and losses.

    Args:
        model: with its initial weights; it is moved to `device` and its frozen layers are marked.

    Attributes:
        model: the bare network, whose state goes into checkpoints.
        step_model: the same network as called in training: compiled, distributed.
        average: exponential moving average of the weights, or None.
        groups: what the optimizer was given, for people.

    Raises:
        InputError: see `freeze`, `parameter_groups`, `amp_type` and `losses.weights_of`.
    """

    def __init__(self, model: Backbone, config: TrainConfig, device: torch.device, ranks: Ranks):
        self.config = config
        self.device = device
        self.ranks = ranks
        torch.backends.cudnn.benchmark = True  # the input size changes once at most
        if ranks.several and device.type == "cuda":
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        self.layout = torch.channels_last if config.training.channels_last else torch.contiguous_format
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
        self.losses = Losses(config.loss, model.num_classes, model.embedding_size).to(device)
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
            (F + 1,) values of `figure_names()` for this process, and a 1 that counts the step.
        """
        images = images.to(self.device, memory_format=self.layout, non_blocking=True)
        classes = classes.to(self.device, non_blocking=True)
        # Gradients travel between processes only when they are complete.
        wait = isinstance(self.step_model, DistributedDataParallel) and not update
        with self.step_model.no_sync() if wait else contextlib.nullcontext():
            with torch.autocast(self.device.type, dtype=self.amp, enabled=self.amp is not None):
                features, logits = self.step_model(images)
            # Distances count between the images of all processes.
            everywhere = gather_rows(features.float(), self.ranks), gather_rows(classes, self.ranks)
            loss: Tensor
            figures: Tensor
            loss, figures = self.losses(Batch(*everywhere, logits.float(), classes))
            self.scaler.scale(loss * share).backward()  # type: ignore[no-untyped-call]
        if update:
            self._update(lr)
        return figures

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
    def inference_model(self) -> Backbone:
        """The network to validate and to keep: the averaged one where there is one."""
        return self.model if self.average is None else cast(Backbone, self.average.module)

    def state(self) -> dict[str, Any]:
        """Tensors and plain containers from which `load_state` continues exactly."""
        state: dict[str, Any] = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }
        if self.average is not None:
            state["average"] = self.average.state_dict()
        learned = self.losses.state()
        if learned:
            state["losses"] = learned
        return state

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        learned = state.get("losses", {})
        if "centers" in state:  # as earlier versions called it
            learned = {"center": {"centers.centers": state["centers"]["centers"]}}
        self.losses.load_state(learned)

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
        raise InputError("`training.amp` fp16: needs a GPU. Use `training.amp`=off, or bf16, on a CPU.")
    return {"off": None, "bf16": torch.bfloat16, "fp16": torch.float16}[name]


def _cpu_computes_in_bfloat16() -> bool:
    """Whether the processor has instructions for it; emulated it would be slower than float32."""
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # older PyTorch does not tell
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
