"""The folder of a training run."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra [train]")

from deepsort_cli.reid.run_folder import open_run


def test_what_a_killed_process_left_half_written_goes(tmp_path: Path) -> None:
    run = tmp_path / "run"
    kept = [run / "config.yaml", run / "history.json", run / "checkpoints" / "last.pth", run / "plots" / "curves.png"]
    for file in kept:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("whole")
        file.with_name(f".{file.stem}.abcd1234{file.suffix}").write_text("half")
    with open_run(run):
        assert sorted(path for path in run.rglob("*") if path.is_file() and path.name != ".lock") == sorted(kept)
