"""The trained weights that come with the package, to start from. Cheap to import: no PyTorch here."""

from __future__ import annotations

from pathlib import Path

from deepsort_cli.core.assets import ASSETS, checked, checksums


def has_bundled_weights(name: str) -> bool:
    """Whether trained weights of this network come with the package."""
    return f"{name}.pth" in checksums(ASSETS)


def weights_file(name: str | Path) -> Path:
    """The file of this name where there is one, else the bundled weights called so, else the name as it is.

    A folder called so hides nothing: a run may have that name.

    Raises:
        RunError: the bundled weights are missing or damaged.
    """
    path = Path(name)
    expected = checksums(ASSETS).get(f"{name}.pth")
    if path.is_file() or expected is None:
        return path
    remedy = "Reinstall the package, or start from other weights (`model.pretrained`: a file, or none)."
    return checked(ASSETS / f"{name}.pth", expected, remedy=remedy)
