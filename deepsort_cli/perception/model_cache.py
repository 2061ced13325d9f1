"""Where fetched models are kept."""

from __future__ import annotations

import os
from pathlib import Path

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.files import at_home

FOLDER = "DEEPSORT_MODELS"
"""Environment variable: folder of fetched models."""


def cache_folder() -> Path:
    """Folder of fetched models: DEEPSORT_MODELS, else `deepsort/models` in the user's cache folder."""
    given = os.environ.get(FOLDER)
    if given:
        return at_home(given)
    from platformdirs import user_cache_path

    return user_cache_path("deepsort", appauthor=False) / "models"


def cache_error(folder: Path, error: OSError) -> InputError:
    """The message for a cache that cannot be written."""
    return InputError(
        f"{folder}: models cannot be kept here ({error.strerror or error}). Set {FOLDER} to another folder."
    )
