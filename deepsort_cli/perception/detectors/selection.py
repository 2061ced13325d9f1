"""What is kept of detections that come ready-made, from a file or from a user's function."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from deepsort_cli.core.types import Detections
from deepsort_cli.perception.detectors.tally import Tally
from deepsort_cli.perception.nms import nms


class Selection:
    """Keeps the detections of one frame that are confident, of a wanted class and not suppressed, in their order.

    Args:
        conf: keep scores of at least this much; None keeps all.
        iou: drop a box that overlaps a better one of its class by more; None or 1 keeps all.
        classes: class ids to keep; None keeps all.
    """

    def __init__(self, conf: float | None, iou: float | None, classes: Collection[int] | None) -> None:
        self.conf = -np.inf if conf is None else conf
        self.wanted = None if classes is None else frozenset(classes)
        self._iou = iou if iou is not None and iou < 1 else None

    def __call__(self, found: Detections, tally: Tally) -> Detections:
        """Those kept; `tally` is told what became of all."""
        chosen, counts = tally.choose(found.scores, found.class_ids, self.conf, self.wanted)
        if len(chosen) < len(found):
            found = found[chosen]
        kept = found
        if self._iou is not None and len(found) > 1:
            with np.errstate(invalid="ignore", over="ignore"):  # boxes of functions may be infinite: these overlap none
                kept = found[np.sort(nms(found.boxes, found.scores, found.class_ids, self._iou))]
        tally.add(counts.resolved(len(kept), len(kept), len(kept)))
        return kept
