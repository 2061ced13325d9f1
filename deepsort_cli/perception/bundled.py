"""The Re-ID models that come with the package, each with its model card.

`assets/` holds them as `<name>.onnx` and `<name>.md`; `assets/SHA256SUMS`, in the format of the `sha256sum` tool, says
what the files must be. The first one listed there is the default. `<name>.pth` beside a model holds the same weights to
train on (see `reid.bundled`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deepsort_cli.core.assets import ASSETS, checked, checksums


@dataclass(frozen=True)
class BundledModel:
    """A model in the box.

    Attributes:
        name: what `reid.model_path` and `deepsort models` call it.
        path: the ONNX file.
        sha256: what its SHA-256 must be, in hexadecimal.
    """

    name: str
    path: Path
    sha256: str

    @property
    def card(self) -> str:
        """The model card, Markdown."""
        return self.path.with_suffix(".md").read_text(encoding="utf-8")

    def checked(self) -> Path:
        """The file, after making sure that it is the one that was published.

        Raises:
            RunError: it is missing or differs.
        """
        remedy = "Reinstall the package, or name another model with `reid.model_path` (none: no appearance)."
        return checked(self.path, self.sha256, remedy=remedy)


def bundled_models() -> list[BundledModel]:
    """All of them, the default first."""
    files = [(ASSETS / name, digest) for name, digest in checksums(ASSETS).items()]
    return [BundledModel(path.stem, path, digest) for path, digest in files if path.suffix == ".onnx"]


def bundled_model(name: str | None = None) -> Path | None:
    """The checked file of the default model, or of the one called `name`; None where there is none.

    Raises:
        RunError: the file is missing or damaged.
    """
    for model in bundled_models():
        if name is None or model.name == name:
            return model.checked()
    return None


def model_file(name: str | Path) -> Path:
    """The file of this name where there is one, else the bundled model called so, else the name as it is.

    A folder called so hides nothing: a run may have that name.

    Raises:
        RunError: the bundled model is damaged.
    """
    path = Path(name)
    return path if path.is_file() else bundled_model(str(name)) or path
