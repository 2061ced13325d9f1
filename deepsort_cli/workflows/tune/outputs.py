"""What a study writes into its folder: settings, tables, the page."""

from __future__ import annotations

import csv
import functools
import json
import operator
from dataclasses import replace
from typing import Any

import yaml

from deepsort_cli.core.csv_cells import guarded
from deepsort_cli.core.events import Listener
from deepsort_cli.core.files import atomic_open
from deepsort_cli.settings.keywords import from_keywords
from deepsort_cli.settings.loader import nest, setting_keys
from deepsort_cli.settings.track import INSTEAD_OF, TrackSettings
from deepsort_cli.workflows.tune.page import write_page
from deepsort_cli.workflows.tune.results import Tuned, mean_objective
from deepsort_cli.workflows.tune.space import value_at, with_values

SECTIONS = ("detector", "reid", "camera_motion", "tracker")


def write_outputs(done: Tuned, listener: Listener) -> Tuned:
    """Write everything there is to write; the files of an earlier result are replaced."""
    if done.best is None:
        return done
    files = {
        "best.yaml": _settings_text(done),
        "result.json": json.dumps(as_json(done), indent=2) + "\n",
    }
    for name, text in files.items():
        with atomic_open(done.folder / name) as stream:
            stream.write(text)
    _write_trials(done)
    write_page(done, done.folder / "tune.html")
    outputs = tuple(done.folder / name for name in ("best.yaml", "tune.html", "trials.csv", "result.json"))
    for path in outputs:
        listener.note(f"wrote {path}")
    return replace(done, outputs=outputs)


def best_settings(done: Tuned) -> dict[str, Any]:
    """What `--config` of `deepsort track` needs: what was found, and what the search began with, by dotted key.

    Where nothing is as good as what it began with, only that.
    """
    assert done.best is not None
    usual = from_keywords(TrackSettings, {"preset": done.base.preset})
    wanted = [key for key in setting_keys(TrackSettings) if key.partition(".")[0] in SECTIONS]
    given = {key: value_at(done.base, key) for key in wanted if value_at(done.base, key) != value_at(usual, key)}
    if done.gain < 0:
        return given
    found = given | dict(done.best.values)
    judged = with_values(done.base, done.best.values)
    # What was found for a usual key would overrule the preset's special cases of it, which were judged beside it.
    read = from_keywords(TrackSettings, {"preset": done.base.preset, **nest(found)})
    return found | {key: value_at(judged, key) for key in INSTEAD_OF if value_at(read, key) != value_at(judged, key)}


def _settings_text(done: Tuned) -> str:
    values = best_settings(done)
    sections = TrackSettings.model_validate(nest(values)).model_dump(mode="json")
    plain = nest({key: functools.reduce(operator.getitem, key.split("."), sections) for key in values})
    believed = "not cross-validated" if done.believed is None else f"{_points(done.believed)} on others"
    where = ", ".join(done.sequences)
    head = f"Found by deepsort tune on {where}: {objective_name(done)} {_points(done.gain)} there, {believed}."
    if done.gain < 0:
        head = f"What deepsort tune began with on {where}: nothing that was tried is as good."
    return f"# {head}\n# It is a config of deepsort track.\n" + yaml.safe_dump(
        {"preset": done.base.preset, **plain}, sort_keys=False, allow_unicode=True
    )


def objective_name(done: Tuned) -> str:
    """`HOTA`, or `0.5 HOTA + 0.5 IDF1`."""
    if len(done.objective) == 1:
        return done.shown[next(iter(done.objective))]
    return " + ".join(f"{weight:.3g} {done.shown[name]}" for name, weight in done.objective.items())


def _points(gain: float) -> str:
    return f"{100 * gain:+.1f}"


def _write_trials(done: Tuned) -> None:
    """One row per trial: its settings, the objective, the figures of each piece."""
    names = list(done.trials[0].values)
    figures = list(done.shown)
    with atomic_open(done.folder / "trials.csv", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(
            ["trial", "objective", *names, *(guarded(f"{piece}: {one}") for piece in done.pieces for one in figures)]
        )
        for trial in done.trials:
            values = ["null" if trial.values[name] is None else trial.values[name] for name in names]
            found = [f"{trial.figures[piece][one]:.6g}" for piece in done.pieces for one in figures]
            writer.writerow([trial.number, f"{trial.objective:.6f}", *values, *found])


def as_json(done: Tuned) -> dict[str, Any]:
    """The result as `--json` prints it; figures are fractions."""
    best = done.best
    return {
        "folder": str(done.folder),
        "finished": done.finished,
        "sequences": list(done.sequences),
        "pieces": list(done.pieces),
        "objective": dict(done.objective),
        "trials": len(done.trials),
        "start": {"objective": mean_objective(done.start), "figures": done.start},
        "best": None
        if best is None
        else {
            "trial": best.number,
            "objective": best.objective,
            "settings": dict(best.values),
            "figures": {piece: dict(figures) for piece, figures in best.figures.items()},
        },
        "gain": done.gain,
        "gain_on_others": done.believed,
        "cross_validation": [
            {
                "left_out": fold.name,
                "start": fold.start,
                "found": fold.found,
                "gain": fold.gain,
                "gain_on_searched": fold.seen,
            }
            for fold in done.folds
        ],
        "importances": dict(done.importances),
        "outputs": [str(path) for path in done.outputs],
    }
