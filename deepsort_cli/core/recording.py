"""What was seen in every frame of a source, in one file: detections, embeddings, times, camera motion.

A recording is a NumPy archive (`.npz`) without Python objects. Tracking it again gives the rows that tracking the
source gave, and needs neither pictures nor networks. Its arrays, for F frames and N detections:

| array | shape, type | meaning |
|---|---|---|
| `recording` | text | JSON: what was recorded and how, see `Origin` |
| `frame_index` | (F,) int64 | position of the frame in its source, from 0, ascending |
| `frame_time` | (F,) float64 | its time in seconds, by the source's clock, ascending |
| `frame_looked` | (F,) bool | whether the detector looked at it |
| `frame_motion` | (F, 2, 3) float64 | camera motion from the recorded frame before, NaN where unknown; may be absent |
| `frame` | (N,) int64 | the `frame_index` of a detection, ascending |
| `boxes` | (N, 4) float64 | x1, y1, x2, y2 in pixels |
| `scores` | (N,) float64 | confidences |
| `classes` | (N,) int64 | class numbers |
| `features` | (N, D) float32 | appearance embeddings, NaN where unknown; absent without appearance |
"""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.faults import first_fault
from deepsort_cli.core.settings import Settings
from deepsort_cli.core.similarity import are_similarities
from deepsort_cli.core.types import Detections, FloatArray, Frame, IntArray

KEY = "recording"
"""The array that makes an archive a recording."""
VERSION = 1
LONGEST_TEXT = 1_000_000
LAST_INDEX = 10**9
_ARRAYS = ("frame_index", "frame_time", "frame_looked", "frame", "boxes", "scores", "classes")


class Origin(Settings):
    """What was recorded, and with what."""

    version: int = Field(VERSION, ge=1, description="Version of this format.")
    source: str = Field("", description="Name of the source.")
    kind: str = Field("", description="Kind of the source: video, camera, sequence, …")
    fps: float = Field(25.0, gt=0, le=1e6, description="Frames per second of the source, on average.")
    width: int = Field(0, ge=0, le=1_000_000, description="Width of its pictures in pixels; 0 where none were read.")
    height: int = Field(0, ge=0, le=1_000_000, description="Height of its pictures in pixels; 0 likewise.")
    stride: int = Field(1, ge=1, description="Every n-th frame was recorded.")
    detector: str = Field("", description="Name of the detector.")
    detector_sha256: str = Field("", description="SHA-256 of its file; empty where it is no file.")
    conf: float = Field(0.0, description="Lowest score recorded.")
    full_conf: float | None = Field(None, description="Lowest score of a full detection in the run; null: unknown.")
    embedder: str | None = Field(None, description="Name of the Re-ID model; null: no features, or others' own.")
    embedder_sha256: str = Field("", description="SHA-256 of its file.")
    threshold: float | None = Field(None, ge=0, le=2, description="The model's own max_cosine_distance.")
    camera_motion: str | None = Field(None, description="How the camera's motion was measured; null: it was not.")
    class_names: dict[int, str] = Field({}, description="Name by class number, of the classes that occur.")


@dataclass(frozen=True)
class Recording:
    """A recording in memory.

    Attributes:
        origin: what was recorded.
        frames: (F,) int64 positions of the frames in their source, from 0, ascending.
        times: (F,) float64 seconds.
        looked: (F,) whether the detector looked.
        motions: (F, 2, 3) float64 from the frame before, NaN where unknown; None where it was not measured.
        frame: (N,) int64 position in the source of each detection's frame, ascending.
        detections: the N detections.
    """

    origin: Origin
    frames: IntArray
    times: FloatArray
    looked: npt.NDArray[np.bool_]
    motions: FloatArray | None
    frame: IntArray
    detections: Detections

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.frames)

    def at(self, index: int) -> Detections:
        """The detections of the frame at this position in the source."""
        first, last = np.searchsorted(self.frame, [index, index + 1])
        return self.detections[first:last]

    def part(self, first: int, last: int) -> Recording:
        """The recorded frames from the `first`-th to before the `last`-th; camera motion to the first is unknown."""
        frames = self.frames[first:last]
        motions = None if self.motions is None else self.motions[first:last].copy()
        if motions is not None and len(motions):
            motions[0] = np.nan
        bounds = (frames[0], frames[-1] + 1) if len(frames) else (0, 0)
        low, high = np.searchsorted(self.frame, bounds)
        return Recording(
            self.origin,
            frames,
            self.times[first:last],
            self.looked[first:last],
            motions,
            self.frame[low:high],
            self.detections[low:high],
        )


