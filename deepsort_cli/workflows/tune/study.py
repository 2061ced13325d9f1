"""A search that is kept in a file: it goes on where it ended, and gives the same whether it was interrupted or not."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import math
import warnings
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.extras import install
from deepsort_cli.core.meanwhile import Meanwhile
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.workflows.tune.space import Parameter, suggested, with_values

VALUES, FIGURES = "values", "figures"
"""What is kept with every trial: its settings by key, and the figures of every piece."""
IDENTITY, ENDED, AT_ONCE = "identity", "ended", "trials at once"
STARTUP = 15
"""Trials at random before the search learns from them."""


@dataclass(frozen=True)
class Trial:
    """Settings that were tried.

    Attributes:
        number: from 0.
        values: what was searched, by dotted key.
        objective: mean over the pieces.
        figures: of each piece.
    """

    number: int
    values: Mapping[str, Any]
    objective: float
    figures: Mapping[str, Mapping[str, float]]


def require_optuna() -> None:
    """Make sure that the search is installed, without importing it.

    Raises:
        InputError: it is not; the message says how to get it.
    """
    if importlib.util.find_spec("optuna") is None:
        raise InputError(f"tuning needs the Optuna package. Get it: {install('tune')}")


@dataclass
class _Pending:
    """A trial whose settings are known, and whose figures are not told to the study yet."""

    trial: Any
    values: Mapping[str, Any]
    figures: Mapping[str, Mapping[str, float]] | None = None


class Search:
    """One search: a study of Optuna's in the folder's journal.

    It gives settings to try and takes their figures, in whatever order these come: the study is told of them in the
    order of the trials. Which earlier figures a suggestion builds on depends on `at_once` alone, neither on how many
    trials really are under way nor on interruptions. The first trials, at random, build on none.

    Attributes:
        name: of the study.
        wanted: trials in all.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        identity: Mapping[str, Any],
        wanted: int,
        base: TrackSettings,
        space: Sequence[Parameter],
        first: Sequence[Mapping[str, Any]],
        seed: int = 0,
        at_once: int = 1,
    ) -> None:
        """Begin a study, or go on with it.

        Args:
            identity: what the study is about; JSON.
            base: settings that the search changes.
            first: what is tried first, in the terms of the search.
            at_once: a suggestion is made when the figures of all but the `at_once` - 1 trials before it are known.

        Raises:
            InputError: the folder holds a study about something else.
            RunError: its file cannot be read.
        """
        self.name, self.wanted, self._base, self._space, self._seed = name, wanted, base, space, seed
        self._first = [dict(values) for position, values in enumerate(first) if values not in first[:position]]
        self._at_once = at_once
        self._optuna = importlib.import_module("optuna")
        journal = importlib.import_module("optuna.storages.journal")
        path = folder / "study.log"
        try:
            with _quietly():
                storage = self._optuna.storages.JournalStorage(journal.JournalFileBackend(str(path)))
                self._study = self._optuna.create_study(
                    study_name=name, storage=storage, direction="maximize", load_if_exists=True
                )
        except (ValueError, KeyError, OSError) as error:
            raise RunError(f"{path}: cannot be read ({error}). Choose another folder, or delete this one.") from None
        self._check_identity(folder, json.loads(json.dumps(dict(identity) | {AT_ONCE: at_once})))
        self._pending: deque[_Pending] = deque()
        self._untried: deque[_Pending] = deque()
        self._resume()

    def _check_identity(self, folder: Path, identity: Mapping[str, Any]) -> None:
        known = self._study.user_attrs.get(IDENTITY)
        if known is None:
            self._study.set_user_attr(IDENTITY, identity)
            return
        known = {AT_ONCE: 1, **known}
        differing = [key for key in identity if known.get(key) != identity[key]]
        if differing:
            raise InputError(
                f"`output_dir` {folder}: holds a study with other {' and '.join(differing)}. Choose another folder, or "
                "delete this one."
            )

    def _resume(self) -> None:
        """Take up the trials that were under way when a run was stopped or killed, with the settings that they had."""
        running = self._optuna.trial.TrialState.RUNNING
        for known in self._study.get_trials(deepcopy=False, states=(running,)):
            if VALUES in known.user_attrs:
                trial = self._optuna.trial.Trial(self._study, known._trial_id)
                self._pending.append(_Pending(trial, known.user_attrs[VALUES]))
            else:  # it counts as never begun
                self._study.tell(known.number, state=self._optuna.trial.TrialState.FAIL)
        self._untried.extend(self._pending)

    @property
    def trials(self) -> list[Trial]:
        """Those that ended, in their order."""
        complete = self._optuna.trial.TrialState.COMPLETE
        return [
            Trial(trial.number, trial.user_attrs[VALUES], float(trial.value), trial.user_attrs[FIGURES])
            for trial in self._study.get_trials(deepcopy=False, states=(complete,))
        ]

    @property
    def best(self) -> Trial | None:
        """The first of the best."""
        return max(self.trials, key=lambda trial: (trial.objective, -trial.number), default=None)

    @property
    def done(self) -> int:
        """Trials that ended, those among them whose settings do not go together."""
        return sum(
            trial.state.is_finished() and ENDED in trial.user_attrs for trial in self._study.get_trials(deepcopy=False)
        )

    @property
    def finished(self) -> bool:
        return not self._pending and self.done >= self.wanted

    def ask(self) -> tuple[int, TrackSettings] | None:
        """The number of a trial and settings to try; None where figures have to come first, or nothing is left."""
        while not self._untried:
            position = self.done + len(self._pending)
            first = position < STARTUP
            if position >= self.wanted or not (first or len(self._pending) < self._at_once):
                return None
            pending = self._suggested(position)
            if pending is not None:
                self._pending.append(pending)
                self._untried.append(pending)
        pending = self._untried.popleft()
        return pending.trial.number, with_values(self._base, pending.values)

    def _suggested(self, position: int) -> _Pending | None:
        """The next trial; None where its settings do not go together, which ends it."""
        # A sampler of its own for every trial: what comes depends on the trials before, not on interruptions.
        self._study.sampler = self._sampler(position)
        if position < len(self._first):
            self._study.enqueue_trial(self._first[position])
        with _quietly():
            trial = self._study.ask()
            values = suggested(trial, self._space)
        try:
            with_values(self._base, values)
        except ValidationError:
            trial.set_user_attr(ENDED, True)
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
            return None
        trial.set_user_attr(VALUES, values)
        return _Pending(trial, values)

    def tell(self, number: int, figures: Mapping[str, Mapping[str, float]]) -> list[Trial]:
        """Take the figures of each piece for a trial; the trials that ended by it, in their order."""
        next(one for one in self._pending if one.trial.number == number).figures = figures
        ended = []
        while self._pending and (known := self._pending[0].figures) is not None:
            one = self._pending.popleft()
            objective = math.fsum(piece["objective"] for piece in known.values()) / len(known)
            one.trial.set_user_attr(FIGURES, known)
            one.trial.set_user_attr(ENDED, True)
            self._study.tell(one.trial, objective)
            ended.append(Trial(one.trial.number, one.values, objective, known))
        return ended

    def _sampler(self, position: int) -> Any:
        with _quietly():
            seed = (self._seed * 1_000_003 + position) % 2**32
            return self._optuna.samplers.TPESampler(
                seed=seed, multivariate=True, n_startup_trials=STARTUP, constant_liar=self._at_once > 1
            )

    def importances(self) -> dict[str, float]:
        """How much of what sets the best tenth apart is due to each key, adding up to 1; empty with few trials."""
        if len(self.trials) < 2 * STARTUP:
            return {}
        importance = importlib.import_module("optuna.importance")
        with _quietly():
            try:
                found = importance.get_param_importances(
                    self._study, evaluator=importance.PedAnovaImportanceEvaluator()
                )
            except (ValueError, RuntimeError):  # all trials are equally good
                return {}
        return {key: float(value) for key, value in found.items()}


@contextlib.contextmanager
def _only_errors() -> Iterator[None]:
    log = importlib.import_module("optuna").logging
    before = log.get_verbosity()
    log.set_verbosity(log.ERROR)
    try:
        yield
    finally:
        log.set_verbosity(before)


optuna_tells_only_errors = Meanwhile(_only_errors)
"""Optuna's log of every trial stays away."""


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without Optuna's remarks to developers that parts of it are new."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
