"""Judging tracks without ground truth: people are told from lamp-posts, and good ids from bad ones."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepsort_cli.core.recording import Origin, Recording, RecordingWriter, every_other, read_recording
from deepsort_cli.core.types import Detections, Frame
from deepsort_cli.evaluation.proxy import gather_facts, same_ids

FPS, FRAMES = 10.0, 60


@pytest.fixture(scope="module")
def street() -> tuple[Recording, np.ndarray]:
    """Eight people who walk in rows, two of them hidden for a second, and six lamp-posts of low scores; who is who.

    The camera rests, which was measured.
    """
    rng = np.random.default_rng(1)
    own = rng.normal(size=(14, 32))
    writer = RecordingWriter(Path(), Origin(fps=FPS, width=1000, height=800, camera_motion="flow"))
    who = []
    for index in range(FRAMES):
        people = [i for i in range(8) if i > 1 or not 25 <= index < 35]
        left = [60.0 * i + 4 * index for i in people] + [150.0 * i for i in range(6)]
        top = [90.0 * (i % 3) for i in people] + [500.0] * 6
        boxes = np.stack([left, top, np.add(left, 30), np.add(top, 80)], axis=1) + rng.normal(0, 0.3, (len(left), 4))
        scores = np.concatenate([rng.uniform(0.7, 0.9, len(people)), rng.uniform(0.3, 0.5, 6)])
        present = [*people, *range(8, 14)]
        looks = own[present] + rng.normal(0, 0.1, (len(present), 32))
        found = Detections(boxes, scores, None, looks.astype(np.float32))
        writer.add(Frame(index, None, index / FPS), found, np.eye(2, 3))
        who += present
    stream = io.BytesIO()
    writer.write(stream)
    writer.close()
    with np.load(io.BytesIO(stream.getvalue())) as archive:
        return read_recording(Path("street.npz"), dict(archive)), np.array(who)


def test_what_moves_along_is_likely_a_person(street: tuple[Recording, np.ndarray]) -> None:
    recording, who = street
    facts = gather_facts(recording)
    assert facts.lacking is None
    assert facts.likely[who < 8].mean() > 0.9
    assert facts.likely[who >= 8].mean() < 0.1


def test_true_tracks_are_judged_best(street: tuple[Recording, np.ndarray]) -> None:
    recording, who = street
    facts = gather_facts(recording)
    true = np.where(who < 8, who + 1, 0)
    half = np.where(facts.half, true, 0)
    best = facts.judge(true, half)
    assert (best.agreement, best.joined) == (1, 1)
    assert best.found > 0.9
    assert len(facts.joins) == 2
    late = recording.frame >= 30
    for worse, figure in (
        (who + 1, "found"),  # lamp-posts are reported
        (np.where(who < 4, true, 0), "found"),  # half of the people are missed
        (np.where((who < 2) & late, true + 20, true), "joined"),  # new ids after the gap
    ):
        judged = facts.judge(worse, half)
        assert getattr(judged, figure) < getattr(best, figure) - 0.1
        assert judged.total < best.total
    swapped = np.where(late & (half > 0), 9 - half, half)
    assert facts.judge(true, swapped).agreement < 0.7
    nothing = facts.judge(np.zeros_like(true), np.zeros_like(true))
    assert nothing.total == 0


def test_ids_agree_as_assa_does() -> None:
    ids = np.array([1, 1, 1, 1, 2, 2, 0])
    assert same_ids(ids, ids + 4 * (ids > 0)) == 1
    assert same_ids(ids, np.array([1, 1, 3, 3, 2, 2, 0])) == pytest.approx((4 * 0.5 + 2) / 6)
    assert same_ids(ids, np.zeros(7, int)) == 0


def test_what_cannot_be_judged_is_said(street: tuple[Recording, np.ndarray]) -> None:
    recording, _ = street
    shifting = np.tile(np.array([[1.0, 0, 5], [0, 1, 0]]), (FRAMES, 1, 1))
    assert "camera moves" in str(gather_facts(replace(recording, motions=shifting)).lacking)
    unknown = gather_facts(replace(recording, motions=None))
    assert (unknown.moving, unknown.lacking) == (None, None)
    assert "are needed" in str(gather_facts(recording.part(0, 2)).lacking)
    empty = replace(recording.part(0, 0), detections=recording.detections[:0], frame=recording.frame[:0])
    assert "0 people" in str(gather_facts(empty).lacking)


def test_of_frames_not_looked_at_every_other_look_is_left_out(street: tuple[Recording, np.ndarray]) -> None:
    recording, _ = street
    looked = np.arange(FRAMES) % 3 == 0
    rows = np.isin(recording.frame, recording.frames[looked])
    sparse = replace(recording, looked=looked, frame=recording.frame[rows], detections=recording.detections[rows])
    half = every_other(sparse)
    assert (half.frames.tolist(), half.origin) == (list(range(FRAMES)), recording.origin)
    assert np.flatnonzero(half.looked).tolist() == list(range(0, FRAMES, 6))
    assert set(half.frame.tolist()) <= set(range(0, FRAMES, 6))
    assert gather_facts(sparse).half.tolist() == (sparse.frame % 6 == 0).tolist()


def test_every_other_frame_moves_as_both_did(street: tuple[Recording, np.ndarray]) -> None:
    recording, _ = street
    rng = np.random.default_rng(0)
    turns = rng.normal(0, 0.01, FRAMES)
    motions = np.stack([np.array([[1 + t, -t, 9 * t], [t, 1 + t, 5 * t]]) for t in turns])
    motions[7] = np.nan
    half = every_other(replace(recording, motions=motions))
    assert half.frames.tolist() == list(range(0, FRAMES, 2))
    assert (half.origin.fps, half.origin.stride) == (5.0, 2)
    assert half.motions is not None
    point = np.array([10.0, 20.0, 1.0])
    middle = np.append(motions[3] @ point, 1.0)
    np.testing.assert_allclose(half.motions[2] @ point, motions[4] @ middle)
    assert np.isnan(half.motions[[0, 4]]).all()
    assert len(half.at(1)) == 0
    assert len(half.at(2)) == len(recording.at(2))
