"""How well Re-ID models find people again in scenes they were not trained on: a video with MOTChallenge ground truth.

    python elsewhere.py VIDEO GT.txt MODEL.onnx [MODEL.onnx …]

Every fifth frame's true boxes are embedded. Each third of them is a query; what lies at least 25 frames from it is its
gallery. Printed are mean average precision and rank 1, in percent. There is one camera only: this says less than
`deepsort eval` does about other cameras, but shows what a model has forgotten.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from deepsort_cli.core.boxes import tlwh_to_xyxy
from deepsort_cli.core.mot import read_table
from deepsort_cli.perception.embedders import Embedder, open_embedder
from deepsort_cli.perception.settings import EmbedderSettings

STEP, QUERIES, FAR = 5, 3, 25


def embed_people(video: Path, table: np.ndarray, embedder: Embedder) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (N, D), ids (N,) and frames (N,) of the true boxes that show anything."""
    capture = cv2.VideoCapture(str(video))
    features, ids, frames = [], [], []
    for number in range(1, int(table[:, 0].max()) + 1):
        found, image = capture.read()
        if not found:
            break
        rows = table[(table[:, 0] == number) & (table[:, 6] > 0)]
        if (number - 1) % STEP or len(rows) == 0:
            continue
        features.append(embedder(image, tlwh_to_xyxy(rows[:, 2:6])))
        ids.append(rows[:, 1])
        frames.append(rows[:, 0])
    known = np.isfinite(np.concatenate(features)).all(axis=1)
    return np.concatenate(features)[known], np.concatenate(ids)[known], np.concatenate(frames)[known]


def search(features: np.ndarray, ids: np.ndarray, frames: np.ndarray) -> tuple[float, float]:
    """Mean average precision and rank 1, as fractions."""
    precisions, firsts = [], []
    for query in range(0, len(ids), QUERIES):
        gallery = np.flatnonzero(np.abs(frames - frames[query]) >= FAR)
        nearest = gallery[np.argsort(-features[gallery] @ features[query], kind="stable")]
        right = ids[nearest] == ids[query]
        if right.any():
            places = np.flatnonzero(right) + 1
            precisions.append(np.mean(np.arange(1, len(places) + 1) / places))
            firsts.append(right[0])
    return float(np.mean(precisions)), float(np.mean(firsts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("ground_truth", type=Path)
    parser.add_argument("models", nargs="+", help="ONNX files, or the name of a bundled model")
    options = parser.parse_args()
    table = read_table(options.ground_truth)
    for model in options.models:
        embedder = open_embedder(EmbedderSettings(model_path=model))
        assert embedder is not None
        precision, first = search(*embed_people(options.video, table, embedder))
        print(f"{Path(model).name}: mAP {100 * precision:.1f}, rank 1 {100 * first:.1f}")


if __name__ == "__main__":
    main()
