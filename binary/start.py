"""What the single file starts: the `deepsort` command, without Python's own command line."""

import multiprocessing
import runpy
import sys

MODULES = {"deepsort_cli.video.sinks.window"}
"""Modules that the program runs in another process of itself, `deepsort -m MODULE`, as Python would."""


def main() -> None:
    multiprocessing.freeze_support()  # a worker process where the system cannot fork
    if len(sys.argv) == 3 and sys.argv[1] == "-m" and sys.argv[2] in MODULES:
        runpy.run_module(sys.argv[2], run_name="__main__")
        return
    from deepsort_cli.cli import main as deepsort

    deepsort()


if __name__ == "__main__":
    main()
