"""`deepsort track`: people tracked in video."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepsort_cli.cli.consent import settle_detector
from deepsort_cli.cli.console import Reporter, result_console
from deepsort_cli.cli.encoding import literal
from deepsort_cli.cli.listeners import Told
from deepsort_cli.cli.options import Flags, command_app, examples
from deepsort_cli.cli.wording import worded
from deepsort_cli.core.counted import counted
from deepsort_cli.core.errors import DeepsortError, InputError
from deepsort_cli.settings.track import TrackSettings

if TYPE_CHECKING:
    from deepsort_cli.evaluation.mot_score import Scoring
    from deepsort_cli.workflows.track import Live, Progress, Run, Serving, Summary

app = command_app()
flags = Flags(TrackSettings)

MOST_NAMED = 24
"""Files of one source that are named one by one at the end."""

MOST_COLUMNS = 10_000
"""As wide as no terminal is."""


@flags.command(
    app,
    epilog=examples(
        "deepsort track street.mp4 --detector yolox_nano --save out.mp4",
        "deepsort track 0 --preset fast --display",
        "deepsort track videos/ --output-dir results --save-txt tracks.txt",
        "deepsort track MOT17-05 --detections MOT17-05/det/det.txt --save-txt out.txt --emit paper",
    ),
)
def track(
    ctx: typer.Context,
    sources: Annotated[
        list[str] | None,
        typer.Argument(help="What to track in, as --source.", show_default=False, metavar="SOURCE"),
    ] = None,
    **_: Any,
) -> None:
    """Track people (or anything a detector finds) in video, without PyTorch.

    A detector finds boxes, a Re-ID model describes their appearance, DeepSORT joins them into tracks. A detector
    can be named ([bold]--detector yolox_nano[/bold] is fetched once); without one and without a network OpenCV's
    built-in people detector is used, which finds far fewer people.
    """
    if sources:
        ctx.params["source"] = [*(ctx.params["source"] or ()), *sources]
    settings, report = flags.start(ctx)
    from deepsort_cli.workflows.track import run_track

    if settings.archive.output_dir is not None:
        from deepsort_cli.cli.archive import track_all

        if not settings.archive.dry_run:
            settings = settings.model_copy(
                update={"detector": settle_detector(settings.detector, report, needed=bool(settings.source))}
            )
        track_all(settings, report)
        return
    report = _check_stdout(settings, report)
    needed = bool(settings.source) and settings.detections is None
    settings = settings.model_copy(update={"detector": settle_detector(settings.detector, report, needed=needed)})
    with _screen(report) as screen:
        run = run_track(settings, screen)
        try:
            run.finish()
        except (DeepsortError, KeyboardInterrupt):  # of one source among several, or whoever has seen enough
            screen.stop()
            if run.summaries:
                _print(run, report, None)
            raise
    _print(run, report, run.scoring)
    if run.page is not None and settings.serve.stay:
        report.info("the page stays on view; Ctrl-C ends it")
        run.stay()


def _print(run: Run, report: Reporter, scoring: Scoring | None) -> None:
    """What came of all sources."""
    if len(run.summaries) > 1 and not report.quiet:
        report.table(*_overview(run.summaries))
    data = [_as_json(summary) for summary in run.summaries]
    if scoring is not None:
        from deepsort_cli.cli.score import print_scores, rounded, tell

        tell(scoring, report)
        print_scores(scoring, report)
        scores = {one.sequence: rounded(one) for one in scoring.scores}
        for entry in data:
            if entry["source"] in scores:
                entry["scores"] = scores.pop(entry["source"])
        data += [{"source": name, "scores": figures} for name, figures in scores.items()]
    report.result(data)


def _check_stdout(settings: TrackSettings, report: Reporter) -> Reporter:
    """Standard output has room for one thing: rows, the JSON of results, or tables."""
    from deepsort_cli.video.outputs import to_stdout

    rows = to_stdout(settings.output)
    other = "--json" if report.json else "`score`" if settings.score or settings.gt is not None else None
    if rows and other:
        raise InputError(f"`{rows[0]}` - and {other} both write to standard output. Give `{rows[0]}` a file name.")
    return replace(report, rows=bool(rows))


@contextlib.contextmanager
def _screen(report: Reporter) -> Iterator[_Screen]:
    """The display, as long as something runs."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class OfKnownLength(BarColumn):
        """No bar for cameras: their counters need the room."""

        def render(self, task: Task) -> Any:
            return Text("") if task.total is None else super().render(task)

    bars = Progress(
        TextColumn("{task.description}"),
        OfKnownLength(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[counters]}"),
        TimeRemainingColumn(),
        console=report.console,
        disable=not report.interactive,
        transient=True,
    )
    with bars:
        yield _Screen(report, bars)


