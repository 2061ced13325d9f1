from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from deepsort_cli.core.cpus import available_cpus
from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.perception.runtime import open_session, session_options
from deepsort_cli.perception.settings import RuntimeSettings


def test_onnx_runtime_notes_nothing_for_its_makers(constant_model, tmp_path: Path) -> None:
    """Its telemetry keeps a number of the machine and every session in the user's cache folder."""
    home = tmp_path / "home"
    home.mkdir()
    code = (
        "from pathlib import Path; from deepsort_cli.perception.runtime import open_session;"
        "from deepsort_cli.perception.settings import RuntimeSettings;"
        f"open_session(Path({str(constant_model(np.ones((1, 8))))!r}), RuntimeSettings(device='cpu'))"
    )
    mine = {"HOME": str(home), "XDG_CACHE_HOME": str(home), "USERPROFILE": str(home), "LOCALAPPDATA": str(home)}
    environment = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"} | mine
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert list(home.rglob("*")) == []


def test_a_missing_device_says_what_is_there_and_what_to_install(
    constant_model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(InputError, match=r"(?s)`runtime.device` cuda.*Available: cpu.*onnxruntime-gpu"):
        open_session(constant_model(np.ones((1, 8))), RuntimeSettings(device="cuda"))


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_device_that_does_not_start_is_not_replaced_in_silence(
    constant_model, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = constant_model(np.ones((1, 8)))
    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("this machine may well have a working CUDA")
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    with pytest.raises(InputError, match="could not start"):
        open_session(path, RuntimeSettings(device="cuda"))
    assert open_session(path, RuntimeSettings(device="auto")).device == "cpu"


def test_a_device_that_fails_gives_way_to_the_next_without_a_word(
    constant_model, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    real, tried = ort.InferenceSession, []

    def start(path: str, *, providers: list, **options: object) -> ort.InferenceSession:
        tried.append(providers[0][0])
        if providers[0][0] != "CPUExecutionProvider":
            raise RuntimeError("libcublas.so.12: cannot open shared object file")
        return real(path, providers=providers, **options)

    path = constant_model(np.ones((1, 8)))
    monkeypatch.setattr(ort, "InferenceSession", start)
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    assert open_session(path).device == "cpu"
    assert tried == ["CUDAExecutionProvider", "CPUExecutionProvider"]
    with pytest.raises(InputError, match="could not start"):
        open_session(path, RuntimeSettings(device="cuda"))
    assert capfd.readouterr() == ("", "")


def test_threads() -> None:
    assert session_options(3).intra_op_num_threads == 3
    assert session_options(0).intra_op_num_threads == available_cpus() >= 1
    if hasattr(os, "sched_getaffinity"):
        assert available_cpus() <= len(os.sched_getaffinity(0))


def test_a_session_describes_its_model(constant_model) -> None:
    session = open_session(constant_model(np.arange(8.0).reshape(1, 8), metadata={"names": "{}"}))
    assert session.input_shape == (1, 3, 64, 64)
    assert session.metadata == {"names": "{}"}
    assert session.device == "cpu"
    (output,) = session.run(np.zeros((1, 3, 64, 64), np.float32))
    np.testing.assert_array_equal(output, np.arange(8.0).reshape(1, 8))


def test_half_precision_models_are_fed_and_read(constant_model) -> None:
    session = open_session(constant_model(np.ones((1, 8)), input_type=TensorProto.FLOAT16))
    (output,) = session.run(np.zeros((1, 3, 64, 64), np.float32))
    assert output.dtype == np.float32


@pytest.mark.parametrize(
    ("declared", "expected", "shape"),
    [
        ((1, 3, 4, 6), (1, 3, 4, 6), (1, 3, 4, 6)),
        ((1, 4, 6, 3), (1, 3, 4, 6), (1, 4, 6, 3)),
        (("n", "h", "w", 3), (None, 3, None, None), (1, 4, 6, 3)),
        (("n", "c", "h", "w"), (None, None, None, None), (1, 3, 4, 6)),
        ((3, "h", "w"), (1, 3, None, None), (3, 4, 6)),
        ((5, 3, 4, 6), (5, 3, 4, 6), (5, 3, 4, 6)),
    ],
)
@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8])
def test_the_network_gets_its_own_layout_type_and_batch(
    tmp_path: Path, write_model, declared: tuple, expected: tuple, shape: tuple, kind: int
) -> None:
    nodes = [helper.make_node("Cast", ["images"], ["same"], to=TensorProto.FLOAT)]
    session = open_session(write_model(tmp_path / "echo.onnx", nodes, ["same"], input_shape=declared, input_type=kind))
    assert session.input_shape == expected
    assert session.takes_bytes == (kind == TensorProto.UINT8)
    pixels = np.arange(72, dtype=np.float32).reshape(1, 3, 4, 6)
    (echo,) = session.run(pixels)
    assert echo.shape == shape
    if shape[-1] == 3:
        echo = np.moveaxis(echo, -1, -3)
    np.testing.assert_array_equal(echo.reshape(-1, 3, 4, 6)[0], pixels[0])
    assert not echo.reshape(-1, 3, 4, 6)[1:].any()


def test_inputs_that_repeat_the_size_are_filled_in(tmp_path: Path, write_model) -> None:
    sizes = {
        "orig_target_sizes": (TensorProto.INT64, ("n", 2)),
        "im_shape": (TensorProto.FLOAT, (1, 2)),
        "scale_factor": (TensorProto.FLOAT, (1, 2)),
        "pixel_mask": (TensorProto.INT64, (1, 2, 5)),
    }
    nodes = [helper.make_node("Cast", [name], [f"{name} out"], to=TensorProto.FLOAT) for name in sizes]
    outputs = [f"{name} out" for name in sizes]
    session = open_session(
        write_model(tmp_path / "sizes.onnx", nodes, outputs, extra_inputs=sizes, input_shape=(1, 3, "h", "w"))
    )
    assert session.extra_inputs == tuple(sizes)
    found = session.run(np.zeros((1, 3, 4, 6), np.float32))
    assert [value.tolist() for value in found] == [[[6, 4]], [[4, 6]], [[1, 1]], np.ones((1, 2, 5)).tolist()]


def test_a_wrong_input_while_running_is_a_run_error(constant_model) -> None:
    session = open_session(constant_model(np.ones((1, 8))))
    with pytest.raises(RunError, match=r"\(1, 3, 32, 64\)"):
        session.run(np.zeros((1, 3, 32, 64), np.float32))


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such model file"):
        open_session(tmp_path / "none.onnx")
    with pytest.raises(InputError, match="folder"):
        open_session(tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", "git lfs pull"),
        (b"<!DOCTYPE html><html>not found</html>", "text file"),
        ("détecteur\n".encode(), "text file"),
        (b"\x08\x07\x12\x04junk" + bytes(range(256)), "not a valid ONNX model"),
        (bytes(1000), "not a valid ONNX model|cannot load"),
    ],
)
def test_files_that_are_no_models(tmp_path: Path, content: bytes, words: str) -> None:
    path = _write(tmp_path / "model.onnx", content)
    with pytest.raises(InputError, match=words) as caught:
        open_session(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_checkpoints_are_to_be_exported(tmp_path: Path) -> None:
    by_name = _write(tmp_path / "model.pth", b"\x80\x02}q\x00.")
    by_content = tmp_path / "model.onnx"
    with zipfile.ZipFile(by_content, "w") as archive:
        archive.writestr("model/data.pkl", b"\x80\x02}q\x00.")
    for path in (by_name, by_content):
        with pytest.raises(InputError, match="deepsort export"):
            open_session(path)


def test_a_truncated_model(constant_model) -> None:
    path = constant_model(np.random.default_rng(0).random((1, 5000)))
    whole = path.read_bytes()
    for size in (1, 10, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"constant\.onnx"):
            open_session(path)


def test_weights_that_lie_beside_the_model_and_are_missing(tmp_path: Path) -> None:
    weights = numpy_helper.from_array(np.ones((4, 3, 1, 1), np.float32), "weights")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["images", "weights"], ["output"])],
        "external",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, None)],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path / "external.onnx"
    onnx.save(model, str(path), save_as_external_data=True, location="external.bin", size_threshold=0)
    assert open_session(path).input_shape == (1, 3, 8, 8)
    (tmp_path / "external.bin").unlink()
    with pytest.raises(InputError, match="stored beside it"):
        open_session(path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"input_shape": (1, 1, 64, 64)}, "colour image"),
        ({"input_shape": (1, 100)}, "colour image"),
        ({"input_type": TensorProto.INT32}, r"int32.*float, float16, uint8"),
        ({"extra_inputs": {"text": (TensorProto.FLOAT, (1, 512))}}, r"one image input.*text \[1, 512\].*pixel_mask"),
    ],
)
def test_models_of_other_inputs(constant_model, options: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        open_session(constant_model(np.ones((1, 8)), **options))


def test_rubbish_never_brings_the_process_down(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        path = _write(tmp_path / "rubbish.onnx", rng.bytes(int(rng.integers(1, 400))))
        with pytest.raises(InputError, match="rubbish"):
            open_session(path)


def test_settings_stay_cheap_to_import() -> None:
    code = (
        "import sys; from deepsort_cli.perception import settings; from deepsort_cli.core import embedder_metadata;"
        "print({'cv2', 'onnxruntime', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
