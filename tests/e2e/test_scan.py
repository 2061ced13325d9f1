"""`deepsort scan` and `deepsort reorganize` as a user runs them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

Run = Callable[..., subprocess.CompletedProcess[str]]


def write_people(root: Path, people: dict[int, list[int]], seed: int = 0) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for pid, cameras in people.items():
        for frame, camera in enumerate(cameras):
            picture = Image.fromarray(rng.integers(0, 256, (8, 4, 3), dtype=np.uint8)).resize((64, 128))
            picture.save(root / f"{pid:04d}_c{camera}_f{frame:07d}.jpg")
    return root


@pytest.fixture
def market(tmp_path: Path) -> Path:
    root = tmp_path / "market"
    write_people(root / "bounding_box_train", {1: [1, 2], 2: [1, 2], 3: [1]}, 1)
    write_people(root / "query", {11: [1], 12: [2]}, 2)
    write_people(root / "bounding_box_test", {11: [1, 2], 12: [2, 2]}, 3)
    (root / "bounding_box_train" / "0004_c1_f0000000.jpg").write_text("not an image")
    return root


def test_report_and_cache(deepsort: Run, market: Path) -> None:
    first = deepsort("scan", "--root", market)
    assert first.returncode == 0, first.stderr
    assert "scanned in" in first.stdout
    assert "bounding_box_train" in first.stdout
    assert "1 not_an_image" in first.stdout
    order = [first.stdout.index(word) for word in ("  error", "warning")]
    assert order == sorted(order)
    assert "Queries with no cross-camera match in the gallery: 1" in first.stdout
    second = deepsort("scan", "--root", market)
    assert "remembered from" in second.stdout
    assert first.stdout.splitlines()[2:] == second.stdout.splitlines()[2:]
    for flag in ("--force-rescan", "--no-cache", "--paranoid"):
        assert "scanned in" in deepsort("scan", "--root", market, flag).stdout


def test_json_and_fail_on_invalid(deepsort: Run, market: Path) -> None:
    done = deepsort("scan", "--root", market, "--json", "--fail-on-invalid", "--min-samples", 3)
    assert done.returncode == 2
    data = json.loads(done.stdout)
    assert data["images"] == 5 + 2 + 4
    assert data["invalid"] == [
        {"path": "bounding_box_train/0004_c1_f0000000.jpg", "reason": "not_an_image", "detail": "text"}
    ]
    codes = {finding["code"]: finding["count"] for finding in data["findings"]}
    assert codes == {"not_an_image": 1, "query_without_match": 1, "single_camera_identity": 1, "small_identity": 3}
    (market / "bounding_box_train" / "0004_c1_f0000000.jpg").unlink()
    assert deepsort("scan", "--root", market, "--fail-on-invalid").returncode == 0


def test_html_and_test_root(deepsort: Run, market: Path, tmp_path: Path) -> None:
    done = deepsort(
        "scan", "--root", market / "bounding_box_train", "--test-root", market / "query", "--html", "report.html"
    )
    assert done.returncode == 0, done.stderr
    assert "<!doctype html>" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "query" in done.stdout


def test_config_and_flags(deepsort: Run, market: Path, tmp_path: Path) -> None:
    config = tmp_path / "scan.yaml"
    config.write_text(
        f"data:\n  root: {market}\n  scan:\n    cache_dir: {tmp_path / 'cache'}\n    paranoid: true\n"
        "    workers: 1\n    force_rescan: false\n    use_cache: true\n"
    )
    done = deepsort("scan", "--config", config, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["settings"]["paranoid"] is True
    assert len(list((tmp_path / "cache").iterdir())) == 1
    assert not (market / ".reid_cache").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--root is missing"),
        (("--root", "nowhere"), "no such folder"),
        (("--root", "market", "--layout", "imagenet"), "--layout"),
        (("--root", "market", "--workers", "-1"), "--workers"),
        (("--root", "market", "--html", "market/report.html"), "inside the dataset"),
        (("--root", "market", "--test-root", "market/query"), "one lies inside the other"),
        (("--root", "market", "--set", "data.scan.paranoidd=true"), "data.scan.paranoid"),
    ],
)
def test_mistakes_get_one_clear_message(deepsort: Run, market: Path, arguments: tuple[str, ...], words: str) -> None:
    done = deepsort("scan", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_names_that_a_terminal_should_not_see(deepsort: Run, market: Path) -> None:
    train = market / "bounding_box_train"
    shutil.copy(train / "0001_c1_f0000000.jpg", train / "\x1b[31mred\n.jpg")
    shutil.copy(train / "0001_c1_f0000000.jpg", os.fsencode(train) + b"/caf\xe9 [bold].jpg")  # codespell:ignore caf
    done = deepsort("scan", "--root", market)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "[bold].jpg" in done.stdout
    assert json.loads(deepsort("scan", "--root", market, "--json").stdout)["invalid"]


def test_interrupted_scan(tmp_path: Path) -> None:
    root = write_people(tmp_path / "data", {1: [1, 2]})
    source = (root / "0001_c1_f0000000.jpg").read_bytes()
    for i in range(12_000):
        (root / f"{i % 500 + 2:04d}_c1_g{i:07d}.jpg").write_bytes(source)
    command = [sys.executable, "-m", "deepsort_cli", "scan", "--root", str(root), "--paranoid", "--workers", "2"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, text=True, start_new_session=True, **pipes)
    while process.poll() is None and not psutil.Process(process.pid).children():
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGTERM)  # as service managers do, and Ctrl-C with its signal: to the workers too
    _, err = process.communicate(timeout=900)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert not list(root.glob(".reid_cache/*"))


def test_reorganize(deepsort: Run, market: Path, tmp_path: Path) -> None:
    dry = deepsort("reorganize", "--src", market, "--dst", "new", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "Would put 12 images" in dry.stdout
    assert not (tmp_path / "new").exists()
    done = deepsort("reorganize", "--src", market, "--dst", "new", "--mode", "link")
    assert "12 images placed, 0 were there already" in done.stdout
    again = deepsort("reorganize", "--src", market, "--dst", "new", "--mode", "link", "--json")
    assert json.loads(again.stdout)["present"] == 12
    scanned = deepsort("scan", "--root", "new", "--allow-links", market, "--json")
    assert json.loads(scanned.stdout)["images"] == 11
    refused = json.loads(deepsort("scan", "--root", "new", "--json").stdout)
    assert refused["invalid_by_reason"] == {"outside_root": 12}
    assert str(market) in refused["findings"][0]["remedy"]
    for arguments in (("--src", market), ("--src", market, "--dst", market / "inside"), ("--src", "no", "--dst", "x")):
        failed = deepsort("reorganize", *arguments)
        assert failed.returncode == 2
        assert "Traceback" not in failed.stderr


def test_help_shows_the_flags(deepsort: Run) -> None:
    text = deepsort("scan", "--help").stdout
    for flag in ("--root", "--paranoid", "--force-rescan", "--no-cache", "--cache-dir", "--min-samples", "--workers"):
        assert flag in text


@pytest.mark.real_data
def test_cuhk03(deepsort: Run, shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "reid" / "cuhk03"
    done = deepsort("scan", "--root", folder, "--cache-dir", tmp_path / "cache", "--json")
    data = json.loads(done.stdout)
    assert {part["folder"]: (part["identities"], part["images"]) for part in data["parts"]} == {
        "bounding_box_train": (767, 7361),
        "query": (400, 800),
        "bounding_box_test": (400, 3044),
        "all": (1167, 11205),
    }
    assert {finding["code"]: finding["count"] for finding in data["findings"]}["query_without_match"] == 4
    assert data["invalid"] == []
    train = deepsort("scan", "--root", folder / "bounding_box_train", "--cache-dir", tmp_path / "cache")
    assert "767" in train.stdout
    assert "7,361" in train.stdout
