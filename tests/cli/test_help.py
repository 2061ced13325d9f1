"""What `--help` and `--help-all` show in terminals of several widths, and what the shell offers on TAB."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.text import Text
from typer.testing import CliRunner

from deepsort_cli.cli import COMMANDS, MODULES, app

Run = Callable[..., subprocess.CompletedProcess[str]]


def command_of(name: str) -> Any:
    """The command object behind a subcommand."""
    module = importlib.import_module(f"deepsort_cli.cli.{MODULES.get(name, name)}")
    return typer.main.get_command(module.app)


def options_of(name: str) -> list[Any]:
    command = command_of(name)
    context = command.context_class(command, info_name=name)
    return [parameter for parameter in command.get_params(context) if parameter.param_type_name == "option"]


def words(text: str) -> list[str]:
    return text.replace("│", " ").split()


def help_of(name: str, flag: str, columns: int) -> str:
    """What a command answers to `--help` or `--help-all`."""
    os.environ["COLUMNS"] = str(columns)
    done = CliRunner().invoke(app, [name, flag], terminal_width=columns)
    assert done.exit_code == 0, done.output
    assert max(map(len, done.stdout.splitlines())) <= columns
    return done.stdout


@pytest.fixture(autouse=True)
def _columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")  # set anew by `help_of`; restored after the test
    monkeypatch.setenv("NO_COLOR", "1")


LONG = {"track", "train", "finetune", "eval"}


@pytest.mark.parametrize("columns", [80, 100])
@pytest.mark.parametrize("name", sorted(LONG))
def test_help_of_long_commands_shows_the_daily_flags_and_names_the_rest(name: str, columns: int) -> None:
    command = command_of(name)
    rare = {option.opts[0] for option in command.rare(command.context_class(command, info_name=name))}
    shown = [option for option in options_of(name) if option.opts[0] not in rare]
    daily = {option.opts[0] for option in shown if "--help" not in option.opts} | {"--help"}
    text = help_of(name, "--help", columns)
    assert len(text.splitlines()) < (120 if name == "track" else 70)
    assert command.daily == daily, "a flag of another name is called daily"
    listed = {line.split()[1].split(",")[0] for line in text.splitlines() if line.startswith("│ --")}
    assert listed == daily
    assert f"{len(rare)} more flags: deepsort {name} --help-all" in text
    assert rare | daily <= set(words(help_of(name, "--help-all", columns)))
    assert not any(option.hidden for option in options_of(name)), "the shell would not offer it"


@pytest.mark.parametrize("columns", [60, 80, 100])
@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits(name: str, columns: int) -> None:
    assert "Examples" in help_of(name, "--help", columns)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_whole(name: str) -> None:
    whole = help_of(name, "--help-all" if name in LONG else "--help", 100)
    shown = {*words(whole), *words(whole.replace(",", " "))}  # names of one option are joined by a comma
    for option in options_of(name):
        if option.hidden:  # --help-all, where --help shows all
            assert name not in LONG and help_of(name, "--help-all", 100) == whole
            continue
        assert option.help, f"{option.opts[0]} has no help"
        text = Text.from_markup(option.help).plain
        assert re.sub(r" \[default: .*\]$", "", text).endswith("."), f"{option.opts[0]}: {text}"
        assert {*option.opts, *option.secondary_opts, *text.split()} <= shown, f"{option.opts[0]} is cut or split"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_with_examples_that_parse(name: str, deepsort: Run) -> None:
    epilog = Text.from_markup(command_of(name).epilog).plain
    heading, *examples = [line.strip() for line in epilog.split("\n\n")]
    assert heading == "Examples"
    assert len(examples) >= 2
    for example in examples:
        program, called, *arguments = shlex.split(example)
        assert program == "deepsort"
        command = command_of(called)
        command.make_context(called, arguments, resilient_parsing=False)  # raises for a flag that does not exist


@pytest.mark.parametrize("name", COMMANDS)
def test_options_stand_in_named_panels(name: str) -> None:
    panels = {option.opts[0]: option.rich_help_panel for option in options_of(name)}
    assert panels["--help"] == "General"
    unnamed = [option for option, panel in panels.items() if panel is None]
    assert len(unnamed) <= 2, f"{unnamed} stand under plain Options, above all panels"


def test_defaults_are_shown() -> None:
    text = " ".join(words(help_of("track", "--help-all", 100)))
    assert re.search(r"--max-age FRAMES|Ns How long .*?\[default: 30\]", text)
    assert re.search(r"--gating --no-gating Refuse .*?\[default: on\]", text)
    assert "null" not in text.split("--stride")[0]


def test_list_of_commands(deepsort: Run) -> None:
    done = deepsort("--help", env={"COLUMNS": "100"})
    assert max(map(len, done.stdout.splitlines())) <= 100
    text = " ".join(words(done.stdout))
    for name, summary in COMMANDS.items():
        assert f"{name} {summary}" in text


class TestCompletion:
    """Typer's protocol: the shell calls the program with the words typed so far."""

    @staticmethod
    def bash(deepsort: Run, typed: str) -> list[str]:
        position = len(typed.split()) if typed.endswith(" ") else len(typed.split()) - 1
        env = {"_DEEPSORT_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(position)}
        done = deepsort(env=env)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    def test_commands(self, deepsort: Run) -> None:
        assert self.bash(deepsort, "deepsort ") == list(COMMANDS)
        assert self.bash(deepsort, "deepsort sc") == ["scan", "score"]

    def test_flags_of_a_command_that_is_loaded_late(self, deepsort: Run) -> None:
        offered = self.bash(deepsort, "deepsort track --save")
        assert {"--save", "--save-txt", "--save-crops"} <= set(offered)
        assert all(word.startswith("--save") for word in offered)
        assert "--no-rerank" in self.bash(deepsort, "deepsort eval model.onnx --no-")

    def test_values_of_flags_with_few_words(self, deepsort: Run) -> None:
        assert self.bash(deepsort, "deepsort track --emit ") == ["matched", "paper"]
        assert self.bash(deepsort, "deepsort scan --layout m") == ["market1501", "msmt17", "mars"]
        assert self.bash(deepsort, "deepsort track --save ") == []  # left to the shell: file names

    @pytest.mark.parametrize("shell", ["zsh", "fish", "powershell"])
    def test_descriptions_stay_on_one_line(self, shell: str, deepsort: Run) -> None:
        env = {
            "_DEEPSORT_COMPLETE": f"complete_{shell}",
            "_TYPER_COMPLETE_ARGS": "deepsort eval --r",
            "_TYPER_COMPLETE_WORD_TO_COMPLETE": "--r",
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        }
        lines = deepsort(env=env).stdout.splitlines()
        assert len(lines) == 3, lines
        assert all(flag in line for flag, line in zip(("--root", "--rerank", "--ranks"), lines, strict=True))

    def test_installs_itself(self, tmp_path: Path) -> None:
        """Typer looks at the parent process for the shell to install for, so there is a bash in between."""
        script = Path(sys.executable).with_name("deepsort")
        if not script.exists():
            pytest.skip("the deepsort script is not installed beside this Python")
        done = subprocess.run(
            ["bash", "-c", f"{shlex.quote(str(script))} --install-completion; true"],
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
        )
        assert "bash completion installed" in done.stdout, done.stderr
        assert "complete_bash" in (tmp_path / ".bash_completions" / "deepsort.sh").read_text()
