"""Evaluate an ONNX Re-ID model without PyTorch: how good is it, on whom does it fail, which threshold to track with?

python examples/evaluate_onnx.py                                   # the bundled model on generated people
python examples/evaluate_onnx.py --model reid.onnx --root market1501
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from deepsort_cli.evaluation.settings import EvaluationDataSettings, EvaluationSettings, ReportSettings
from deepsort_cli.workflows.evaluate import run_evaluation


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, help="default: the newest run's best checkpoint, else the bundled model")
    parser.add_argument("--root", type=Path, default=Path("people"), help="with query and gallery; made if absent")
    parser.add_argument("--output-dir", type=Path, default=Path("results"))
    arguments = parser.parse_args()

    if not arguments.root.exists():
        from generated_people import make_people  # beside this script

        print(f"Making generated people in {arguments.root}")
        make_people(arguments.root)

    outcome = run_evaluation(
        arguments.model,
        EvaluationDataSettings(root=arguments.root),
        EvaluationSettings(bootstrap=200),
        report=ReportSettings(dir=arguments.output_dir),
    )
    figures = outcome.figures  # the same as metrics.json
    low, high = figures["intervals"]["mAP"]
    print(f"mAP {figures['mAP']:.1f} % (95 % interval {low:.1f} to {high:.1f}), rank 1 {figures['rank1']:.1f} %")
    print(f"track with max_cosine_distance {figures['threshold']}")

    # Beyond the figures, every query's result is there as arrays. NaN stands for a query without a right match.
    ap = outcome.evaluation.ranking.ap
    queries = outcome.evaluation.data.query
    for query in np.argsort(ap)[:3]:
        print(f"hard query: {queries.paths[query]}, AP {ap[query]:.1%}")
    print(f"report: {outcome.folder / 'report.html'}")


if __name__ == "__main__":
    main()
