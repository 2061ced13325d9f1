"""The folder an evaluation leaves behind: every file complete, and true to the figures."""

from __future__ import annotations

import csv
import html.parser
import io
import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepsort_cli.core.errors import RunError
from deepsort_cli.core.preprocess import Preprocess
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.data.naming import number_name
from deepsort_cli.evaluation import page, page_tables, plots, report
from deepsort_cli.evaluation.bootstrap import Difference, Interval
from deepsort_cli.evaluation.evaluate import Evaluation, evaluate
from deepsort_cli.evaluation.explanation import as_markdown
from deepsort_cli.evaluation.figures import Measured, ModelInfo, compare
from deepsort_cli.evaluation.protocol import prepare
from deepsort_cli.evaluation.report import write_report
from deepsort_cli.evaluation.settings import EvaluationSettings, ReportSettings
from deepsort_cli.evaluation.summary import difference_rows, summary_text
from tests.chromium import chromium, needs_chromium

MakeEvaluation = Callable[..., Evaluation]
MODEL = ModelInfo("models/<odd> & $_{$ model.onnx", "<odd> & $_{$ model", "a" * 64, 16)
OTHER = ModelInfo("b.onnx", "other_model", "b" * 64, 16)
TABLES = {
    "summary_metrics",
    "per_query_ap",
    "per_identity_ap",
    "per_camera_pair_ap",
    "cmc_curve",
    "top_k_retrievals",
    "roc_curve",
}


def write(found: Evaluation, folder: Path, **options: object) -> Path:
    return write_report(Measured(MODEL, found), ReportSettings(dir=folder, **options))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_every_file_is_there_and_agrees_with_the_figures(make_evaluation: MakeEvaluation, tmp_path: Path) -> None:
    found = make_evaluation(files=True)
    folder = write(found, tmp_path / "results")
    assert {path.name for path in folder.iterdir()} == {
        "summary.txt", "metrics_explanation.md", "metrics.json", "report.html", "csv", "plots",
    }  # fmt: skip
    assert {path.stem for path in (folder / "csv").iterdir()} == TABLES
    assert {path.stem for path in (folder / "plots").iterdir()} == set(plots.TITLES)
    assert [path.name for path in (tmp_path / "results").iterdir()] == [folder.name]

    queries = rows_of(folder / "csv/per_query_ap.csv")
    assert [row["path"] for row in queries] == list(found.data.query.paths)
    np.testing.assert_allclose([float(row["ap"]) for row in queries], found.ranking.ap, rtol=1e-5)
    identities = rows_of(folder / "csv/per_identity_ap.csv")
    assert [int(row["pid"]) for row in identities] == list(range(1, 13))
    cmc = rows_of(folder / "csv/cmc_curve.csv")
    assert float(cmc[0]["cmc"]) == pytest.approx(found.ranking.rank(1), abs=1e-5)
    retrieved = rows_of(folder / "csv/top_k_retrievals.csv")
    assert len(retrieved) == 24 * 10
    assert sum(row["correct"] == "1" for row in retrieved) == found.correct().sum()
    summary = {row["metric"]: row for row in rows_of(folder / "csv/summary_metrics.csv")}
    stored = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert stored["format_version"] == 1
    assert float(summary["mAP"]["value"]) == pytest.approx(stored["mAP"]) == round(100 * found.ranking.mAP, 2)
    assert found.threshold is not None
    assert stored["threshold"] == round(found.threshold.interval.value, 4)
    text = (folder / "summary.txt").read_text(encoding="utf-8")
    assert f"{stored['mAP']:.2f}" in text
    assert "Recommendations" in text
    assert f"--max-cosine-distance {stored['threshold']}" in text
    assert (folder / "metrics_explanation.md").read_text(encoding="utf-8") == as_markdown()


def test_skipped_queries_have_a_row_without_figures(make_manifest: Callable[..., Manifest], tmp_path: Path) -> None:
    data = prepare(make_manifest([1, 5, 2], [1, 1, 1]), make_manifest([2, 1], [2, 2], prefix='=HYPERLINK("x")'))
    folder = write(evaluate(data, np.eye(3)[[0, 2, 1]], np.eye(3)[[1, 0]]), tmp_path, plots=False)
    found = {row["gallery_path"] for row in rows_of(folder / "csv/top_k_retrievals.csv")}
    assert {path.partition("=")[0] for path in found} == {"'"}, "text, and no formula of a spreadsheet"
    rows = rows_of(folder / "csv/per_query_ap.csv")
    assert [row["status"] for row in rows] == ["valid", "skipped", "valid"]
    assert [row["ap"] for row in rows] == ["1", "", "1"]
    assert rows[1]["first_match_rank"] == ""


