"""Evaluate an ONNX Re-ID model without PyTorch: how good is it, on whom does it fail, which threshold to track with?

python examples/generated_people.py people
python examples/evaluate_onnx.py people reid.onnx      # without a model: the newest run's, else the bundled one
"""

from __future__ import annotations

import sys

import numpy as np

import deepsort_cli as deepsort


def main(root: str, model: str | None = None) -> None:
    done = deepsort.evaluate(model, root=root, bootstrap=200)
    mAP, ap = done.evaluation.mAP, done.evaluation.ranking.ap
    print(f"mAP {mAP.value:.1%}, from {mAP.low:.1%} to {mAP.high:.1%}")
    print(f"track with max_cosine_distance={done.threshold}")  # done.as_json() has all that metrics.json has
    for query in np.argsort(ap)[:3]:  # the result of every query is there; NaN, without a right match, comes last
        print(f"hard query: {done.evaluation.data.query.paths[query]}, AP {ap[query]:.1%}")
    print(f"report: {done.folder / 'report.html'}")


if __name__ == "__main__":  # processes that read images come this way too
    main(*sys.argv[1:])
