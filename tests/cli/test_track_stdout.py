"""Standard output has room for one thing."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from deepsort_cli.cli import app


@pytest.mark.parametrize("other", ["--json", "--score"])
@pytest.mark.parametrize("option", ["--save-txt", "--save-jsonl", "--save-csv", "--save-gt"])
def test_rows_and_another_result_are_not_mixed(option: str, other: str) -> None:
    done = CliRunner().invoke(app, ["track", "--source", "demo", option, "-", other])
    assert done.exit_code == 2
    assert f"{option} - and {other}" in " ".join(done.output.replace("│", " ").split())


def test_closed_standard_output_takes_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    from deepsort_cli.cli.console import write
    from deepsort_cli.core.errors import InputError, RunError
    from deepsort_cli.workflows.track import track

    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(RunError, match="standard output is closed"):
        write("{}")
    with pytest.raises(InputError, match="`output.save_csv` -: standard output is closed. Give a file name"):
        track("demo", detector=lambda image: [], reid="none", save_csv="-")


@pytest.mark.skipif(os.name != "posix", reason="numbers of streams")
def test_no_file_takes_the_number_of_a_closed_stream() -> None:
    """What libraries print would be written into it."""
    script = (
        "import os; os.close(1); os.close(2)\n"
        "from deepsort_cli.cli.encoding import occupy_closed_streams\n"
        "occupy_closed_streams()\n"
        "os._exit(os.open(os.devnull, os.O_RDONLY))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, stdin=subprocess.DEVNULL).returncode > 2
