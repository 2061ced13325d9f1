"""What some commands need beyond the base install."""

from __future__ import annotations

import importlib.util

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.extras import install


def require_torch(what: str) -> None:
    """Make sure that PyTorch is installed, without importing it.

    Raises:
        InputError: it is not; the message says how to get it.
    """
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("torchvision") is None:
        raise InputError(f"{what} needs PyTorch, which is not installed. Get it: {install('train')}")
