"""Value types, geometry, errors and file writing shared by every room."""

from typing import TYPE_CHECKING, Any

from deepsort_cli.core.errors import DeepsortError, InputError, RunError

if TYPE_CHECKING:
    from deepsort_cli.core.types import Detections, Frame, Tracks

__all__ = ["DeepsortError", "Detections", "Frame", "InputError", "RunError", "Tracks"]


def __getattr__(name: str) -> Any:
    """The types, when they are asked for: they bring NumPy, which errors and help do without."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from deepsort_cli.core import types

    return getattr(types, name)
