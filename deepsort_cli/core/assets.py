"""Files that come with the package, checked by the sums published with them."""

from __future__ import annotations

from pathlib import Path

from deepsort_cli.core.errors import RunError
from deepsort_cli.core.files import file_sha256

ASSETS = Path(__file__).resolve().parent.parent / "assets"
CHECKSUMS = "SHA256SUMS"


def checksums(folder: Path) -> dict[str, str]:
    """File name → SHA-256 in hexadecimal, in the order of the folder's SHA256SUMS; empty where there is none."""
    try:
        lines = (folder / CHECKSUMS).read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    entries = (line.split(maxsplit=1) for line in lines if line.strip())
    return {name.lstrip("*"): digest for digest, name in entries}


def checked(path: Path, sha256: str, *, remedy: str) -> Path:
    """`path`, after making sure that it is the file that was published.

    Raises:
        RunError: it is missing or differs; `remedy` ends the message.
    """
    try:
        found = file_sha256(path)
    except OSError as error:
        raise RunError(f"{path}: this part of the package cannot be read ({error.strerror}). {remedy}") from None
    if found != sha256:
        raise RunError(
            f"{path}: this part of the package is damaged or was replaced: its SHA-256 is {found}, expected {sha256}. "
            f"{remedy}"
        )
    return path