def taken(recording: Recording, start: int, stride: int, most: int | None, fps: float | None = None) -> Recording:
    """Every so many frames of the source of a recording, from `start` on and at most so many, as far as recorded.

    Where frames that were recorded are left out, the camera's motion over these is one after the other.

    Args:
        fps: puts right what the source reported; None: it was right.
    """
    after = recording.frames - start
    kept = np.flatnonzero((after >= 0) & (after % stride == 0))[:most]
    motions = recording.motions
    if motions is not None and len(kept) < len(recording):
        motions = np.array([_over(motions[i + 1 : j + 1]) for i, j in itertools.pairwise([-1, *kept.tolist()])])
        motions = motions.reshape(-1, 2, 3)
        motions[:1] = np.nan  # of nobody knows which frame before
    rows = np.isin(recording.frame, recording.frames[kept])
    times = recording.times if fps is None else recording.frames / fps
    return Recording(
        recording.origin if fps is None else recording.origin.model_copy(update={"fps": fps}),
        recording.frames[kept],
        times[kept],
        recording.looked[kept],
        motions,
        recording.frame[rows],
        recording.detections[rows],
    )


def _over(motions: FloatArray) -> FloatArray:
    """(2, 3) one of (n, 2, 3) motions after the other."""
    total: FloatArray = motions[0]
    for motion in motions[1:]:
        total = np.column_stack([motion[:, :2] @ total[:, :2], motion[:, :2] @ total[:, 2] + motion[:, 2]])
    return total


def every_other(recording: Recording) -> Recording:
    """Every other frame of a recording, the first among them, as a camera of half the rate would have seen it.

    Where the detector did not look at all frames, all stay, and it looks half as often.
    """
    if not recording.looked.all():
        looked = recording.looked & (np.cumsum(recording.looked) % 2 == 1)
        rows = np.isin(recording.frame, recording.frames[looked])
        return replace(recording, looked=looked, frame=recording.frame[rows], detections=recording.detections[rows])
    kept = np.arange(0, len(recording), 2)
    motions = recording.motions
    if motions is not None:
        between = np.full_like(motions, np.nan)  # from two frames before: one motion after the other
        linear, shift = motions[1:, :, :2], motions[1:, :, 2:]
        between[1:, :, :2] = linear @ motions[:-1, :, :2]
        between[1:, :, 2:] = linear @ motions[:-1, :, 2:] + shift
        motions = between[kept]
        motions[:1] = np.nan
    rows = np.isin(recording.frame, recording.frames[kept])
    origin = recording.origin
    return Recording(
        origin.model_copy(update={"fps": origin.fps / 2, "stride": origin.stride * 2}),
        recording.frames[kept],
        recording.times[kept],
        recording.looked[kept],
        motions,
        recording.frame[rows],
        recording.detections[rows],
    )


def recording_of(origin: Origin, seen: Sequence[tuple[Frame, Detections]]) -> Recording:
    """A recording of frames that the detector looked at, in memory; without camera motion.

    Where some detections have features and others none, the latter's are NaN.
    """
    frames = np.array([frame.index for frame, _ in seen], np.int64)
    found = [detections for _, detections in seen]
    size = next((one.features.shape[1] for one in found if one.features is not None and one.features.size), 0)
    features = None
    if size:
        unknown = [np.full((len(one), size), np.nan, np.float32) for one in found]
        features = np.concatenate(
            [
                blank if one.features is None else one.features
                for one, blank in zip(found, unknown, strict=True)
                if len(one)
            ]
        )
    return Recording(
        origin,
        frames,
        np.array([frame.time for frame, _ in seen]),
        np.ones(len(seen), bool),
        None,
        np.repeat(frames, [len(one) for one in found]),
        Detections(
            np.concatenate([np.empty((0, 4)), *(one.boxes for one in found)]),
            np.concatenate([np.empty(0), *(one.scores for one in found)]),
            np.concatenate([np.empty(0, np.int64), *(one.class_ids for one in found)]),
            features,
        ),
    )


