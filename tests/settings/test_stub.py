"""What editors and type checkers are told of the package."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import deepsort_cli
from deepsort_cli.settings import settings_of
from deepsort_cli.settings.stub import COMMANDS, stub_text

STUB = Path(deepsort_cli.__file__).with_suffix(".pyi")
VERBS = (
    "track",
    "scan",
    "train",
    "finetune",
    "evaluate",
    "export",
    "score",
    "refine",
    "reorganize",
    "calibrate",
    "tune",
)


@pytest.fixture(scope="module")
def functions() -> dict[str, ast.FunctionDef]:
    tree = ast.parse(stub_text(deepsort_cli._HOMES))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_is_up_to_date() -> None:
    assert STUB.read_text(encoding="utf-8") == stub_text(deepsort_cli._HOMES), "run make configs"


def test_every_public_name_is_in_it(functions: dict[str, ast.FunctionDef]) -> None:
    imports = [node for node in ast.parse(STUB.read_text(encoding="utf-8")).body if isinstance(node, ast.ImportFrom)]
    passed_on = {alias.asname for node in imports for alias in node.names if alias.asname}
    assert passed_on | set(functions) == set(deepsort_cli.__all__)


@pytest.mark.parametrize("verb", VERBS)
def test_verbs_have_their_options_and_sections_by_name(verb: str, functions: dict[str, ast.FunctionDef]) -> None:
    function, model = functions[verb], settings_of(COMMANDS.get(verb, verb))
    arguments = [argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)]
    documentation = ast.get_docstring(function) or ""
    covered = {option.key for option in model.options}
    wanted = {word for option in model.options for word in (option.word, *option.also)}
    assert wanted | (set(model.model_fields) - covered) <= set(arguments) | {"results", "checkpoint"}
    assert len(arguments) == len(set(arguments))
    assert function.args.kwarg is None
    assert all(f"    {argument}: " in documentation for argument in arguments)


def test_types_and_defaults(functions: dict[str, ast.FunctionDef]) -> None:
    args = functions["track"].args
    found = {
        argument.arg: (ast.unparse(argument.annotation), ast.unparse(default))
        for argument, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)
        if argument.annotation and default
    }
    assert found["max_age"] == ("str | int", "30")
    assert found["nn_budget"] == ("int | None", "100")
    assert found["save_txt"] == ("_Path | None", "None")
    assert found["emit"] == ("Literal['matched', 'paper']", "'matched'")
    assert found["classes"] == ("str | Sequence[str]", "...")
    assert found["tracker"] == ("TrackerSettings | Mapping[str, Any]", "...")
    assert found["camera_motion"][0] == "Literal['none', 'flow', 'ecc'] | CameraMotionSettings | Mapping[str, Any]"
