"""A run in a browser: what is shown of it, what can be changed, and that it is not disturbed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import requests

from deepsort_cli.core import InputError, RunError
from deepsort_cli.serving import webhooks
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.workflows import track as public
from deepsort_cli.workflows.track import Functions, Run, Serving, one_source, run_track, together, track
from tests.ports import free_port

from .cameras import Cameras, serving
from .helpers import Heard

WAIT = 60
WALKERS = 4


@pytest.fixture
def cameras() -> Iterator[Cameras]:
    with serving() as served:
        yield served


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures in which bright people walk down over a dark floor."""
    folder = tmp_path_factory.mktemp("film") / "film"
    folder.mkdir()
    for index in range(30):
        image = np.full((240, 320, 3), 40, np.uint8)
        for person in range(WALKERS):
            top = 10 + 4 * index
            image[top : top + 80, 20 + 75 * person : 50 + 75 * person] = 120 + 30 * person
        cv2.imwrite(str(folder / f"{index:03d}.png"), image)
    return folder


def bright(image: np.ndarray) -> list[list[float]]:
    """Finds the bright people."""
    count, _, stats, _ = cv2.connectedComponentsWithStats((image[:, :, 0] > 80).astype(np.uint8))
    return [[x, y, x + w, y + h, 0.9] for x, y, w, h, _ in stats[1:count].tolist()]


