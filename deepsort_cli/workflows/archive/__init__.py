"""Many videos, each with a folder of results: `deepsort track … --output-dir DIR`, and `track_archive` in Python.

    sources ──▶ videos ──▶ plan ──▶ workers, each with its models ──▶ results in their folders ──▶ index
    videos      Video      Item     processes, or cluster: work       records                      index

A worker makes the files of a video in a hidden folder. They are moved into place when all are closed, and a record,
`summary.json`, is written last; a video counts as done if its record says so, and was made of the same source, settings
and models (`fingerprints`). Whatever is killed, the next run finds either all of a video's results or none.

Read `run` first.
"""

from deepsort_cli.workflows.archive.events import Planned, Result, Working
from deepsort_cli.workflows.archive.run import Archive, run_archive, track_archive

__all__ = ["Archive", "Planned", "Result", "Working", "run_archive", "track_archive"]