class _Screen(Told):
    """Progress bars for files, live counters for cameras, and a table at the end of each source."""

    def __init__(self, report: Reporter, bars: Any) -> None:
        super().__init__(report)
        self._bars = bars
        self._tasks: dict[str, Any] = {}

    def happened(self, event: object) -> None:
        from deepsort_cli.workflows.track import Progress, Serving, Summary

        if isinstance(event, Progress):
            self._advance(event)
        elif isinstance(event, Summary):
            self._finish(event)
        elif isinstance(event, Serving):
            self._tell_address(event)

    def _tell_address(self, serving: Serving) -> None:
        """Said even to the quiet, on one line, and with the secret that other messages hide: nobody gets in without."""
        how = "" if serving.token or serving.private else ", and give it your token"
        self.report.console.print(literal(f"open {serving.link}{how}"), soft_wrap=True)

    def stop(self) -> None:
        """Take the bars away, which would catch what goes to stdout."""
        self._bars.stop()

    def _advance(self, progress: Progress) -> None:
        if progress.source not in self._tasks:
            self._tasks[progress.source] = self._bars.add_task(
                literal(progress.source), total=progress.total, counters=""
            )
        counters = f"{progress.fps:.1f} fps  {progress.present} present  {counted(progress.tracks, 'track')}"
        if progress.people is not None:
            counters += f"  {counted(progress.people, 'person', 'people')}"
        if progress.live is not None:
            counters += "".join(f"  {words}" for words in _keeping_up(progress.live))
        task = self._tasks[progress.source]
        self._bars.update(task, completed=progress.frames, total=progress.total, counters=counters)

    def _finish(self, summary: Summary) -> None:
        if summary.source in self._tasks:
            self._bars.remove_task(self._tasks.pop(summary.source))
        if not self.report.quiet:
            self._bars.stop()  # they would catch what goes to stdout
            self.report.table(_table(summary))
            self._bars.start()
        written = summary.outputs
        if len(written) > MOST_NAMED:
            self.report.info(f"wrote {len(written)} files, {written[0]} to {written[-1]}")
            written = []
        for path in written:
            self.report.info(f"wrote {path}")
        if summary.comparison is not None and summary.comparison.left_out:
            left_out = summary.comparison.left_out
            self.report.info(f"frames with ground truth left out of the scores, because not tracked: {left_out}")


def _keeping_up(live: Live) -> list[str]:
    """How a camera keeps up, in a few words each."""
    words = [] if live.latency_ms is None else [f"{live.latency_ms:.0f} ms behind"]
    words.append(f"{live.skipped:,} skipped")
    if live.reconnects:
        words.append(counted(live.reconnects, "reconnect"))
    return words if live.connected else [*words, "NOT CONNECTED"]


def _overview(summaries: Sequence[Summary]) -> list[Any]:
    """A line for each of several sources; how cameras keep up in a table of its own where one would be too wide."""
    console = result_console()
    counts = [_counts(summary) for summary in summaries]
    if all(summary.live is None for summary in summaries):
        return [_lines(counts)]
    ends = [{"ended": one.pop("ended")} for one in counts]
    keeps_up = [_keeps_up(summary.live) for summary in summaries]
    whole = _lines([one | more | end for one, more, end in zip(counts, keeps_up, ends, strict=True)])
    if whole.__rich_measure__(console, console.options.update(width=MOST_COLUMNS)).minimum <= console.width:
        return [whole]
    named = [{"source": one["source"]} | more for one, more in zip(counts, keeps_up, strict=True)]
    return [_lines([one | end for one, end in zip(counts, ends, strict=True)]), _lines(named)]


def _counts(summary: Summary) -> dict[str, str]:
    """What came of a source, by heading."""
    people = {} if summary.people is None else {"people": str(summary.people)}
    counts = {"frames": str(summary.frames), "fps": f"{summary.fps:.1f}", "tracks": str(summary.tracks), **people}
    return {"source": literal(summary.source), **counts, "people now": str(summary.present), "ended": summary.ending}


