"""The videos of an archive on the machines of a Ray cluster.

Each worker is a Ray actor that opens the models once and tracks one video after the other. Ray finds it a machine by
the CPUs and GPUs that it declares, starts it again elsewhere when its machine dies, and repeats what it was at. Here, a
worker that has nothing to do gets the next video, and workers without more to do are let go, so that one that waits
for a machine finds room.

Files travel over the file system that all machines share: sources, and results in the making, are read and written at
the same paths everywhere, and put into place by the program that started it all.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import shutil
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import deepsort_cli
from deepsort_cli.core.errors import DeepsortError, InputError, RunError
from deepsort_cli.core.events import Listener
from deepsort_cli.core.extras import install
from deepsort_cli.core.urls import hide_secrets
from deepsort_cli.perception.catalogue import find
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.workflows.archive.fingerprints import models_of
from deepsort_cli.workflows.archive.processes import PATIENCE, Watch
from deepsort_cli.workflows.archive.work import Job, Outcome, Worker
from deepsort_cli.workflows.track.parts import usual

RETRIES = 3
"""How often Ray repeats a video whose worker or machine dies."""
SHARING_A_DEVICE = 4
"""Workers that share a GPU: each keeps the models in its memory."""
ON_GPUS = ("cuda", "tensorrt", "rocm", "migraphx")
"""Devices that Ray calls a GPU."""
POLL_SECONDS = 1.0
KNOCK_SECONDS = 10.0
TOKEN = "token"


def check_cluster(settings: TrackSettings, listener: Listener) -> TrackSettings:
    """Make sure that Ray is there, where a cluster is asked for, and settle on a device.

    Raises:
        InputError: it is not installed, or nobody answers at the address.
    """
    address = settings.archive.cluster
    if address is None:
        return settings
    _ray()
    try:
        _knock(address)
    except (OSError, ValueError) as error:
        raise _no_answer(address, error) from None
    if settings.runtime.device == "auto":
        listener.note("on the cluster, networks run on CPUs; `runtime.device`=cuda asks Ray for GPUs")
        runtime = settings.runtime.model_copy(update={"device": "cpu"})
        return settings.model_copy(update={"runtime": runtime})
    return settings


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise InputError(f"`archive.cluster` needs Ray. Get it: {install('cluster')}") from None
    return ray


class Seat:
    """A worker on some machine of the cluster; Ray calls its methods, `at` and `stop` while `track` runs."""

    def __init__(self, settings: TrackSettings, models: dict[str, str], token: Path, version: str) -> None:
        """Take what it needs; nothing is opened yet, because an error here would lose its words on the way.

        Args:
            models: what the models are where all was started.
            token: a file that this machine must be able to see.
            version: of this package where all was started.
        """
        self._settings, self._models, self._token, self._version = settings, models, token, version
        self._worker: Worker | None = None
        self._stopped = threading.Event()
        self._at: tuple[int, int | None] = 0, None
        self._host = socket.gethostname()

    def open(self) -> str | None:
        """Open the models, where they are not open; what is wrong with this machine, None where it can work."""
        if deepsort_cli.__version__ != self._version:
            return f"{self._host} has version {deepsort_cli.__version__} of this package, not {self._version}."
        if not self._token.is_file():
            return f"{self._host} does not see {self._token.parent.parent}. Put `archive.output_dir` on a shared disk."
        try:
            if self._worker is None:
                found = models_of(self._settings)
                other = [key for key, value in self._models.items() if found[key] != value]
                if other:
                    return f"{self._host} has another file at `{other[0]}`. Put the model on a shared disk."
                self._worker = Worker(self._settings, 1)
        except DeepsortError as error:
            return f"{self._host}: {error}"
        return None

    def track(self, job: Job) -> Outcome:
        """Track a video; where this worker was started again on another machine, the models are opened there."""
        fault = self.open()
        if fault is not None or self._worker is None:
            return Outcome(job.number, job.folder, error=fault or "no models")
        self._at = 0, None
        return self._worker(job.attempt(secrets.token_hex(4)), self._models, self._tell, self._stopped.is_set)

    def _tell(self, frames: int, total: int | None) -> None:
        self._at = frames, total

    def at(self) -> tuple[str, str, int, int | None]:
        """Where it is: the machine's id and name; frames tracked, and how many there are to be."""
        return _ray().get_runtime_context().get_node_id(), self._host, *self._at

    def stop(self) -> None:
        """End the video that is being tracked."""
        self._stopped.set()


