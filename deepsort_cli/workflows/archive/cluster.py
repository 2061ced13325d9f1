"""What the machines of a cluster have to share for an archive, and what each of them makes sure of.

Files travel over the file system that all machines share: sources, and results in the making, are read and written at
the same paths everywhere, and put into place by the program that started it all.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener
from deepsort_cli.perception.catalogue import find
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.workflows.archive.fingerprints import models_of
from deepsort_cli.workflows.archive.work import Tracking
from deepsort_cli.workflows.track.parts import usual
from deepsort_cli.workflows.workers import Cluster, Do, OnCluster, Watch, settle_device

TOKEN = "token"


def check_cluster(settings: TrackSettings, listener: Listener) -> TrackSettings:
    """Make sure that Ray is there, where a cluster is asked for, and settle on a device.

    Raises:
        InputError: it is not installed, or nobody answers at the address.
    """
    if settings.archive.cluster is None:
        return settings
    cluster_of(settings).check()
    return settings.model_copy(update={"runtime": settle_device(settings.runtime, listener)})


def cluster_of(settings: TrackSettings) -> Cluster:
    """The cluster that an archive is to be tracked on."""
    return Cluster(settings.archive.cluster or "auto", "archive.cluster", settings.runtime.device)


def workers_on_cluster(
    settings: TrackSettings,
    models: dict[str, str],
    work: Path,
    workers: int,
    watch: Watch,
    note: Callable[[str], None],
) -> OnCluster:
    """Workers on a cluster for the jobs of an archive.

    Args:
        models: as `models_of` gives them.
        work: folder of results in the making, on a disk that all machines share.
        workers: at most so many.
        watch: hears what each worker is at.
        note: is told that the cluster has no room.
    """
    (work / TOKEN).touch()
    recipe = _Elsewhere(Tracking(_portable(settings, work), models, 1), work / TOKEN)
    return OnCluster(cluster_of(settings), recipe, workers, watch, note)


@dataclass(frozen=True)
class _Elsewhere:
    """What a worker makes sure of on its machine before it begins.

    Attributes:
        tracking: what it is there for.
        token: a file that its machine must be able to see.
    """

    tracking: Tracking
    token: Path

    def open(self) -> Do:
        """Open the models.

        Raises:
            InputError: the machine sees other files than the one where all was started.
        """
        if not self.token.is_file():
            raise InputError(f"does not see {self.token.parent.parent}. Put `archive.output_dir` on a shared disk.")
        found = models_of(self.tracking.settings)
        other = next((key for key, value in self.tracking.models.items() if found[key] != value), None)
        if other is not None:
            raise InputError(f"has another file at `{other}`. Put the model on a shared disk.")
        return self.tracking.open()


def _portable(settings: TrackSettings, work: Path) -> TrackSettings:
    """The settings with models that every machine finds: those of the catalogue, which lie in the cache of this one,
    are put beside the results in the making.
    """
    chosen = usual(settings.detector)
    update: dict[str, Any] = {}
    for section, one in (("detector", chosen), ("reid", settings.reid)):
        name = one.model_path
        model = None if name is None or Path(name).exists() else find(name)
        if model is not None:
            path = work / "models" / model.path.name
            path.parent.mkdir(exist_ok=True)
            shutil.copyfile(model.obtain(), path)
            name = str(path)
        elif name is not None and Path(name).exists():
            name = str(Path(name).absolute())
        update[section] = one.model_copy(
            update={"model_path": "hog" if section == "detector" and name is None else name}
        )
    return settings.model_copy(update=update)
