"""The import contract between the rooms, and what must not be loaded on the way to a running tracker."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import deepsort_cli
from deepsort_cli.settings import all_commands
from deepsort_cli.settings.loader import setting_keys

PACKAGE = Path(deepsort_cli.__file__).parent

ALLOWED = {
    "core": set(),
    "tracking": {"core"},
    "perception": {"core"},
    "video": {"core"},
    "serving": {"core", "video"},
    "data": {"core"},
    "evaluation": {"core", "data"},
    "reid": {"core", "data", "evaluation"},
    "workflows": {"core", "tracking", "perception", "video", "serving", "data", "evaluation", "reid", "settings"},
    "settings": {"core", "tracking", "perception", "video", "serving", "data", "evaluation", "reid"},
    "cli": {
        "core", "tracking", "perception", "video", "serving", "data", "evaluation", "reid", "workflows", "settings",
    },
}  # fmt: skip
"""Room → the rooms it may import. `settings` takes the rooms' own settings modules only."""

FORBIDDEN = {
    "core": {"torch", "onnxruntime", "matplotlib", "typer", "rich"},
    "tracking": {"torch", "cv2", "onnxruntime", "matplotlib", "typer", "rich"},
    "perception": {"torch", "matplotlib", "typer", "rich"},
    "video": {"torch", "onnxruntime", "typer", "rich"},
    "serving": {"torch", "onnxruntime", "matplotlib", "typer", "rich"},
    "data": {"torch", "onnxruntime", "matplotlib", "typer", "rich"},
    "evaluation": {"torch", "onnxruntime", "typer", "rich"},
    "reid": {"typer"},
    "workflows": {"typer", "rich"},
    "settings": {"torch", "cv2", "onnxruntime", "matplotlib"},
    "cli": set(),
}


def room_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imports(path: Path) -> set[str]:
    """Every module a file imports, also inside functions; names imported from packages count as modules."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide which room is entered"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if len(path.relative_to(PACKAGE).parts) > 1)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_import_one_way(path: Path) -> None:
    room = room_of(path)
    for name in imports(path):
        top, _, rest = name.partition(".")
        if top == "deepsort_cli":
            other = rest.split(".")[0]
            if other in ALLOWED and other != room:
                assert other in ALLOWED[room], f"{room} must not import {other} ({name})"
                if room == "settings" and other != "core":
                    assert rest.split(".")[1] == "settings", f"settings must take {other}.settings only, not {name}"
        else:
            assert top not in FORBIDDEN[room], f"{room} must not import {top}"


def test_no_module_comes_back_to_itself() -> None:
    """Imports within functions count as well."""
    modules = {".".join(("deepsort_cli", *path.relative_to(PACKAGE).with_suffix("").parts)): path for path in MODULES}
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}

    def module_of(name: str) -> str | None:
        while name and name not in modules:
            name = name.rpartition(".")[0]
        return name or None

    needs = {name: {module_of(other) for other in imports(path)} - {None, name} for name, path in modules.items()}
    assert set(graphlib.TopologicalSorter(needs).static_order()) >= set(modules)


def test_every_room_is_in_the_contract() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    single = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert rooms | single <= set(ALLOWED)


FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
STYLE_SHEET = "var(--"  # whose variables look like flags
DOTTED = re.compile(r"`([a-z]\w*(?:\.[a-z]\w*)+)`")
MAY_HOLD_FLAGS = {"cli", "settings/options.py", "evaluation/advice.py"}
"""The command line itself, and the one text with commands to copy."""
OTHERS_FLAGS = {"--error-unmatch", "--nproc-per-node", "--upgrade", "--force-reinstall", "--index-url", "--shm-size"}
"""Flags of git, pip, torchrun, docker and other programs."""


def texts(path: Path) -> set[str]:
    """Every string of a file but its documentation."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    strings = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in bare]
    return {node.value for node in strings if isinstance(node.value, str)}


def test_only_the_command_line_speaks_of_flags() -> None:
    """The library names settings by key; `cli/wording.py` shows the command's flag for it."""
    for path in PACKAGE.rglob("*.py"):
        relative = path.relative_to(PACKAGE)
        if not {relative.parts[0], relative.as_posix()} & (MAY_HOLD_FLAGS):
            found = {
                flag for text in texts(path) if STYLE_SHEET not in text for flag in FLAG.findall(text)
            } - OTHERS_FLAGS
            assert not found, f"{relative}: name the settings' keys in backticks"


def test_keys_that_messages_name_exist() -> None:
    keys = {key for model in all_commands() for key in setting_keys(model)}
    known = keys | {key.rpartition(".")[0] for key in keys} | {".".join(key.split(".")[:2]) for key in keys}
    sections = {key.partition(".")[0] for key in keys if "." in key}
    for path in PACKAGE.rglob("*.py"):
        for key in {key for text in texts(path) for key in DOTTED.findall(text)}:
            assert key in known or key.partition(".")[0] not in sections or key.endswith(".onnx"), (path, key)


def loaded_by(code: str) -> set[str]:
    """Top-level modules in a fresh interpreter after running `code`."""
    script = f"{code}\nimport sys; print('LOADED', *sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=900)
    return set(done.stdout.rpartition("LOADED")[2].split())


def test_help_loads_nothing_heavy() -> None:
    loaded = loaded_by(
        "from typer.testing import CliRunner\nfrom deepsort_cli.cli import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0"
    )
    assert not loaded & {"numpy", "scipy", "cv2", "torch", "onnxruntime", "matplotlib", "pydantic", "av", "PIL"}


def test_the_public_face_loads_nothing_heavy() -> None:
    heavy = {"numpy", "scipy", "cv2", "torch", "onnxruntime", "matplotlib", "pydantic", "av", "PIL", "typer", "rich"}
    loaded = loaded_by("import deepsort_cli as deepsort; dir(deepsort); deepsort.InputError; deepsort.Listener")
    assert not loaded & heavy
    loaded = loaded_by("import deepsort_cli as deepsort; deepsort.Tracker([]) if 0 else deepsort.Detections([])")
    assert not loaded & (heavy - {"numpy"})


def test_track_never_imports_torch(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    loaded = loaded_by(
        "from typer.testing import CliRunner\nfrom deepsort_cli.cli import app\n"
        f"arguments = ['track', '--source', 'demo', '--max-frames', '3', '--save-txt', {str(target)!r}]\n"
        "assert CliRunner().invoke(app, arguments).exit_code == 0"
    )
    assert target.exists() or "cv2" in loaded
    assert "cv2" in loaded
    assert not loaded & {"torch", "torchvision", "matplotlib"}


def test_the_tracker_needs_numpy_and_scipy_only() -> None:
    loaded = loaded_by("from deepsort_cli.tracking import Tracker; Tracker()")
    assert not loaded & {"torch", "cv2", "onnxruntime", "matplotlib", "PIL", "av"}
