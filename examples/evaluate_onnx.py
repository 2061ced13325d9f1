"""Evaluate an ONNX Re-ID model without PyTorch: how good is it, on whom does it fail, which threshold to track with?

python examples/evaluate_onnx.py                                   # the bundled model on generated people
python examples/evaluate_onnx.py --model reid.onnx --root market1501
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import deepsort_cli as deepsort


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, help="default: the newest run's best checkpoint, else the bundled model")
    parser.add_argument("--root", type=Path, default=Path("people"), help="with query and gallery; made if absent")
    parser.add_argument("--output-dir", type=Path, default=Path("results"))
    words = vars(parser.parse_args())
    if not words["root"].exists():
        from generated_people import make_people  # beside this script

        print(f"Making generated people in {words['root']}")
        make_people(words["root"])
    done = deepsort.evaluate(words.pop("model"), **words, bootstrap=200)
    print(f"mAP {done.evaluation.mAP.value:.1%}, from {done.evaluation.mAP.low:.1%} to {done.evaluation.mAP.high:.1%}")
    print(f"track with max_cosine_distance={done.threshold}")  # done.as_json() has it all, as metrics.json
    # Every query's result is there as arrays. NaN stands for a query without a right match.
    ap = done.evaluation.ranking.ap
    for query in np.argsort(ap)[:3]:
        print(f"hard query: {done.evaluation.data.query.paths[query]}, AP {ap[query]:.1%}")
    print(f"report: {done.folder / 'report.html'}")


if __name__ == "__main__":
    main()
