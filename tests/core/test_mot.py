"""MOTChallenge text: what is read, what is written, and what the errors say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.mot import format_row, format_rows, read_seqinfo, read_table


def test_a_result_row_has_the_official_form() -> None:
    assert format_row(3, 7, (1.005, -2, 30.126, 40)) == "3,7,1.00,-2.00,30.13,40.00,1,-1,-1,-1"
    assert format_row(1, 1, np.array([0.0, 0, 1, 1]), score=0.5).split(",")[6] == "0.5"


number = st.floats(-1e4, 1e4, allow_nan=False)
size = st.floats(0, 1e4, allow_nan=False)


@given(st.lists(st.tuples(number, number, size, size), max_size=5))
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
