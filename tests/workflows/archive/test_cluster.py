"""An archive on a cluster of two nodes on this machine, one of which is killed."""

from __future__ import annotations

import importlib.util
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from deepsort_cli.core.errors import InputError
from deepsort_cli.workflows.archive import Working, track_archive
from tests.workflows.archive.conftest import Heard, Track, contents, write_video

HAS_RAY = importlib.util.find_spec("ray") is not None
WITHOUT = "Ray is not installed: pip install '.[cluster]'"


def test_without_ray_the_message_says_how_to_get_it(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"\[cluster\]"):
        track_archive(clips, output_dir=tmp_path / "out", cluster="auto")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.skipif(not HAS_RAY, reason=WITHOUT)
def test_no_cluster_answers(clips: Path, person_model: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"detector": str(person_model), "reid": "none", "cluster": "127.0.0.1:1"}
    with pytest.raises(InputError, match="no Ray cluster answers"):
        track_archive(clips, output_dir=tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.skipif(not HAS_RAY, reason=WITHOUT)
def test_a_node_is_killed(person_model: Path, track: Track, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its videos are tracked by the other; results are those of one machine, byte by byte."""
    from ray.cluster_utils import Cluster

    videos = tmp_path / "videos"
    for number in range(6):
        write_video(videos / f"{number}.mp4", 1000, shade=number)
    (videos / "bad.mp4").write_bytes(b"\0")
    options: dict[str, Any] = {"save_txt": "tracks.txt", "save_csv": "t.csv", "reid": "none"}
    track(videos, output_dir=tmp_path / "alone", **options)

    node = {"object_store_memory": 80_000_000}
    ray = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **node})
    try:
        first, _ = ray.add_node(num_cpus=1, **node), ray.add_node(num_cpus=1, **node)
        killed: list[Working] = []

        def kill(event: object) -> None:
            both = {one.worker for one in heard.at_work} == {0, 1}  # each has been given a video
            if isinstance(event, Working) and both and not killed:
                killed.append(event)
                os.kill(first.all_processes["raylet"][0].process.pid, signal.SIGKILL)

        heard = Heard(kill)
        options |= {"detector": str(person_model), "cluster": ray.address, "device": "cpu"}
        archive = track_archive(videos, output_dir=tmp_path / "out", listener=heard, **options)
        assert killed
        assert [result.place for result in archive.failed] == ["bad.mp4"]
        assert contents(tmp_path / "out") == contents(tmp_path / "alone")
        assert not list((tmp_path / "out/.deepsort").glob("work-*"))

        # A machine where a file is another one cannot help.
        with pytest.raises(InputError, match="another file at `detector.model_path`"):
            track_archive(videos, output_dir=tmp_path / "other", **_lie(options, monkeypatch))
    finally:
        ray.shutdown()


def _lie(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Options of a run that believes its detector to be another file than the nodes find."""
    from deepsort_cli.workflows.archive import run

    right = run.models_of
    monkeypatch.setattr(run, "models_of", lambda settings: right(settings) | {"detector.model_path": "another"})
    return options