class Page(html.parser.HTMLParser):
    """Collects what a page refers to, and checks that tags are closed."""

    VOID = frozenset({"meta", "img", "source", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.open: list[str] = []
        self.tags: dict[str, int] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        if tag not in self.VOID:
            self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "srcset", "href", "action"}]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_is_well_formed_and_self_contained(make_evaluation: MakeEvaluation, tmp_path: Path) -> None:
    folder = write(make_evaluation(files=True), tmp_path)
    text = (folder / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert page.links
    assert all(link.startswith("data:image/") for link in page.links)
    assert "url(" not in text
    assert "@import" not in text
    assert "&lt;odd&gt; &amp; $_{$ model" in text
    assert "<odd>" not in text
    assert page.tags["picture"] == len(plots.TITLES) - 1
    assert 'name="viewport"' in text


def test_people_are_called_by_their_names(tmp_path: Path) -> None:
    """Where their folders have names; the numbers made of them mean nothing to anybody."""
    names = ["_Ann", "<b>Bob</b>", "日本", "a name that is far too long for a plot", "0007"]
    pids = [number_name(name) for name in names[:4]] + [7]
    sets = []
    for part, camera in (("query", 1), ("gallery", 2)):
        paths = tuple(f"{name.replace('/', chr(0x2215))}/{part}.png" for name in names)
        cameras = np.full(5, camera)
        people = {pid: name.replace("/", chr(0x2215)) for pid, name in zip(pids[:4], names, strict=False)}
        sets.append(Manifest(tmp_path / part, paths, np.array(pids), cameras, True, "", people=people))
    turned = np.diag([-1.0, -1, 1, 1, 1])  # Ann and Bob look like anybody else rather than like themselves
    found = evaluate(prepare(*sets), np.eye(5), turned, EvaluationSettings())
    folder = write(found, tmp_path / "results")
    identities = {row["pid"]: row["name"] for row in rows_of(folder / "csv/per_identity_ap.csv")}
    assert set(identities.values()) == {"_Ann", "<b>Bob<∕b>", "日本", names[3], ""}
    assert identities["7"] == ""
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;Bob&lt;∕b&gt;</td>" in page
    assert "<br>_Ann<" in page
    assert str(pids[0]) not in page
    assert "the worst first: _Ann, <b>Bob<∕b>." in " ".join((folder / "summary.txt").read_text("utf-8").split())
    [axes] = plots._identities([("", found)], plots.LIGHT).axes
    drawn = [tick.get_text() for tick in axes.get_yticklabels()]
    assert drawn[:2] == ["_Ann", "<b>Bob<∕b>"]
    assert set(drawn[2:]) == {"7", "a name that is …", str(pids[2])}, "the font has no letters for one"
    [legend] = plots._embedding_map([("", found)], plots.LIGHT).legends
    assert " _Ann" in [one.get_text() for one in legend.get_texts()], "Matplotlib leaves out what begins with _"


def test_no_plots_no_pictures(make_evaluation: MakeEvaluation, tmp_path: Path) -> None:
    folder = write(make_evaluation(), tmp_path, plots=False)
    assert not (folder / "plots").exists()
    assert Page((folder / "report.html").read_text(encoding="utf-8")).links == []


@pytest.mark.parametrize(
    ("interval", "p_value", "meaning"),
    [
        ((1.0, 3.0), 0.01, "better beyond chance"),
        ((1.0, 3.0), 0.19, "not told apart"),  # of twenty samples
        ((-1.0, 3.0), 0.3, "not told apart"),
        ((math.nan, math.nan), math.nan, "no interval"),
    ],
)
def test_a_difference_is_called_real_by_interval_and_p_value(
    interval: tuple[float, float], p_value: float, meaning: str
) -> None:
    low, high = interval
    (row,) = difference_rows({"rank1": Difference(Interval(0.02, low / 100, high / 100), p_value)})
    assert row[0] == "rank-1"
    assert row[1] == "+2.00" + ("" if math.isnan(low) else f" [{low:+.2f}, {high:+.2f}]")
    assert meaning in row[2]


def test_comparison_is_on_the_page(make_evaluation: MakeEvaluation, tmp_path: Path) -> None:
    good, bad = make_evaluation(noise=0.3), make_evaluation(noise=1.5)
    found, other = Measured(MODEL, good), Measured(OTHER, bad)
    against = compare(found, other)
    folder = write_report(found, ReportSettings(dir=tmp_path, plots=False), against)
    text = summary_text(found, against)
    stored = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    gained = against.differences["mAP"]
    assert stored["difference"]["mAP"]["value"] == round(100 * gained.interval.value, 2)
    assert stored["against"]["mAP"] == round(100 * bad.ranking.mAP, 2)
    assert "Compared with other_model" in (folder / "report.html").read_text(encoding="utf-8")
    assert "Compared with other_model" in (folder / "summary.txt").read_text(encoding="utf-8")
    assert "better beyond chance" in text
    for line in text.splitlines():
        if line.startswith("  mAP "):
            break
    assert f"{100 * good.ranking.mAP:.2f} [" in line
    assert f"{100 * bad.ranking.mAP:.2f} [" in line


def test_two_models_are_side_by_side_in_every_table_and_picture(make_evaluation: MakeEvaluation) -> None:
    good, bad = make_evaluation(noise=0.3, files=True), make_evaluation(noise=1.5)
    found = Measured(MODEL, good)
    text = page.render(found, "now", compare(found, Measured(OTHER, bad)), pictures=True)
    assert Page(text).open == []
    for heading in ("mAP", "mean AP", "first match", "AP"):
        for name in ("&lt;odd&gt; &amp; $_{$ model", "other_model"):
            assert re.search(f">{heading}(, %)?: {re.escape(name)}<", text)
    assert text.count('class="crop query"') == 2 * 9
    for plot in plots.TITLES:
        both = plots.draw(plot, good, plots.LIGHT, "model", ("other", bad))
        assert both != plots.draw(plot, good, plots.LIGHT, "model")


def test_commands_are_in_boxes_and_the_input_is_named(make_evaluation: MakeEvaluation) -> None:
    found = make_evaluation()
    size = Preprocess(mean=(0.5,) * 3, std=(0.25,) * 3, channel_order="BGR")
    model = replace(MODEL, path="a b/best.pth", preprocess=size, origin="assumed", warnings=("untrained!",))
    measured = Measured(model, found)
    text = page.render(measured, "now", pictures=False)
    assert "<pre><code>deepsort export &#x27;a b/best.pth&#x27;</code></pre>" in text
    assert "256×128 pixels, BGR, mean 0.5, 0.5, 0.5" in text
    assert '<p class="warning">untrained!</p>' in text
    for width in (60, 80, 120):
        lines = summary_text(measured, width=width).splitlines()
        assert all(len(line) <= width for line in lines if "deepsort " not in line and "/" not in line)
        assert any("WARNING: untrained!" in line for line in lines)
        assert any(line.endswith(f"--max-cosine-distance {measured.threshold}") for line in lines)


@pytest.mark.parametrize("identities", [2, 10, 300])
@pytest.mark.parametrize("plot", sorted(set(plots.TITLES) - {"retrievals"}))
def test_plots_of_any_number_of_identities(make_evaluation: MakeEvaluation, plot: str, identities: int) -> None:
    """A readable picture: of bounded size, and with both the background and enough else in it."""
    found = make_evaluation(identities=identities, bootstrap=50)
    for theme in (plots.LIGHT, plots.DARK):
        with Image.open(io.BytesIO(plots.draw(plot, found, theme, "model"))) as image:
            assert 900 <= image.width <= 1100
            assert 300 <= image.height <= 1200
            colours = np.asarray(image.convert("RGB")).reshape(-1, 3)
        background = tuple(int(theme.background[i : i + 2], 16) for i in (1, 3, 5))
        share = float((colours == background).all(axis=1).mean())
        assert 0.3 < share < 0.99


def test_retrievals_show_best_median_and_worst(make_evaluation: MakeEvaluation) -> None:
    found = make_evaluation(files=True, noise=1.2)
    chosen = plots.typical_queries(found)
    ap = found.ranking.ap
    assert list(chosen) == ["best", "median", "worst"]
    assert [len(queries) for queries in chosen.values()] == [3, 3, 3]
    assert ap[chosen["best"][0]] == ap.max()
    assert ap[chosen["worst"][0]] == ap.min()
    assert min(ap[chosen["best"]]) >= max(ap[chosen["median"]]) >= min(ap[chosen["median"]]) >= max(ap[chosen["worst"]])
    everyone = [i for queries in chosen.values() for i in queries]
    assert len(set(everyone)) == 9
    with Image.open(io.BytesIO(plots.draw("retrievals", found, plots.LIGHT))) as image:
        assert image.height > image.width / 2


def test_one_query_is_enough_for_all_plots(make_manifest: Callable[..., Manifest], tmp_path: Path) -> None:
    """Images that are gone meanwhile leave grey tiles, not an error."""
    data = prepare(make_manifest([1], [1], root=tmp_path), make_manifest([1, 1], [2, 2], prefix="g", root=tmp_path))
    folder = write(evaluate(data, np.eye(2)[:1], np.eye(2)), tmp_path / "results")
    assert len(list((folder / "plots").iterdir())) == len(plots.TITLES)


def test_an_interrupted_report_leaves_nothing(
    make_evaluation: MakeEvaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(report.page, "render", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(make_evaluation(), tmp_path / "results", plots=False)
    assert list((tmp_path / "results").iterdir()) == []


def test_a_full_disk_is_a_message(
    make_evaluation: MakeEvaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report, "write_tables", full)
    with pytest.raises(RunError, match="the disk is full"):
        write(make_evaluation(), tmp_path / "results")
    assert list((tmp_path / "results").iterdir()) == []


def test_two_reports_in_one_second_do_not_collide(make_evaluation: MakeEvaluation, tmp_path: Path) -> None:
    found = make_evaluation()
    folders = {write(found, tmp_path, plots=False) for _ in range(3)}
    assert len(folders) == 3


MEASURE = """
(() => {
  const root = document.documentElement;
  const table = [...document.querySelectorAll("table.sortable")].find(t => t.tHead.textContent.includes("person id"));
  const column = name => [...table.querySelectorAll("th")].findIndex(h => h.textContent.startsWith(name));
  const values = c => [...table.tBodies[0].rows].map(row => row.cells[c].textContent);
  const button = table.querySelectorAll("th button")[column("person id")];
  button.click(); const up = values(column("person id")).join();
  button.click(); const down = values(column("person id")).join();
  const broken = [...document.images].filter(image => !image.naturalWidth).length;
  return {up, down, broken, images: document.images.length, overflow: root.scrollWidth - root.clientWidth};
})()
"""


@pytest.mark.slow
@needs_chromium
def test_page_in_a_real_browser(make_evaluation: MakeEvaluation, tmp_path: Path) -> None:
    """Pictures load, tables sort, nothing sticks out sideways, and the colours follow the reader's choice."""
    folder = write(make_evaluation(files=True), tmp_path / "results")
    with chromium(tmp_path) as browser:
        page = browser.page((folder / "report.html").as_uri())
        for width, dark, background in ((360, False, "rgb(246, 248, 250)"), (1280, True, "rgb(13, 17, 23)")):
            page.look(width=width, dark=dark)
            page.wait("[...document.images].every(image => image.complete)")
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == background
            result = page.evaluate(MEASURE)
            assert result["overflow"] <= 0
            assert result["broken"] == 0
            assert result["images"] > 5
            assert result["up"] == ",".join(map(str, range(1, 13)))
            assert result["down"] == ",".join(map(str, range(12, 0, -1)))
        assert page.problems == []


def test_long_person_ids_are_sorted_by_all_their_digits() -> None:
    """People known by name have ten digits; six of them are the same for many."""
    page = page_tables.sortable(
        [("person id", "number"), ("AP, %", "rate")], [(3171474314, 1 / 3), (math.nan, math.nan)]
    )
    assert 'data-value="3171474314">3171474314<' in page
    assert 'data-value="0.333333">33.33<' in page
    assert page.count('data-value=""></td>') == 2
