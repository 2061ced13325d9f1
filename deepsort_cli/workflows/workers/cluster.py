"""Workers on the machines of a Ray cluster.

Each worker is a Ray actor that opens its models once and does one task after the other. Ray finds it a machine by the
CPUs and GPUs that it declares, and starts it again elsewhere when its machine dies. Here, a worker that has nothing to
do gets the next task; one whose worker died is the next.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import deepsort_cli
from deepsort_cli.core.errors import DeepsortError, InputError, RunError
from deepsort_cli.core.events import Listener
from deepsort_cli.core.extras import install
from deepsort_cli.core.urls import hide_secrets
from deepsort_cli.perception.settings import RuntimeSettings
from deepsort_cli.workflows.workers.tasks import Do, Done, Recipe, Watch, outcome, taken

RETRIES = 3
"""How often a task is tried again whose worker or machine dies."""
SHARING_A_DEVICE = 4
"""Workers that share a GPU: each keeps the models in its memory."""
ON_GPUS = ("cuda", "tensorrt", "rocm", "migraphx")
"""Devices that Ray calls a GPU."""
PATIENCE = 10.0
"""Seconds that the cluster has to find room for a worker, or a worker to close its files."""
POLL_SECONDS = 1.0
KNOCK_SECONDS = 10.0


@dataclass(frozen=True)
class Cluster:
    """Where a cluster is, and what its workers ask of it.

    Attributes:
        address: `auto`, `HOST:6379` or `ray://HOST:10001`.
        key: of the setting that names it, for messages.
        device: as `runtime.device` names it.
    """

    address: str
    key: str = "cluster"
    device: str = "cpu"

    def check(self) -> None:
        """Make sure that Ray is there and somebody answers.

        Raises:
            InputError: it is not installed, or nobody answers at the address.
        """
        _ray(self.key)
        try:
            _knock(self.address)
        except (OSError, ValueError) as error:
            raise self._no_answer(error) from None

    @contextlib.contextmanager
    def connected(self) -> Iterator[Any]:
        """Ray, connected to the cluster; a connection that the calling program has already is used and left.

        Raises:
            InputError: there is none.
        """
        ray = _ray(self.key)
        if ray.is_initialized():
            yield ray
            return
        on_main_thread = threading.current_thread() is threading.main_thread()
        at_end = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(address=self.address, logging_level=logging.ERROR, log_to_driver=False)
            if on_main_thread:  # Ray would end the program where the caller finishes files
                signal.signal(signal.SIGTERM, at_end)
        except (OSError, RuntimeError, ValueError, ImportError) as error:
            raise self._no_answer(error) from None
        try:
            yield ray
        finally:
            ray.shutdown()

    def room(self, ray: Any) -> int:
        """Workers that there is room for: one for each CPU, or as many as share the GPUs.

        Raises:
            InputError: there is none.
        """
        resources = ray.cluster_resources()
        cpus, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
        if self.on_gpus and not gpus:
            raise InputError("`runtime.device`: this cluster has no GPU. Leave it out to use CPUs.")
        if not cpus:
            raise InputError(f"`{self.key}`: this cluster has no CPUs to work with.")
        return min(cpus, gpus * SHARING_A_DEVICE) if self.on_gpus else cpus

    @property
    def on_gpus(self) -> bool:
        """Its workers ask for GPUs."""
        return self.device.partition(":")[0] in ON_GPUS

    def _no_answer(self, error: Exception) -> InputError:
        reason = str(error).strip().split("\n")[0][:200] or type(error).__name__
        return InputError(
            f"`{self.key}` {hide_secrets(self.address)}: no Ray cluster answers ({reason}). Start one with "
            "`ray start`: docs/ARCHIVES.md says how."
        )


def settle_device(runtime: RuntimeSettings, listener: Listener) -> RuntimeSettings:
    """Settings with a device that Ray can be asked for: what machines would find by themselves it does not count."""
    if runtime.device != "auto":
        return runtime
    listener.note("on the cluster, networks run on CPUs; `runtime.device`=cuda asks Ray for GPUs")
    return runtime.model_copy(update={"device": "cpu"})


def _ray(key: str) -> Any:
    try:
        import ray
    except ImportError:
        raise InputError(f"`{key}` needs Ray. Get it: {install('cluster')}") from None
    return ray


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


NOT_OPEN = "not open"
"""A result of `Seat.work`."""


class Seat:
    """A worker on some machine of the cluster; Ray calls its methods, `at` and `stop` while `work` runs."""

    def __init__(self) -> None:
        """Open nothing yet: an error here would lose its words on the way."""
        self._do: Do | None = None
        self._stopped = threading.Event()
        self._at: tuple[int, int | None] = 0, None
        self._host = socket.gethostname()

    def open(self, recipe: Recipe, version: str) -> str | None:
        """Open what is not open; what is wrong with this machine, None where it can work.

        Args:
            version: of this package where all was started.
        """
        if deepsort_cli.__version__ != version:
            return f"{self._host} has version {deepsort_cli.__version__} of this package, not {version}."
        try:
            self._do = self._do or recipe.open()
        except DeepsortError as error:
            return f"{self._host}: {error}"
        return None

    def work(self, task: Any) -> tuple[Any, str, str]:
        """Do a task; its result, or the error that it raised, and the machine's id and name.

        The result is `NOT_OPEN` where Ray has started this worker again since it was opened.
        """
        self._at = 0, None
        if self._do is None:
            return NOT_OPEN, *self._place()
        return outcome(self._do, task, self._tell, self._stopped.is_set), *self._place()

    def _tell(self, done: int, total: int | None) -> None:
        self._at = done, total

    def _place(self) -> tuple[str, str]:
        return _ray("cluster").get_runtime_context().get_node_id(), self._host

    def at(self) -> tuple[str, str, int, int | None]:
        """Where it is: the machine's id and name; how much is done, and how much there is to be."""
        return *self._place(), *self._at

    def stop(self) -> None:
        """End the task that it is at."""
        self._stopped.set()


