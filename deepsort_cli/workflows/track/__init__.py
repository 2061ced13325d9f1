"""From sources to tracks: `deepsort track`, and `deepsort_cli.track` in Python.

    reader thread       worker threads                  your thread        writer thread
    decode frames  ──▶  find objects, embed crops, ──▶  track, in order ──▶ text, crops, drawing, encoding
                        measure camera motion

Several frames are perceived at once, one by each worker with single-threaded networks: small networks gain little from
many threads each, but frames are independent. Several sources have a reader and a writer thread each and share the
workers, in fair turns. Short queues join the threads, so memory does not grow; frames of a source stay in order. An
error in any thread surfaces in yours and ends its source; whatever ends it, outputs are closed and usable.

Read `run` first: it checks everything. `parts` opens detector and embedder, `sources` the sources; `perceive` is what
workers do, `follow` what your thread does, `one_source` joins them with threads, `together` goes from source to source.
"""

from deepsort_cli.workflows.track.events import Ending, Live, Progress, Serving, Summary
from deepsort_cli.workflows.track.parts import Functions
from deepsort_cli.workflows.track.run import Run, run_track, track

__all__ = ["Ending", "Functions", "Live", "Progress", "Run", "Serving", "Summary", "run_track", "track"]
