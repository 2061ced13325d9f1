"""The block-diagonal filter against the published numbers and against the 8 × 8 matrix form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from deepsort_cli.tracking import kalman

FIRST = np.array([[100.0, 200.0, 0.5, 80.0]])
SECOND = np.array([[104.0, 198.0, 0.52, 82.0]])


def test_golden_numbers() -> None:
    state = kalman.initiate(FIRST)
    assert_allclose(state.pp, [[64, 64, 1e-4, 64]], rtol=1e-9)
    assert_allclose(state.vv, [[25, 25, 1e-10, 25]], rtol=1e-9)
    assert not state.velocity.any()
    assert not state.pv.any()

    kalman.predict(state)
    assert_allclose(state.pp, [[105, 105, 2.000001e-4, 105]], rtol=1e-9)
    assert_allclose(state.vv, [[25.25, 25.25, 2e-10, 25.25]], rtol=1e-9)
    assert_allclose(kalman.innovation_variance(state), [[121, 121, 0.0102000001, 121]], rtol=1e-9)

    zero = np.zeros(1, np.int64)
    for measurement, expected in [
        ([104, 198, 0.52, 82], 0.2375627933),
        ([130, 200, 0.5, 80], 7.4380165289),
        ([100, 200, 1.2, 80], 48.0392152153),
    ]:
        distance = kalman.squared_mahalanobis(state, np.array([measurement], float), zero, zero)
        assert_allclose(distance, [expected], rtol=1e-9)

    kalman.update(state, zero, SECOND)
    assert_allclose(state.position, [[103.47107438, 198.26446281, 0.50039215705, 81.735537190]], rtol=1e-9)
    assert_allclose(
        state.velocity, [[0.82644628099, -0.41322314050, 1.9607842945e-10, 0.41322314050]], rtol=1e-9, atol=1e-19
    )
    assert_allclose(state.pp, [[13.884297521, 13.884297521, 1.9607852749e-4, 13.884297521]], rtol=1e-9)
    assert_allclose(state.vv, [[20.084710744, 20.084710744, 1.9999999902e-10, 20.084710744]], rtol=1e-9)


class MatrixFilter:
    """The same filter as one would write it from the paper, with 8 × 8 matrices."""

    def __init__(self, z: np.ndarray) -> None:
        h = z[3]
        self.mean = np.r_[z, np.zeros(4)]
        self.cov = np.diag(np.array([h / 10, h / 10, 1e-2, h / 10, h / 16, h / 16, 1e-5, h / 16]) ** 2)
        self.motion = np.eye(8) + np.eye(8, k=4)
        self.measure = np.eye(4, 8)

    def predict(self) -> None:
        h = self.mean[3]
        noise = np.diag(np.array([h / 20, h / 20, 1e-2, h / 20, h / 160, h / 160, 1e-5, h / 160]) ** 2)
        self.mean = self.motion @ self.mean
        self.cov = self.motion @ self.cov @ self.motion.T + noise

    def innovation(self) -> np.ndarray:
        h = self.mean[3]
        noise = np.diag(np.array([h / 20, h / 20, 1e-1, h / 20]) ** 2)
        return self.measure @ self.cov @ self.measure.T + noise

    def move_camera(self, motion: np.ndarray) -> None:
        """M Σ Mᵀ in full: the (x, y) parts turn, mix and grow, heights grow, aspect ratios stay."""
        linear = motion[:, :2]
        block = np.eye(4)
        block[:2, :2] = linear
        block[3, 3] = np.linalg.norm(linear[:, 0])
        m = np.kron(np.eye(2), block)
        self.mean = m @ self.mean
        self.mean[:2] += motion[:, 2]
        self.cov = m @ self.cov @ m.T

    def update(self, z: np.ndarray, confidence: float = 0.0) -> None:
        measured = self.measure @ self.cov @ self.measure.T
        innovation = measured + (1 - min(confidence, 0.9)) * (self.innovation() - measured)
        gain = self.cov @ self.measure.T @ np.linalg.inv(innovation)
        self.mean = self.mean + gain @ (z - self.measure @ self.mean)
        self.cov = self.cov - gain @ innovation @ gain.T

    def gate(self, z: np.ndarray) -> float:
        d = z - self.measure @ self.mean
        return float(d @ np.linalg.inv(self.innovation()) @ d)


measurement = st.tuples(st.floats(-500, 3000), st.floats(-500, 3000), st.floats(0.1, 3), st.floats(5, 1500)).map(
    np.array
)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(measurement, st.booleans()), min_size=2, max_size=15))
def test_blocks_equal_the_matrix_form(steps: list[tuple[np.ndarray, bool]]) -> None:
    first = steps[0][0]
    blocks, matrices = kalman.initiate(first[None]), MatrixFilter(first)
    zero = np.zeros(1, np.int64)
    for z, seen in steps[1:]:
        kalman.predict(blocks)
        matrices.predict()
        assert_allclose(
            kalman.squared_mahalanobis(blocks, z[None], zero, zero)[0], matrices.gate(z), rtol=1e-6, atol=1e-9
        )
        if seen:
            kalman.update(blocks, zero, z[None])
            matrices.update(z)
        assert_allclose(np.r_[blocks.position[0], blocks.velocity[0]], matrices.mean, rtol=1e-7, atol=1e-7)
        assert_allclose(np.r_[blocks.pp[0], blocks.vv[0]], np.diag(matrices.cov), rtol=1e-6, atol=1e-12)
        assert_allclose(blocks.pv[0], np.diag(matrices.cov[:4, 4:]), rtol=1e-6, atol=1e-9)


def test_noise_follows_height_not_position() -> None:
    """Scaling by x or y makes the covariance singular near the image's edge."""
    near, far = (kalman.initiate(np.array([[x, 0.0, 0.5, 80.0]])) for x in (0.0, 5000.0))
    assert_allclose(near.pp, far.pp)
    assert (near.pp > 0).all()


