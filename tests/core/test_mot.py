"""MOTChallenge text: what is read, what is written, and what the errors say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.mot import check_unique, format_row, format_rows, read_seqinfo, read_table


@pytest.fixture
def table(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "det.txt"
        path.write_text(text)
        return path

    return write


def test_reads_rows_in_their_order(table) -> None:
    path = table("2,-1,10.5,20,30,40,0.9,-1,-1,-1\n1,-1,1,2,3,4,0.5,-1,-1,-1\n")
    np.testing.assert_array_equal(
        read_table(path), [[2, -1, 10.5, 20, 30, 40, 0.9, -1, -1, -1], [1, -1, 1, 2, 3, 4, 0.5, -1, -1, -1]]
    )


@pytest.mark.parametrize(
    "text",
    [
        "1,2,3,4,5,6,1\n\n   \n2,2,3,4,5,6,1\n",
        "1 2 3 4 5 6 1\n2\t2 3 4 5 6 1",
        "1, 2, 3, 4, 5, 6, 1\r\n2, 2, 3, 4, 5, 6, 1\r\n",
        "\ufeff1,2,3,4,5,6,1\n2,2,3,4,5,6,1\n",
    ],
    ids=["blank lines", "blanks for commas", "windows line ends", "byte order mark"],
)
def test_reads_common_variants(table, text: str) -> None:
    np.testing.assert_array_equal(read_table(table(text)), [[1, 2, 3, 4, 5, 6, 1], [2, 2, 3, 4, 5, 6, 1]])


def test_an_empty_file_has_no_rows(table) -> None:
    assert read_table(table("")).shape == (0, 6)
    assert len(read_table(table("\n \n"))) == 0


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("1,2,3,4,5,6,1\n\n1,2,3,x,5,6,1\n", "line 3, column 4", "'x'"),
        ("frame,id,left,top,width,height,conf\n", "line 1, column 1", "'frame'"),
        ("1,2,3,4,5,6,1\n1,2,3,4,5,6\n", "line 2", "6 columns"),
        ("1,2,3\n", "line 1", "3 columns"),
        ("1,2,3,4,5,6,7,8,9,10,11\n", "line 1", "11 columns"),
        ("1,2,3,4,nan,6,1\n", "line 1, column 5", "nan"),
        ("1,2,3,4,inf,6,1\n", "line 1, column 5", "inf"),
        ("1,2,3,4,5,6,1\n0,2,3,4,5,6,1\n", "line 2", "frame 0"),
        ("1.5,2,3,4,5,6,1\n", "line 1", "frame 1.5"),
        ("1,2,3,4,5,6,1,\n", "line 1, column 8", "''"),
        ("1,2,3,4,5,6,1 # person\n", "line 1", "number"),
    ],
)
def test_errors_name_file_line_and_value(table, text: str, where: str, what: str) -> None:
    path = table(text)
    with pytest.raises(InputError) as error:
        read_table(path)
    assert str(path) in str(error.value)
    assert where in str(error.value)
    assert what in str(error.value)


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "absent.txt")
    with pytest.raises(InputError, match="cannot be read"):
        read_table(tmp_path)
    (tmp_path / "binary.txt").write_bytes(bytes(range(256)))
    with pytest.raises(InputError, match="not a text file"):
        read_table(tmp_path / "binary.txt")


def test_a_result_row_has_the_official_form() -> None:
    assert format_row(3, 7, (1.005, -2, 30.126, 40)) == "3,7,1.00,-2.00,30.13,40.00,1,-1,-1,-1"
    assert format_row(1, 1, np.array([0.0, 0, 1, 1]), score=0.5).split(",")[6] == "0.5"


number = st.floats(-1e4, 1e4, allow_nan=False)


@given(st.lists(st.tuples(number, number, number, number), max_size=5))
@settings(max_examples=50, deadline=None)
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, boxes: list) -> None:
    path = tmp_path_factory.mktemp("mot") / "rows.txt"
    tlwh = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    ids = np.arange(1, len(tlwh) + 1)
    path.write_text(format_rows(12, ids, tlwh))
    back = read_table(path)
    assert (back[:, 0] == 12).all()
    np.testing.assert_array_equal(back[:, 1], ids)
    np.testing.assert_allclose(back[:, 2:6], tlwh, atol=0.00501)


SEQINFO = """[Sequence]
name=Street-1
imDir=img1
frameRate=14
seqLength=837
imWidth=640
imHeight=480
imExt=.jpg
"""


def test_reads_seqinfo(tmp_path: Path) -> None:
    (tmp_path / "seqinfo.ini").write_text(SEQINFO)
    info = read_seqinfo(tmp_path)
    assert (info.name, info.image_folder, info.fps, info.length) == ("Street-1", "img1", 14.0, 837)
    assert (info.width, info.height) == (640, 480)


def test_seqinfo_defaults(tmp_path: Path) -> None:
    (tmp_path / "seqinfo.ini").write_text("[Sequence]\nseqLength=5\n")
    info = read_seqinfo(tmp_path)
    assert (info.name, info.image_folder, info.fps, info.width) == (tmp_path.name, "img1", 25.0, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"\[Sequence\]"),
        ("hello\n", "not a seqinfo.ini"),
        (SEQINFO.replace("seqLength=837\n", ""), "no seqLength"),
        (SEQINFO.replace("837", "many"), "seqLength=many"),
        (SEQINFO.replace("837", "-3"), "seqLength=-3"),
        (SEQINFO.replace("frameRate=14", "frameRate=0"), "frameRate=0"),
        (SEQINFO.replace("imDir=img1", "imDir=../../secrets"), "outside"),
        (SEQINFO.replace("imDir=img1", "imDir=/etc"), "outside"),
    ],
)
def test_seqinfo_errors_name_the_file(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "seqinfo.ini").write_text(text)
    with pytest.raises(InputError, match=message) as error:
        read_seqinfo(tmp_path)
    assert "seqinfo.ini" in str(error.value)


def test_missing_seqinfo(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_seqinfo(tmp_path)


@pytest.mark.real_data
def test_reads_the_real_sequences(shared_data: Path) -> None:
    for folder in sorted((shared_data / "mot").iterdir()):
        info = read_seqinfo(folder)
        truth = read_table(folder / "gt" / "gt.txt")
        assert truth[:, 0].min() >= 1
        assert truth[:, 0].max() <= info.length


def test_an_id_twice_in_a_frame_is_refused(table) -> None:
    path = table("1,1,0,0,1,1,1\n\n1,2,0,0,1,1,1\n1,1,0,0,1,1,1\n")
    with pytest.raises(InputError, match="line 1: id 1 occurs twice in frame 1"):
        check_unique(path, read_table(path))
    path = table("1,1,0,0,1,1,1\n2,1,0,0,1,1,1\n")
    check_unique(path, read_table(path))
