"""Where results go: video, text tables, crops, a window. Every sink is a context manager.

A sink that is closed, also because of an error or Ctrl-C, leaves a complete file under its final name: it writes
under a temporary name beside it, and text in whole lines only. Nothing is left where no frame came. Sinks write all
the tracks that they are given.
"""

from deepsort_cli.video.sinks.base import ClassNames, Sink, TemporaryFile, write_error
from deepsort_cli.video.sinks.crops import CropSink, remove_old_crops
from deepsort_cli.video.sinks.encoder import check_video
from deepsort_cli.video.sinks.names import output_path, unique_names
from deepsort_cli.video.sinks.tables import STDOUT, CsvSink, GroundTruthSink, JsonlSink, MotSink, ground_truth_rows
from deepsort_cli.video.sinks.video import VideoSink
from deepsort_cli.video.sinks.window import DisplaySink, window_problem

__all__ = [
    "STDOUT",
    "ClassNames",
    "CropSink",
    "CsvSink",
    "DisplaySink",
    "GroundTruthSink",
    "JsonlSink",
    "MotSink",
    "Sink",
    "TemporaryFile",
    "VideoSink",
    "check_video",
    "ground_truth_rows",
    "output_path",
    "remove_old_crops",
    "unique_names",
    "window_problem",
    "write_error",
]