def read_recording(path: Path, archive: Mapping[str, npt.NDArray[Any]]) -> Recording:
    """Check the arrays of an opened `.npz` file.

    Raises:
        InputError: naming the file and the array: one is missing, has another shape or type, or makes no sense.
    """
    origin = _read_origin(path, archive[KEY])
    arrays = {name: _array(path, archive, name) for name in _ARRAYS}
    frames, frame = arrays["frame_index"].astype(np.int64), arrays["frame"].astype(np.int64)
    features = _array(path, archive, "features").astype(np.float32) if "features" in archive else None
    motions = _array(path, archive, "frame_motion").astype(np.float64) if "frame_motion" in archive else None
    count, found = len(frames), len(frame)
    shapes = {
        "frame_time": (count,),
        "frame_looked": (count,),
        "boxes": (found, 4),
        "scores": (found,),
        "classes": (found,),
    }
    for name, expected in shapes.items():
        if arrays[name].shape != expected:
            raise _fault(path, name, f"has shape {arrays[name].shape}, expected {expected}")
    if features is not None and (features.ndim != 2 or len(features) != found):
        raise _fault(path, "features", f"has shape {features.shape}, expected ({found}, D)")
    if motions is not None and motions.shape != (count, 2, 3):
        raise _fault(path, "frame_motion", f"has shape {motions.shape}, expected ({count}, 2, 3)")
    for name in ("frame_time", "boxes", "scores"):
        if not np.isfinite(arrays[name]).all():
            raise _fault(path, name, "has NaN or infinite values")
    if features is not None and np.isinf(features).any():
        raise _fault(path, "features", "has infinite values")
    if count and (frames[0] < 0 or frames[-1] > LAST_INDEX or (np.diff(frames) <= 0).any()):
        raise _fault(path, "frame_index", f"must ascend, within 0 to {LAST_INDEX:,}")
    if (np.diff(frame) < 0).any() or not np.isin(frame, frames).all():
        raise _fault(path, "frame", "must ascend, and hold positions of `frame_index` only")
    if motions is not None and not are_similarities(motions[np.isfinite(motions).all(axis=(1, 2))]).all():
        raise _fault(path, "frame_motion", "must hold shifts, rotations and zooms only, [[a, −b, x], [b, a, y]]")
    detections = Detections(arrays["boxes"], arrays["scores"], arrays["classes"].astype(np.int64), features)
    return Recording(
        origin,
        frames,
        arrays["frame_time"].astype(np.float64),
        arrays["frame_looked"].astype(bool),
        motions,
        frame,
        detections,
    )


def check_times(path: Path, recording: Recording) -> None:
    """Refuse times that stand still or go back, where frames go by them: not where `input.fps` or a source tells.

    Raises:
        InputError: naming the file.
    """
    if (np.diff(recording.times) <= 0).any():
        raise InputError(
            f"`detections` {path}: the array `frame_time` must ascend. Record anew, or say how many frames there are "
            "per second: `input.fps`."
        )


def _read_origin(path: Path, array: npt.NDArray[Any]) -> Origin:
    if array.shape != () or array.dtype.kind != "U" or array.dtype.itemsize > 4 * LONGEST_TEXT:
        raise _fault(path, KEY, "is not one JSON text")
    try:
        values = json.loads(str(array))
    except (ValueError, RecursionError):
        raise _fault(path, KEY, "is not valid JSON") from None
    version = values.get("version", 0) if isinstance(values, dict) else None
    if not isinstance(version, int):
        raise _fault(path, KEY, "is not a JSON object with a version")
    if version > VERSION:
        raise InputError(
            f"`detections` {path}: a recording of format {version}; this program reads up to {VERSION}. Update it, or "
            "record anew."
        )
    try:
        return Origin(**values)
    except ValidationError as error:
        key, fault = first_fault(error, Origin)
        raise _fault(path, KEY, f"says {key}, which {fault}") from None


def _array(path: Path, archive: Mapping[str, npt.NDArray[Any]], name: str) -> npt.NDArray[Any]:
    if name not in archive:
        raise InputError(f"`detections` {path}: a recording without the array `{name}`: it is damaged. Record anew.")
    array = archive[name]
    if array.dtype.kind not in "fiub":
        raise _fault(path, name, f"holds {array.dtype}, expected numbers")
    return array


def _fault(path: Path, name: str, what: str) -> InputError:
    return InputError(f"`detections` {path}: the array `{name}` {what}. Record anew.")


