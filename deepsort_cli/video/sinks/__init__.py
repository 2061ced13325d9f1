"""Where results go: video, text tables, crops, a window. Every sink is a context manager.

A sink that is closed, also because of an error or Ctrl-C, leaves a complete file under its final name: it writes
under a temporary name beside it, and text in whole lines only. Nothing is left where no frame came. Sinks write all
the tracks that they are given.

Every module of this package that has outputs lists them as `OUTPUTS`; being there is all the registration there is.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache

from deepsort_cli.video.settings import OutputSettings
from deepsort_cli.video.sinks.base import ClassNames, Job, Output, Sink, TemporaryFile, write_error
from deepsort_cli.video.sinks.comparison import ComparisonSink
from deepsort_cli.video.sinks.crops import CropSink, remove_old_crops
from deepsort_cli.video.sinks.encoder import check_video
from deepsort_cli.video.sinks.looks import LooksSink
from deepsort_cli.video.sinks.names import output_path, unique_names
from deepsort_cli.video.sinks.recording import RecordingSink
from deepsort_cli.video.sinks.refined import RefinedSink
from deepsort_cli.video.sinks.rotating import ANY_LABEL, PartClock, RotatingSink, parts_of
from deepsort_cli.video.sinks.rows import ROW, RowsSink
from deepsort_cli.video.sinks.space import WhileRoomSink
from deepsort_cli.video.sinks.summary import SummarySink
from deepsort_cli.video.sinks.tables import STDOUT, CsvSink, GroundTruthSink, JsonlSink, MotSink, ground_truth_rows
from deepsort_cli.video.sinks.timeline import TimelineSink
from deepsort_cli.video.sinks.video import VideoSink
from deepsort_cli.video.sinks.window import DisplaySink, window_problem

__all__ = [
    "ANY_LABEL",
    "ROW",
    "STDOUT",
    "ClassNames",
    "ComparisonSink",
    "CropSink",
    "CsvSink",
    "DisplaySink",
    "GroundTruthSink",
    "Job",
    "JsonlSink",
    "LooksSink",
    "MotSink",
    "Output",
    "PartClock",
    "RecordingSink",
    "RefinedSink",
    "RotatingSink",
    "RowsSink",
    "Sink",
    "SummarySink",
    "TemporaryFile",
    "TimelineSink",
    "VideoSink",
    "WhileRoomSink",
    "check_video",
    "ground_truth_rows",
    "output_path",
    "outputs",
    "parts_of",
    "remove_old_crops",
    "unique_names",
    "window_problem",
    "write_error",
]


@lru_cache(maxsize=1)
def outputs() -> tuple[Output, ...]:
    """All kinds of outputs, from the modules of this package, in the order of their fields in `OutputSettings`."""
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    found = [output for module in modules for output in getattr(module, "OUTPUTS", ())]
    order = list(OutputSettings.model_fields)
    return tuple(sorted(found, key=lambda output: order.index(output.field)))
