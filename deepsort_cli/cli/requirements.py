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


def require_package(name: str, what: str, extra: str) -> None:
    """Make sure that a package is installed, without importing it.

    Args:
        what: needs it.
        extra: brings it.

    Raises:
        InputError: it is not; the message says how to get it.
    """
    if importlib.util.find_spec(name) is None:
        raise InputError(f"{what} needs the package {name}, which is not installed. Get it: {install(extra)}")
