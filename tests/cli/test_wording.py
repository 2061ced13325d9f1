"""Keys in the library's messages become the flags of the command that runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepsort_cli.cli import models
from deepsort_cli.cli.wording import Spelling, worded
from deepsort_cli.core import InputError

SPELLING = Spelling(
    {
        "output.save_txt": ("--save-txt", None),
        "output.overwrite": ("--overwrite", "--no-overwrite"),
        "unnamed": ("--unnamed", ""),
    },
    frozenset({"output.save_txt", "output.overwrite", "unnamed", "tracker.nsa"}),
    {"data.root": "--root"}.get,
)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("`output.save_txt` a.txt: exists.", "--save-txt a.txt: exists."),
        ("Give `output.save_txt`=a.txt.", "Give --save-txt a.txt."),
        ("Set `output.overwrite`=true to replace it", "Set --overwrite to replace it"),
        ("leave it: `output.overwrite`=false.", "leave it: --no-overwrite."),
        ("give `unnamed`=true, or `unnamed`=false", "give --unnamed, or --set unnamed=false"),
        ("`output.overwrite`: off", "--overwrite: off"),
        ("try `tracker.nsa`=true (slower)", "try --set tracker.nsa=true (slower)"),
        ("`data.root` of another command", "--root of another command"),
        ("`tracker.nsa` is on", "tracker.nsa is on"),
        ("`conv.weight` and `fc` are tensors, ``x``", "`conv.weight` and `fc` are tensors, ``x``"),
    ],
)
def test_keys_become_flags(said: str, shown: str) -> None:
    assert SPELLING(said) == shown


def test_a_command_without_settings_shows_flags_too(tmp_path: Path) -> None:
    """`deepsort models` has no keys of its own, and speaks of those of `track`."""
    other = tmp_path / "other.onnx"
    other.write_bytes(b"another export")
    with pytest.raises(InputError) as error:
        models.app(["add", "yolox_nano", str(other)], standalone_mode=False)
    assert f"--detector {other}" in worded(str(error.value))
