"""NumPy archives (`.npz`) read without trust: no Python objects, and one kind of error whatever is wrong with them."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepsort_cli.core.errors import InputError


@contextmanager
def refusing_damaged(where: str, kind: str = "archive", remedy: str = "") -> Iterator[None]:
    """Turn what NumPy and `zipfile` raise over a damaged or foreign file into one message.

    Args:
        where: the setting and the path, for messages.
        kind: `archive` or `array`, whichever was expected.
        remedy: a sentence to end the message with.

    Raises:
        InputError: naming the file, and what is wrong with it.
    """
    try:
        yield
    except MemoryError as error:
        raise InputError(f"{where}: damaged, or larger than the memory ({_short(error)}).{remedy}") from None
    # NotImplementedError and RuntimeError: another compression or encryption, which a single wrong byte may claim.
    except (
        ValueError,
        OSError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise InputError(f"{where}: not a NumPy {kind} of numbers ({_short(error)}).{remedy}") from None


def read_archive(path: Path, where: str, remedy: str = "") -> dict[str, npt.NDArray[Any]]:
    """All arrays of an `.npz` file, by name; see `refusing_damaged`.

    Raises:
        InputError: it is damaged, of another kind, or holds Python objects, which are never unpickled.
    """
    with refusing_damaged(where, remedy=remedy):
        archive = np.load(path, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise InputError(f"{where}: one array (.npy) under the name .npz; rename it.")
        with archive:
            return {name: archive[name] for name in archive.files}


def _short(error: Exception) -> str:
    if "pickle" in str(error):  # NumPy goes on to say how to load it all the same, which nobody should
        return "it holds Python objects, or is a file of another kind"
    return str(error).splitlines()[0][:160] if str(error) else type(error).__name__
