"""Tables of boxes: what is read, exactly which ids, and what the errors say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsort_cli.core.box_tables import KITTI_TYPES, check_unique_ids, looks_normalised, marked_to_count, read_boxes
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.mot import read_table


@pytest.fixture
def table(tmp_path: Path):
    def write(text: str | bytes) -> Path:
        path = tmp_path / "det.txt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_reads_rows_in_their_order(table) -> None:
    path = table("2,-1,10.5,20,30,40,0.9,-1,-1,-1\n1,-1,1,2,3,4,0.5,-1,-1,-1\n")
    expected = [[2, -1, 10.5, 20, 30, 40, 0.9, -1, -1, -1], [1, -1, 1, 2, 3, 4, 0.5, -1, -1, -1]]
    np.testing.assert_array_equal(read_table(path), expected)
    assert read_boxes(path).ids == (-1,)


@pytest.mark.parametrize(
    "text",
    [
        "1,2,3,4,5,6,1\n\n   \n2,2,3,4,5,6,1\n",
        "1 2 3 4 5 6 1\n2\t2 3 4 5 6 1",
        "1\t2\t3\t4\t5\t6\t1\n2\t2\t3\t4\t5\t6\t1",
        "1, 2, 3, 4, 5, 6, 1\r\n2, 2, 3, 4, 5, 6, 1\r\n",
        "\ufeff1,2,3,4,5,6,1\n2,2,3,4,5,6,1\n",
        "1;2;3;4;5;6;1\n2;2;3;4;5;6;1\n",
        "1,2,3,4,5,6,1,\n2,2,3,4,5,6,1,\n",
        "1,2,3,4,5,6,1\n2,2,3,4,5,6,1,\n",
        b"# l\xe0-bas\x85 ici\n1,2,3,4,5,6,1\n2,2,3,4,5,6,1\n",
        "frame,id,x,y,w,h,score,\n1,2,3,4,5,6,1,\n2,2,3,4,5,6,1,\n",
        "1,2.0,3,4,5,6,1\n2.0,2,3,4,5,6,1e0\n",
        "# by hand\n1,2,3,4,5,6,1\n# the second\n2,2,3,4,5,6,1\n",
        "frame,id,bb_left,bb_top,bb_width,bb_height,conf\n1,2,3,4,5,6,1\n2,2,3,4,5,6,1\n",
        "Frame ID X Y W H score\n1 2 3 4 5 6 1\n2 2 3 4 5 6 1\n",
    ],
    ids=[
        "blank lines", "blanks", "tabs", "windows line ends", "byte order mark", "semicolons", "separator at the end",
        "separator at some ends", "a remark in Windows' encoding", "header and separator at the end",
        "written as floats", "comments", "header", "header with blanks",
    ],
)  # fmt: skip
def test_reads_common_variants(table, text: str | bytes) -> None:
    np.testing.assert_array_equal(read_table(table(text)), [[1, 2, 3, 4, 5, 6, 1], [2, 2, 3, 4, 5, 6, 1]])


@pytest.mark.parametrize("columns", range(6, 11))
def test_six_to_ten_columns(table, columns: int) -> None:
    row = ",".join(str(number) for number in range(1, columns + 1))
    np.testing.assert_array_equal(read_table(table(row)), [np.arange(1, columns + 1)])


def test_an_empty_file_has_no_rows(table) -> None:
    assert read_table(table("")).shape == (0, 6)
    assert len(read_boxes(table("\n \n"))) == 0
    assert len(read_boxes(table("frame,id,left,top,width,height\n"))) == 0


@pytest.mark.parametrize(
    "ids", [(1_700_000_001, 1_700_000_002), (2**62, 2**62 + 1), (2**63 - 1, 2**63), (10**30, 10**30 + 1), (-7, 0)]
)
def test_ids_of_any_size_stay_apart(table, ids: tuple[int, int]) -> None:
    found = read_boxes(table("".join(f"1,{one},0,0,9,9\n" for one in reversed(ids))))
    assert found.ids == ids
    assert found.values[:, 1].tolist() == [1, 0]
    check_unique_ids(found)


@given(st.lists(st.integers(-(10**38), 10**38), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_every_row_keeps_its_id(tmp_path_factory: pytest.TempPathFactory, ids: list[int]) -> None:
    path = tmp_path_factory.mktemp("ids") / "rows.txt"
    path.write_text("".join(f"{frame},{one},0,0,9,9\n" for frame, one in enumerate(ids, 1)))
    found = read_boxes(path)
    assert [found.ids[int(position)] for position in found.values[:, 1]] == ids


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("1,2,3,4,5,6,1\n\n1,2,3,x,5,6,1\n", "line 3, column 4", "'x'"),
        ("frame,id,x1,y1,x2,y2,conf\n", "line 1, column 5", "'x2' in a header"),
        ("time,frame,id,class,left,top,width,height\n", "line 1, column 1", "`output.save_txt`"),
        ("frame,id\n", "line 1", "a header of 2 columns"),
        ("1,2,3,4,5,6,1\n1,2,3,4,5,6\n", "line 2", "6 columns"),
        ("1,2,3,4,5,6\n1 2 3 4 5 6\n", "line 2", "'1 2 3 4 5 6'"),
        ("1,2,3\n", "line 1", "3 columns"),
        ("1,2,3,4,5,6,7,8,9,10,11\n", "line 1", "11 columns"),
        ("1,2,3,4,nan,6,1\n", "line 1, column 5", "nan"),
        ("1,2,3,4,inf,6,1\n", "line 1, column 5", "inf"),
        ("1,2,3,4,5,6,1\n0,2,3,4,5,6,1\n", "line 2", "frame 0; frames are whole numbers and start at 1. Where"),
        ("1.5,2,3,4,5,6,1\n", "line 1", "frame 1.5"),
        ("2000000000,2,3,4,5,6,1\n", "line 1", "beyond any video"),
        ("1,2.5,3,4,5,6,1\n", "line 1", "id 2.5 is no whole number"),
        (f"1,{'9' * 60},3,4,5,6,1\n", "line 1", "is no whole number"),
        ("1,2,3,4,-5,6,1\n", "line 1", "width -5 is negative"),
        ("1,2,3,4,5,-6,1\n", "line 1", "height -6 is negative"),
        ("1,2,3,4,,6,1\n", "line 1, column 5", "''"),
        ("1,2,3,4,5,6,1 # person\n", "line 1", "number"),
        ("1;2;3,5;4;5;6\n", "line 1, column 3", "decimal points"),
        ("1_0,2,3,4,5,6\n", "line 1, column 1", "'1_0'"),
    ],
)
def test_errors_name_file_line_and_value(table, text: str, where: str, what: str) -> None:
    path = table(text)
    with pytest.raises(InputError) as error:
        read_boxes(path)
    for part in (str(path), where, what):
        assert part in str(error.value)


def test_unreadable_files(tmp_path: Path, table) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_boxes(tmp_path / "absent.txt")
    with pytest.raises(InputError, match="cannot be read"):
        read_boxes(tmp_path)
    for data in (bytes(range(256)), b"\x89PNG\r\n\x1a\n\0\0\0", b"\x93NUMPY\x01\0v\0{'descr'"):
        with pytest.raises(InputError, match="not a text file"):
            read_boxes(table(data))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named(table, encoding: str) -> None:
    with pytest.raises(InputError, match=r"UTF-16.*Save it as UTF-8"):
        read_boxes(table("1,2,3,4,5,6\n".encode(encoding)))


def test_an_id_twice_in_a_frame_is_refused(table) -> None:
    with pytest.raises(InputError, match=r"line 4: id 1 occurs twice in frame 1 \(first in line 1\)"):
        check_unique_ids(read_boxes(table("1,1,0,0,1,1,1\n\n1,2,0,0,1,1,1\n1,1,0,0,1,1,1\n")))
    with pytest.raises(InputError, match="these are detections, not tracks"):
        check_unique_ids(read_boxes(table("1,-1,0,0,1,1,1\n1,-1,0,0,1,1,1\n")))
    check_unique_ids(read_boxes(table("1,1,0,0,1,1,1\n2,1,0,0,1,1,1\n")))


def test_ids_of_ignored_regions_may_repeat(table) -> None:
    found = read_boxes(table("1,0,0,0,1,1,0\n1,0,5,0,1,1,0\n1,1,0,0,1,1,1\n"))
    assert marked_to_count(found).tolist() == [2]
    check_unique_ids(found, marked_to_count(found))
    with pytest.raises(InputError, match="line 2: id 0 occurs twice"):
        check_unique_ids(found)


def test_kitti_rows(table) -> None:
    tail = "1.5 0.6 0.8 -3 1.6 8 0.1"
    found = read_boxes(
        table(
            f"0 7 Pedestrian 0 1 -1.5 100 50.5 140 150 {tail}\n"
            f"0 -1 DontCare -1 -1 -10 0 0 10 20 -1 -1 -1 -1 -1 -1 -1\n"
            f"0 -1 DontCare -1 -1 -10 0 0 10 20 -1 -1 -1 -1 -1 -1 -1\n"
            f"3 8 Person_sitting 1 0 0 5 5 9 9 {tail} 0.75\n"
        )
    )
    check_unique_ids(found)
    assert (found.form, found.ids) == ("kitti", (-1, 7, 8))
    codes = [KITTI_TYPES.index(name) + 1 for name in ("pedestrian", "dontcare", "dontcare", "person")]
    np.testing.assert_array_equal(found.values[:, 7], codes)
    np.testing.assert_array_equal(found.values[0], [1, 1, 100, 50.5, 40, 99.5, 1, codes[0], 0, 1])
    assert found.values[3, 0] == 4
    assert found.values[3, 6] == 0.75


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("0 7 Pedestrian 0 1 -1.5 100 50 140 150 1 1 1", "13 columns"),
        ("-1 7 Car 0 0 0 1 1 2 2 1 1 1 1 1 1 1", "frame -1"),
        ("0 7.5 Car 0 0 0 1 1 2 2 1 1 1 1 1 1 1", "id 7.5"),
        ("0 7 Car 0 0 0 9 1 2 2 1 1 1 1 1 1 1", "ends before it begins"),
        ("0 7 Car 0 0 0 1 1 nan 2 1 1 1 1 1 1 1", "column 9"),
    ],
)
def test_bad_kitti_rows(table, row: str, what: str) -> None:
    with pytest.raises(InputError, match=f"det.txt, line 1.*{what}"):
        read_boxes(table(row))


def test_parts_of_the_picture_are_no_pixels() -> None:
    assert looks_normalised(np.array([[0.1, 0.2, 0.3, 0.5], [-0.02, 0.9, 0.3, 0.2]]))
    assert not looks_normalised(np.array([[0.1, 0.2, 0.3, 0.5], [10, 0.9, 0.3, 0.2]]))
    assert not looks_normalised(np.array([[0.0, 0.0, 30, 60]]))
    assert not looks_normalised(np.empty((0, 4)))