def test_update_touches_only_the_chosen_rows() -> None:
    state = kalman.initiate(np.repeat(FIRST, 3, axis=0))
    kalman.predict(state)
    kalman.update(state, np.array([1]), SECOND)
    untouched = kalman.initiate(FIRST)
    kalman.predict(untouched)
    for row in (0, 2):
        assert_allclose(state.position[row], untouched.position[0])
        assert_allclose(state.pp[row], untouched.pp[0])
    assert state.position[1, 0] > 100


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 2**32 - 1))
def test_gated_pairs_are_those_of_the_full_table(n_tracks: int, n_detections: int, seed: int) -> None:
    rng = np.random.default_rng(seed)

    def random(n: int) -> np.ndarray:
        return np.stack([*rng.uniform(0, 200, (2, n)), rng.uniform(0.3, 0.7, n), rng.uniform(20, 200, n)], axis=1)

    state, measurements = kalman.initiate(random(n_tracks)), random(n_detections)
    if n_detections > 1:
        measurements[1] = measurements[0]  # equal x must not confuse the bisection
    kalman.predict(state)
    rows, columns = np.divmod(np.arange(n_tracks * n_detections), max(n_detections, 1))
    inside = kalman.squared_mahalanobis(state, measurements, rows, columns) <= kalman.GATE
    found = set(zip(*(part.tolist() for part in kalman.gated_pairs(state, measurements)), strict=True))
    assert found == set(zip(rows[inside].tolist(), columns[inside].tolist(), strict=True))


@pytest.mark.parametrize("n", [0, 1, 5])
def test_gate_with_no_detections(n: int) -> None:
    state = kalman.initiate(np.repeat(FIRST, n, axis=0))
    rows, columns = kalman.gated_pairs(state, np.empty((0, 4)))
    assert len(rows) == len(columns) == 0


camera_motion = st.tuples(
    st.floats(0.7, 1.4), st.floats(-np.pi, np.pi), st.floats(-300, 300), st.floats(-300, 300)
).map(lambda values: similar(*values))


def similar(scale: float, angle: float, x: float, y: float) -> np.ndarray:
    a, b = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[a, -b, x], [b, a, y]])


def covariance(state: kalman.KalmanState) -> np.ndarray:
    """The 8 × 8 matrix that the blocks of a single track stand for."""
    pp, pv, vv = (np.diag(part[0]) for part in (state.pp, state.pv, state.vv))
    return np.block([[pp, pv], [pv, vv]])


@settings(max_examples=50, deadline=None)
@given(
    measurement,
    st.lists(
        st.tuples(measurement, st.none() | st.floats(0, 0.99), st.none() | camera_motion), min_size=1, max_size=12
    ),
)
def test_camera_motion_and_adaptive_noise_equal_the_matrix_form(
    first: np.ndarray, steps: list[tuple[np.ndarray, float | None, np.ndarray | None]]
) -> None:
    """All 64 entries: a similarity leaves the covariance in blocks, also when noise adapts to the confidence."""
    blocks, matrices = kalman.initiate(first[None]), MatrixFilter(first)
    zero = np.zeros(1, np.int64)
    for z, confidence, motion in steps:
        if motion is not None:
            kalman.move_camera(blocks, motion)
            matrices.move_camera(motion)
        kalman.predict(blocks)
        matrices.predict()
        if confidence is not None:
            kalman.update(blocks, zero, z[None], np.array([confidence]))
            matrices.update(z, confidence)
        assert_allclose(np.r_[blocks.position[0], blocks.velocity[0]], matrices.mean, rtol=1e-6, atol=1e-6)
        scale = np.sqrt(np.maximum(np.diag(matrices.cov), 1e-30))
        assert_allclose(covariance(blocks) / np.outer(scale, scale), matrices.cov / np.outer(scale, scale), atol=1e-6)
        assert (blocks.pp[:, 0] == blocks.pp[:, 1]).all(), "what makes it exact"


