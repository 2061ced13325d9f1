"""Stored detections: formats, filters, order, and errors that say which row is wrong."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.looks import Looks
from deepsort_cli.core.mot import read_seqinfo
from deepsort_cli.core.recording import Origin, RecordingWriter
from deepsort_cli.core.types import Detections, Frame
from deepsort_cli.perception.stored import StoredDetections

ROWS = np.array(
    [
        # frame, id, left, top, width, height, confidence
        [1, -1, 10, 20, 30, 40, 0.4],
        [1, -1, 100, 20, 30, 40, 0.9],
        [3, -1, 12, 20, 30, 40, 0.8],
    ]
)
FEATURES = np.arange(12, dtype=np.float32).reshape(3, 4) / 10


def write_text(path: Path, rows: np.ndarray = ROWS, tail: str = ",-1,-1,-1") -> Path:
    path.write_text("".join(",".join(f"{value:g}" for value in row) + tail + "\n" for row in rows))
    return path


def save_npy(path: Path, array: np.ndarray) -> Path:
    np.save(path, array)
    return path


def test_text_gives_boxes_by_frame_in_the_files_order(tmp_path: Path) -> None:
    stored = StoredDetections.load(write_text(tmp_path / "det.txt"))
    first = stored.detections(0)
    np.testing.assert_array_equal(first.boxes, [[10, 20, 40, 60], [100, 20, 130, 60]])
    np.testing.assert_array_equal(first.scores, [0.4, 0.9])
    np.testing.assert_array_equal(first.class_ids, [0, 0])
    assert first.features is None
    assert len(stored.detections(1)) == 0
    np.testing.assert_array_equal(stored.detections(2).boxes, [[12, 20, 42, 60]])
    assert len(stored.detections(3)) == len(stored.detections(10**6)) == 0
    assert (stored.last_frame, stored.has_features, stored.embedding_size, len(stored)) == (3, False, 0, 3)


@pytest.mark.parametrize("layout", ["7+D", "10+D", "npz 7", "npz 10"])
def test_every_array_layout_gives_the_same(tmp_path: Path, layout: str) -> None:
    wide = np.hstack([ROWS, np.full((3, 3), -1.0)])
    if layout == "7+D":
        path = save_npy(tmp_path / "det.npy", np.hstack([ROWS, FEATURES]))
    elif layout == "10+D":
        path = save_npy(tmp_path / "det.npy", np.hstack([wide, FEATURES]).astype(np.float32))
    else:
        path = tmp_path / "det.npz"
        np.savez(path, det=ROWS if layout == "npz 7" else wide, features=FEATURES)
    stored = StoredDetections.load(path)
    assert (stored.has_features, stored.embedding_size) == (True, 4)
    np.testing.assert_allclose(stored.detections(0).features, FEATURES[:2])
    np.testing.assert_allclose(stored.detections(2).features, FEATURES[2:])
    np.testing.assert_allclose(stored.detections(2).boxes, [[12, 20, 42, 60]])
    np.testing.assert_allclose(stored.detections(0).scores, [0.4, 0.9], rtol=1e-6)


def test_arrays_without_features(tmp_path: Path) -> None:
    assert not StoredDetections.load(save_npy(tmp_path / "a.npy", ROWS)).has_features
    assert not StoredDetections.load(save_npy(tmp_path / "b.npy", np.hstack([ROWS, -np.ones((3, 3))]))).has_features
    np.savez(tmp_path / "c.npz", det=ROWS)
    assert not StoredDetections.load(tmp_path / "c.npz").has_features


def test_a_column_of_whole_numbers_is_the_class(tmp_path: Path) -> None:
    rows = np.hstack([ROWS, [[2], [0], [7]]])
    stored = StoredDetections.load(write_text(tmp_path / "det.txt", rows, tail=",-1,-1"))
    np.testing.assert_array_equal(stored.detections(0).class_ids, [2, 0])
    only = StoredDetections.load(tmp_path / "det.txt", classes={7, 2})
    assert [len(only.detections(i)) for i in range(3)] == [1, 0, 1]


def test_world_coordinates_are_no_class(tmp_path: Path) -> None:
    rows = np.hstack([ROWS, [[-3.25, 1.5, 0], [2.0, 7.25, 0], [4.5, 2, 0]]])
    stored = StoredDetections.load(write_text(tmp_path / "det.txt", rows, tail=""))
    np.testing.assert_array_equal(stored.detections(0).class_ids, [0, 0])


def test_confidence_filter_includes_its_bound_and_keeps_features_in_step(tmp_path: Path) -> None:
    path = save_npy(tmp_path / "det.npy", np.hstack([ROWS, FEATURES]))
    stored = StoredDetections.load(path, conf=0.8)
    np.testing.assert_array_equal(stored.detections(0).scores, [0.9])
    np.testing.assert_allclose(stored.detections(0).features, FEATURES[[1]])
    assert len(stored.detections(2)) == 1


def test_overlap_filter_works_per_class_and_keeps_the_order(tmp_path: Path) -> None:
    rows = np.array(
        [
            [1, -1, 0, 0, 10, 10, 0.5, 0],
            [1, -1, 50, 0, 10, 10, 0.3, 0],
            [1, -1, 1, 0, 10, 10, 0.9, 0],
            [1, -1, 2, 0, 10, 10, 0.4, 1],
        ]
    )
    path = write_text(tmp_path / "det.txt", rows, tail="")
    np.testing.assert_array_equal(StoredDetections.load(path, iou=0.5).detections(0).scores, [0.3, 0.9, 0.4])
    for off in (None, 1.0):
        np.testing.assert_array_equal(StoredDetections.load(path, iou=off).detections(0).scores, [0.5, 0.3, 0.9, 0.4])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such files")
def test_text_may_come_through_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe.npz")
    rows = b"1,-1,10,10,20,40,0.9\n3,-1,11,10,20,40,0.9\n"
    threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(rows,), daemon=True).start()
    assert StoredDetections.load(tmp_path / "pipe").last_frame == 3
    with pytest.raises(InputError, match="pipe.npz: a pipe or device; only text can be read from one"):
        StoredDetections.load(tmp_path / "pipe.npz")


def test_nothing_detected_is_fine(tmp_path: Path) -> None:
    (tmp_path / "det.txt").write_text("")
    np.save(tmp_path / "det.npy", np.empty((0, 10)))
    for name in ("det.txt", "det.npy"):
        stored = StoredDetections.load(tmp_path / name)
        assert (len(stored), stored.last_frame, len(stored.detections(0))) == (0, 0, 0)


def change(row: int, column: int, value: float) -> np.ndarray:
    rows = ROWS.astype(float).copy()
    rows[row, column] = value
    return rows


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ROWS[[2, 0, 1]], r"out of order \(1 after 3\).*[Ss]ort"),
        (ROWS[[0, 1, 1, 2]], r"the same box as in .*Remove"),
        (change(1, 0, 0), "frame 0"),
        (change(1, 0, 1.5), "frame 1.5"),
        (change(2, 0, 2e9), "frame 2000000000 is beyond any video"),
        (change(1, 1, 1.5), "id 1.5 is no whole number"),
        (change(1, 4, -30), "-30.* negative"),
        (change(1, 5, -40), "-40.* negative"),
    ],
    ids=[
        "out of order", "duplicate", "frame 0", "frame 1.5", "frame of no video", "half an id", "negative width",
        "negative height",
    ],
)  # fmt: skip
def test_bad_rows_are_named_in_text_and_arrays(tmp_path: Path, rows: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=rf"(?s)det\.txt, line \d+: .*{message}"):
        StoredDetections.load(write_text(tmp_path / "det.txt", rows))
    with pytest.raises(InputError, match=rf"(?s)det\.npy, row \d+ .*{message}"):
        StoredDetections.load(save_npy(tmp_path / "det.npy", rows))


def test_parts_of_the_picture_are_refused(tmp_path: Path) -> None:
    rows = ROWS / [1, 1, 640, 480, 640, 480, 1]
    for path in (write_text(tmp_path / "det.txt", rows), save_npy(tmp_path / "det.npy", rows)):
        with pytest.raises(InputError, match="within 0 and 1: these are parts of the picture.*Multiply left"):
            StoredDetections.load(path)


def test_files_without_confidences(tmp_path: Path) -> None:
    rows = ROWS.copy()
    rows[:, 6] = -1
    stored = StoredDetections.load(write_text(tmp_path / "det.txt", rows), conf=0.3)
    np.testing.assert_array_equal(stored.detections(0).scores, [1, 1])
    assert "no confidences (column 7 is −1 in every row)" in stored.notes[0]
    rows[0, 6] = 0.5
    stored = StoredDetections.load(write_text(tmp_path / "det.txt", rows), conf=0.3)
    assert len(stored) == 1
    assert "2 of 3 rows have no confidence" in stored.notes[0]


def test_kitti_labels_are_no_detections(tmp_path: Path) -> None:
    (tmp_path / "0000.txt").write_text("0 1 Car 0 0 0 1 1 20 20 1 1 1 1 1 1 1 0.9\n")
    with pytest.raises(InputError, match="rows of KITTI"):
        StoredDetections.load(tmp_path / "0000.txt")


def test_every_detection_asked_for_is_counted_once(tmp_path: Path) -> None:
    rows = np.array(
        [
            [1, -1, 0, 0, 10, 10, 0.9, 0],
            [1, -1, 1, 0, 10, 10, 0.8, 0],
            [1, -1, 50, 0, 10, 10, 0.2, 0],
            [1, -1, 90, 0, 10, 10, 0.7, 2],
            [1, -1, 90, 30, 10, 10, 0.1, 2],
            [2, -1, 50, 0, 10, 10, 0.6, 0],
            [9, -1, 50, 0, 10, 10, 0.6, 0],
        ]
    )
    path = write_text(tmp_path / "det.txt", rows, tail="")
    stored = StoredDetections.load(path, conf=0.5, iou=0.5, classes={0}, class_names={2: "car"})
    for index in range(3):
        stored.detections(index)
    counts = stored.tally.counts
    assert (counts.frames, counts.found, counts.kept, counts.suppressed) == (3, 6, 2, 1)
    assert (counts.below_conf, counts.other_class, counts.below_conf_other_class) == (1, 1, 1)
    assert (counts.best_score, counts.classes) == (0.9, {"car": 1})
    assert (stored.after(2), stored.after(9), len(stored)) == (1, 0, 4)


@pytest.mark.parametrize(
    ("names", "wanted", "kept"),
    [
        ({0: "helmet", 1: "person"}, ["person"], [1]),  # not COCO's person, which is 0
        ({0: "helmet", 1: "person"}, ["Helmet"], [0]),
        ({1: "person"}, ["person"], [1]),
        ({}, ["person"], [0]),
        ({}, ["bicycle", "200"], [1, 200]),  # which COCO does not have, but the file
        ({1: "person"}, ["car"], []),
        ({0: "helmet", 1: "person"}, ["all"], [0, 1, 200]),
    ],
)
def test_classes_are_called_as_the_recording_says(
    tmp_path: Path, names: dict[int, str], wanted: list[str], kept: list[int]
) -> None:
    writer = RecordingWriter(tmp_path, Origin(), names)
    boxes = np.array([[0.0, 0, 10, 20], [50, 0, 60, 20], [90, 0, 99, 20]])
    writer.add(Frame(0, None, 0.0), Detections(boxes, class_ids=np.array([0, 1, 200])), None)
    with (tmp_path / "seen.npz").open("wb") as stream:
        writer.write(stream)
    stored = StoredDetections.load(tmp_path / "seen.npz")
    stored.choose(wanted)
    assert stored.detections(0).class_ids.tolist() == kept
    assert len(stored) == len(kept)
    with pytest.raises(InputError, match="no class of this name"):
        stored.choose(["nobody"])


def test_line_numbers_count_blank_lines(tmp_path: Path) -> None:
    (tmp_path / "det.txt").write_text("\n\n3,-1,0,0,9,9,1\n\n2,-1,0,0,9,9,1\n")
    with pytest.raises(InputError, match="line 5: frames are out of order"):
        StoredDetections.load(tmp_path / "det.txt")


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("column", [3, 6, 8])
def test_values_that_are_no_numbers(tmp_path: Path, column: int, value: float) -> None:
    array = np.hstack([ROWS, FEATURES])
    array[1, column] = value
    with pytest.raises(InputError, match=r"row 1 .*NaN or infinite"):
        StoredDetections.load(save_npy(tmp_path / "det.npy", array))


@pytest.mark.parametrize("shape", [(3, 6), (3, 8), (3, 9), (7,), (1, 3, 7)])
def test_wrong_array_shapes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"7 \+ D"):
        StoredDetections.load(save_npy(tmp_path / "det.npy", np.ones(shape)))


def test_wrong_text_columns(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"det\.txt, line 1: 6 columns"):
        StoredDetections.load(write_text(tmp_path / "det.txt", ROWS[:, :6], tail=""))


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "det.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "det.npz", det=np.array([{"a": 1}], dtype=object))
    for name in ("det.npy", "det.npz"):
        with pytest.raises(InputError, match="numbers"):
            StoredDetections.load(tmp_path / name)


def test_archives_that_do_not_fit(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", boxes=ROWS)
    with pytest.raises(InputError, match="no array `det` inside .found boxes"):
        StoredDetections.load(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", det=ROWS, features=FEATURES[:2])
    with pytest.raises(InputError, match=r"features.*\(3, D\)"):
        StoredDetections.load(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", det=np.hstack([ROWS, FEATURES]), features=FEATURES)
    with pytest.raises(InputError, match="both"):
        StoredDetections.load(tmp_path / "c.npz")
    np.savez(tmp_path / "d.npz", det=ROWS.astype(str))
    with pytest.raises(InputError, match="expected numbers"):
        StoredDetections.load(tmp_path / "d.npz")


def test_looks_and_people_are_no_detections(tmp_path: Path) -> None:
    """The names of the arrays are the same, but looks know tracks, and are a few of each."""
    table = ROWS[:, :7].copy()
    table[:, 1] = 1
    for known in ({"threshold": 0.2}, {}):
        path = tmp_path / "looks.npz"
        Looks(table, FEATURES, known.get("threshold")).save(path)
        with pytest.raises(InputError, match=r"looks of tracks \(`output.save_looks`\).*`output.save_detections`"):
            StoredDetections.load(path)
    np.savez(tmp_path / "people.npz", people=np.array("{}"), features=FEATURES)
    with pytest.raises(InputError, match="people kept between runs"):
        StoredDetections.load(tmp_path / "people.npz")


def test_files_of_another_kind(tmp_path: Path) -> None:
    for name in ("a.npy", "a.npz"):
        (tmp_path / name).write_bytes(b"\x00garbage")
        with pytest.raises(InputError, match="not a NumPy"):
            StoredDetections.load(tmp_path / name)
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(InputError, match="not a NumPy"):
            StoredDetections.load(tmp_path / name)
    with pytest.raises(InputError, match="no such file"):
        StoredDetections.load(tmp_path / "absent.txt")
    with pytest.raises(InputError, match="folder"):
        StoredDetections.load(tmp_path)


@pytest.mark.real_data
def test_real_detections(shared_data: Path) -> None:
    stored = StoredDetections.load(shared_data / "mot" / "MOT17-05-FRCNN" / "det" / "det_features.npz", conf=0.3)
    assert (stored.last_frame, stored.embedding_size) == (837, 128)
    assert sum(len(stored.detections(i)) for i in range(837)) == len(stored) == 3627
    text = StoredDetections.load(shared_data / "mot" / "PETS09-S2L1" / "det" / "det.txt")
    assert (len(text), text.last_frame) == (4359, 795)


def notes(tmp_path: Path, scores: list[float]) -> str:
    rows = ROWS.copy()
    rows[:, 6] = scores
    return " ".join(StoredDetections.load(write_text(tmp_path / "det.txt", rows), conf=0.3).notes)


def test_confidences_that_are_no_probabilities(tmp_path: Path) -> None:
    assert notes(tmp_path, [0.0, 0.5, 1.0]) == ""
    assert "1 of 3 rows have no confidence" in notes(tmp_path, [-1, 0.5, 0.9])
    assert "reach 87, and `detector.conf`=0.3 is meant for 0 to 1" in notes(tmp_path, [12, 50, 87])
    assert notes(tmp_path, [-2.5, -1, -0.5]) == ""  # logits: told where nothing is found


@pytest.mark.parametrize(
    ("boxes", "word"),
    [
        ([[10, 20, 30, 40], [500, 300, 100, 150]], None),
        ([[-20, 20, 50, 90], [600, 380, 80, 150]], None),  # over the border
        ([[10, 20, 40, 60], [500, 300, 600, 450]], "right and bottom"),
        ([[1200, 700, 90, 200], [900, 600, 80, 150]], "of pictures of this size"),
        ([[-400, 20, 30, 40], [-300, 20, 30, 40]], "of pictures of this size"),
        ([[10, 20, 5, 30], [70, 60, 10, 30]], "percent"),
    ],
)
def test_boxes_that_do_not_fit_the_picture(tmp_path: Path, boxes: list[list[float]], word: str | None) -> None:
    rows = np.array([[1, -1, *box, 0.9] for box in boxes])
    stored = StoredDetections.load(write_text(tmp_path / "det.txt", rows))
    found = stored.misplaced(640, 480)
    assert found is None if word is None else word in (found or "")
    assert stored.misplaced(0, 0) is None


def test_a_header_that_promises_more_than_there_is(tmp_path: Path) -> None:
    with (tmp_path / "det.npy").open("wb") as stream:
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**13, 7)}
        np.lib.format.write_array_header_1_0(stream, header)
    with pytest.raises(InputError, match=r"det\.npy: damaged, or larger than the memory"):
        StoredDetections.load(tmp_path / "det.npy")


@pytest.mark.real_data
def test_real_detections_fit_their_pictures(shared_data: Path) -> None:
    for folder in sorted((shared_data / "mot").iterdir()):
        path = next(folder.glob("det/det*"))
        info = read_seqinfo(folder)
        stored = StoredDetections.load(path, conf=0.3)
        assert stored.misplaced(info.width, info.height) is None, folder.name
        assert not stored.notes, folder.name
