"""Value types, geometry, errors and file writing shared by every room."""

from deepsort_cli.core.errors import DeepsortError, InputError, RunError
from deepsort_cli.core.types import Detections, Frame, Tracks

__all__ = ["DeepsortError", "Detections", "Frame", "InputError", "RunError", "Tracks"]
