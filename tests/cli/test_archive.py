"""What `deepsort track … --output-dir` prints of an archive."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deepsort_cli.cli import archive as command
from deepsort_cli.cli.console import Reporter
from deepsort_cli.core.errors import DeepsortError, RunError
from deepsort_cli.core.events import Listener
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.workflows.archive import Planned, Result


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), RunError("no process can be started")])
@pytest.mark.parametrize("ended", [0, 2])
def test_what_was_tracked_before_the_end_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ending: KeyboardInterrupt | DeepsortError,
    ended: int,
) -> None:
    def ends_early(settings: TrackSettings, listener: Listener) -> None:
        listener.happened(Planned(3, 0, 1))
        for place in ("b", "a")[:ended]:
            listener.happened(
                Result(f"{place}.mp4", place, tmp_path / place, "done", record={"frames": 5, "people": 2})
            )
        raise ending

    monkeypatch.setattr(command, "run_archive", ends_early)
    with pytest.raises(type(ending)):
        command.track_all(TrackSettings(), Reporter(json=True, quiet=True))
    printed = capsys.readouterr().out
    assert [one["source"] for one in json.loads(printed or "[]")] == ["b.mp4", "a.mp4"][:ended]
