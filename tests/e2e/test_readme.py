"""README.md stays true: its commands and Python run, its links lead somewhere, its error messages exist.

Every command of a `console` block is either run, in order, in one folder that holds generated stand-ins for the files
it names, or is matched by `NOT_RUN`, which says why not. Environment variables keep the runs short. Commands that are
not run, and those of docs/, must at least parse: a flag or key that does not exist fails.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.reid.conftest import make_people

README = REPOSITORY / "README.md"
DOCUMENTS = [README, *sorted((REPOSITORY / "docs").glob("*.md"))]
HAS_TORCH = importlib.util.find_spec("torch") is not None and importlib.util.find_spec("torchvision") is not None

NOT_RUN = {
    r"make \w+": "sets up a whole environment",
    r"(pip|uv|python3 -m venv) .*": "installs packages",
    r"dist/deepsort .*": "is the single file; tests/binary runs it where it is built",
    r"deepsort track 0 .*": "needs a camera",
    r"deepsort train .* --epochs 120": "takes hours: its flag wins over the variable that shortens it",
    r"deepsort finetune .* --train": "is the two commands before it in one; test_finetune.py runs it",
    r"deepsort score --gt PETS09-S2L1 .*": "needs the MOTChallenge sequence; test_score.py has one of its own",
    r"deepsort models download .*": "fetches from the network; test_download.py has a server of its own",
    r"python examples/generated_people.py people": "test_examples.py runs it; the stand-ins are smaller",
}
"""Pattern of a whole command → why it is not run."""

SHORT = {
    "DEEPSORT_INPUT__MAX_FRAMES": "6",
    "DEEPSORT_DEMO__WIDTH": "320",
    "DEEPSORT_DEMO__HEIGHT": "240",
    "DEEPSORT_TRAINING__EPOCHS": "1",
    "DEEPSORT_TRAINING__BATCH_SIZE": "8",
    "DEEPSORT_TRAINING__DEVICE": "cpu",
    "DEEPSORT_MODEL__INPUT__HEIGHT": "64",
    "DEEPSORT_MODEL__INPUT__WIDTH": "32",
    "DEEPSORT_MODEL__HEIGHT": "64",
    "DEEPSORT_MODEL__WIDTH": "32",
    "DEEPSORT_EVALUATION__BOOTSTRAP": "20",
    "DEEPSORT_REPORT__PLOTS": "false",
    "OMP_NUM_THREADS": "1",
    "NO_COLOR": "1",
}
"""What keeps the runs short. Flags in the commands win over it, as everywhere."""


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", document.read_text(encoding="utf-8"), re.M | re.S)


def commands(document: Path) -> list[str]:
    """The commands of all console blocks, in order, continued lines joined. After a `$ `, other lines are output."""
    found = []
    for block in blocks(document, "console"):
        text = block.replace("\\\n", " ")
        lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        prompted = [line[2:] for line in lines if line.startswith("$ ")]
        for line in prompted or lines:
            found.append(" ".join(shlex.split(line, comments=True, posix=False)))
    return found


def reason_not_to_run(command: str) -> str | None:
    return next((why for pattern, why in NOT_RUN.items() if re.fullmatch(pattern, command)), None)


def deepsort_arguments(command: str) -> list[str] | None:
    """The arguments of a `deepsort` call, also behind variables or torchrun; None for other commands."""
    words = shlex.split(command)
    if ">" in words:
        words = words[: words.index(">")]
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words.pop(0)
    if words[:1] == ["torchrun"] and "deepsort_cli" in words:
        return words[words.index("deepsort_cli") + 1 :]
    return words[1:] if words[:1] == ["deepsort"] else None


def check_call(arguments: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every flag exists and takes the value given, and every `--set` key is a setting."""
    from deepsort_cli.cli import COMMANDS, app

    if arguments[:1] in (["--help"], ["--version"], ["--install-completion"]):
        return
    assert arguments[0] in COMMANDS, f"deepsort {arguments[0]}: no such command"
    monkeypatch.chdir(folder)
    # What `models` fetches is not fetched here: there, asking for help must do.
    extra = ["--help"] if arguments[0] == "models" else ["--print-config"]
    code = app([*arguments, *extra], prog_name="deepsort", standalone_mode=False)
    assert code in (None, 0)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, colour_model: Path) -> Path:
    """A folder with stand-ins for everything that the README's commands name."""
    import cv2
    import numpy as np

    folder = tmp_path_factory.mktemp("readme")
    for place in ("examples", "benchmarks"):
        (folder / place).symlink_to(REPOSITORY / place)
    make_people(folder / "market1501" / "bounding_box_train", 8, per_camera=3, seed=1)
    everyone = make_people(folder / "everyone", 8, per_camera=3, seed=2)
    for part in ("query", "bounding_box_test"):
        (folder / "market1501" / part).mkdir()
    for path in sorted(everyone.iterdir()):
        part = "query" if "_f0000000" in path.name else "bounding_box_test"
        path.rename(folder / "market1501" / part / path.name)
    everyone.rmdir()
    shutil.copytree(folder / "market1501", folder / "people")
    shutil.copytree(folder / "market1501" / "query", folder / "query")
    shutil.copytree(folder / "market1501" / "bounding_box_test", folder / "gallery")

    for name in ("video.mp4", "vtest.avi"):
        codec = "mp4v" if name.endswith(".mp4") else "MJPG"
        video = cv2.VideoWriter(str(folder / name), cv2.VideoWriter_fourcc(*codec), 10, (160, 120))
        for shade in range(8):
            video.write(np.full((120, 160, 3), 20 * shade, np.uint8))
        video.release()
    (folder / "videos").mkdir()
    shutil.copyfile(folder / "video.mp4", folder / "videos" / "street.mp4")
    from tests.person_model import save_detector  # onnx comes with extras only

    save_detector(folder / "yolox_nano.onnx")
    for name in ("reid.onnx", "old.onnx", "new.onnx", *(() if HAS_TORCH else ("osnet_x0_25_msmt17.onnx",))):
        shutil.copyfile(colour_model, folder / name)

    stored = folder / "MOT17-05-FRCNN" / "det" / "det_features.npz"
    stored.parent.mkdir(parents=True)
    det = np.array([[frame, -1, 50 + 3 * frame, 60, 30, 80, 0.9] for frame in range(1, 9)])
    np.savez(stored, det=det, features=np.ones((len(det), 16), np.float32))
    if HAS_TORCH:
        save_checkpoint(folder / "osnet_x0_25_msmt17.pth")
        shutil.copyfile(folder / "osnet_x0_25_msmt17.pth", folder / "best.pth")
    return folder


