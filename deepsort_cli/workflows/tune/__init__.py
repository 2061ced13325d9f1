"""From sequences to the settings that track them best: `deepsort tune`, and `deepsort_cli.tune` in Python.

`sequences` watches each source once and finds its ground truth; `pieces` tracks what was recorded again, without
networks; `space` says which keys are searched; `study` is one search with Optuna, kept in a file; `run` joins them, and
searches again without each sequence to see how much of the gain holds for others. `outputs`, `plots` and `page` write
the results.
"""

from deepsort_cli.workflows.tune.results import BestSoFar, Fold, Tuned
from deepsort_cli.workflows.tune.run import run_tune, tune

__all__ = ["BestSoFar", "Fold", "Tuned", "run_tune", "tune"]
