"""The trained weights that come with the package, to start from. Cheap to import: no PyTorch here."""

from __future__ import annotations

from pathlib import Path

import deepsort_cli
from deepsort_cli.core.errors import RunError
from deepsort_cli.core.files import file_sha256

ASSETS = Path(deepsort_cli.__file__).resolve().parent / "assets"
CHECKSUMS = ASSETS / "SHA256SUMS"
"""What the files must be, in the format of the `sha256sum` tool."""


def has_bundled_weights(name: str) -> bool:
    """Whether trained weights of this network come with the package."""
    return any(file == f"{name}.pth" for file in _sums())


def weights_file(name: str | Path) -> Path:
    """The file of this name where there is one, else the bundled weights called so, else the name as it is.

    Raises:
        RunError: the bundled weights are missing or damaged.
    """
    path = Path(name)
    return path if path.exists() or not has_bundled_weights(str(name)) else _checked(f"{name}.pth")


def _checked(file: str) -> Path:
    path, expected = ASSETS / file, _sums()[file]
    remedy = "Reinstall the package, or start from other weights (--pretrained FILE, or none)."
    try:
        found = file_sha256(path)
    except OSError as error:
        raise RunError(f"{path}: the bundled weights cannot be read ({error.strerror}). {remedy}") from None
    if found != expected:
        raise RunError(
            f"{path}: the bundled weights are damaged or were replaced: their SHA-256 is {found}, expected {expected}. "
            f"{remedy}"
        )
    return path


def _sums() -> dict[str, str]:
    """File → SHA-256."""
    try:
        lines = CHECKSUMS.read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    entries = (line.split(maxsplit=1) for line in lines if line.strip())
    return {name.lstrip("*"): digest for digest, name in entries}
