"""What is shared out, how a worker is made, and what comes back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from deepsort_cli.core.errors import DeepsortError, RunError

Tell = Callable[[int, int | None], None]
"""Takes how much of a task is done, and how much there is to be, where that is known."""
Stopped = Callable[[], bool]
"""Asked now and then; true ends a task without a result."""
Do = Callable[[Any, Tell, Stopped], Any]
"""Does one task after the other."""
Watch = Callable[[int, str, Any, int, int | None], None]
"""Takes the number of a worker, the machine it is on, its task or None, and what `Tell` takes."""


class Recipe(Protocol):
    """How a worker is made; it is sent to where the worker is to be, and must be made of what can be sent."""

    def open(self) -> Do:
        """Open what all tasks need, models perhaps.

        Raises:
            InputError, RunError: it cannot be opened there.
        """


@dataclass(frozen=True)
class Done:
    """What came of a task.

    Attributes:
        task: as it was given.
        result: what the worker made of it.
        lost: why there is none: its workers died. Empty where there is one.
        node: the machine that did it; empty for this one.
    """

    task: Any
    result: Any = None
    lost: str = ""
    node: str = ""


class Workers(Protocol):
    """Those who do the tasks; leaving the context stops them."""

    @property
    def count(self) -> int:
        """At most so many."""

    def __enter__(self) -> Workers: ...

    def __exit__(self, *_: object) -> None: ...

    def share(self, waiting: deque[Any]) -> Iterator[Done]:
        """Do the tasks of a queue, also those that are added meanwhile, until it is empty and all are done.

        Raises:
            InputError, RunError: no worker can be had, or a task raised it.
        """


class Here:
    """One worker in this process."""

    def __init__(self, recipe: Recipe, watch: Watch = lambda *_: None) -> None:
        self._recipe, self._watch = recipe, watch
        self._do: Do | None = None
        self.count = 1

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None:
        self._do = None

    def share(self, waiting: deque[Any]) -> Iterator[Done]:
        """As `Workers` says."""
        do = self._do = self._do or self._recipe.open()
        while waiting:
            task = waiting.popleft()
            self._watch(0, "", task, 0, None)
            yield Done(task, do(task, lambda done, total: None, lambda: False))


def outcome(do: Do, task: Any, tell: Tell, stopped: Stopped) -> Any:
    """The result of a task, or the error that it raised, which then travels as a result does."""
    try:
        return do(task, tell, stopped)
    except Exception as error:  # whatever it is, it would come again on another try
        return told(error)


def told(error: Exception) -> DeepsortError:
    """An error as one that can travel from a worker, with its message."""
    return error if isinstance(error, DeepsortError) else RunError(f"{type(error).__name__}: {error}")


def taken(task: Any, result: Any, node: str = "") -> Done:
    """What came of a task.

    Raises:
        InputError, RunError: it raised it.
    """
    if isinstance(result, DeepsortError):
        raise result
    return Done(task, result, node=node)