def _keeps_up(live: Live | None) -> dict[str, str]:
    """How a camera keeps up, by heading; empty for a recording."""
    if live is None:
        return dict.fromkeys(("latency ms", "95 %", "skipped", "reconnects"), "")
    times = ["" if value is None else f"{value:.0f}" for value in (live.latency_ms, live.latency_p95_ms)]
    return {
        "latency ms": times[0], "95 %": times[1], "skipped": f"{live.skipped:,}", "reconnects": str(live.reconnects)
    }  # fmt: skip


def _lines(rows: Sequence[dict[str, str]]) -> Any:
    from rich.table import Table

    headings = list(dict.fromkeys(heading for row in rows for heading in row))
    table = Table()
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("source", "ended") else "right")
    for row in rows:
        table.add_row(*(row.get(heading, "") for heading in headings))
    return table


def _table(summary: Summary) -> Any:
    from rich.table import Table

    endings = {
        "quit": " (stopped in the window)",
        "interrupted": " (interrupted)",
        "stopped": " (stopped)",
        "failed": " (failed)",
    }
    table = Table(title=literal(summary.source), title_justify="left", show_header=False)
    table.add_row("frames", f"{summary.frames}{endings.get(summary.ending, '')}")
    table.add_row("tracks", str(summary.tracks))
    if summary.people is not None:
        table.add_row("people", str(summary.people))
    if summary.linking is not None:
        table.add_row("linked", str(summary.linking))
    if summary.fate is not None and (summary.rows == 0 or summary.fate.beyond):
        table.add_row("detections", literal(worded("\n".join(summary.fate.lines()))))
    table.add_row("speed", f"{summary.fps:.1f} fps over {summary.seconds:.1f} s")
    stages = "  ".join(f"{stage} {value:.1f}" for stage, value in summary.stage_ms.items())
    table.add_row("ms per frame", stages)
    if summary.live is not None:
        table.add_row("live", ", ".join(_keeping_up(summary.live)))
    if summary.counts is not None:
        for line in summary.counts.lines:
            table.add_row(literal(line.line.name), f"{line.inward} in, {line.outward} out")
        for zone in summary.counts.zones:
            texts = (f"{zone.inside} inside", f"{zone.entered} entered", f"{zone.distinct} in all")
            table.add_row(literal(zone.zone.name), ", ".join(texts))
    appearance = "none (motion and overlap)"
    if summary.embedder:
        appearance = f"{literal(summary.embedder)}, max cosine distance {summary.max_cosine_distance:g}"
    seen = f", on {summary.frames_detected} of {counted(summary.frames, 'frame')}"
    table.add_row("detector", literal(summary.detector) + (seen if summary.frames_detected < summary.frames else ""))
    table.add_row("appearance", appearance)
    if summary.embeddings_skipped:
        kept = summary.embedded + summary.embeddings_skipped
        part = f"{summary.embeddings_skipped:,} of {kept:,} skipped ({summary.embeddings_skipped / kept:.0%})"
        table.add_row("embeddings", part)
    if summary.camera_motions is not None:
        table.add_row(
            "camera motion", f"measured in {summary.camera_motions} of {counted(max(0, summary.frames - 1), 'frame')}"
        )
    return table


def _as_json(summary: Summary) -> dict[str, Any]:
    counts = {} if summary.counts is None else {"counts": summary.counts.as_json()}
    linking = {} if summary.linking is None else {"linking": asdict(summary.linking)}
    return {
        "source": summary.source,
        "kind": summary.kind,
        "frames": summary.frames,
        "tracks": summary.tracks,
        "rows": summary.rows,
        "seconds": round(summary.seconds, 3),
        "fps": round(summary.fps, 2),
        "stage_ms": {stage: round(value, 3) for stage, value in summary.stage_ms.items()},
        "ending": summary.ending,
        "detector": summary.detector,
        "embedder": summary.embedder,
        "max_cosine_distance": summary.max_cosine_distance,
        "frames_detected": summary.frames_detected,
        "detections": None if summary.fate is None else summary.fate.as_json(),
        "embedded": summary.embedded,
        "embeddings_skipped": summary.embeddings_skipped,
        "camera_motions": summary.camera_motions,
        **counts,
        **({} if summary.people is None else {"people": summary.people}),
        "people_now": summary.present,
        "live": None if summary.live is None else _live_as_json(summary.live),
        "error": None if summary.error is None else worded(summary.error),
        **linking,
        "outputs": [str(path) for path in summary.outputs],
    }


def _live_as_json(live: Live) -> dict[str, Any]:
    return {
        key: None if value is None else round(value, 1) if isinstance(value, float) else value
        for key, value in asdict(live).items()
    }