@dataclass
class _Given:
    """A task, and how often its worker died."""

    task: Any
    deaths: int = 0


class OnCluster:
    """Workers of a cluster; they are asked for when there is something for them to do."""

    def __init__(
        self,
        cluster: Cluster,
        recipe: Recipe,
        most: int | None = None,
        watch: Watch = lambda *_: None,
        note: Callable[[str], None] = lambda message: None,
        *,
        sent: Callable[[Any], Any] = lambda task: task,
        patience: float = PATIENCE,
    ) -> None:
        """Ask for none yet.

        Args:
            recipe: what each worker is made by; sent once to each machine.
            most: at most so many; None: as many as the cluster has room for.
            watch: hears what each worker is at.
            note: is told that the cluster has no room.
            sent: what a worker is given for a task, made when its turn comes.
            patience: seconds that workers have to close their files.
        """
        self._cluster, self._recipe, self._most, self._watch, self._note = cluster, recipe, most, watch, note
        self._sent, self._patience = sent, patience
        self._stack = contextlib.ExitStack()
        self._actors: dict[int, Any] = {}
        self._opening: dict[Any, int] = {}
        self._idle: deque[int] = deque()
        self._busy: dict[Any, tuple[int, _Given]] = {}
        self._again: deque[_Given] = deque()
        self._asked: dict[Any, int] = {}
        self._nodes: dict[str, str] = {}
        self._next_look = 0.0
        self.count = 0
        """At most so many; known when the cluster is."""

    def __enter__(self) -> OnCluster:
        self._ray = self._stack.enter_context(self._cluster.connected())
        room = self._cluster.room(self._ray)
        self.count = room if self._most is None else min(self._most, room)
        options = {
            "num_cpus": 1,
            "num_gpus": 1 / SHARING_A_DEVICE if self._cluster.on_gpus else 0,
            "max_restarts": -1,
            "max_concurrency": 3,
        }
        self._seat = self._ray.remote(Seat).options(**options)
        self._given = self._ray.put(self._recipe), deepsort_cli.__version__
        return self

    def __exit__(self, *_: object) -> None:
        """Let all close their files and end."""
        with contextlib.suppress(Exception):  # whatever is wrong with the cluster by now
            for number, _given in self._busy.values():
                self._actors[number].stop.remote()
            if self._busy and self._patience:
                self._ray.wait(list(self._busy), num_returns=len(self._busy), timeout=self._patience)
            for actor in self._actors.values():
                self._ray.kill(actor, no_restart=True)
        self._stack.close()

    def share(self, waiting: deque[Any]) -> Iterator[Done]:
        """Do the tasks of a queue, also those that are added meanwhile; what came of them, as soon as it is known.

        Raises:
            InputError: no machine can do the work.
            InputError, RunError: a task raised it.
        """
        patient_until = time.monotonic() + PATIENCE
        while waiting or self._again or self._busy:
            if time.monotonic() > patient_until:
                if not self._busy:
                    self._note("the cluster has no free CPU or GPU yet for a worker; waiting for one (Ctrl-C ends it)")
                patient_until = float("inf")
            self._hire(len(waiting))
            self._give(waiting)
            refs = [*self._opening, *self._busy, *self._asked]
            for ref in self._ray.wait(refs, num_returns=1, timeout=POLL_SECONDS)[0] if refs else ():
                if ref in self._opening:
                    self._opened(ref)
                elif ref in self._asked:
                    self._heard(ref)
                else:
                    yield from self._ended(ref)
            self._look()

    def _hire(self, tasks: int) -> None:
        """Ask Ray for workers, for tasks for which there is none."""
        wanted = min(self.count, len(self._busy) + tasks)
        for number in range(len(self._actors), wanted):
            self._actors[number] = self._seat.remote()
            self._open(number)

    def _open(self, number: int) -> None:
        """Have it opened as soon as it is there; Ray asks again where it has to be started again."""
        opened = self._actors[number].open.options(max_task_retries=-1).remote(*self._given)
        self._opening[opened] = number

    def _give(self, waiting: deque[Any]) -> None:
        while self._idle and (self._again or waiting):
            number = self._idle.popleft()
            given = self._again.popleft() if self._again else _Given(waiting.popleft())
            self._busy[self._actors[number].work.remote(self._sent(given.task))] = number, given
            self._watch(number, "", given.task, 0, None)

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
                f"`{self._cluster.key}`: no worker can be started ({_short(error)}). Every machine needs this package "
                f"in the same version: {install('cluster')}"
            ) from None
        if fault is not None:
            raise InputError(f"`{self._cluster.key}`: {fault}")
        self._idle.append(number)

    def _ended(self, ref: Any) -> Iterator[Done]:
        number, given = self._busy.pop(ref)
        self._watch(number, "", None, 0, None)
        try:
            result, node, host = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            self._open(number)  # Ray starts it again, somewhere
            given.deaths += 1
            if given.deaths <= RETRIES:
                self._again.append(given)
            else:
                deaths = f"its worker, or the machine of it, died {given.deaths} times"
                yield Done(given.task, lost=f"{deaths} ({_short(error)})")
            return
        if isinstance(result, str) and result == NOT_OPEN:
            self._open(number)
            self._again.append(given)
            return
        self._idle.append(number)
        yield taken(given.task, result, self._node_name(node, host))

    def _look(self) -> None:
        """Ask the workers now and then how far they are."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + POLL_SECONDS
        asked = set(self._asked.values())
        for number, _ in self._busy.values():
            if number not in asked:
                self._asked[self._actors[number].at.remote()] = number

    def _heard(self, ref: Any) -> None:
        number = self._asked.pop(ref)
        given = next((given for other, given in self._busy.values() if other == number), None)
        try:
            node, host, done, total = self._ray.get(ref)
        except self._ray.exceptions.RayError:
            return  # it died; Ray starts it again
        if given is not None:
            self._watch(number, self._node_name(node, host), given.task, done, total)

    def _node_name(self, node: str, host: str) -> str:
        """What a machine is called; two of one name are numbered."""
        if node not in self._nodes:
            same = sum(name.partition("#")[0] == host for name in self._nodes.values())
            self._nodes[node] = f"{host}#{same + 1}" if same else host
        return self._nodes[node]


def _short(error: Exception) -> str:
    """The last line of an error of Ray's, which are long."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:200]
