"""A study from its sources to its results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener, LoggingListener
from deepsort_cli.evaluation.official_scorer import require_trackeval
from deepsort_cli.settings.keywords import from_keywords
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.settings.tune import FIGURES, TuneSettings, read_objective
from deepsort_cli.workflows.tune.outputs import write_outputs
from deepsort_cli.workflows.tune.pieces import Piece, folds_of
from deepsort_cli.workflows.tune.results import NO_TRUTH, BestSoFar, Figures, Fold, Tuned, mean_objective
from deepsort_cli.workflows.tune.sequences import open_pieces
from deepsort_cli.workflows.tune.space import Parameter, first_trial, search_space, with_values
from deepsort_cli.workflows.tune.study import Search, Trial, require_optuna

LEAST_FOLD_TRIALS = 20
SHORTEST_HALF = 20
"""Frames that a half of a sequence has at least, for one to judge what was found on the other."""


def tune(*sources: Any, listener: Listener | None = None, **keywords: Any) -> Tuned:
    """Search the settings that track sources best, as `deepsort tune` does. Needs the extra `tune`.

    Args:
        sources: videos, MOTChallenge sequences or folders of these, recordings.
        listener: told how far it is, and `BestSoFar`; None: remarks go to the logger `deepsort`.
        keywords: the command's flags with underscores: `gt=`, `objective="hota=1,idf1=1"`, `trials=200`.

    Raises:
        InputError: something given cannot be used, or the extra is not installed.
        RunError: a source failed, or an output cannot be written.
        KeyboardInterrupt: after the results so far were written; the same call goes on.
    """
    if sources:
        keywords["source"] = [str(source) for source in sources]
    return run_tune(from_keywords(TuneSettings, keywords), listener or LoggingListener())


def run_tune(settings: TuneSettings, listener: Listener) -> Tuned:
    """What `tune` does, with the settings of `deepsort tune`.

    Raises:
        InputError, RunError, KeyboardInterrupt: see `tune`.
    """
    require_optuna()
    pieces = open_pieces(settings, settings.output_dir, listener)
    if any(piece.truth is not None for piece in pieces):
        require_trackeval()
    study = Study(settings, pieces, listener)
    try:
        study.search()
    except KeyboardInterrupt:
        if study.best is not None:
            write_outputs(study.result(finished=False), listener)
            listener.note("the study is kept: the same command goes on with it")
        raise
    done = study.result(finished=True)
    return write_outputs(done, listener)


class Study:
    """All searches of one study: that over all pieces, then those without some of them."""

    def __init__(self, settings: TuneSettings, pieces: Sequence[Piece], listener: Listener) -> None:
        self._settings, self._listener = settings, listener
        self.base = base_settings(settings)
        self._sequences = tuple(piece.name for piece in pieces)
        self.pieces = split(pieces)
        self._objective = _objective(settings, pieces, listener)
        if settings.search.cross_validate and len(self.pieces) == 1 and pieces[0].truth is not None:
            listener.warn(f"{self.pieces[0].name}: too short to judge by one half what was found on the other")
        recordings = [piece.recording for piece in pieces]
        self._space: list[Parameter] = search_space(recordings, settings.search.keep)
        self._known: dict[tuple[str, bytes], dict[str, float]] = {}
        self.start = self._figures(self.base, self.pieces)
        self._main = self._open("all", self.pieces)
        self._folds: list[Fold] = []

    @property
    def best(self) -> Trial | None:
        return self._main.best

    def search(self) -> None:
        """Everything that is not done yet."""
        wanted = self._settings.search.trials
        self._run(self._main, "", self.pieces, wanted)
        if not self._settings.search.cross_validate or len(self.pieces) < 2:
            return
        groups = folds_of(self.pieces)
        share = min(wanted, max(LEAST_FOLD_TRIALS, wanted // (len(groups) - 1)))
        for left_out in groups:
            name = ", ".join(piece.name for piece in left_out)
            others = [piece for piece in self.pieces if piece not in left_out]
            search = self._open(f"without {name}", others)
            self._run(search, f"without {name}", others, share)
            self._folds.append(self._judged(search, name, others, left_out))

    def _open(self, name: str, pieces: Sequence[Piece]) -> Search:
        settings = self._settings
        identity = {
            "sources": {piece.name: piece.fingerprint for piece in pieces},
            "objective": settings.search.objective,
            "settings to begin with": self.base.model_dump(mode="json"),
            "keys to keep": sorted(settings.search.keep),
            "seed": settings.search.seed,
        }
        return Search(settings.output_dir, name, identity, settings.search.seed)

    def _run(self, search: Search, shown: str, pieces: Sequence[Piece], wanted: int) -> None:
        start = mean_objective({piece.name: self.start[piece.name] for piece in pieces})
        label = f"search {shown}".strip() if shown else "search"
        best = search.best

        def told(done: int, trial: Trial | None) -> None:
            nonlocal best
            self._listener.progress(label, done, wanted)
            if trial is not None and (best is None or trial.objective > best.objective):
                best = trial
                self._listener.happened(BestSoFar(shown, trial, start))

        first = [first_trial(one, self._space) for one in beginnings(self.base)]
        search.run(wanted, self.base, self._space, first, lambda one: self._figures(one, pieces), told)

    def _figures(self, settings: TrackSettings, pieces: Sequence[Piece]) -> Figures:
        """The figures of each piece, with the objective."""
        found = {}
        for piece in pieces:
            figures = piece.figures(settings)
            objective = sum(weight * figures[name] for name, weight in self._objective.items())
            found[piece.name] = {**figures, "objective": objective}
        return found

    def _judged(self, search: Search, name: str, others: Sequence[Piece], left_out: Sequence[Piece]) -> Fold:
        best = search.best
        assert best is not None
        found = mean_objective(self._figures(with_values(self.base, best.values), left_out))
        start = mean_objective({piece.name: self.start[piece.name] for piece in left_out})
        seen = best.objective - mean_objective({piece.name: self.start[piece.name] for piece in others})
        return Fold(name, best.values, start, found, seen)

    def result(self, *, finished: bool) -> Tuned:
        return Tuned(
            folder=self._settings.output_dir,
            sequences=self._sequences,
            pieces=tuple(piece.name for piece in self.pieces),
            objective=self._objective,
            base=self.base,
            start=self.start,
            best=self._main.best,
            trials=self._main.trials,
            importances=self._main.importances(),
            folds=tuple(self._folds),
            finished=finished,
        )


def _objective(settings: TuneSettings, pieces: Sequence[Piece], listener: Listener) -> dict[str, float]:
    """The weight of each figure: as asked for with ground truth, else the judgement that needs none.

    Raises:
        InputError: some sequences have ground truth and others do not, or nothing can be judged without.
    """
    without = [piece for piece in pieces if piece.truth is None]
    if not without:
        return {FIGURES[name]: weight for name, weight in read_objective(settings.search.objective).items()}
    if len(without) < len(pieces):
        raise InputError(
            f"{without[0].name}: no ground truth, but others have some. Name it with `gt`, or leave it out."
        )
    for piece in pieces:
        if piece.facts.lacking is not None:
            raise InputError(
                f"{piece.name}: no ground truth, and it cannot be judged without: {piece.facts.lacking}. Name ground "
                "truth with `gt`, or another sequence."
            )
    if "objective" in settings.search.model_fields_set:
        listener.warn("`search.objective` is measured against ground truth; without any, it is of no meaning")
    listener.warn(NO_TRUTH)
    if any(piece.facts.moving is None for piece in pieces):
        listener.warn("nobody measured whether the camera moves; where it does, the judgement says little")
    return {"total": 1.0}


def base_settings(settings: TuneSettings) -> TrackSettings:
    """What `deepsort track` would track with, where the search begins."""
    return TrackSettings(
        preset=settings.preset,
        detector=settings.detector,
        reid=settings.reid,
        camera_motion=settings.camera_motion,
        tracker=settings.tracker,
    )


def beginnings(base: TrackSettings) -> list[TrackSettings]:
    """Settings that are tried first: those given, then the presets."""
    presets = (from_keywords(TrackSettings, {"preset": name}) for name in ("deepsort", "strong"))
    return [base, *presets]


def split(pieces: Sequence[Piece]) -> list[Piece]:
    """Pieces of which each can judge what was found on the others: a single sequence is cut into halves.

    Without ground truth it stays whole: what is known of it without labels grows with its length.
    """
    if len(pieces) != 1 or pieces[0].truth is None:
        return list(pieces)
    halves = pieces[0].halves()
    usable = all(
        len(half.recording) >= SHORTEST_HALF and (half.truth is None or len(half.truth.ground_truth)) for half in halves
    )
    return halves if usable else list(pieces)