def save_checkpoint(path: Path) -> None:
    """An untrained OSNet as torchreid would save it."""
    import torch

    from deepsort_cli.reid.backbones.osnet import OSNet

    torch.manual_seed(0)
    torch.save({"state_dict": OSNet("osnet_x0_25", num_classes=8).state_dict()}, path)


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """In bash, as a reader would, with the environment of this Python in front."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DEEPSORT_")}
    environment |= SHORT | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=900,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def needs_torch(command: str) -> bool:
    return re.match(r"deepsort (train|finetune|export)|.*\.pth", command) is not None


@pytest.mark.skipif(os.name == "nt", reason="the commands are written for a POSIX shell")
def test_commands_run(sandbox: Path) -> None:
    ran = 0
    for command in commands(README):
        if reason_not_to_run(command) or (needs_torch(command) and not HAS_TORCH):
            continue
        done = run(command, sandbox)
        assert done.returncode == 0, f"$ {command}\n{done.stdout}\n{done.stderr}"
        ran += 1
    assert ran >= 15


def test_nothing_stands_in_the_list_for_nothing() -> None:
    everything = commands(README)
    unused = [pattern for pattern in NOT_RUN if not any(re.fullmatch(pattern, command) for command in everything)]
    assert unused == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_calls_parse(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in commands(document):
        arguments = deepsort_arguments(command)
        if arguments is not None and "--config" not in arguments:  # such a file is made by the command before
            check_call(arguments, tmp_path, monkeypatch)


def test_make_targets_and_extras_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    text = README.read_text(encoding="utf-8")
    targets = set(re.findall(r"\bmake (\w+)", " ".join(commands(README)))) | set(re.findall(r"`make (\w+)`", text))
    assert {"demo", "test"} <= targets
    assert [target for target in targets if f"\n{target}:" not in makefile] == []
    extras = {name for names in re.findall(r"'\.\[([\w,]+)\]'", text) for name in names.split(",")}
    assert {"train", "score"} <= extras
    assert [extra for extra in extras if not re.search(rf"^{extra} = \[", project, re.M)] == []


def test_readme_shows_the_command_of_make_demo() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    (made,) = re.findall(r"deepsort (track demo .*?) --save \.demo/", makefile)
    shown = [" ".join(command.split()) for command in commands(README)]
    assert f"deepsort {' '.join(made.split())} --save demo.mp4" in shown


def test_python_runs(sandbox: Path) -> None:
    found = blocks(README, "python")
    assert found
    for block in found:
        assert len(block.strip().splitlines()) <= 12
        done = subprocess.run([sys.executable, "-c", block], cwd=sandbox, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert re.search(r"\[1\b", done.stdout), done.stdout  # an id


@pytest.mark.parametrize("document", [*DOCUMENTS, REPOSITORY / "CONTRIBUTING.md"], ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path) if path else document
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), target


def anchors(document: Path) -> set[str]:
    """The anchors GitHub makes of headings."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_architecture_names_files_that_exist() -> None:
    text = (REPOSITORY / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w/]+(?:\.py|/))`", text)
    assert len(named) > 20
    places = (REPOSITORY, REPOSITORY / "deepsort_cli")
    assert [name for name in named if not any((place / name).exists() for place in places)] == []


def test_messages_of_the_troubleshooting_table_exist() -> None:
    table = README.read_text(encoding="utf-8").split("## Troubleshooting")[1].split("\n## ")[0]
    quoted = [re.match(r"\| `([^`]+)`", line)[1] for line in table.splitlines() if line.startswith("| `")]  # type: ignore[index]
    assert len(quoted) >= 10
    texts = " ".join(message_texts())
    for message in quoted:
        assert message in texts, message


def message_texts() -> list[str]:
    """All strings in the package and the Makefile; what an f-string fills in becomes the name of what it fills in."""
    found = [(REPOSITORY / "Makefile").read_text(encoding="utf-8")]
    filled = {"what": "training", "PROVIDERS": "CUDAExecutionProvider"}
    for path in (REPOSITORY / "deepsort_cli").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = []
                for part in node.values:
                    if isinstance(part, ast.Constant):
                        parts.append(str(part.value))
                    else:
                        names = [name.id for name in ast.walk(part) if isinstance(name, ast.Name)]
                        parts.append(next((filled[name] for name in names if name in filled), "…"))
                found.append("".join(parts))
    return found
