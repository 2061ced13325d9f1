"""What the camera sees: ONNX Runtime sessions, detectors, and appearance embedders."""
