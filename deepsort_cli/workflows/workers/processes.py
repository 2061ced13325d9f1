"""Workers on the cores of this machine: processes, each with models of its own.

Each process is at the other end of a pipe: tasks and the word to stop go in, what it is at and results come out. One
that dies is noticed at once; its task is given to another process once more. One whose parent died ends by itself.
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
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any

from deepsort_cli.core.children import killed_with_program
from deepsort_cli.core.errors import RunError
from deepsort_cli.core.signals import leave_endings_to_parent, unreachable_by_endings
from deepsort_cli.workflows.workers.tasks import Done, Recipe, Watch, outcome, taken, told

ATTEMPTS = 2
"""How often a task is tried whose process dies."""
PATIENCE = 10.0
"""Seconds that a process has to close its files."""
STOP = "stop"


@dataclass
class _Given:
    """A task and how often it was begun."""

    task: Any
    attempts: int = 0


@dataclass
class _Process:
    """A worker process and what it is at."""

    number: int
    process: Any
    pipe: connection.Connection
    given: _Given | None = None
    ready: bool = False

    @property
    def task(self) -> Any:
        return None if self.given is None else self.given.task


class Processes:
    """Worker processes; they are started when there is something for them to do."""

    def __init__(
        self, recipe: Recipe, count: int, watch: Watch = lambda *_: None, *, patience: float = PATIENCE
    ) -> None:
        """Start none yet.

        Args:
            recipe: what each worker is made by.
            count: at most so many.
            watch: hears what each process is at.
            patience: seconds that a process has to end by itself.
        """
        self._context = multiprocessing.get_context("spawn")  # threads and networks do not survive a fork
        self._recipe, self.count, self._watch, self._patience = recipe, count, watch, patience
        self._members: list[_Process] = []
        self._again: deque[_Given] = deque()
        self._stillborn = 0

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        """Let all close their files and end."""
        for member in self._members:
            with contextlib.suppress(OSError):
                member.pipe.send(STOP)
        for member in self._members:
            member.process.join(self._patience)
            if member.process.is_alive():
                member.process.kill()
                member.process.join()
            member.pipe.close()
        self._members.clear()

    def share(self, waiting: deque[Any]) -> Iterator[Done]:
        """Do the tasks of a queue, also those that are added meanwhile; what came of them, as soon as it is known.

        Raises:
            RunError: no process can be started.
            InputError, RunError: none can open its models, or a task raised it.
        """
        while waiting or self._again or any(member.given for member in self._members):
            self._grow(len(waiting) + len(self._again))
            self._feed(waiting)
            yield from self._heard()

    def _grow(self, tasks: int) -> None:
        """Start processes for tasks for which there is none."""
        taken = {member.number for member in self._members}
        free = sum(member.given is None for member in self._members)
        numbers = [number for number in range(self.count) if number not in taken]
        for number in numbers[: max(0, tasks - free)]:
            self._start(number)

    def _start(self, number: int) -> None:
        if multiprocessing.current_process().daemon:
            raise RunError(
                "this process is a worker of `multiprocessing`, and may start no others. Call it from another process."
            )
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, self._recipe), daemon=True)
        try:
            with unreachable_by_endings(), _without_the_script():
                process.start()
                killed_with_program(process)
        except OSError as error:
            raise RunError(f"a process cannot be started ({error.strerror or error}). Try fewer: `jobs`=1.") from None
        finally:
            theirs.close()
        self._members.append(_Process(number, process, ours))

    def _feed(self, waiting: deque[Any]) -> None:
        """Give every process that has nothing to do a task."""
        for member in self._members:
            if (self._again or waiting) and member.ready and member.given is None:
                member.given = self._again.popleft() if self._again else _Given(waiting.popleft())
                member.given.attempts += 1
                with contextlib.suppress(OSError):  # it has died, which is noticed when it is read from
                    member.pipe.send(member.task)
                self._watch(member.number, "", member.task, 0, None)

    def _heard(self) -> Iterator[Done]:
        """What the processes say."""
        by_pipe = {member.pipe: member for member in self._members}
        for pipe in connection.wait(list(by_pipe), timeout=1.0):
            member = by_pipe[pipe]  # type: ignore[index]
            try:
                word, value = member.pipe.recv()
            except (EOFError, OSError):
                yield from self._bury(member)
                continue
            if word == "ready":
                member.ready = True
            elif word == "unable":
                raise value
            elif word == "at":
                self._watch(member.number, "", member.task, *value)
            else:
                task, member.given = member.task, None
                self._watch(member.number, "", None, 0, None)
                yield taken(task, value)

    def _bury(self, member: _Process) -> Iterator[Done]:
        """One died: its task is for another process, which takes its place."""
        member.pipe.close()
        member.process.join()
        self._members.remove(member)
        how, given = _how_it_ended(member.process.exitcode), member.given
        if given is None:
            self._stillborn += 1
            if self._stillborn >= 2 * ATTEMPTS:
                raise RunError(f"processes end before they begin ({how}). Try fewer: `jobs`=1.")
        elif given.attempts < ATTEMPTS:
            self._again.append(given)
        else:
            self._watch(member.number, "", None, 0, None)
            yield Done(
                given.task,
                lost=f"its process ended {ATTEMPTS} times ({how}), perhaps for lack of memory. Try fewer at once: "
                "`jobs`=1.",
            )


def _how_it_ended(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


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


def _serve(pipe: connection.Connection, recipe: Recipe) -> None:
    """A worker process: opens what it needs, then does one task after the other until it is told to stop."""
    leave_endings_to_parent()
    tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
    stopped = threading.Event()
    threading.Thread(target=_listen, args=(pipe, tasks, stopped), daemon=True).start()
    try:
        do = recipe.open()
    except Exception as error:  # whatever it is, another process would meet it as well
        pipe.send(("unable", told(error)))
        return
    pipe.send(("ready", None))
    while (task := tasks.get()) is not STOP:
        result = outcome(do, task, lambda done, total: pipe.send(("at", (done, total))), stopped.is_set)
        pipe.send(("done", result))


def _listen(pipe: connection.Connection, tasks: queue.SimpleQueue[Any], stopped: threading.Event) -> None:
    """Take what the parent sends; where it has died, nobody needs this process any more."""
    while True:
        try:
            word = pipe.recv()
        except (EOFError, OSError):
            os._exit(1)
        if isinstance(word, str) and word == STOP:
            stopped.set()
            tasks.put(STOP)
            return
        tasks.put(word)
