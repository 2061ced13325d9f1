"""Ranking a shortlist: exact where it is long enough, a lower bound else."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from deepsort_cli.core.errors import InputError
from deepsort_cli.evaluation import shortlist
from deepsort_cli.evaluation.evaluate import Evaluation, evaluate
from deepsort_cli.evaluation.settings import RerankSettings

MakeEvaluation = Callable[..., Evaluation]


@pytest.fixture(autouse=True)
def _faiss() -> None:
    pytest.importorskip("faiss", reason="the extra [faiss] is not installed")


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_a_full_shortlist_is_exact(make_evaluation: MakeEvaluation, metric: str) -> None:
    exact, full = make_evaluation(metric=metric), make_evaluation(metric=metric, shortlist=1000)
    for name in ("ap", "ap_trapezoidal", "inp", "first_match", "num_matches", "num_gallery"):
        assert_allclose(getattr(full.ranking, name), getattr(exact.ranking, name), atol=1e-9)
    assert_array_equal(full.retrieved, exact.retrieved)
    assert_allclose(full.retrieved_distance, exact.retrieved_distance, atol=1e-5)
    assert full.threshold == exact.threshold
    assert "lower bounds" in full.data.notes[-1]


def test_embeddings_that_lie_close_together_are_counted_as_finely(make_evaluation: MakeEvaluation) -> None:
    """All distances within a few of the usual bins would give an equal error rate of bins, not of pairs."""
    usual = make_evaluation(bootstrap=20)
    features = [x + 100 for x in (usual.query_features, usual.gallery_features)]
    exact, full = (
        evaluate(usual.data, *features, usual.settings.model_copy(update={"shortlist": k})) for k in (0, 1000)
    )
    assert exact.pairs.edges[-1] < 0.01
    assert_array_equal(full.pairs.edges, exact.pairs.edges)
    assert full.verification.eer == exact.verification.eer
    assert full.threshold_found == exact.threshold_found


def test_a_short_one_is_a_lower_bound(make_evaluation: MakeEvaluation) -> None:
    exact, short = make_evaluation(noise=1.2), make_evaluation(noise=1.2, shortlist=8)
    assert (short.ranking.ap <= exact.ranking.ap + 1e-12).all()
    assert (short.ranking.inp <= exact.ranking.inp + 1e-12).all()
    assert short.ranking.mAP < exact.ranking.mAP
    assert short.ranking.rank(1) == exact.ranking.rank(1)
    assert (short.ranking.cmc <= exact.ranking.cmc + 1e-12).all()
    assert short.ranking.num_valid == exact.ranking.num_valid


def test_clustered_search_finds_nearly_all(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(50, 16))
    gallery = np.repeat(centres, 100, axis=0) + 0.3 * rng.normal(size=(5000, 16))
    monkeypatch.setattr(shortlist, "EXACT_UP_TO", 1000)
    found, _ = shortlist.search(centres, gallery, 20)
    assert np.mean(found // 100 == np.arange(50)[:, None]) > 0.95


def test_without_faiss_the_remedy_is_named(make_evaluation: MakeEvaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(InputError, match=r"pip install 'deepsort-cli\[faiss\]'"):
        make_evaluation(shortlist=10)


def test_not_with_reranking(make_evaluation: MakeEvaluation) -> None:
    with pytest.raises(InputError, match="exclude each other"):
        make_evaluation(shortlist=10, rerank=RerankSettings(enabled=True))
