"""A study from its sources to its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener, LoggingListener
from deepsort_cli.evaluation.official_scorer import require_trackeval
from deepsort_cli.settings.keywords import from_keywords, with_sources
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.settings.tune import FIGURES, TuneSettings, read_objective
from deepsort_cli.workflows.tune.judging import Judges, Judging
from deepsort_cli.workflows.tune.outputs import write_outputs
from deepsort_cli.workflows.tune.pieces import Piece, folds_of
from deepsort_cli.workflows.tune.results import NO_TRUTH, BestSoFar, Figures, Fold, Tuned, mean_objective
from deepsort_cli.workflows.tune.sequences import open_pieces
from deepsort_cli.workflows.tune.space import LOW, Parameter, first_trial, search_space, with_values
from deepsort_cli.workflows.tune.study import STARTUP, Search, Trial, optuna_tells_only_errors, require_optuna
from deepsort_cli.workflows.workers import Cluster, Here, OnCluster, Processes, Workers

LEAST_FOLD_TRIALS = 20
SHORTEST_HALF = 20
"""Frames that a half of a sequence has at least, for one to judge what was found on the other."""


def tune(*sources: Any, listener: Listener | None = None, **keywords: Any) -> Tuned:
    """Search the settings that track sources best, as `deepsort tune` does. Needs the extra `tune`.

    Args:
        sources: videos, MOTChallenge sequences or folders of these, recordings; or one list of them.
        listener: told how far it is, and `BestSoFar`; None: remarks go to the logger `deepsort`.
        keywords: the command's flags with underscores: `gt=`, `objective="hota=1,idf1=1"`, `trials=200`.

    Raises:
        InputError: something given cannot be used, or the extra is not installed.
        RunError: a source failed, or an output cannot be written.
        KeyboardInterrupt: after the results so far were written; the same call goes on.
    """
    settings = from_keywords(TuneSettings, with_sources(sources, keywords, cameras=True))
    return run_tune(settings, listener or LoggingListener())


def run_tune(settings: TuneSettings, listener: Listener) -> Tuned:
    """What `tune` does, with the settings of `deepsort tune`.

    Raises:
        InputError, RunError, KeyboardInterrupt: see `tune`.
    """
    require_optuna()
    cluster = None if settings.cluster is None else Cluster(settings.cluster)
    if cluster is not None:
        cluster.check()
    pieces = open_pieces(settings, settings.output_dir, listener)
    if any(piece.truth is not None for piece in pieces):
        require_trackeval()
    objective = objective_of(settings, pieces, listener)
    parts = split(pieces)
    with (
        optuna_tells_only_errors(),
        _workers(settings, cluster, Judging(tuple(parts), objective), listener) as workers,
    ):
        study = Study(settings, pieces, parts, objective, Judges(workers, parts, listener), listener)
        try:
            study.search()
        except KeyboardInterrupt:
            if study.best is not None:
                write_outputs(study.result(finished=False), listener)
                listener.note("the study is kept: the same command goes on with it")
            raise
        done = study.result(finished=True)
    return write_outputs(done, listener)


def _workers(settings: TuneSettings, cluster: Cluster | None, recipe: Judging, listener: Listener) -> Workers:
    """Those who try settings: they leave no files, so nothing is lost by ending them at once."""
    if cluster is not None:
        return OnCluster(cluster, recipe, settings.jobs, note=listener.note, patience=0)
    jobs = settings.jobs or 1
    return Here(recipe) if jobs == 1 else Processes(recipe, jobs, patience=0)


@dataclass
class _Searching:
    """A search and what is told of it.

    Attributes:
        search: the search.
        shown: which it is; empty for the one whose result counts.
        pieces: what it is about.
        left_out: what its result is judged on.
        start: the objective of the settings begun with, on its pieces.
        best: the best trial that was told of.
    """

    search: Search
    shown: str
    pieces: Sequence[Piece]
    left_out: Sequence[Piece]
    start: float
    best: Trial | None

    @property
    def label(self) -> str:
        return f"search {self.shown}".strip()


class Study:
    """All searches of one study: that over all pieces, then those without some of them."""

    def __init__(
        self,
        settings: TuneSettings,
        pieces: Sequence[Piece],
        parts: Sequence[Piece],
        objective: Mapping[str, float],
        judges: Judges,
        listener: Listener,
    ) -> None:
        """Judge the settings that the search begins with.

        Args:
            pieces: the sequences.
            parts: these, or the halves of the only one.
            objective: weight of each figure.
            judges: judge settings on `parts`.
        """
        self._settings, self._listener, self._objective, self._judges = settings, listener, objective, judges
        self.base = base_settings(settings)
        self._sequences = tuple(piece.name for piece in pieces)
        self.pieces = parts
        if settings.search.cross_validate and len(parts) == 1 and pieces[0].truth is not None:
            listener.warn(
                f"{parts[0].name}: too short, or with too little ground truth, to judge by one half what was found on "
                "the other"
            )
        recordings = [piece.recording for piece in pieces]
        self._space: list[Parameter] = search_space(recordings, settings.search.keep)
        self._tell_left_out(max(recording.origin.conf for recording in recordings))
        (self.start,) = judges.figures([(self.base, parts)])
        self._main = self._open("", parts, (), settings.search.trials)
        self._folds: list[Fold] = []

    def _tell_left_out(self, lowest: float) -> None:
        """Say what is not judged as it will be tracked, or not searched at all."""
        detector, tracker = self.base.detector, self.base.tracker
        for_speed = {"detector.interval": detector.interval > 1, "tracker.refresh_every": bool(tracker.refresh_every)}
        if any(for_speed.values()):
            keys = " and ".join(f"`{key}`" for key, given in for_speed.items() if given)
            self._listener.note(
                f"{keys}: settings are judged without, in every frame and with every embedding; tracking with them is "
                "faster, and figures are others"
            )
        searched = {parameter.key for parameter in self._space}
        if not searched.intersection(LOW) and not set(LOW) <= set(self._settings.search.keep):
            self._listener.note(
                f"recorded from a score of {lowest:g} on: {' and '.join(f'`{key}`' for key in LOW)} are not searched"
            )

    @property
    def best(self) -> Trial | None:
        return self._main.search.best

    def search(self) -> None:
        """Everything that is not done yet; with several workers, all searches at once."""
        searches, count = [self._main, *self._others()], self._judges.workers.count
        busy = self._settings.search.at_once * sum(len(one.pieces) for one in searches)
        if busy < count and self._settings.search.trials > STARTUP:
            self._listener.note(
                f"after the first {STARTUP} trials, {busy} of {count} workers have something to do at a time; "
                f"`search.at_once`={-(-count * self._settings.search.at_once // busy)} gives it to all"
            )
        for searching in [[one] for one in searches] if count == 1 else [searches]:
            self._run(searching)
            self._folds += self._judged([one for one in searching if one.left_out])
        self._judges.tell_shares()

    def _others(self) -> list[_Searching]:
        """The searches of the cross-validation."""
        wanted = self._settings.search.trials
        if not self._settings.search.cross_validate or len(self.pieces) < 2:
            return []
        groups = folds_of(self.pieces)
        share = min(wanted, max(LEAST_FOLD_TRIALS, wanted // (len(groups) - 1)))
        return [
            self._open(
                f"without {', '.join(piece.name for piece in left_out)}",
                [piece for piece in self.pieces if piece not in left_out],
                left_out,
                share,
            )
            for left_out in groups
        ]

    def _open(self, shown: str, pieces: Sequence[Piece], left_out: Sequence[Piece], wanted: int) -> _Searching:
        settings = self._settings
        identity = {
            "sources": {piece.name: piece.fingerprint for piece in pieces},
            "objective": settings.search.objective,
            "settings to begin with": self.base.model_dump(mode="json"),
            "keys to keep": sorted(settings.search.keep),
            "seed": settings.search.seed,
        }
        search = Search(
            settings.output_dir,
            shown or "all",
            identity,
            wanted,
            self.base,
            self._space,
            [first_trial(one, self._space) for one in beginnings(self.base)],
            settings.search.seed,
            settings.search.at_once,
        )
        return _Searching(search, shown, pieces, left_out, self._mean_start(pieces), search.best)

    def _mean_start(self, pieces: Sequence[Piece]) -> float:
        return mean_objective({piece.name: self.start[piece.name] for piece in pieces})

    def _run(self, searches: Sequence[_Searching]) -> None:
        """Search until each has had its trials."""
        for one in searches:
            self._listener.progress(one.label, one.search.done, one.search.wanted)

        def ask() -> tuple[tuple[int, int], TrackSettings, Sequence[Piece]] | None:
            for position, one in enumerate(searches):
                asked = one.search.ask()
                if asked is not None:
                    return (position, asked[0]), asked[1], one.pieces
            return None

        def take(job: tuple[int, int], figures: Figures) -> None:
            one = searches[job[0]]
            for trial in one.search.tell(job[1], figures):
                if one.best is None or trial.objective > one.best.objective:
                    one.best = trial
                    self._listener.happened(BestSoFar(one.shown, trial, one.start))
            self._listener.progress(one.label, one.search.done, one.search.wanted)

        self._judges.judge(ask, take)

    def _judged(self, searches: Sequence[_Searching]) -> list[Fold]:
        """How good what was found without some pieces is on them."""
        best = [(one, one.search.best) for one in searches]
        asked = [(with_values(self.base, trial.values), one.left_out) for one, trial in best if trial is not None]
        found = self._judges.figures(asked)
        return [
            Fold(
                one.shown.removeprefix("without "),
                trial.values,
                self._mean_start(one.left_out),
                mean_objective(figures),
                trial.objective - one.start,
            )
            for (one, trial), figures in zip(best, found, strict=True)
            if trial is not None
        ]

    def result(self, *, finished: bool) -> Tuned:
        return Tuned(
            folder=self._settings.output_dir,
            sequences=self._sequences,
            pieces=tuple(piece.name for piece in self.pieces),
            objective=self._objective,
            base=self.base,
            start=self.start,
            best=self._main.search.best,
            trials=self._main.search.trials,
            importances=self._main.search.importances(),
            folds=tuple(self._folds),
            finished=finished,
        )


def objective_of(settings: TuneSettings, pieces: Sequence[Piece], listener: Listener) -> dict[str, float]:
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
    usable = all(len(half.recording) >= SHORTEST_HALF and half.countable for half in halves)
    return halves if usable else list(pieces)
