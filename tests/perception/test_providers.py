"""Which execution providers are asked for, and how."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from pydantic import ValidationError

from deepsort_cli.core.errors import InputError
from deepsort_cli.perception import providers
from deepsort_cli.perception.providers import PROVIDERS, choose_providers
from deepsort_cli.perception.runtime import open_session
from deepsort_cli.perception.settings import RuntimeSettings

ALL = [*PROVIDERS.values(), "AzureExecutionProvider"]
CPU = "CPUExecutionProvider"


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *names, **options: tmp_path / "cache")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"weights")
    return path


def options(device: str, model: Path, part: str = "", threads: int = 0) -> dict[str, str]:
    return choose_providers(device, ALL, model, part, threads)[0][1]


def test_auto_takes_the_best_there_is(model: Path) -> None:
    assert [name for name, _ in choose_providers("auto", ALL, model)] == list(PROVIDERS.values())
    assert choose_providers("auto", ["AzureExecutionProvider", CPU], model) == [(CPU, {})]


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("cpu", [CPU]),
        ("cuda", ["CUDAExecutionProvider", CPU]),
        ("tensorrt", ["TensorrtExecutionProvider", "CUDAExecutionProvider", CPU]),
        ("openvino", ["OpenVINOExecutionProvider", CPU]),
        ("directml", ["DmlExecutionProvider", CPU]),
    ],
)
def test_what_a_named_device_cannot_do_falls_to_the_next(device: str, expected: list[str], model: Path) -> None:
    assert [name for name, _ in choose_providers(device, ALL, model)] == expected


@pytest.mark.parametrize(("device", "package"), [("openvino", "onnxruntime-openvino"), ("directml", "on Windows")])
def test_a_missing_provider_says_what_to_install(device: str, package: str, model: Path) -> None:
    with pytest.raises(InputError, match=rf"`runtime.device` {device}: .* has no {PROVIDERS[device]}.*{package}"):
        choose_providers(device, [CPU], model)


@pytest.mark.parametrize("device", ["cuda", "tensorrt", "directml", "rocm", "migraphx"])
def test_which_gpu(device: str, model: Path) -> None:
    assert options(device, model)["device_id"] == "0"
    assert options(device, model, "1")["device_id"] == "1"


class TestOpenVino:
    def test_has_the_threads_that_were_asked_for(self, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Several frames are seen at once: a stream for each, and the threads of all of them."""
        monkeypatch.setattr(providers, "available_cpus", lambda: 8)
        cpu = {"device_type": "CPU"}
        assert options("openvino", model) == cpu | {"num_of_threads": "8", "num_streams": "1"}
        assert options("openvino", model, "cpu", 1) == cpu | {"num_of_threads": "8", "num_streams": "8"}
        assert options("openvino", model, threads=3) == cpu | {"num_of_threads": "6", "num_streams": "2"}
        assert options("openvino", model, threads=99) == cpu | {"num_of_threads": "99", "num_streams": "1"}

    def test_keeps_what_it_has_compiled_for_other_devices(self, model: Path, tmp_path: Path) -> None:
        found = options("openvino", model, "gpu.1")
        assert found == {"device_type": "GPU.1", "cache_dir": str(tmp_path / "cache" / "openvino")}
        assert Path(found["cache_dir"]).is_dir()


class TestTensorRT:
    def test_keeps_engines_and_timings(self, model: Path, tmp_path: Path) -> None:
        found = options("tensorrt", model)
        assert found["trt_engine_cache_enable"] == found["trt_timing_cache_enable"] == "1"
        folder = Path(found["trt_engine_cache_path"])
        assert folder == Path(found["trt_timing_cache_path"])
        assert folder.is_dir()
        assert folder.parent == tmp_path / "cache" / "tensorrt"

    def test_never_runs_an_engine_of_other_weights(self, model: Path) -> None:
        def folder() -> str:
            return options("tensorrt", model)["trt_engine_cache_path"]

        first = folder()
        assert folder() == first
        model.write_bytes(b"WEIGHTS")
        second = folder()
        beside = model.with_name("net.onnx.data")
        beside.write_bytes(b"1")
        third = folder()
        beside.write_bytes(b"22")
        assert len({first, second, third, folder()}) == 4

    def test_works_where_nothing_can_be_kept(self, model: Path, tmp_path: Path) -> None:
        (tmp_path / "cache").write_text("")
        assert options("tensorrt", model) == {"device_id": "0"}
        assert options("openvino", model, "npu") == {"device_type": "NPU"}


def test_directml_is_run_by_one_thread_at_a_time(constant_model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path, real, busy, most = constant_model(np.ones((1, 8))), ort.InferenceSession, 0, 0
    seen: list[Any] = []

    class Fake:
        """A session of ONNX Runtime that says it is DirectML's."""

        def __init__(self, path: str, *, sess_options: Any, **_: Any) -> None:
            seen.append(sess_options)
            self._session = real(path)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._session, name)

        def get_providers(self) -> list[str]:
            return ["DmlExecutionProvider", CPU]

        def run(self, *words: Any) -> Any:
            nonlocal busy, most
            busy += 1
            most = max(most, busy)
            time.sleep(0.02)
            busy -= 1
            return self._session.run(*words)

    monkeypatch.setattr(ort, "InferenceSession", Fake)
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["DmlExecutionProvider", CPU])
    session = open_session(path, RuntimeSettings(device="directml"))
    assert session.device == "directml"
    assert seen[0].enable_mem_pattern is False
    image = np.zeros((1, 3, 64, 64), np.float32)
    threads = [threading.Thread(target=session.run, args=(image,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


@pytest.mark.parametrize(
    "device", ["cuda:1", "TensorRT:0", "openvino", "openvino:gpu", "openvino:GPU.1", "openvino:npu"]
)
def test_devices_that_can_be_named(device: str) -> None:
    assert RuntimeSettings(device=device).device == device.lower()


@pytest.mark.parametrize(
    ("device", "message"),
    [
        *((name, "expected one of auto, cpu, cuda") for name in ("gpu", "", "cpu:1", "auto:0", "coreml:1")),
        *(
            (name, "expected the number of a GPU behind the colon, as in cuda:1")
            for name in ("cuda:", "cuda:x", "cuda:-1")
        ),
        *((name, "expected openvino:cpu, openvino:gpu") for name in ("openvino:", "openvino:1", "openvino:xyz")),
    ],
)
def test_unknown_devices_are_refused(device: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RuntimeSettings(device=device)


@pytest.mark.skipif(
    "OpenVINOExecutionProvider" not in ort.get_available_providers(), reason="needs onnxruntime-openvino"
)
def test_openvino_gives_the_same_features(constant_model: Any) -> None:
    image = np.random.default_rng(0).random((2, 3, 256, 128)).astype(np.float32)
    path = Path(providers.__file__).parents[1] / "assets" / "osnet_x0_25.onnx"
    (usual,), (here,) = (open_session(path, RuntimeSettings(device=name)).run(image) for name in ("cpu", "openvino"))
    assert np.abs(usual - here).max() < 1e-3 * np.abs(usual).max()
