"""Archives from elsewhere: read, or refused with one kind of error."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from deepsort_cli.core.archives import read_archive
from deepsort_cli.core.errors import InputError

WHERE = "`detections` a.npz"


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.path,)  # type: ignore[return-value]


def test_every_array_is_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", a=np.arange(3), b=np.array("text"))
    found = read_archive(tmp_path / "a.npz", WHERE)
    assert found["a"].tolist() == [0, 1, 2]
    assert str(found["b"]) == "text"


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    trap = np.empty(1, object)
    trap[0] = Trap(tmp_path / "sprung")
    np.savez(tmp_path / "a.npz", a=np.arange(3), b=trap, allow_pickle=True)
    with pytest.raises(InputError, match="a.npz: not a NumPy archive of numbers .it holds Python objects"):
        read_archive(tmp_path / "a.npz", WHERE)
    assert not (tmp_path / "sprung").exists()


def test_one_array_under_the_name_of_an_archive(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.arange(3))
    (tmp_path / "a.npz").write_bytes(buffer.getvalue())
    with pytest.raises(InputError, match="rename it"):
        read_archive(tmp_path / "a.npz", WHERE)


def test_more_promised_than_fits_the_memory(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**15,)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("det.npy", header.getvalue())
    with pytest.raises(InputError, match="damaged, or larger than the memory"):
        read_archive(tmp_path / "a.npz", WHERE)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_whatever_is_damaged_is_one_kind_of_error(tmp_path: Path, save: object) -> None:
    """Any byte may be wrong, and any end missing: no other exception gets out."""
    whole, path = tmp_path / "whole.npz", tmp_path / "a.npz"
    save(whole, det=np.random.default_rng(0).normal(size=(20, 7)), features=np.zeros((20, 4)))  # type: ignore[operator]
    data, refused = whole.read_bytes(), 0
    rng = np.random.default_rng(1)
    for place in rng.permutation(len(data))[:400].tolist():
        bent = bytearray(data)
        bent[place] = int(rng.integers(256))
        path.write_bytes(bent if place % 4 else data[:place])
        try:
            read_archive(path, WHERE)
        except InputError as error:
            assert str(error).startswith(WHERE)
            refused += 1
    assert refused > 100
