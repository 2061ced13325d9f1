"""A search that is kept in a file: it goes on where it ended, and gives the same whether it was interrupted or not."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.extras import install
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.workflows.tune.space import Parameter, suggested, with_values

VALUES, FIGURES = "values", "figures"
"""What is kept with every trial: its settings by key, and the figures of every piece."""
IDENTITY, ENDED = "identity", "ended"
STARTUP = 15
"""Trials at random before the search learns from them."""

Evaluate = Callable[[TrackSettings], dict[str, dict[str, float]]]
"""Settings → the figures of each piece, by its name; `objective` is among them."""


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


class Search:
    """One search: a study of Optuna's in the folder's journal.

    Attributes:
        name: of the study.
        trials: those that ended, in their order.
    """

    def __init__(self, folder: Path, name: str, identity: Mapping[str, Any], seed: int) -> None:
        """Begin a study, or go on with it.

        Args:
            identity: what the study is about; JSON.

        Raises:
            InputError: the folder holds a study about something else.
            RunError: its file cannot be read.
        """
        self.name, self._seed = name, seed
        self._optuna = importlib.import_module("optuna")
        self._optuna.logging.set_verbosity(self._optuna.logging.ERROR)
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
        self._check_identity(folder, json.loads(json.dumps(identity)))
        running = self._optuna.trial.TrialState.RUNNING
        for trial in self._study.get_trials(deepcopy=False, states=(running,)):  # of a run that was killed
            self._study.tell(trial.number, state=self._optuna.trial.TrialState.FAIL)

    def _check_identity(self, folder: Path, identity: Mapping[str, Any]) -> None:
        known = self._study.user_attrs.get(IDENTITY)
        if known is None:
            self._study.set_user_attr(IDENTITY, identity)
            return
        differing = [key for key in identity if known.get(key) != identity[key]]
        if differing:
            raise InputError(
                f"`output_dir` {folder}: holds a study with other {' and '.join(differing)}. Choose another folder, or "
                "delete this one."
            )

    @property
    def trials(self) -> list[Trial]:
        complete = self._optuna.trial.TrialState.COMPLETE
        return [
            Trial(trial.number, trial.user_attrs[VALUES], float(trial.value), trial.user_attrs[FIGURES])
            for trial in self._study.get_trials(deepcopy=False, states=(complete,))
        ]

    @property
    def best(self) -> Trial | None:
        """The first of the best."""
        return max(self.trials, key=lambda trial: (trial.objective, -trial.number), default=None)

    def run(
        self,
        wanted: int,
        base: TrackSettings,
        space: Sequence[Parameter],
        first: Sequence[Mapping[str, Any]],
        evaluate: Evaluate,
        on_trial: Callable[[int, Trial | None], None],
    ) -> None:
        """Try settings until `wanted` were tried.

        Args:
            base: settings that the search changes.
            first: what is tried first, in the terms of the search.
            on_trial: is told how many were tried and, where one ended, which.

        Raises:
            KeyboardInterrupt: what was tried until then is kept.
        """
        given = [dict(values) for position, values in enumerate(first) if values not in first[:position]]
        done = self._ended()
        on_trial(done, None)
        while done < wanted:
            # A sampler of its own for every trial: what comes depends on the trials before, not on interruptions.
            self._study.sampler = self._sampler(done)
            if done < len(given):
                self._study.enqueue_trial(given[done])
            with _quietly():
                trial = self._study.ask()
                values = suggested(trial, space)
            trial.set_user_attr(VALUES, values)
            try:
                figures = evaluate(with_values(base, values))
            except ValidationError:  # they do not go together
                trial.set_user_attr(ENDED, True)
                self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
            except BaseException:  # it counts as never begun
                self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
                raise
            else:
                objective = math.fsum(one["objective"] for one in figures.values()) / len(figures)
                trial.set_user_attr(FIGURES, figures)
                trial.set_user_attr(ENDED, True)
                self._study.tell(trial, objective)
            done = self._ended()
            on_trial(done, next((one for one in self.trials if one.number == trial.number), None))

    def _ended(self) -> int:
        return sum(ENDED in trial.user_attrs for trial in self._study.get_trials(deepcopy=False))

    def _sampler(self, position: int) -> Any:
        with _quietly():
            seed = (self._seed * 1_000_003 + position) % 2**32
            return self._optuna.samplers.TPESampler(seed=seed, multivariate=True, n_startup_trials=STARTUP)

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
def _quietly() -> Iterator[None]:
    """Without Optuna's remarks to developers that parts of it are new."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
