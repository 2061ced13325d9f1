"""Detector, embedder and tracker as objects in a loop of your own: for programs that do more than write files.

    python examples/track_in_your_own_loop.py
    python examples/track_in_your_own_loop.py --source 0 --detector yolox_nano.onnx --reid osnet_x0_25.onnx

Each part can be replaced: a detector is any function from an image to `Detections`, an embedder any function from an
image and boxes to one feature row per box, and the tracker needs neither, only `Detections`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from deepsort_cli.perception.detectors import open_detector
from deepsort_cli.perception.embedders import open_embedder
from deepsort_cli.perception.settings import DetectorSettings, EmbedderSettings
from deepsort_cli.tracking import Tracker, TrackerSettings
from deepsort_cli.video.overlay import Overlay
from deepsort_cli.video.settings import DemoSettings, OutputSettings, SourceSettings
from deepsort_cli.video.sinks import VideoSink
from deepsort_cli.video.sources import open_source


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--source", default="demo", help="whatever deepsort track --source takes")
    parser.add_argument("--detector", default="hog", help="hog, or an ONNX model")
    parser.add_argument("--reid", default=None, help="ONNX model, or none; default: the bundled model")
    parser.add_argument("--max-frames", type=int, default=60)
    parser.add_argument("--output", type=Path, default=Path("tracked.mp4"))
    arguments = parser.parse_args()

    detector = open_detector(DetectorSettings(model_path=arguments.detector))
    embedder = open_embedder(EmbedderSettings(model_path=arguments.reid))  # None where there is no appearance model
    # Distances depend on the model that makes the features, so the threshold belongs to the model.
    threshold = embedder.threshold if embedder is not None and embedder.threshold else 0.2
    tracker = Tracker(TrackerSettings(max_cosine_distance=threshold, max_age=30))

    overlay = Overlay(OutputSettings(), detector.class_names)
    greeted: set[int] = set()
    with (
        open_source(arguments.source, SourceSettings(max_frames=arguments.max_frames), DemoSettings()) as source,
        VideoSink(arguments.output, source.output_fps) as video,
    ):
        for frame in source:
            detections = detector(frame.image)
            if embedder is not None:
                detections = detections.with_features(embedder(frame.image, detections.boxes))
            tracks = tracker.update(detections)

            # Your own code. Here: say who is new.
            for track_id, box in zip(tracks.ids.tolist(), tracks.boxes, strict=True):
                if track_id not in greeted:
                    greeted.add(track_id)
                    x, y = (box[0] + box[2]) / 2, box[3]
                    print(f"{frame.time:6.2f} s  person {track_id} appears, feet at ({x:.0f}, {y:.0f})")

            overlay.draw(frame.image, tracks[tracks.time_since_update == 0])  # 0: seen in this very frame
            video.write(frame, tracks)
    print(f"{len(greeted)} people; watch {arguments.output}")


if __name__ == "__main__":
    main()
