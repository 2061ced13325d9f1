"""The folder of a training run."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

pytest.importorskip("torch", reason="needs the extra [train]")

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.files import temporary_beside
from deepsort_cli.reid.run_folder import open_run
from deepsort_cli.reid.settings import TrainConfig


def test_what_a_killed_process_left_half_written_goes_and_nothing_of_others(tmp_path: Path) -> None:
    run = tmp_path / "run"
    written = [
        "config.yaml",
        "history.json",
        "checkpoints/last.pth",
        "checkpoints/best.pth",
        "checkpoints/epoch_0012.pth",
    ]
    kept = [run / name for name in (*written, "plots/training_curves.png")]
    for file in kept:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("whole")
        temporary_beside(file).write_text("half")
    others = [run / ".pre-commit-config.yaml", run / ".eslintrc.json", run / "checkpoints" / ".mine.pth"]
    for file in others:
        file.write_text("somebody's")
    with open_run(run) as held:
        found = sorted(path for path in run.rglob("*") if path.is_file() and path.name != ".lock")
        assert found == sorted([*kept, *others])
        assert held.set_aside() == run / "previous-1"


def test_an_earlier_run_moves_to_a_number_that_is_free_and_other_files_stay(tmp_path: Path) -> None:
    """Whoever wants the space deletes the oldest."""
    run = tmp_path / "run"
    (run / "previous-2").mkdir(parents=True)
    (run / "notes.txt").write_text("no run has been here")
    with open_run(run) as held:
        assert held.set_aside() is None
        held.write_history([])
        assert held.set_aside() == run / "previous-3"
    assert {path.name for path in run.iterdir()} == {".lock", "previous-2", "previous-3"}
    assert {path.name for path in (run / "previous-3").iterdir()} == {"notes.txt", "history.json"}


def test_no_name_of_a_folder_gets_into_the_settings(tmp_path: Path) -> None:
    config = TrainConfig()
    with open_run(tmp_path / "run") as held:
        held.write_config(config, {"dataset": "people\nmodel: {name: osnet_x1_0}\n\x85…"})
        assert yaml.safe_load(held.config.read_text(encoding="utf-8")) == config.model_dump(mode="json")


def test_one_training_at_a_time_also_in_threads_of_one_process(tmp_path: Path) -> None:
    """A lock of the process is given twice, and lost with the second file that is closed."""
    (tmp_path / "link").symlink_to(tmp_path)
    with open_run(tmp_path / "run"):
        for _ in range(2):
            with pytest.raises(InputError, match="another training runs"), open_run(tmp_path / "link" / "run"):
                pass
    with open_run(tmp_path / "run"):
        pass
