"""Trials and embeddings on a cluster of two nodes on this machine, one of which is killed: results are the same."""

from __future__ import annotations

import importlib.util
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deepsort_cli as deepsort
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener
from deepsort_cli.workflows import evaluate, extraction_elsewhere
from tests.workflows.tune.test_tune import KEPT, street

HAS_RAY = importlib.util.find_spec("ray") is not None

Kill = Callable[[], None]


class Heard(Listener):
    """Remembers notes; calls `kill` when something of a stage is done."""

    def __init__(self, stage: str, kill: Kill) -> None:
        self.notes: list[str] = []
        self.killed = False
        self._stage, self._kill = stage, kill

    def note(self, message: str) -> None:
        self.notes.append(message)

    def progress(self, stage: str, done: int, total: int | None) -> None:
        if stage.startswith(self._stage) and done and not self.killed:
            self.killed = True
            self._kill()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    if not HAS_RAY:
        pytest.skip("Ray is not installed: pip install '.[cluster]'")
    from ray.cluster_utils import Cluster

    arguments = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": 80_000_000}
    found = Cluster(initialize_head=True, head_node_args=arguments)
    yield found
    found.shutdown()


@pytest.fixture
def kill(cluster: Any) -> Iterator[Kill]:
    """Two nodes of one CPU, of which one can be killed; it is when both have a worker."""
    nodes = [cluster.add_node(num_cpus=1, object_store_memory=80_000_000) for _ in range(2)]
    cluster.wait_for_nodes()

    def both_then_kill() -> None:
        import ray

        deadline = time.monotonic() + 300
        while ray.available_resources().get("CPU", 0) > 0 and time.monotonic() < deadline:
            time.sleep(0.1)
        os.kill(nodes[0].all_processes["raylet"][0].process.pid, signal.SIGKILL)

    yield both_then_kill
    for node in nodes:
        cluster.remove_node(node)


@pytest.mark.slow
def test_a_study_loses_a_node(cluster: Any, kill: Kill, tmp_path: Path) -> None:
    """Its trials, settings, figures and cross-validation are those of one process."""
    found = [street(tmp_path, name, seed, frames=30) for seed, name in enumerate(("north", "south"))]
    sources, truths = zip(*found, strict=True)
    keywords: dict[str, Any] = {"gt": list(map(str, truths)), "trials": 12, "keep": KEPT}
    alone = deepsort.tune(*sources, output_dir=tmp_path / "alone", **keywords)
    heard = Heard("search", kill)
    shared = deepsort.tune(
        *sources, output_dir=tmp_path / "shared", cluster=cluster.address, listener=heard, **keywords
    )
    assert heard.killed
    assert shared.trials == alone.trials
    assert (shared.folds, shared.start) == (alone.folds, alone.start)
    for name in ("best.yaml", "trials.csv"):
        assert (tmp_path / "shared" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
    assert sum(" tracked" in note for note in heard.notes) == 2


@pytest.mark.slow
def test_an_evaluation_loses_a_node(
    cluster: Any, kill: Kill, colour_model: Path, market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Embeddings are those of one process, byte by byte and in order, though the nodes see no file."""
    seen: list[tuple[np.ndarray, np.ndarray]] = []
    usual = evaluate.evaluate_features
    monkeypatch.setattr(
        evaluate, "evaluate_features", lambda images, q, g, *rest: seen.append((q, g)) or usual(images, q, g, *rest)
    )
    monkeypatch.setattr(extraction_elsewhere, "CHUNK", 6)
    path = tmp_path / "model.onnx"
    path.write_bytes(colour_model.read_bytes())
    keywords: dict[str, Any] = {"root": market, "output_dir": tmp_path / "out", "plots": False, "batch_size": 3}
    deepsort.evaluate(path, **keywords)

    usual_open = extraction_elsewhere.OnCluster.__enter__

    def without_the_file(workers: Any) -> Any:
        path.unlink(missing_ok=True)  # it was read; workers have to take what they are sent
        return usual_open(workers)

    monkeypatch.setattr(extraction_elsewhere.OnCluster, "__enter__", without_the_file)
    heard = Heard("embedding", kill)
    deepsort.evaluate(path, cluster=cluster.address, listener=heard, **keywords)
    assert heard.killed
    (query, gallery), (other_query, other_gallery) = seen
    assert query.tobytes() == other_query.tobytes()
    assert gallery.tobytes() == other_gallery.tobytes()
    counts = [int(note.split(": ")[1].split()[0]) for note in heard.notes if "embedded" in note]
    assert sum(counts) == len(query) + len(gallery)


@pytest.mark.slow
def test_no_cluster_answers(cluster: Any, market: Path, tmp_path: Path) -> None:
    for call in (
        lambda: deepsort.evaluate("osnet_x0_25", root=market, output_dir=tmp_path / "out", cluster="127.0.0.1:1"),
        lambda: deepsort.tune("demo", output_dir=tmp_path / "out", cluster="127.0.0.1:1"),
    ):
        with pytest.raises(InputError, match="`cluster` 127.0.0.1:1: no Ray cluster answers"):
            call()
    assert not (tmp_path / "out").exists()
