"""Datasets named by a table: a CSV of one's own, and MSMT17's lists."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from deepsort_cli.core.errors import InputError
from deepsort_cli.data.loading import load_manifest, load_query_gallery
from deepsort_cli.data.scan import scan_dataset
from deepsort_cli.data.settings import ScanSettings
from deepsort_cli.data.tables import read_csv
from deepsort_cli.workflows.scan import audit

PersonImage = Callable[..., Image.Image]
NO_CACHE = ScanSettings(use_cache=False)


@pytest.fixture
def pictures(tmp_path: Path, person: PersonImage) -> Path:
    """Four images whose names say nothing."""
    for i in range(4):
        file = tmp_path / "photos" / f"IMG_{i}.png"
        file.parent.mkdir(exist_ok=True)
        person(i).save(file)
    return tmp_path


def test_a_csv_says_who_is_where(pictures: Path) -> None:
    table = pictures / "people.csv"
    table.write_text(
        "Path;PID;camid;split\nphotos/IMG_0.png;7;b;train\nphotos/IMG_1.png;anna;3;train\n"
        "photos/IMG_2.png;anna;;test\n./photos/IMG_3.png;anna;north;query\n"
    )
    result = scan_dataset(table, NO_CACHE)
    assert result.images.paths == tuple(f"photos/IMG_{i}.png" for i in range(4))
    pids = result.images.pids.tolist()
    assert pids[0] == 7
    assert pids[1] == pids[2] == pids[3] > 10**9
    assert result.images.camids.tolist()[:2] == [2, 3]
    train = load_manifest(table, NO_CACHE)
    assert train.paths == ("photos/IMG_0.png", "photos/IMG_1.png")
    assert train.file(0).is_file()
    query, gallery = load_query_gallery(table, NO_CACHE)
    assert (query.paths, gallery.paths) == (("photos/IMG_3.png",), ("photos/IMG_2.png",))


def test_another_identity_in_the_same_file_is_another_dataset(pictures: Path) -> None:
    table = pictures / "people.csv"
    for pid in (1, 2):
        table.write_text(f"path,pid\nphotos/IMG_0.png,{pid}\n")
        result = scan_dataset(table)
        assert result.images.pids.tolist() == [pid]
    assert scan_dataset(table).from_cache


def test_a_csv_leads_nowhere_else(pictures: Path, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "a.csv").write_text(
        f"path,pid\n../photos/IMG_0.png,1\n{pictures}/photos/IMG_1.png,2\nabsent.png,3\n/etc/absent.png,4\n"
    )
    result = scan_dataset(inner / "a.csv", NO_CACHE)
    assert {(problem.path, problem.reason) for problem in result.invalid} == {
        ("../photos/IMG_0.png", "outside_root"),
        (f"{pictures}/photos/IMG_1.png", "outside_root"),
        ("absent.png", "missing"),
        ("/etc/absent.png", "outside_root"),
    }
    assert len(result.images) == 0
    allowed = scan_dataset(inner / "a.csv", ScanSettings(use_cache=False, link_sources=(pictures / "photos",)))
    assert sorted(allowed.images.pids.tolist()) == [1, 2]
    assert all(allowed.images.file(i).is_file() for i in range(2))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column path and no pid"),
        ("file,id\na.jpg,1\n", "no column path and no pid"),
        ("path,pid\n\n", "names no image"),
        ("path,pid\na.jpg\n", "line 2: as many values"),
        ("path,pid\na.jpg,1,2\n", "line 2: as many values"),
        ("path,pid\na.jpg,\n", "line 2: pid is empty"),
        ("path,pid\n,1\n", "line 2: path is empty"),
        ("path,pid\na\0.jpg,1\n", "line 2: a.*.jpg holds a zero byte"),
        ("path,pid\na.txt,1\n", "not named like an image"),
        ("path,pid,split\na.jpg,1,banana\n", "line 2: split 'banana'"),
        ("path,pid,PID\na.jpg,1,2\n", "column pid more than once"),
        ("path,pid\na.jpg,1\na.jpg,2\n", "line 3: a.jpg was already named otherwise"),
    ],
)
def test_lines_that_make_no_sense(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(InputError, match=f"bad.csv.*{message}"):
        read_csv(tmp_path / "bad.csv")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_tables_as_spreadsheets_and_pandas_save_them(tmp_path: Path, encoding: str) -> None:
    text = '"path"\t"pid"\t"camid"\r\n"ä.jpg"\t"7.0"\t"2.0"\r\n"b.jpg"\t"-1.0"\t""\r\n"c.jpg"\t"0.0"\t"2"\r\n'
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    (tmp_path / "a.csv").write_bytes((mark + text).encode(encoding))
    entries = read_csv(tmp_path / "a.csv").entries
    assert [(entry.path, *entry.label) for entry in entries] == [("ä.jpg", 7, 2), ("b.jpg", -1, None), ("c.jpg", 0, 2)]


def test_lines_without_a_split_among_others_with_one_are_not_passed_over_in_silence(pictures: Path) -> None:
    table, said = pictures / "gaps.csv", []
    rows = ["path,pid,split", *(f"photos/IMG_{i}.png,{i},{'train' if i < 2 else ''}" for i in range(4))]
    table.write_text("\n".join(rows))
    assert len(load_manifest(table, NO_CACHE, notify=said.append)) == 2
    assert [line for line in said if "2 images" in line and "without a split are not used" in line]
    table.write_text("\n".join(row.replace(",train", ",") for row in rows))
    said.clear()
    assert len(load_manifest(table, NO_CACHE, notify=said.append)) == 4
    assert not [line for line in said if "split" in line]


def test_two_csvs_side_by_side_are_compared(pictures: Path) -> None:
    (pictures / "train.csv").write_text("path,pid\nphotos/IMG_0.png,1\nphotos/IMG_1.png,2\n")
    (pictures / "test.csv").write_text("path,pid\nphotos/IMG_2.png,3\nphotos/IMG_3.png,4\n")
    result = audit(pictures / "train.csv", pictures / "test.csv", NO_CACHE)
    assert [part.role for part in result.parts] == ["train", "gallery"]
    assert len(result.images) == 4


def test_msmt17_lists_divide_its_folders(tmp_path: Path, person: PersonImage) -> None:
    def put(folder: str, pid: int, camera: int, lists: str) -> None:
        path = f"{pid:04d}/{pid:04d}_000_{camera:02d}_0303morning_0015_{camera}.jpg"
        (tmp_path / folder / path).parent.mkdir(parents=True, exist_ok=True)
        person(pid, camera).save(tmp_path / folder / path)
        if lists:
            with (tmp_path / f"list_{lists}.txt").open("a") as stream:
                stream.write(f"{path} {pid}\n")

    for pid in (0, 1):
        put("train", pid, 1, "train")
        put("train", pid, 2, "val")
        put("test", pid, 3, "query")
        put("test", pid, 4, "gallery")
        put("test", pid, 5, "")
    result = scan_dataset(tmp_path, NO_CACHE)
    assert {part.role for part in result.parts} == {"train", "val", "query", "gallery"}
    assert [problem.reason for problem in result.skipped] == ["unlisted"] * 2
    assert load_manifest(tmp_path, NO_CACHE).camids.tolist() == [1, 1]
    query, gallery = load_query_gallery(tmp_path, NO_CACHE)
    assert (query.camids.tolist(), gallery.camids.tolist()) == ([3, 3], [4, 4])
    assert all(path.startswith("test/") for path in query.paths + gallery.paths)
    assert len(scan_dataset(tmp_path, ScanSettings(use_cache=False, layout="folders")).images) == 10
    (tmp_path / "test" / query.paths[0].removeprefix("test/")).unlink()
    assert [problem.reason for problem in scan_dataset(tmp_path, NO_CACHE).invalid] == ["missing"]
    (tmp_path / "list_val.txt").write_text((tmp_path / "list_train.txt").read_text())
    with pytest.raises(InputError, match=r"list_val.txt, line 1: .* already named otherwise.* in one list"):
        scan_dataset(tmp_path, NO_CACHE)
    (tmp_path / "list_val.txt").unlink()
    (tmp_path / "list_train.txt").write_text("no identity here\n")
    with pytest.raises(InputError, match="list_train.txt, line 1"):
        scan_dataset(tmp_path, NO_CACHE)