def track_on_cluster(
    jobs: Sequence[Job],
    settings: TrackSettings,
    models: dict[str, str],
    work: Path,
    workers: int,
    watch: Watch,
    note: Callable[[str], None],
) -> Iterator[Outcome]:
    """Track videos on a cluster; outcomes come in the order in which they end. Leaving the iteration stops all.

    Args:
        jobs: in the order in which they are to begin.
        models: as `models_of` gives them.
        work: folder of results in the making, on a disk that all machines share.
        workers: at most so many; as many as the cluster has room for.
        watch: hears what each worker is at.
        note: is told that the cluster has no room.

    Raises:
        InputError: there is no such cluster, or no machine of it can do the work.
    """
    ray, address = _ray(), settings.archive.cluster or "auto"
    with _connected(ray, address):
        team = _Team(ray, _portable(settings, work), models, work, watch)
        try:
            team.hire(min(workers, len(jobs)))
            yield from team.outcomes(deque(jobs), note)
        finally:
            team.dismiss()


@contextlib.contextmanager
def _connected(ray: Any, address: str) -> Iterator[None]:
    """A connection to the cluster; one that the calling program has already is used and left.

    Raises:
        InputError: there is none.
    """
    if ray.is_initialized():
        yield
        return
    on_main_thread = threading.current_thread() is threading.main_thread()
    at_end = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
        if on_main_thread:  # Ray would end the program where the caller finishes files
            signal.signal(signal.SIGTERM, at_end)
    except (OSError, RuntimeError, ValueError, ImportError) as error:
        raise _no_answer(address, error) from None
    try:
        yield
    finally:
        ray.shutdown()


def _no_answer(address: str, error: Exception) -> InputError:
    reason = str(error).strip().split("\n")[0][:200] or type(error).__name__
    return InputError(
        f"`archive.cluster` {hide_secrets(address)}: no Ray cluster answers ({reason}). Start one with `ray start`: "
        "docs/ARCHIVES.md says how."
    )


def _knock(address: str) -> None:
    """Whether anybody listens at an address; Ray itself tries for minutes.

    Raises:
        OSError: nobody does.
        ValueError: it is no address.
    """
    if address == "auto":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError("an address is auto, HOST:6379 or ray://HOST:10001")
    socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_SECONDS).close()


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


