"""The page of a study: one self-contained file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deepsort_cli import __version__
from deepsort_cli.core.files import atomic_open
from deepsort_cli.core.html_parts import data_address, page_start, paragraphs, table, text
from deepsort_cli.evaluation.plots import DARK, LIGHT
from deepsort_cli.workflows.tune.plots import PLOTS, draw_study, plots_of
from deepsort_cli.workflows.tune.results import NO_TRUTH, Tuned, mean_objective
from deepsort_cli.workflows.tune.space import value_at

STYLE = Path(__file__).with_name("page.css")
SHOWN_TRIALS = 20


def write_page(done: Tuned, path: Path) -> None:
    """Write the page of a study."""
    with atomic_open(path, errors="backslashreplace") as page:
        page.write(f"{page_start('deepsort tune', STYLE)}<h1>Tuning on {text(', '.join(done.sequences))}</h1>\n")
        page.writelines(_head(done))
        page.writelines(_plots(done))
        page.writelines(_figures(done))
        page.writelines(_settings(done))
        page.writelines(_trials(done))
        page.write(f"<p class=quiet>deepsort {__version__}</p>\n</body></html>\n")


def verdict(done: Tuned) -> str:
    """How much of the gain to believe, in words."""
    if done.gain < 0:
        return (
            "Keep the settings begun with, which best.yaml holds: nothing that was tried is as good "
            f"({100 * done.gain:+.1f})."
        )
    if done.believed is None:
        return "How much of the gain holds for other sequences is not known: the study was not cross-validated."
    gain, believed = 100 * done.gain, 100 * done.believed
    many = f"settings found without a sequence gain {believed:+.1f} on it, on average"
    if believed <= 0:
        return f"Keep the settings begun with: {many}. What is gained here ({gain:+.1f}) is chance."
    if believed < 0.5 * gain:
        return f"Believe less than half of the gain of {gain:+.1f}: {many}."
    return f"Most of the gain of {gain:+.1f} holds: {many}."


def _head(done: Tuned) -> Iterator[str]:
    assert done.best is not None
    start = mean_objective(done.start)
    believed = "?" if done.believed is None else f"{100 * done.believed:+.1f}"
    cards = (
        (f"{100 * start:.1f}", "objective of the settings begun with"),
        (f"{100 * done.best.objective:.1f}", f"best of {len(done.trials):,} trials"),
        (f"{100 * done.gain:+.1f}", "gain where it was searched"),
        (believed, "gain where it was not searched"),
    )
    mix = ", ".join(f"{weight:.3g} × {done.shown[name]}" for name, weight in done.objective.items())
    yield f"<p class=quiet>objective: {text(mix)}, mean over the sequences</p>\n"
    yield '<div class="cards">' + "".join(
        f'<div class="card"><b>{text(number)}</b><span>{text(what)}</span></div>' for number, what in cards
    )
    yield "</div>\n"
    yield f"<p>{text(verdict(done))}</p>\n"
    if not done.judged_by_truth:
        yield paragraphs([NO_TRUTH], "warning")
    if not done.finished:
        yield paragraphs(["The study was interrupted; the same command goes on with it."], "warning")


def _plots(done: Tuned) -> Iterator[str]:
    yield '<div class="plots">\n'
    for plot in plots_of(done):
        light, dark = (data_address(draw_study(plot, done, theme), "png") for theme in (LIGHT, DARK))
        title = text(PLOTS[plot][0])
        yield (
            f'<figure><figcaption>{title}</figcaption><picture><source media="(prefers-color-scheme: dark)" '
            f'srcset="{dark}"><img alt="{title}" src="{light}"></picture></figure>\n'
        )
    yield "</div>\n"


def _figures(done: Tuned) -> Iterator[str]:
    assert done.best is not None
    switches = ("id switches",) if done.judged_by_truth else ()
    head = ("sequence", "settings", *done.shown.values(), *switches)
    rows = []
    for piece in done.pieces:
        for name, figures in (("begun with", done.start[piece]), ("best", done.best.figures[piece])):
            numbers = [f"{100 * figures[one]:.1f}" for one in done.shown]
            rows.append((piece, name, *numbers, *(f"{figures['id_switches']:.0f}" for _ in switches)))
    yield "<h2>Figures</h2>\n" + table(head, rows, numbers=2)
    if done.folds:
        yield "<h2>Cross-validation</h2>\n"
        yield "<p>Each row: settings searched on the other sequences, judged on the one left out.</p>\n"
        rows = [
            (
                fold.name,
                f"{100 * fold.start:.1f}",
                f"{100 * fold.found:.1f}",
                f"{100 * fold.gain:+.1f}",
                f"{100 * fold.seen:+.1f}",
            )
            for fold in done.folds
        ]
        yield table(("left out", "begun with", "found", "gain", "gain where searched"), rows, numbers=1)


def _settings(done: Tuned) -> Iterator[str]:
    assert done.best is not None
    rows = []
    for key, value in done.best.values.items():
        share = done.importances.get(key)
        before = value_at(done.base, key)
        rows.append((key, word(before), word(value), "" if share is None else f"{100 * share:.0f}"))
    yield "<h2>Settings</h2>\n<p>As <code>best.yaml</code> has them, a config of <code>deepsort track</code>:</p>\n"
    yield table(("key", "begun with", "best", "importance, %"), rows, numbers=3)


def _trials(done: Tuned) -> Iterator[str]:
    best = sorted(done.trials, key=lambda trial: (-trial.objective, trial.number))[:SHOWN_TRIALS]
    keys = list(best[0].values)
    head = ("trial", "objective, %", *(key.rpartition(".")[2] for key in keys))
    rows = [
        (trial.number, f"{100 * trial.objective:.2f}", *(word(trial.values[key]) for key in keys)) for trial in best
    ]
    yield f"<h2>The best trials</h2>\n<p class=quiet>All {len(done.trials):,} are in trials.csv.</p>\n"
    yield table(head, rows, numbers=0)


def word(value: Any) -> str:
    """A setting's value as it is shown."""
    if value is None:
        return "–"
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)