def greys(image: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """What somebody looks like: a direction by their grey."""
    inner = [image[int(b[1]) + 5 : int(b[3]) - 5, int(b[0]) + 5 : int(b[2]) - 5] for b in boxes]
    turns = np.array([one.mean() if one.size else 0.0 for one in inner]) / 80
    return np.column_stack([np.cos(turns), np.sin(turns)])


def made(*sources: object, heard: Heard | None = None, detect: Any = bright, **values: Any) -> Run:
    values = {"serve": {"address": "0"}, "reid": {"model_path": "none"}, **values}
    settings = TrackSettings(source=tuple(map(str, sources)), **values)
    return run_track(settings, heard or Heard(), Functions(detect, greys), keep_rows=True)


class Client:
    """Somebody with the run's token."""

    def __init__(self, run: Run) -> None:
        assert run.page is not None
        self.base, _, self.token = run.page.partition("/?token=")
        self.headers = {"Authorization": f"Bearer {self.token}"}

    def get(self, path: str) -> Any:
        answer = requests.get(f"{self.base}{path}", headers=self.headers, timeout=WAIT)
        assert answer.status_code == 200, answer.text
        return answer.json() if answer.headers["content-type"] == "application/json" else answer.text

    def put(self, path: str, body: Any) -> Any:
        return requests.put(f"{self.base}{path}", json=body, headers=self.headers, timeout=WAIT).json()


def is_gone(client: Client) -> bool:
    try:
        requests.get(f"{client.base}/api/state", timeout=WAIT)
    except requests.ConnectionError:
        return True
    return False


def test_a_run_is_on_view_while_it_goes_on_and_after_it(film: Path) -> None:
    heard, figures = Heard(), {}
    with made(film, film, heard=heard, counting={"zones": ["hall=0,0,320,0,320,240,0,240"]}) as run:
        client = Client(run)
        for frame, _ in run:
            if frame.index == 10 and frame.source == "film":
                figures = client.get("/api/state")
        told = next(event for event in heard.events if isinstance(event, Serving))
        assert (told.link, told.private) == (run.page, True)
        state = client.get("/api/state")
        assert [camera["name"] for camera in figures["cameras"]] == ["film", "film-2"]
        assert figures["cameras"][0]["frames"] >= 10
        assert [camera["state"] for camera in state["cameras"]] == ["ended", "ended"]
        assert [camera["frames"] for camera in state["cameras"]] == [30, 30]
        assert state["cameras"][0]["zones"][0]["distinct"] == WALKERS
        assert client.get("/api/people")["total"] == 2 * WALKERS
        still = requests.get(f"{client.base}/api/cameras/1/still", timeout=WAIT)
        assert cv2.imdecode(np.frombuffer(still.content, np.uint8), cv2.IMREAD_COLOR).shape == (240, 320, 3)
        metrics = client.get("/metrics")
        assert f'deepsort_events_total{{type="appeared"}} {2 * WALKERS}' in metrics
        assert f'deepsort_events_total{{type="left"}} {2 * WALKERS}' in metrics
    assert is_gone(client)
    assert not any("tracks will not be kept" in note for note in heard.notes)


def test_rows_and_outputs_are_those_of_a_run_that_nobody_sees(film: Path, tmp_path: Path) -> None:
    def files(name: str, **values: Any) -> list[bytes]:
        paths = [tmp_path / name / f"out.{suffix}" for suffix in ("csv", "jsonl")]
        output = dict(zip(("save_csv", "save_jsonl"), paths, strict=True))
        run = made(film, output=output, counting={"lines": ["gate=0,150,320,150"]}, **values)
        with run:
            looking = threading.Event()
            if run.page is not None:
                threading.Thread(target=look, args=(Client(run), looking), daemon=True).start()
            run.finish()
            looking.set()
        return [path.read_bytes() for path in paths]

    def look(client: Client, ended: threading.Event) -> None:
        while not ended.is_set():
            try:
                requests.get(f"{client.base}/api/cameras/0/still", timeout=WAIT)
            except requests.ConnectionError:
                return

    assert files("seen") == files("unseen", serve={})


def test_lines_take_effect_at_the_next_frame(film: Path) -> None:
    crossed: list[str] = []
    with made(film) as run:
        client = Client(run)
        answer = {}
        for frame, _ in run:
            if frame.index == 3:
                gate = {"name": "gate", "points": [[0, 150], [320, 150]]}
                answer = client.put("/api/cameras/0/regions", {"lines": [gate]})
            if run.counts is not None:
                crossed += [passing.region for passing in run.counts.passings]
        assert answer["flags"] == "--line gate=0,150,320,150"
        assert run.summary.counts is not None
        assert run.summary.counts.lines[0].inward == WALKERS == len(crossed)
        assert client.get("/api/state")["cameras"][0]["lines"][0]["in"] == WALKERS
        history = client.get("/api/cameras/0/history")
        assert history["lines"]["gate"]["in"][-1] == WALKERS


def test_who_looks_like_a_picture_is_found(film: Path) -> None:
    with made(film) as run:
        run.finish()
        client = Client(run)
        crop = cv2.imencode(".png", np.full((80, 30, 3), 180, np.uint8))[1].tobytes()
        headers = {**client.headers, "Content-Type": "image/png"}
        found = requests.post(f"{client.base}/api/search", crop, headers=headers, timeout=WAIT).json()["found"]
        assert found[0]["distance"] < 0.01 < found[1]["distance"]
        assert found[0]["likely"] is True


def test_people_of_all_cameras_are_on_one_wall(film: Path) -> None:
    with made(film, film, across={"enabled": True, "overlap": ["all"]}) as run:
        run.finish()
        client = Client(run)
        assert client.get("/api/state")["across"] is True
        assert run._show.hub.album.admits is not None
        people = client.get("/api/people")["people"]
        assert sorted(one["key"] for one in people) == [f"p{number}" for number in range(1, WALKERS + 1)]
        assert all(one["cameras"] == [0, 1] and one["looks"] for one in people)
        assert f'deepsort_events_total{{type="recognised"}} {WALKERS}' in client.get("/metrics")
        crop = cv2.imencode(".png", np.full((80, 30, 3), 180, np.uint8))[1].tobytes()
        headers = {**client.headers, "Content-Type": "image/png"}
        found = requests.post(f"{client.base}/api/search", crop, headers=headers, timeout=WAIT).json()["found"]
        assert found[0]["likely"] is True


def test_cameras_tell_how_they_are(cameras: Cameras, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((together, "TICK_SECONDS"), (one_source, "SILENT_SECONDS"), (one_source, "GONE_SECONDS")):
        monkeypatch.setattr(module, name, 0.05)
    cameras.sizes["b"] = (60, 80)
    settings = {"reconnect_delay": 0.02, "timeout": 10 * WAIT, "reconnect_attempts": 6}
    with made(cameras.url("a"), cameras.url("b"), input=settings, detect=lambda image: [[5, 5, 25, 45, 0.9]]) as run:
        client, states = Client(run), []
        iterator = iter(run)
        began = time.time()
        for frame, _ in iterator:
            states = client.get("/api/state")["cameras"]
            if frame.source.endswith("a") and states[0]["frames"] > 5 and states[1]["people_now"]:
                break
            assert time.time() < began + WAIT
        first = states[0]
        assert first["live"]
        assert abs(first["time"] - began) < WAIT
        assert first["latency_ms"] is not None
        assert (states[1]["width"], states[1]["height"]) == (80, 60)
        assert (states[1]["state"], states[1]["people_now"]) == ("running", 1)
        cameras.refusing.clear()
        cameras.unplugged.add("b")
        lost = []
        for _ in iterator:
            states = client.get("/api/state")["cameras"]
            if states[1]["state"] == "failed":
                break
            if states[1]["message"] and not states[1]["people_now"]:
                lost = lost or run._show.hub.log.after(0)[0]  # type: ignore[union-attr]
                cameras.refusing.set()  # now it is given up
        kinds = [event.kind for event in lost if event.camera == 1]  # frames may still be under way when it is lost
        assert kinds == ["appeared", "left"] * (len(kinds) // 2 or 1), "nobody is seen meanwhile"
        assert states[1]["message"]
        assert states[0]["state"] == "running"
    assert is_gone(client)


def test_a_run_that_is_left_or_fails_takes_its_page_along(film: Path, tmp_path: Path) -> None:
    def broken(image: np.ndarray) -> list[list[float]]:
        raise RuntimeError("no")

    run = made(film)
    client = Client(run)
    for _ in run:
        break
    assert is_gone(client)
    run = made(film, detect=broken)
    client = Client(run)
    with pytest.raises((RunError, InputError, RuntimeError)):
        run.finish()
    assert is_gone(client)
    run.stay()  # there is nothing to stay for


def test_what_cannot_be_shown_is_refused_before_anything_is_written(film: Path, tmp_path: Path) -> None:
    port = str(free_port())
    in_use = pytest.raises(InputError, match=f"`serve.address` .*port {port} is in use")
    with made(film, serve={"address": port}), in_use:
        made(film, serve={"address": port}, output={"save_csv": tmp_path / "out.csv"})
    with made(film, serve={"address": port}) as again:  # a refused run has let go of it
        assert Client(again).base.endswith(port)
    with pytest.raises(InputError, match=r"serve\.events"):
        made(film, serve={"events": "nowhere"})
    with pytest.raises(InputError, match=r"16 characters"):
        track(film, serve={"token": "short"})
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_it_is_said_how_to_get_it(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = public.serve.importlib.util.find_spec
    monkeypatch.setattr(
        public.serve.importlib.util, "find_spec", lambda name: None if name == "uvicorn" else find(name)
    )
    with pytest.raises(InputError, match=r"uvicorn: pip install '.*\[serve\]'"):
        made(film)


def test_others_are_warned_and_a_given_token_is_not_told(film: Path) -> None:
    heard = Heard()
    with made(film, heard=heard, serve={"address": "0.0.0.0:0", "token": "geheim-und-lang-genug"}) as run:
        run.finish()
        told = next(event for event in heard.events if isinstance(event, Serving))
        assert not told.private
        assert "geheim" not in repr(told) + told.link + str(run._settings)
        assert any("not encrypted" in note for note in heard.notes)
        port = told.url.rstrip("/").rpartition(":")[2]
        state = f"http://127.0.0.1:{port}/api/state"
        assert requests.get(state, timeout=WAIT).status_code == 401
        headers = {"Authorization": "Bearer geheim-und-lang-genug"}
        assert requests.get(state, headers=headers, timeout=WAIT).status_code == 200


def test_frames_without_pictures_are_shown_as_figures(tmp_path: Path) -> None:
    rows = np.array([[frame, -1, 10.0, 10, 20, 40, 0.9] for frame in range(1, 11)])
    np.savetxt(tmp_path / "det.txt", rows, delimiter=",")
    with track(detections=tmp_path / "det.txt", serve=0) as run:
        run.finish()
        client = Client(run)
        assert client.get("/api/state")["cameras"][0]["frames"] == 10
        assert client.get("/api/people")["total"] == 1
        assert requests.get(f"{client.base}/api/cameras/0/still", timeout=WAIT).status_code == 404


def test_python_names_the_port_and_gets_the_address(film: Path) -> None:
    run = track(film, serve=0, detector=bright, reid=greys)
    client = Client(run)
    assert run.page is not None
    for frame, tracks in run:
        assert frame.image is not None
        frame.image[:] = 0  # is the caller's to change
        tracks.boxes[:] = 0
    still = requests.get(f"{client.base}/api/cameras/0/still?clean=1", timeout=WAIT).content
    assert cv2.imdecode(np.frombuffer(still, np.uint8), cv2.IMREAD_COLOR).max() > 100
    assert client.get("/api/state")["writable"] is True
    run.close()
    assert is_gone(client)
    assert track(film, detector=bright, reid="none").page is None


def test_events_alone_need_no_page(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "FAREWELL_SECONDS", 0.1)
    heard = Heard()
    run = made(film, heard=heard, serve={"events": "http://127.0.0.1:9/geheim?key=geheim"})
    assert run.page is None
    run.finish()
    assert any("events arrived" in warning for warning in heard.warnings)
    assert not any("key=geheim" in warning for warning in heard.warnings)