@settings(max_examples=50, deadline=None)
@given(measurement, measurement, camera_motion)
def test_camera_motion_commutes_with_prediction(first: np.ndarray, second: np.ndarray, motion: np.ndarray) -> None:
    def track() -> kalman.KalmanState:
        state = kalman.initiate(first[None])
        kalman.predict(state)
        kalman.update(state, np.zeros(1, np.int64), second[None])
        return state

    before, after = track(), track()
    kalman.move_camera(before, motion)
    kalman.predict(before)
    kalman.predict(after)
    kalman.move_camera(after, motion)
    assert_allclose(before.position, after.position, rtol=1e-9, atol=1e-9)
    assert_allclose(before.velocity, after.velocity, rtol=1e-9, atol=1e-9)
    assert_allclose(covariance(before), covariance(after), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("motion", "message"),
    [
        (np.eye(3), r"shape \(2, 3\).*\(3, 3\)"),
        ([[1, 0, np.nan], [0, 1, 0]], "finite"),
        ([[1, 0.2, 0], [0, 1, 0]], "must be a similarity.*estimateAffinePartial2D"),
        ([[1, 0, 0], [0, 1.5, 0]], "must be a similarity"),
        ([[1, 0, 0], [0, -1, 0]], "must be a similarity"),
        ([[0, 0, 5], [0, 0, 5]], "must be a similarity"),
    ],
)
def test_camera_motions_that_are_refused(motion: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kalman.similarity(motion)  # type: ignore[arg-type]


def test_similarity_forgives_rounding() -> None:
    motion = similar(1.1, 0.3, 5, -7).astype(np.float32)
    assert_allclose(kalman.similarity(motion), motion)


def test_confident_detections_are_followed_more_closely() -> None:
    """R (1 − c): c = 0 is the plain filter, 0.9 the closest; scores beyond count as these, and some noise remains."""
    target = np.array([[110.0, 200.0, 0.5, 80.0]])
    x = {}
    for confidence in (None, np.nan, -3.0, 0.0, 0.5, 0.9, 1.0, 40.0):
        state = kalman.initiate(FIRST)
        kalman.predict(state)
        kalman.update(state, np.zeros(1, np.int64), target, None if confidence is None else np.array([confidence]))
        x[confidence] = state.position[0, 0]
        assert (state.pp >= 0).all()
    assert x[None] == x[-3.0] == x[0.0]
    assert x[0.0] < x[0.5] < x[0.9] == x[1.0] == x[40.0] < 110


@settings(max_examples=50, deadline=None)
@given(measurement, measurement, st.floats(0.01, 20), st.floats(0.01, 20))
def test_two_steps_equal_one_over_both_times(first: np.ndarray, second: np.ndarray, a: float, b: float) -> None:
    """But for the height that sets the noise, which is that before each step: here it stays."""
    once = kalman.initiate(first[None])
    kalman.predict(once)
    kalman.update(once, np.zeros(1, np.int64), second[None])
    once.velocity[:, 3] = 0.0
    twice = once.copy()
    kalman.predict(once, a + b)
    kalman.predict(twice, a)
    kalman.predict(twice, b)
    for name in ("position", "velocity", "pp", "pv", "vv"):
        assert_allclose(getattr(twice, name), getattr(once, name), rtol=1e-9, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(measurement, st.integers(1, 30))
def test_whole_frames_at_once_are_those_of_the_paper_one_by_one(first: np.ndarray, frames: int) -> None:
    once, one_by_one = kalman.initiate(first[None]), kalman.initiate(first[None])
    kalman.predict(once, frames)
    for _ in range(frames):
        kalman.predict(one_by_one)
    for name in ("position", "velocity", "pp", "pv", "vv"):
        assert_allclose(getattr(one_by_one, name), getattr(once, name), rtol=1e-9)


@given(measurement, st.floats(1e-3, 60))
def test_noise_stays_a_covariance_after_any_time(first: np.ndarray, frames: float) -> None:
    state = kalman.initiate(first[None])
    state.pp[:], state.vv[:] = 0.0, 0.0
    kalman.predict(state, frames)
    assert (state.pp > 0).all()
    assert (state.pp * state.vv > state.pv**2).all()
