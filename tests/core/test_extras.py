"""Messages about missing packages name a command that works."""

from __future__ import annotations

import re

from deepsort_cli.core.extras import PACKAGE, install
from tests.conftest import REPOSITORY

PROJECT = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
MODULES = sorted((REPOSITORY / "deepsort_cli").rglob("*.py"))


def test_the_command_is_named_for_a_clone_and_for_an_installed_package() -> None:
    assert install("train") == "pip install 'deepsort-cli[train]', or in a clone of the source: pip install '.[train]'"
    assert f'name = "{PACKAGE}"' in PROJECT


def test_all_messages_come_from_here_and_name_extras_there_are() -> None:
    for module in MODULES:
        text = module.read_text(encoding="utf-8")
        for extra in re.findall(r"\binstall\([\"']([a-z]+)[\"']\)", text):
            assert re.search(rf"^{extra} = \[", PROJECT, re.MULTILINE), (module, extra)
        if module.name not in ("extras.py", "score.py"):  # a help text is written out
            assert not re.search(r"deepsort-cli\W*\[", text), module
