"""The figures of an evaluation against plain computations of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from deepsort_cli.core.errors import InputError
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.evaluation.advice import recommendations
from deepsort_cli.evaluation.evaluate import Evaluation, evaluate
from deepsort_cli.evaluation.figures import Measured, ModelInfo, distance, typed
from deepsort_cli.evaluation.metrics_file import as_json
from deepsort_cli.evaluation.protocol import prepare
from deepsort_cli.evaluation.ranking import rank_distances
from deepsort_cli.evaluation.settings import EvaluationSettings, RerankSettings, ThresholdSettings
from deepsort_cli.evaluation.summary import summary_text

MakeEvaluation = Callable[..., Evaluation]
MODEL = ModelInfo("model.onnx", "model", "0" * 64, 16)


def cosine(evaluation: Evaluation) -> np.ndarray:
    q, g = (
        x.astype(np.float64) / np.linalg.norm(x, axis=1, keepdims=True)
        for x in (evaluation.query_features, evaluation.gallery_features)
    )
    return 1 - q @ g.T


def test_per_camera_pair_ranks_within_one_camera(make_evaluation: MakeEvaluation) -> None:
    found = make_evaluation()
    query, gallery = found.data.query, found.data.gallery
    assert [(pair.q_camid, pair.g_camid) for pair in found.camera_pairs] == [(1, 2), (2, 1)]
    for pair in found.camera_pairs:
        rows, columns = query.camids == pair.q_camid, gallery.camids == pair.g_camid
        alone = rank_distances(
            cosine(found)[np.ix_(rows, columns)],
            query.pids[rows],
            gallery.pids[columns],
            query.camids[rows],
            gallery.camids[columns],
        )
        assert pair.num_queries == alone.num_valid
        assert (pair.mAP, pair.mINP, pair.rank1) == pytest.approx((alone.mAP, alone.mINP, alone.rank(1)))


def test_per_identity_means(make_evaluation: MakeEvaluation) -> None:
    found = make_evaluation()
    assert [i.pid for i in found.identities] == list(range(1, 13))
    for identity in found.identities:
        ap = found.ranking.ap[found.data.query.pids == identity.pid]
        assert (identity.num_queries, identity.num_valid) == (2, 2)
        assert identity.ap == pytest.approx(ap.mean())


def test_retrieved_images_are_the_nearest_allowed_ones(make_evaluation: MakeEvaluation) -> None:
    found = make_evaluation(top_k=5)
    distances = cosine(found)
    query, gallery = found.data.query, found.data.gallery
    left_out = (query.pids[:, None] == gallery.pids) & (query.camids[:, None] == gallery.camids)
    expected = np.argsort(np.where(left_out, np.inf, distances), axis=1, kind="stable")[:, :5]
    assert_array_equal(found.retrieved, expected)
    assert_allclose(found.retrieved_distance, np.take_along_axis(distances, expected, axis=1), atol=1e-6)
    assert_array_equal(found.correct(), gallery.pids[expected] == query.pids[:, None])


def test_fewer_gallery_images_than_asked_for(make_manifest: Callable[..., Manifest]) -> None:
    data = prepare(make_manifest([1, 2], [1, 1]), make_manifest([1, 2, 1], [2, 2, 1], prefix="g"))
    found = evaluate(data, np.eye(3)[:2], np.eye(3)[[0, 1, 0]], EvaluationSettings(top_k=10))
    assert found.retrieved.tolist() == [[0, 1, -1], [1, 0, 2]]
    assert found.correct().tolist() == [[True, False, False], [True, False, False]]


def test_skipped_queries_keep_their_row(make_manifest: Callable[..., Manifest]) -> None:
    data = prepare(make_manifest([1, 5, 2], [1, 1, 1]), make_manifest([2, 1], [2, 2], prefix="g"))
    found = evaluate(data, np.eye(3)[[0, 2, 1]], np.eye(3)[[1, 0]])
    assert found.ranking.valid.tolist() == [True, False, True]
    assert np.isnan(found.ranking.ap).tolist() == [False, True, False]
    assert found.ranking.mAP == 1.0
    assert math.isnan(found.identities[2].ap)
    assert as_json(Measured(MODEL, found))["queries_skipped"] == 1


def test_threshold_is_where_the_criterion_says(make_evaluation: MakeEvaluation) -> None:
    plain = make_evaluation(identities=40)
    distances = cosine(plain)
    query, gallery = plain.data.query, plain.data.gallery
    same, camera = query.pids[:, None] == gallery.pids, query.camids[:, None] == gallery.camids
    assert plain.threshold is not None
    assert plain.threshold.pairs == "same-camera"
    assert plain.threshold.interval.value == pytest.approx(np.quantile(distances[~same & camera], 0.01), abs=0.01)
    assert plain.threshold.interval.low < plain.threshold.interval.value < plain.threshold.interval.high
    accepted = np.mean(distances[same & camera] < plain.threshold.interval.value)
    assert plain.threshold.tpr == pytest.approx(accepted, abs=0.02)

    wanted = ThresholdSettings(criterion="fpr", fpr=0.1, pairs="cross-camera")
    across = make_evaluation(identities=40, threshold=wanted).threshold
    assert across is not None
    assert across.pairs == "cross-camera"
    assert across.interval.value == pytest.approx(np.quantile(distances[~same], 0.1), abs=0.005)

    equal = make_evaluation(identities=40, threshold=ThresholdSettings(criterion="eer", pairs="cross-camera"))
    assert equal.threshold is not None
    assert equal.threshold.interval.value == pytest.approx(equal.verification.eer_threshold)
    assert equal.threshold.fpr == pytest.approx(1 - equal.threshold.tpr, abs=1e-6)


def advice_of(found: Evaluation) -> list[str]:
    return [item.text + "".join(item.commands) for item in recommendations(Measured(MODEL, found))]


def test_few_same_camera_pairs_fall_back_on_pairs_across(make_manifest: Callable[..., Manifest]) -> None:
    people = np.arange(1, 41)
    g_pids, g_cams = np.concatenate([people, people[:5]]), np.repeat([2, 1], [40, 5])
    data = prepare(make_manifest(people, np.ones(40)), make_manifest(g_pids, g_cams, prefix="g"))
    rng = np.random.default_rng(0)
    features = rng.normal(size=(41, 16))
    query, gallery = (features[x.pids] + 0.5 * rng.normal(size=(len(x), 16)) for x in (data.query, data.gallery))
    found = evaluate(data, query, gallery)
    assert found.threshold is not None
    assert found.threshold.pairs == "cross-camera"
    assert any("different cameras" in text for text in advice_of(found))


def test_a_handful_of_pairs_is_no_recommendation(make_evaluation: MakeEvaluation) -> None:
    """Neither few people nor few pairs; what there is and what it takes is said, by every criterion."""
    for identities, options in (
        (2, {}),
        (9, {}),
        (12, {"threshold": ThresholdSettings(fpr=0.001)}),
        (12, {"threshold": ThresholdSettings(criterion="eer", pairs="same-camera")}),
    ):
        found = make_evaluation(identities=identities, **options)
        assert found.threshold is None
        assert found.threshold_found is not None
        content = as_json(Measured(MODEL, found))
        assert (content["threshold"], content["threshold_interval"]) == (None, None)
        text = summary_text(Measured(MODEL, found))
        assert "too few pairs" in text
        assert f"{found.threshold_found.num_negative:,} wrong" in text
        assert f"{found.threshold_found.least_negative:,} wrong" in text
        assert "--max-cosine-distance" not in text
    assert make_evaluation(identities=12, threshold=ThresholdSettings(fpr=0.05)).threshold is not None


@pytest.mark.parametrize("scale", [1.0, 0.05, 0.01])
def test_narrow_embeddings_have_a_threshold_that_can_be_typed(make_evaluation: MakeEvaluation, scale: float) -> None:
    """However close embeddings lie, the printed number accepts the share of wrong pairs that it is meant to."""
    wide = make_evaluation(identities=40)
    offset = np.zeros(16)
    offset[0] = 10 / scale
    found = evaluate(wide.data, wide.query_features + offset, wide.gallery_features + offset)
    assert found.threshold is not None
    [command] = [line for line in summary_text(Measured(MODEL, found)).splitlines() if "max-cosine-d" in line]
    typed_value = float(command.rsplit(maxsplit=1)[1])
    distances = cosine(found)
    query, gallery = found.data.query, found.data.gallery
    wrong = (query.pids[:, None] != gallery.pids) & (query.camids[:, None] == gallery.camids)
    assert np.mean(distances[wrong] < typed_value) == pytest.approx(0.01, abs=0.004)


def test_distances_are_typed_as_they_are_stored() -> None:
    for value in (0.62884, 0.0401236, 0.004, 1.23456e-5, 1.5, 0.1):
        stored = distance(value)
        assert stored is not None
        assert stored == pytest.approx(value, rel=6e-4)
        assert float(typed(stored)) == stored
        assert "e" not in typed(stored)
    assert typed(distance(0.6288)) == "0.6288"
    assert distance(math.nan) is None


def test_a_model_that_says_nothing_is_called_broken(make_evaluation: MakeEvaluation) -> None:
    found = make_evaluation()
    query, gallery = found.query_features, found.gallery_features
    with pytest.raises(InputError, match="broken: all 72 embeddings are the same"):
        evaluate(found.data, np.ones_like(query), np.ones_like(gallery) * 3)
    with pytest.raises(InputError, match="broken: all 72 embeddings are the same"):
        evaluate(found.data, 1 + 1e-4 * query, 1 + 1e-4 * gallery)
    with pytest.raises(InputError, match="broken: 24 of 72 embeddings are zero"):
        evaluate(found.data, np.zeros_like(query), gallery)
    few = np.repeat(gallery[:2], 24, axis=0)
    assert any("embeddings differ" in text for text in advice_of(evaluate(found.data, query, few)))
    noise = np.random.default_rng(3)
    blind = evaluate(found.data, noise.normal(size=query.shape), noise.normal(size=gallery.shape))
    assert any("hardly better than by chance" in text for text in advice_of(blind))
    assert not any("Track with this model" in text for text in advice_of(blind))


def test_same_camera_pairs_that_are_not_there(make_manifest: Callable[..., Manifest]) -> None:
    data = prepare(make_manifest([1, 2], [1, 1]), make_manifest([1, 2], [2, 2], prefix="g"))
    settings = EvaluationSettings(threshold=ThresholdSettings(pairs="same-camera"))
    with pytest.raises(InputError, match="no pairs of one person under one camera"):
        _ = evaluate(data, np.eye(2), np.eye(2), settings).threshold


def test_one_identity_has_no_threshold(make_manifest: Callable[..., Manifest]) -> None:
    data = prepare(make_manifest([1], [1]), make_manifest([1, 1], [2, 2], prefix="g"))
    found = evaluate(data, np.eye(2)[:1], np.eye(2))
    content = as_json(Measured(MODEL, found))
    assert content["threshold"] is None
    assert content["mAP"] == 100.0
    assert "rank-1" in summary_text(Measured(MODEL, found))
    json.dumps(content, allow_nan=False)


def test_pairs_do_not_depend_on_metric_or_rerank(make_evaluation: MakeEvaluation) -> None:
    plain = make_evaluation()
    for other in (
        make_evaluation(metric="euclidean"),
        make_evaluation(rerank=RerankSettings(enabled=True, k1=6, k2=2)),
    ):
        assert_array_equal(plain.pairs.negative, other.pairs.negative)
        assert plain.threshold == other.threshold
        assert other.retrieved_distance.max() > 0


def test_paired_comparison_sees_what_separate_intervals_do_not(make_evaluation: MakeEvaluation) -> None:
    """A model that is slightly worse on everybody: the intervals overlap, the paired difference is sure."""
    better = make_evaluation(identities=60, noise=1.0)
    rng = np.random.default_rng(1)
    worse = evaluate(
        better.data,
        better.query_features + 0.35 * rng.normal(size=better.query_features.shape),
        better.gallery_features + 0.35 * rng.normal(size=better.gallery_features.shape),
    )
    found = better.compare(worse)["mAP"]
    assert found.interval.value == pytest.approx(better.ranking.mAP - worse.ranking.mAP)
    assert found.interval.low > 0
    assert found.p_value < 0.05
    assert worse.mAP.high > better.mAP.low
    assert better.compare(better)["rank1"].p_value == 1.0
    assert worse.compare(better)["mAP"].interval.value == pytest.approx(-found.interval.value)


def test_other_data_cannot_be_compared(make_evaluation: MakeEvaluation) -> None:
    with pytest.raises(ValueError, match="same query and gallery"):
        make_evaluation(identities=11).compare(make_evaluation(identities=12))


def test_no_bootstrap_no_intervals(make_evaluation: MakeEvaluation) -> None:
    found = make_evaluation(bootstrap=0)
    content = as_json(Measured(MODEL, found))
    assert content["intervals"]["mAP"] == [None, None]
    assert content["threshold"] is not None
    assert content["threshold_interval"] == [None, None]
    assert "[" not in summary_text(Measured(MODEL, found)).split("Figures")[1].split("mAP")[1].split("\n")[0]


def test_one_identity_has_no_intervals(make_evaluation: MakeEvaluation) -> None:
    """Drawn again it is always itself: an interval without width would claim to be sure of what nobody knows."""
    found = make_evaluation(identities=1)
    assert as_json(Measured(MODEL, found))["intervals"] == {"mAP": [None, None], "rank1": [None, None]}
    unsure = found.compare(make_evaluation(identities=1, seed=1))["mAP"]
    assert math.isnan(unsure.p_value)
    assert math.isnan(unsure.interval.low)
    assert "[" not in summary_text(Measured(MODEL, found)).split("Figures")[1].split("mAP")[1].split("\n")[0]
    several = make_evaluation()
    one, rule = several.data.query.pids == 1, ThresholdSettings(criterion="eer")
    data = prepare(several.data.query[one], several.data.gallery)
    alone = evaluate(
        data, several.query_features[one], several.gallery_features, EvaluationSettings(threshold=rule)
    ).threshold_found
    assert alone is not None
    assert math.isnan(alone.interval.low)
    assert not math.isnan(alone.interval.value)


def test_broken_embeddings_are_refused(make_evaluation: MakeEvaluation) -> None:
    found = make_evaluation()
    broken = found.gallery_features.copy()
    broken[3, 2] = np.nan
    with pytest.raises(InputError, match="1 of 48 gallery embeddings hold NaN"):
        evaluate(found.data, found.query_features, broken)
    with pytest.raises(InputError, match="query embeddings have 15 values, gallery embeddings 16"):
        evaluate(found.data, found.query_features[:, 1:], found.gallery_features)
    with pytest.raises(ValueError, match="expected 24 query and 48 gallery"):
        evaluate(found.data, found.query_features[1:], found.gallery_features)


def test_percent_in_the_figures_fractions_in_the_library(make_evaluation: MakeEvaluation) -> None:
    found = make_evaluation(ranks="3,7")
    content = as_json(Measured(MODEL, found))
    assert content["mAP"] == round(100 * found.ranking.mAP, 2)
    assert {"rank1", "rank3", "rank5", "rank7", "rank10"} <= set(content)
    assert content["rank3"] == round(100 * found.ranking.rank(3), 2)
    assert content["intervals"]["mAP"][0] < content["mAP"] < content["intervals"]["mAP"][1]


def test_rank_list_is_checked() -> None:
    with pytest.raises(ValueError, match="ranks are numbers from 1"):
        EvaluationSettings(ranks="0,5")
    assert EvaluationSettings(ranks="10,1,10").ranks == (1, 10)


def test_failing_people_are_counted_and_files_that_are_always_written_named(
    make_manifest: Callable[..., Manifest],
) -> None:
    """Pictures are drawn only where they are asked for."""
    people = np.arange(1, 13)
    data = prepare(make_manifest(people, np.ones(12)), make_manifest(people, np.full(12, 2), prefix="g"))
    gallery = np.eye(12)
    gallery[0] = -gallery[0] + 0.1
    (text,) = [text for text in advice_of(evaluate(data, np.eye(12), gallery)) if "half of the mean AP" in text]
    assert text.startswith("1 identity reaches less than half of the mean AP, the worst first: 1. csv/per_identity_ap")
    assert "plots/" not in text
