"""Messages about missing packages name a command that works."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from deepsort_cli.cli.requirements import require_torch
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.extras import PACKAGE, install
from deepsort_cli.perception.providers import choose_providers
from tests.conftest import REPOSITORY

PROJECT = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
MODULES = sorted((REPOSITORY / "deepsort_cli").rglob("*.py"))


def test_the_command_is_named_for_a_clone_and_for_an_installed_package() -> None:
    assert install("train") == "pip install 'deepsort-cli[train]', or in a clone of the source: pip install '.[train]'"
    assert f'name = "{PACKAGE}"' in PROJECT


def test_nothing_can_be_installed_into_the_single_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert install("train").startswith("in the Python package, as nothing can be added to this single file: pip")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"training needs PyTorch.*in the Python package.*pip install 'deepsort-cli"):
        require_torch("training")
    with pytest.raises(InputError, match=r"For cuda take the Python package, with onnxruntime-gpu: nothing can be"):
        choose_providers("cuda", ["CPUExecutionProvider"], Path("model.onnx"))


def test_all_messages_come_from_here_and_name_extras_there_are() -> None:
    for module in MODULES:
        text = module.read_text(encoding="utf-8")
        for extra in re.findall(r"\binstall\([\"']([a-z]+)[\"']\)", text):
            assert re.search(rf"^{extra} = \[", PROJECT, re.MULTILINE), (module, extra)
        if module.name not in ("extras.py", "score.py", "tune.py"):  # help texts are written out
            assert not re.search(r"deepsort-cli\W*\[", text), module