def _readable(found: Detections) -> Detections:
    """What can be read again of detections: functions of users may give anything."""
    finite = np.asarray(np.isfinite(found.boxes).all(axis=1))
    found = found if finite.all() else found[finite]
    if not np.isfinite(found.scores).all():
        found = replace(found, scores=np.nan_to_num(found.scores))
    if found.features is not None and np.isinf(found.features).any():
        found = found.with_features(np.where(np.isinf(found.features), np.float32(np.nan), found.features))
    return found


@dataclass
class RecordingWriter:
    """Gathers what is seen frame by frame; features, which take most of the room, wait in a file.

    Attributes:
        folder: where that file may be; it has no name, and goes by itself.
        origin: what is recorded.
        class_names: name by class number, as known when the recording ends; those that occur are recorded.
    """

    folder: Path
    origin: Origin
    class_names: Mapping[int, str] = field(default_factory=dict)
    _indices: list[int] = field(default_factory=list)
    _times: list[float] = field(default_factory=list)
    _looked: list[bool] = field(default_factory=list)
    _motions: list[FloatArray] = field(default_factory=list)
    _counts: list[int] = field(default_factory=list)
    _boxes: list[FloatArray] = field(default_factory=list)
    _scores: list[FloatArray] = field(default_factory=list)
    _classes: list[IntArray] = field(default_factory=list)
    _spool: IO[bytes] | None = None
    _size: int = 0
    _behind: int = 0
    """Detections without features so far, before the first that has some."""

    def __len__(self) -> int:
        return len(self._indices)

    def add(self, frame: Frame, detections: Detections | None, motion: FloatArray | None) -> None:
        """Take one frame; `detections` is None where the detector did not look.

        Boxes that are no numbers are left out, as no tracker uses them; features that are none are unknown.

        Raises:
            OSError: the features cannot be stored.
        """
        self._indices.append(frame.index)
        self._times.append(frame.time)
        self._looked.append(detections is not None)
        self._motions.append(np.full((2, 3), np.nan) if motion is None else motion)
        found = Detections.empty() if detections is None else _readable(detections)
        self._counts.append(len(found))
        self._boxes.append(found.boxes)
        self._scores.append(found.scores)
        self._classes.append(found.class_ids)
        self._store(found)

    def _store(self, found: Detections) -> None:
        features = found.features
        if features is not None and features.size and self._spool is None:
            self._size = features.shape[1]
            self._spool = tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115 (closed by `close`)
            np.full((self._behind, self._size), np.nan, np.float32).tofile(self._spool)
        if self._spool is None:
            self._behind += len(found)
            return
        if features is None or not features.size:
            features = np.full((len(found), self._size), np.nan, np.float32)
        self._spool.write(np.ascontiguousarray(features, np.float32).tobytes())

    def write(self, stream: IO[bytes]) -> None:
        """Write the archive; the same frames give the same bytes."""
        indices = np.array(self._indices, np.int64)
        classes = np.concatenate([np.empty(0, np.int64), *self._classes])
        names = {number: self.class_names.get(number) for number in np.unique(classes).tolist()}
        origin = self.origin.model_copy(update={"class_names": {key: name for key, name in names.items() if name}})
        arrays: dict[str, npt.NDArray[Any]] = {
            KEY: np.array(origin.model_dump_json()),
            "frame_index": indices,
            "frame_time": np.array(self._times, np.float64),
            "frame_looked": np.array(self._looked, bool),
            "frame": np.repeat(indices, np.array(self._counts, np.int64)),
            "boxes": np.concatenate([np.empty((0, 4)), *self._boxes]),
            "scores": np.concatenate([np.empty(0), *self._scores]),
            "classes": classes,
        }
        if self.origin.camera_motion is not None:
            arrays["frame_motion"] = np.array(self._motions, np.float64).reshape(-1, 2, 3)
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            for name, array in arrays.items():
                with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
            if self._spool is not None:
                self._write_features(archive, len(classes))

    def _write_features(self, archive: zipfile.ZipFile, count: int) -> None:
        assert self._spool is not None
        self._spool.seek(0)
        header = {"descr": "<f4", "fortran_order": False, "shape": (count, self._size)}
        with archive.open(zipfile.ZipInfo("features.npy"), "w", force_zip64=True) as member:
            np.lib.format.write_array_header_1_0(member, header)
            shutil.copyfileobj(self._spool, member, 1 << 20)

    def close(self) -> None:
        """Let go of the features."""
        if self._spool is not None:
            self._spool.close()
