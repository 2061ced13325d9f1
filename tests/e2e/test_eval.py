"""`deepsort eval` as a user runs it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

Deepsort = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def data(market: Path, tmp_path: Path) -> Path:
    """A copy of the generated dataset that a test may change."""
    return Path(shutil.copytree(market, tmp_path / "data"))


def error_of(done: subprocess.CompletedProcess[str]) -> str:
    """The message of a refused command, in one line: exit code 2, no traceback, nothing on stdout."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return " ".join(done.stderr.replace("│", " ").split())


def constant_model(path: Path, size: int, value: float, slope: float = 0.0) -> Path:
    """An ONNX embedder that gives the same embedding whatever it sees, but for the brightness times the slope."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "axis"], ["column"]),
        helper.make_node("Mul", ["column", "zeros"], ["nothing"]),
        helper.make_node("Add", ["nothing", "constant"], ["embeddings"]),
    ]
    graph = helper.make_graph(
        nodes,
        "constant",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 32, 16])],
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["batch", size])],
        [
            numpy_helper.from_array(np.array([1]), "axis"),
            numpy_helper.from_array(np.linspace(0, slope, size, dtype=np.float32)[None], "zeros"),
            numpy_helper.from_array(np.full((1, size), value, np.float32), "constant"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path


def test_report_of_an_onnx_model(deepsort: Deepsort, market: Path, colour_model: Path, tmp_path: Path) -> None:
    done = deepsort("eval", colour_model, "--query", market / "query", "--gallery", market / "bounding_box_test")
    assert done.returncode == 0, done.stderr
    assert "mAP" in done.stdout
    assert "24 of 24 queries (12 identities) against 72 gallery images" in done.stdout
    [folder] = (tmp_path / "results").iterdir()
    assert str(Path("results") / folder.name) in done.stderr
    kept = (folder / "summary.txt").read_text(encoding="utf-8")  # names keys, where the command names its flags
    shown = kept.replace("`evaluation.rerank.enabled`", "--rerank").replace("`against`", "--against")
    assert shown.split() == done.stdout.split()
    assert len(list((folder / "plots").iterdir())) == 6
    stored = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert stored["mAP"] > 60
    assert 0 < stored["threshold"] < 2
    assert not list(market.glob("**/results"))


def test_json_only_on_stdout_and_root_means_both(
    deepsort: Deepsort, market: Path, colour_model: Path, tmp_path: Path
) -> None:
    done = deepsort(
        "eval", "--checkpoint", colour_model, "--root", market, "--json", "--quiet", "--no-plots", "--ranks", "1,3",
        "--metric", "euclidean", "--flip-test", "--output-dir", "out",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    wanted = {
        "mAP", "mAP_trapezoidal", "mINP", "rank1", "rank3", "rank5", "rank10", "eer", "tpr_at_fpr_1e-2",
        "tpr_at_fpr_1e-3", "threshold", "threshold_interval", "intervals", "queries_skipped", "report",
    }  # fmt: skip
    assert wanted <= set(found)
    assert found["metric"] == "euclidean"
    assert found["model"]["flip_test"] is True
    folder = tmp_path / found["report"]
    assert folder.parent == tmp_path / "out"
    assert not (folder / "plots").exists()
    stored = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert {key: value for key, value in stored.items() if key in wanted} == {
        key: value for key, value in found.items() if key in wanted and key != "report"
    }


def test_rerank_and_configuration(deepsort: Deepsort, market: Path, colour_model: Path, tmp_path: Path) -> None:
    config = tmp_path / "eval.yaml"
    printed = deepsort("eval", colour_model, "--root", market, "--rerank", "--set", "evaluation.rerank.k1=6",
                       "--no-plots", "--print-config")  # fmt: skip
    assert printed.returncode == 0, printed.stderr
    config.write_text(printed.stdout)
    values = yaml.safe_load(printed.stdout)
    assert values["checkpoint"] == str(colour_model)
    assert values["evaluation"]["rerank"] == {"enabled": True, "k1": 6, "k2": 6, "lambda_value": 0.3}
    done = deepsort("eval", "--config", config, "--json", "-q")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rerank"] is True


def test_a_folder_is_split_by_identity(deepsort: Deepsort, market: Path, colour_model: Path, tmp_path: Path) -> None:
    """`id_xxxx` folders without cameras: query and gallery count as different cameras, and the report says so."""
    for image in (market / "bounding_box_test").glob("*.png"):
        pid, _, rest = image.name.partition("_")
        folder = tmp_path / "people" / f"id_{pid}"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(image, folder / f"{rest.replace('c', 'shot')}")
    arguments = ("eval", colour_model, "--root", "people", "--json", "-q", "--no-plots")
    done = deepsort(*arguments, "--val-ratio", 0.5)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["query_identities"] == 6
    assert found["cameras"] == 0
    assert any("count as different cameras" in note for note in found["notes"])
    again = json.loads(deepsort(*arguments, "--val-ratio", 0.5).stdout)
    assert again["mAP"] == found["mAP"]
    assert "--val-ratio 0.2" in error_of(deepsort(*arguments))


def test_against_another_model(deepsort: Deepsort, market: Path, colour_model: Path, tmp_path: Path) -> None:
    blind = constant_model(tmp_path / "blind.onnx", 8, 1.0, slope=1.0)
    done = deepsort("eval", colour_model, "--against", blind, "--root", market, "--json", "-q", "--no-plots")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["against"]["model"]["name"] == "blind"
    difference = found["difference"]["mAP"]
    assert difference["value"] == pytest.approx(found["mAP"] - found["against"]["mAP"], abs=0.02)
    assert difference["interval"][0] > 0
    assert difference["p_value"] < 0.05


def test_evaluating_onnx_never_imports_torch(market: Path, colour_model: Path, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"  # importing it fails, as where it is not installed
        "from typer.testing import CliRunner\nfrom deepsort_cli.cli import app\n"
        f"done = CliRunner().invoke(app, ['eval', {str(colour_model)!r}, '--root', {str(market)!r}])\n"
        "assert done.exit_code == 0, done.output\n"
        "print(sorted(name for name in sys.modules if name.partition('.')[0] in ('torch', 'torchvision')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=900)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "['torch']"  # the None put there


def test_a_checkpoint_without_torch_names_the_remedy(market: Path, tmp_path: Path) -> None:
    (tmp_path / "model.pth").write_bytes(b"PK\x03\x04")
    code = (
        "import sys\nsys.modules['torch'] = None\n"
        f"sys.argv = ['deepsort', 'eval', 'model.pth', '--root', {str(market)!r}]\n"
        "from deepsort_cli.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=900)
    assert "pip install 'deepsort-cli[train]'" in error_of(done)


def test_newest_run_is_evaluated_when_no_model_is_given(deepsort: Deepsort, market: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="checkpoints need PyTorch")
    from deepsort_cli.reid.checkpoint import CheckpointInfo, save_checkpoint

    info = CheckpointInfo("osnet_x0_25", num_classes=0, feature_dim=0, neck="none")
    for name in ("old", "new"):
        torch.manual_seed(len(name))
        path = tmp_path / "runs" / name / "checkpoints" / "best.pth"
        save_checkpoint(path, info.build().state_dict(), info)
    done = deepsort("eval", "--root", market, "--json", "--no-plots")
    assert done.returncode == 0, done.stderr
    message = " ".join(done.stderr.split())
    assert "runs/new/checkpoints/best.pth (the best checkpoint of the newest run)" in message
    assert "nothing says how far its training came, and there is no finished run here" in message
    found = json.loads(done.stdout)["model"]
    assert found["name"] == "new/best"
    assert "untrained" in found["warnings"][0]


def test_identities_missing_in_the_gallery(deepsort: Deepsort, data: Path, colour_model: Path) -> None:
    for path in (data / "bounding_box_test").glob("000[123]_*"):
        path.unlink()
    done = deepsort("eval", colour_model, "--root", data, "--json", "-q", "--no-plots")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["queries"], found["queries_valid"], found["queries_skipped"]) == (24, 18, 6)
    assert any("3 query identities of 12 (6 images) not in the gallery: 1, 2, 3." in note for note in found["notes"])
    for path in (data / "bounding_box_test").iterdir():
        if path.is_file():
            path.rename(path.with_name("9" + path.name[1:]))
    assert "none of the 12 query identities" in error_of(deepsort("eval", colour_model, "--root", data))


def test_one_camera_only(deepsort: Deepsort, data: Path, colour_model: Path) -> None:
    for path in [*data.glob("*/*_c2_*.png")]:
        path.unlink()
    message = error_of(deepsort("eval", colour_model, "--root", data))
    assert "all images come from camera 1" in message
    assert "--ignore-camera" in message
    done = deepsort("eval", colour_model, "--root", data, "--ignore-camera", "--json", "-q", "--no-plots")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["queries_valid"] == 12


def test_folders_that_cannot_be_used(deepsort: Deepsort, data: Path, colour_model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    message = error_of(deepsort("eval", colour_model, "--query", "empty", "--gallery", data / "bounding_box_test"))
    assert "no usable image" in message
    (tmp_path / "file").write_text("")
    assert "--output-dir" in error_of(deepsort("eval", colour_model, "--root", data, "--output-dir", "file"))


def test_models_that_cannot_be_used(deepsort: Deepsort, market: Path, colour_model: Path, tmp_path: Path) -> None:
    def refused(*arguments: object) -> str:
        return error_of(deepsort("eval", *arguments, "--root", market, "--no-plots"))

    (tmp_path / "text.onnx").write_text("not a model")
    assert "text file" in refused("text.onnx")
    (tmp_path / "page.pth").write_text("<!DOCTYPE html><html>Sign in</html>")
    assert "web page" in refused("page.pth")
    # An ONNX model under the name of a checkpoint is one all the same.
    shutil.copy(colour_model, tmp_path / "misnamed.pth")
    assert deepsort("eval", "misnamed.pth", "--root", market, "--no-plots", "-q", "-o", "other").returncode == 0
    broken = constant_model(tmp_path / "broken.onnx", 8, float("nan"))
    assert "broken.onnx: its embeddings of ordinary crops are NaN or infinite" in refused(broken)
    same = constant_model(tmp_path / "same.onnx", 8, 1.0)
    assert "same.onnx: the model is broken: all 96 embeddings are the same" in refused(same)
    assert "two models are given" in refused(colour_model, "--checkpoint", broken)
    assert "nowhere.onnx: no such model file" in refused(colour_model, "--against", "nowhere.onnx")
    assert not list(tmp_path.glob("results/*"))


def test_interrupted_runs_leave_no_report(market: Path, colour_model: Path, tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("deepsort")
    command = [str(script)] if script.exists() else [sys.executable, "-m", "deepsort_cli"]
    big = tmp_path / "big"
    for part in ("query", "bounding_box_test"):
        (big / part).mkdir(parents=True)
        for path in (market / part).iterdir():
            if path.suffix != ".png":
                continue
            with Image.open(path) as image:
                for copy in range(8):
                    name = path.name.replace("_f0", f"_f{copy + 1}")
                    image.resize((256, 512)).save(big / part / name, compress_level=1)
    process = subprocess.Popen(
        [*command, "eval", str(colour_model), "--root", str(big), "--verbose"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    results = tmp_path / "results"
    deadline = time.monotonic() + 600
    while not results.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=900)
    assert process.returncode == 130, (stdout, stderr)
    assert "Traceback" not in stderr
    assert list(results.iterdir()) == []


@pytest.mark.slow
@pytest.mark.real_data
def test_public_osnet_on_cuhk03(deepsort: Deepsort, shared_data: Path, tmp_path: Path) -> None:
    """The figure of the public x0_25 trained on MSMT17, as published with these weights' reference evaluation."""
    done = deepsort(
        "eval", shared_data / "models/osnet_x0_25_msmt17_dyn.onnx", "--root", shared_data / "reid/cuhk03", "--json",
        "-q", "--no-plots", "--set", f"data.scan.cache_dir={tmp_path / 'cache'}", timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["mAP"] == pytest.approx(13.46, abs=0.05)
    assert found["rank1"] == pytest.approx(12.81, abs=0.15)
    assert found["queries_valid"] == 796


@pytest.mark.slow
@pytest.mark.real_data
def test_checkpoint_and_onnx_of_the_same_weights_agree(deepsort: Deepsort, shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="checkpoints need PyTorch")
    source = shared_data / "reid/cuhk03"
    for part in ("query", "bounding_box_test"):
        (tmp_path / "some" / part).mkdir(parents=True)
        for path in sorted((source / part).glob("07[6-7]*.jpg")):
            shutil.copy(path, tmp_path / "some" / part)
    done = deepsort(
        "eval", shared_data / "models/osnet_x0_25_msmt17.pth", "--against",
        shared_data / "models/osnet_x0_25_msmt17_dyn.onnx", "--root", "some", "--json", "-q", "--no-plots",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["queries_valid"] >= 20
    for key in ("mAP", "rank1", "mINP", "eer", "threshold"):
        assert found[key] == pytest.approx(found["against"][key], abs=0.02)