class _Team:
    """Ray actors, what they are at, and which of them have nothing to do."""

    def __init__(self, ray: Any, settings: TrackSettings, models: dict[str, str], work: Path, watch: Watch) -> None:
        self._ray, self._watch = ray, watch
        self._given = settings, models, work / TOKEN, deepsort_cli.__version__
        (work / TOKEN).touch()
        self._on_gpus = settings.runtime.device in ON_GPUS
        self._actors: dict[int, Any] = {}
        self._opening: dict[Any, int] = {}
        self._idle: list[int] = []
        self._tracking: dict[Any, tuple[int, Job]] = {}
        self._asked: dict[Any, int] = {}
        self._nodes: dict[str, str] = {}
        self._next_look = 0.0

    def hire(self, most: int) -> None:
        """Ask Ray for workers: one for each CPU, or as many as share the GPUs."""
        resources = self._ray.cluster_resources()
        cpus, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
        if self._on_gpus and not gpus:
            raise InputError("`runtime.device`: this cluster has no GPU. Leave it out to use CPUs.")
        if not cpus:
            raise InputError("`archive.cluster`: this cluster has no CPUs to work with.")
        room = min(cpus, gpus * SHARING_A_DEVICE) if self._on_gpus else cpus
        seat = self._ray.remote(Seat).options(
            num_cpus=1,
            num_gpus=1 / SHARING_A_DEVICE if self._on_gpus else 0,
            max_restarts=-1,
            max_task_retries=RETRIES,
            max_concurrency=3,
        )
        for number in range(max(1, min(most, room))):
            self._actors[number] = actor = seat.remote(*self._given)
            self._opening[actor.open.remote()] = number

    def outcomes(self, waiting: deque[Job], note: Callable[[str], None]) -> Iterator[Outcome]:
        """Give out the jobs, and what comes of them."""
        patient_until = time.monotonic() + PATIENCE
        while waiting or self._tracking:
            if time.monotonic() > patient_until:
                if not self._tracking:
                    note("the cluster has no free CPU or GPU yet for a worker; waiting for one (Ctrl-C ends it)")
                patient_until = float("inf")
            self._give(waiting)
            refs = [*self._opening, *self._tracking, *self._asked]
            for ref in self._ray.wait(refs, num_returns=1, timeout=POLL_SECONDS)[0] if refs else ():
                if ref in self._opening:
                    self._opened(ref)
                elif ref in self._asked:
                    self._heard(ref)
                else:
                    yield self._ended(ref)
            self._look()

    def _give(self, waiting: deque[Job]) -> None:
        while waiting and self._idle:
            number, job = self._idle.pop(0), waiting.popleft()
            self._tracking[self._actors[number].track.remote(job)] = number, job
            self._watch(number, "", job, 0, None)
        if waiting:
            return
        # Nothing is left to give: their CPUs are free for those that Ray wants to start again elsewhere.
        for number in [*self._idle, *self._opening.values()]:
            self._ray.kill(self._actors.pop(number), no_restart=True)
        self._idle.clear()
        self._opening.clear()

    def _opened(self, ref: Any) -> None:
        """A worker is there.

        Raises:
            InputError: its machine cannot do the work.
        """
        number = self._opening.pop(ref)
        try:
            fault = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            raise RunError(
                f"`archive.cluster`: no worker can be started ({_short(error)}). Every machine needs this package "
                f"in the same version: {install('cluster')}"
            ) from None
        if fault is not None:
            raise InputError(f"`archive.cluster`: {fault}")
        self._idle.append(number)

    def _ended(self, ref: Any) -> Outcome:
        number, job = self._tracking.pop(ref)
        self._watch(number, "", None, 0, None)
        try:
            outcome: Outcome = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            self._opening[self._actors[number].open.remote()] = number  # Ray starts it again, somewhere
            return Outcome(
                job.number,
                job.folder,
                error=f"its worker, or the machine of it, died {RETRIES + 1} times ({_short(error)})",
            )
        self._idle.append(number)
        return outcome

    def _look(self) -> None:
        """Ask the workers now and then how far they are."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + POLL_SECONDS
        asked = set(self._asked.values())
        for number, _ in self._tracking.values():
            if number not in asked:
                self._asked[self._actors[number].at.remote()] = number

    def _heard(self, ref: Any) -> None:
        number = self._asked.pop(ref)
        job = next((job for other, job in self._tracking.values() if other == number), None)
        try:
            node, host, frames, total = self._ray.get(ref)
        except self._ray.exceptions.RayError:
            return  # it died; Ray starts it again
        if job is not None:
            self._watch(number, self._node_name(node, host), job, frames, total)

    def _node_name(self, node: str, host: str) -> str:
        """What a machine is called; two of one name are numbered."""
        if node not in self._nodes:
            same = sum(name.partition("#")[0] == host for name in self._nodes.values())
            self._nodes[node] = f"{host}#{same + 1}" if same else host
        return self._nodes[node]

    def dismiss(self) -> None:
        """Let all close their files and end."""
        with contextlib.suppress(Exception):  # whatever is wrong with the cluster by now
            for number, _ in self._tracking.values():
                self._actors[number].stop.remote()
            if self._tracking:
                self._ray.wait(list(self._tracking), num_returns=len(self._tracking), timeout=PATIENCE)
            for actor in self._actors.values():
                self._ray.kill(actor, no_restart=True)


def _short(error: Exception) -> str:
    """The last line of an error of Ray's, which are long."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:200]
