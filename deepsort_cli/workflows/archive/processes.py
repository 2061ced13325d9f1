"""The videos of an archive on the cores of this machine: processes, each with models of its own.

Each process is at the other end of a pipe: jobs and the word to stop go in, what it is at and outcomes come out. One
that dies is noticed at once; its video is given to another process once more. One whose parent died ends by itself.
`concurrent.futures` would not do: there, the death of one process ends all the others, and nothing tells what it did.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import sys
import threading
import types
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any

from deepsort_cli.core.errors import DeepsortError, RunError
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.workflows.archive.work import Job, Outcome, Worker

ATTEMPTS = 2
"""How often a video is tried whose process dies."""
PATIENCE = 10.0
"""Seconds that a process has to close its files."""
STOP = "stop"

Watch = Callable[[int, str, Job | None, int, int | None], None]
"""Takes the number of a worker, the machine it is on, its job, the frames tracked, and how many there are to be."""


def track_here(
    jobs: Sequence[Job], settings: TrackSettings, models: dict[str, str], workers: int, cpus: int, watch: Watch
) -> Iterator[Outcome]:
    """Track videos in processes; outcomes come in the order in which they end. Leaving the iteration stops all.

    Args:
        jobs: in the order in which they are to begin.
        models: what records say about the models.
        workers: processes.
        cpus: frames that each perceives at once.
        watch: hears what each process is at.

    Raises:
        RunError: no process can be started, or none can open the models.
    """
    pool = _Pool(settings, models, cpus, watch)
    waiting = deque(jobs)
    try:
        for number in range(min(workers, len(jobs))):
            pool.start(number)
        while waiting or pool.busy:
            pool.feed(waiting)
            yield from pool.outcomes(waiting)
    finally:
        pool.stop()


@dataclass
class _Process:
    """A worker process and what it is at."""

    number: int
    process: Any
    pipe: connection.Connection
    job: Job | None = None
    ready: bool = False


class _Pool:
    def __init__(self, settings: TrackSettings, models: dict[str, str], cpus: int, watch: Watch) -> None:
        self._context = multiprocessing.get_context("spawn")  # threads and networks do not survive a fork
        self._given = settings, models, cpus
        self._watch = watch
        self._members: list[_Process] = []
        self._attempts: dict[int, int] = {}
        self._stillborn = 0

    @property
    def busy(self) -> bool:
        return any(member.job is not None for member in self._members)

    def start(self, number: int) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, *self._given), daemon=True)
        try:
            with _interrupts_held_back(), _without_the_script():
                process.start()
        except OSError as error:
            raise RunError(f"a process cannot be started ({error.strerror or error}). Try fewer: `jobs`=1.") from None
        finally:
            theirs.close()
        self._members.append(_Process(number, process, ours))

    def feed(self, waiting: deque[Job]) -> None:
        """Give every process that has nothing to do a job."""
        for member in self._members:
            if waiting and member.ready and member.job is None:
                member.job = waiting.popleft()
                number = member.job.number
                self._attempts[number] = self._attempts.get(number, 0) + 1
                member.job = member.job.attempt(str(self._attempts[number]))
                with contextlib.suppress(OSError):  # it has died, which is noticed when it is read from
                    member.pipe.send(member.job)
                self._watch(member.number, "", member.job, 0, None)

    def outcomes(self, waiting: deque[Job]) -> Iterator[Outcome]:
        """What came of jobs, as soon as there is something to tell."""
        by_pipe = {member.pipe: member for member in self._members}
        for pipe in connection.wait(list(by_pipe), timeout=1.0):
            member = by_pipe[pipe]  # type: ignore[index]
            try:
                word, value = member.pipe.recv()
            except (EOFError, OSError):
                yield from self._bury(member, waiting)
                continue
            if word == "ready":
                member.ready = True
            elif word == "unable":
                raise value
            elif word == "at":
                self._watch(member.number, "", member.job, *value)
            else:
                member.job = None
                self._watch(member.number, "", None, 0, None)
                yield value

    def _bury(self, member: _Process, waiting: deque[Job]) -> Iterator[Outcome]:
        """Another process takes the place of one that died."""
        member.pipe.close()
        member.process.join()
        self._members.remove(member)
        how = _how_it_ended(member.process.exitcode)
        job = member.job
        if job is None:
            self._stillborn += 1
            if self._stillborn >= 2 * ATTEMPTS:
                raise RunError(f"processes end before they begin ({how}). Try fewer: `jobs`=1.")
        elif self._attempts[job.number] < ATTEMPTS:
            waiting.appendleft(job)
        else:
            self._watch(member.number, "", None, 0, None)
            yield Outcome(
                job.number,
                job.folder,
                error=f"the process that tracked it ended {ATTEMPTS} times ({how}), perhaps for lack of memory. Try "
                "fewer at once: `jobs`=1.",
            )
        if waiting or job is None:
            self.start(member.number)

    def stop(self) -> None:
        """Let all close their files and end."""
        for member in self._members:
            with contextlib.suppress(OSError):
                member.pipe.send(STOP)
        for member in self._members:
            member.process.join(PATIENCE)
            if member.process.is_alive():
                member.process.kill()
                member.process.join()
            member.pipe.close()
        self._members.clear()


def _how_it_ended(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """A process that starts inherits that Ctrl-C does not reach it; only the parent answers it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _without_the_script() -> Iterator[None]:
    """A process that starts imports the script that started it, and would run all of it that is not kept from that.

    Ours need nothing of it: they find an empty one.
    """
    script = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def _serve(pipe: connection.Connection, settings: TrackSettings, models: dict[str, str], cpus: int) -> None:
    """A worker process: opens the models, then does one job after the other until it is told to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
    stopped = threading.Event()
    threading.Thread(target=_listen, args=(pipe, jobs, stopped), daemon=True).start()
    try:
        worker = Worker(settings, cpus)
    except DeepsortError as error:
        pipe.send(("unable", error))
        return
    pipe.send(("ready", None))
    while (job := jobs.get()) is not None:
        outcome = worker(job, models, lambda frames, total: pipe.send(("at", (frames, total))), stopped.is_set)
        pipe.send(("done", outcome))


def _listen(pipe: connection.Connection, jobs: queue.SimpleQueue[Job | None], stopped: threading.Event) -> None:
    """Take what the parent sends; where it has died, nobody needs this process any more."""
    while True:
        try:
            word = pipe.recv()
        except (EOFError, OSError):
            os._exit(1)
        if word == STOP:
            stopped.set()
            jobs.put(None)
            return
        jobs.put(word)
