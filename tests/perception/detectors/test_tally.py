from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from deepsort_cli.perception.detectors.tally import FLOOR, DetectionCounts, Tally

SCORES = np.array([0.9, 0.8, 0.4, 0.2, 0.1, 0.6])
CLASSES = np.array([0, 0, 0, 0, 7, 7])


def test_every_candidate_is_counted_in_one_place() -> None:
    tally = Tally(names={0: "person", 7: "truck"})
    keep, frame = tally.choose(SCORES, CLASSES, 0.3, frozenset({0}))
    assert keep.tolist() == [0, 1, 2]
    tally.add(frame.resolved(unsuppressed=3, limited=2, kept=1))
    counts = tally.counts
    assert counts == DetectionCounts(
        frames=1,
        found=6,
        below_conf=1,
        other_class=1,
        below_conf_other_class=1,
        over_limit=1,
        outside=1,
        kept=1,
        best_score=0.9,
        classes={"truck": 1},
    )
    assert counts.floor == FLOOR


def test_the_best_score_is_of_a_wanted_class_even_if_too_low() -> None:
    tally = Tally()
    tally.add(tally.choose(SCORES, CLASSES, 0.95, frozenset({7}))[1].resolved(0, 0, 0))
    assert tally.counts.best_score == 0.6
    assert (tally.counts.below_conf, tally.counts.below_conf_other_class) == (2, 4)
    empty = np.empty(0)
    tally.add(tally.choose(empty, empty.astype(np.int64), 0.3, None)[1].resolved(0, 0, 0))
    assert (tally.counts.frames, tally.counts.best_score) == (2, 0.6)


def test_threads_lose_nothing_and_a_new_source_starts_at_zero() -> None:
    tally = Tally(names={0: "person", 7: "truck"})

    def look(_: int) -> None:
        tally.add(tally.choose(SCORES, CLASSES, 0.3, frozenset({0}))[1].resolved(2, 2, 2))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(look, range(400)))
    counts = tally.counts
    assert (counts.frames, counts.found, counts.suppressed, counts.kept) == (400, 2400, 400, 800)
    assert counts.classes == {"truck": 400}
    assert tally.fresh().counts == DetectionCounts()
