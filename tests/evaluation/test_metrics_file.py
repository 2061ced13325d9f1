"""What `metrics.json` holds comes back as it was measured; what is no such file is refused, and why is said."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deepsort_cli.core.errors import InputError
from deepsort_cli.evaluation.evaluate import Evaluation
from deepsort_cli.evaluation.figures import Measured, ModelInfo
from deepsort_cli.evaluation.metrics_file import STORED_RATES, Quality, as_json, quality, read_metrics

MODEL = ModelInfo("models/best.pth", "best", "a" * 64, 16)
OLD = {"mAP": 51.5, "rank1": 60, "threshold": 0.35, "model": {"sha256": "me", "path": None}}
"""As earlier versions wrote it, cut short."""


def test_what_is_written_is_read_again(make_evaluation: Callable[..., Evaluation], tmp_path: Path) -> None:
    for identities in (40, 2):  # two are too few for a threshold
        found = Measured(MODEL, make_evaluation(identities=identities))
        (tmp_path / "metrics.json").write_text(json.dumps(as_json(found), allow_nan=False))
        known = quality(found)
        assert read_metrics(tmp_path / "metrics.json") == read_metrics(tmp_path) == known
        assert tuple(known.rates) == STORED_RATES == ("mAP", "mINP", "rank1", "rank5", "rank10")
        assert known.rates["mAP"] == found.evaluation.mAP.value
        assert (known.threshold is None) == (identities == 2) == ("too few pairs" in known.missing)


def test_files_of_earlier_versions(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(json.dumps(OLD))
    known = Quality({"mAP": 0.515, "rank1": 0.6}, 0.35, sha256="me")
    assert read_metrics(tmp_path / "old.json") == known


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        ([], "no mAP and threshold"),
        ({"mAP": 50}, "no mAP and threshold"),
        ({"threshold": 7}, "its threshold 7 is not a cosine distance between 0 and 2"),
        ({"threshold": math.nan}, "its threshold nan is not"),
        ({"threshold": True}, "its threshold True is not"),
        ({"mAP": "half"}, "its mAP 'half' is not a rate in percent"),
        ({"fractions": {"rank1": 60}}, r"its fractions\.rank1 60 is not a fraction"),
        ({"fractions": [1]}, r"its fractions \[1\] is not an object"),
        ({"model": "best.pth"}, "its model 'best.pth' is not an object"),
        ({"data": {"query": 3}}, r"its data\.query 3 is not text"),
        ({"query_identities": "x" * 99}, "its query_identities 'x{38}… is not a number"),
    ],
)
def test_what_is_no_metrics_file(tmp_path: Path, content: Any, words: str) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    if isinstance(content, dict) and content != {"mAP": 50}:
        text = json.dumps(OLD | content)
    (tmp_path / "wrong.json").write_text(text)
    with pytest.raises(InputError, match=rf"`export\.metrics` .*wrong\.json: .*{words}"):
        read_metrics(tmp_path / "wrong.json")
    with pytest.raises(InputError, match="no such file"):
        read_metrics(tmp_path / "missing.json")
