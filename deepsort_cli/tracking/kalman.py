"""DeepSORT's constant-velocity Kalman filter, over all tracks at once.

The state of a track is (x, y, a, h) and its velocities: box centre in pixels, aspect ratio width / height, height in
pixels; time is counted in frames. The motion model couples each coordinate only with its own velocity, and the
initial, process and measurement noise are diagonal, so the 8 × 8 covariance consists of four independent 2 × 2 blocks
for ever. A block is held as three numbers (position variance, position–velocity covariance, velocity variance), and
every operation of the filter is elementwise arithmetic on (T, 4) arrays: no matrix is ever inverted.

Noise follows Wojke et al. 2017: standard deviations grow with the height of the box.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.similarity import are_similarities
from deepsort_cli.core.types import FloatArray, IntArray

POSITION_WEIGHT = 1 / 20
"""Standard deviation of a position, per pixel of height."""
VELOCITY_WEIGHT = 1 / 160
"""Standard deviation of a velocity, per pixel of height."""
GATE = 9.4877
"""0.95 quantile of the χ² distribution with 4 degrees of freedom."""

SUREST = 0.9
"""Confidence above which a box counts as no more exact: no detector is, and some give 1.0 to half of what they find."""

_INITIAL_POSITION = np.array([2 * POSITION_WEIGHT, 2 * POSITION_WEIGHT, 0.0, 2 * POSITION_WEIGHT])
_INITIAL_VELOCITY = np.array([10 * VELOCITY_WEIGHT, 10 * VELOCITY_WEIGHT, 0.0, 10 * VELOCITY_WEIGHT])
_PROCESS_POSITION = np.array([POSITION_WEIGHT, POSITION_WEIGHT, 0.0, POSITION_WEIGHT])
_PROCESS_VELOCITY = np.array([VELOCITY_WEIGHT, VELOCITY_WEIGHT, 0.0, VELOCITY_WEIGHT])
_MEASUREMENT = np.array([POSITION_WEIGHT, POSITION_WEIGHT, 0.0, POSITION_WEIGHT])


def _aspect(std: float) -> FloatArray:
    """A standard deviation that applies to the aspect ratio alone, whatever the height."""
    return np.array([0.0, 0.0, std, 0.0])


@dataclass(slots=True)
class KalmanState:
    """The states of T tracks; all arrays are (T, 4) float64 in the order x, y, a, h.

    Attributes:
        position: means of x, y, a, h.
        velocity: means of their velocities, per frame.
        pp: variances of the positions.
        pv: covariances of each position with its velocity.
        vv: variances of the velocities.
    """

    position: FloatArray
    velocity: FloatArray
    pp: FloatArray
    pv: FloatArray
    vv: FloatArray

    @classmethod
    def empty(cls) -> KalmanState:
        return cls(*(np.empty((0, 4)) for _ in range(5)))

    def __len__(self) -> int:
        return len(self.position)

    def __getitem__(self, index: npt.NDArray[np.bool_] | IntArray | slice) -> KalmanState:
        return KalmanState(self.position[index], self.velocity[index], self.pp[index], self.pv[index], self.vv[index])

    def copy(self) -> KalmanState:
        return KalmanState(*(array.copy() for array in (self.position, self.velocity, self.pp, self.pv, self.vv)))

    def joined(self, other: KalmanState) -> KalmanState:
        """These tracks followed by those of `other`."""
        return KalmanState(
            np.concatenate([self.position, other.position]),
            np.concatenate([self.velocity, other.velocity]),
            np.concatenate([self.pp, other.pp]),
            np.concatenate([self.pv, other.pv]),
            np.concatenate([self.vv, other.vv]),
        )


def initiate(measurements: FloatArray) -> KalmanState:
    """New tracks at rest, from (N, 4) measurements x, y, a, h."""
    height = measurements[:, 3:4]
    return KalmanState(
        position=measurements.copy(),
        velocity=np.zeros_like(measurements),
        pp=(height * _INITIAL_POSITION + _aspect(1e-2)) ** 2,
        pv=np.zeros_like(measurements),
        vv=(height * _INITIAL_VELOCITY + _aspect(1e-5)) ** 2,
    )


def predict(state: KalmanState, frames: float = 1.0) -> None:
    """Move every track ahead, in place, by one frame or by another time.

    Noise acts between frames as it does over them: it is that of the one continuous-time process which over one frame
    adds DeepSORT's diag(q_p, q_v). Over t frames that is, per block (derived in docs/CONCEPTS.en.md, section 5.5),

        Q(t) = [[t q_p + t (t − 1) (2 t − 1) / 6 q_v,  t (t − 1) / 2 q_v],
                [t (t − 1) / 2 q_v,                    t q_v            ]].

    Any number of predictions in a row equal one over the sum of their times, but for the height: noise uses that before
    the motion.

    Args:
        frames: how much time passed, in frames; need not be whole.
    """
    height = state.position[:, 3:4]
    process_pp = (height * _PROCESS_POSITION + _aspect(1e-2)) ** 2
    process_vv = (height * _PROCESS_VELOCITY + _aspect(1e-5)) ** 2
    if frames != 1:
        earlier = frames * (frames - 1) / 2
        process_pp = frames * process_pp + earlier * (2 * frames - 1) / 3 * process_vv
        process_pv = earlier * process_vv
        process_vv = frames * process_vv
        state.position += frames * state.velocity
        state.pp += 2 * frames * state.pv + frames**2 * state.vv + process_pp
        state.pv += frames * state.vv + process_pv
    else:  # the same with fewer operations: most frames come one frame after another
        state.position += state.velocity
        state.pp += 2 * state.pv + state.vv + process_pp
        state.pv += state.vv
    state.vv += process_vv


def similarity(motion: npt.ArrayLike) -> FloatArray:
    """A camera motion as (2, 3) float64, checked: [A | t] with A a rotation times a positive scale.

    Raises:
        ValueError: the shape is another, a value is not finite, or A shears, mirrors or collapses the image. Such a
            motion would couple x with y, which boxes parallel to the axes cannot follow.
    """
    matrix = np.asarray(motion, dtype=np.float64)
    if matrix.shape != (2, 3):
        raise ValueError(f"camera_motion must have shape (2, 3), the matrix [A | t] of pixels, got {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise ValueError(f"camera_motion must be finite, got {matrix.tolist()}")
    if not are_similarities(matrix):
        raise ValueError(
            "camera_motion must be a similarity, rotation × scale with a translation: [[a, −b, tx], [b, a, ty]]; "
            f"got {matrix.tolist()}. Fit one, for example with cv2.estimateAffinePartial2D."
        )
    return matrix


def move_camera(state: KalmanState, motion: FloatArray) -> None:
    """Carry every track, in place, from the previous frame's pixels to this frame's (camera motion compensation).

    For a similarity with scale s: centres move by A p + t and their velocities by A v; heights and their velocities
    grow by s, aspect ratios stay. The covariance becomes M Σ Mᵀ with M = diag(A, 1, s) for positions and velocities
    alike. x and y always have equal variances in this filter, so A diag(σ², σ²) Aᵀ = s² diag(σ², σ²): blocks stay
    blocks, and the result is exact.

    Before or after `predict` makes no difference: the constant-velocity motion commutes with M, and the process noise
    grows with the height as the covariance does.

    Args:
        motion: (2, 3) as `similarity` returns it.
    """
    linear, shift = motion[:, :2], motion[:, 2]
    scale = np.sqrt(np.linalg.det(linear))
    growth = np.array([scale, scale, 1.0, scale])
    state.position[:, :2] = state.position[:, :2] @ linear.T + shift
    state.velocity[:, :2] = state.velocity[:, :2] @ linear.T
    state.position[:, 3] *= scale
    state.velocity[:, 3] *= scale
    for covariance in (state.pp, state.pv, state.vv):
        covariance *= growth**2


def innovation_variance(state: KalmanState, noise: FloatArray | float = 1.0) -> FloatArray:
    """(T, 4) variances of predicted measurements: the diagonal of S = H P Hᵀ + R, with R times `noise`."""
    return np.asarray(state.pp + noise * (state.position[:, 3:4] * _MEASUREMENT + _aspect(1e-1)) ** 2)


def deviation(state: KalmanState) -> FloatArray:
    """(T,) standard deviations of predicted measurements of x, in pixels; those of y and the height are equal."""
    return np.asarray(np.sqrt(innovation_variance(state)[:, 0]))


def update(state: KalmanState, rows: IntArray, measurements: FloatArray, confidences: FloatArray | None = None) -> None:
    """Correct the tracks at `rows` (M distinct positions) with (M, 4) measurements x, y, a, h, in place.

    With `confidences`, (M,) scores, the measurement noise R becomes (1 − confidence) R: the noise scale adaptive filter
    of GIAOTracker (Du et al. 2021), also in StrongSORT. Scores below 0 and above `SUREST` count as these: without any
    noise, the filter would take a detector's jitter for motion.
    """
    chosen = state[rows]
    noise: FloatArray | float = 1.0
    if confidences is not None:
        noise = 1.0 - np.clip(np.nan_to_num(confidences, nan=0.0), 0.0, SUREST)[:, None]
    # A height of exactly zero leaves no noise at all; the floor turns 0 / 0 into 0.
    variance = np.maximum(innovation_variance(chosen, noise), np.finfo(np.float64).tiny)
    innovation = measurements - chosen.position
    gain_p, gain_v = chosen.pp / variance, chosen.pv / variance
    state.position[rows] = chosen.position + gain_p * innovation
    state.velocity[rows] = chosen.velocity + gain_v * innovation
    state.pp[rows] = chosen.pp - gain_p * chosen.pp
    state.pv[rows] = chosen.pv - gain_p * chosen.pv
    state.vv[rows] = chosen.vv - gain_v * chosen.pv


def squared_mahalanobis(state: KalmanState, measurements: FloatArray, rows: IntArray, columns: IntArray) -> FloatArray:
    """(P,) squared Mahalanobis distances of the pairs (track `rows[p]`, measurement `columns[p]`)."""
    # `take` copies short rows many times faster than an index in brackets.
    precision = 1.0 / np.maximum(innovation_variance(state), np.finfo(np.float64).tiny)
    difference = measurements.take(columns, axis=0)
    difference -= state.position.take(rows, axis=0)
    difference *= difference
    distance: FloatArray = np.einsum("pi,pi->p", difference, precision.take(rows, axis=0))
    return distance


def gated_pairs(state: KalmanState, measurements: FloatArray, gate: float = GATE) -> tuple[IntArray, IntArray]:
    """The pairs (track, measurement) whose squared Mahalanobis distance does not exceed `gate`.

    Only measurements whose x lies within the gate's reach of a track are looked at, found by bisection in sorted
    order, and of these only those whose y does; the work grows with the number of plausible pairs, not with T × N.

    Returns:
        Rows and columns, (P,) int64 each, ordered by row.
    """
    reach_x, reach_y = (np.sqrt(gate * innovation_variance(state)[:, :2]) * (1 + 1e-9) + 1e-9).T
    order = np.argsort(measurements[:, 0], kind="stable")
    sorted_x = measurements[order, 0]
    first = np.searchsorted(sorted_x, state.position[:, 0] - reach_x, side="left")
    last = np.searchsorted(sorted_x, state.position[:, 0] + reach_x, side="right")
    counts = last - first
    rows = np.repeat(np.arange(len(state)), counts)
    columns = order.take(np.arange(len(rows)) + np.repeat(first + counts - np.cumsum(counts), counts))
    away = np.abs(measurements[:, 1].take(columns) - state.position[:, 1].take(rows))
    near = np.flatnonzero(away <= reach_y.take(rows))
    rows, columns = rows.take(near), columns.take(near)
    inside = np.flatnonzero(squared_mahalanobis(state, measurements, rows, columns) <= gate)
    return rows.take(inside), columns.take(inside)
