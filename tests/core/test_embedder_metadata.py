from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsort_cli.core.embedder_metadata import EmbedderMetadata
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.preprocess import Preprocess


def test_no_properties_give_the_usual_re_id_model() -> None:
    metadata = EmbedderMetadata.from_props({"author": "somebody"})
    assert metadata.preprocess == Preprocess()
    assert metadata.threshold is None
    assert not metadata.normalized


def test_everything_survives_the_round_trip() -> None:
    metadata = EmbedderMetadata(
        height=384,
        width=128,
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.3),
        channel_order="BGR",
        resize="area",
        architecture="osnet_x0_25",
        embedding_size=512,
        normalized=True,
        threshold=0.35,
        threshold_source="cuhk03 query/gallery: best F1",
        training_data="cuhk03",
        training_fingerprint="ab12",
        metrics={"mAP": 0.5, "rank1": 0.625},
        checkpoint_sha256="00ff",
        versions={"deepsort": "0.1.0", "torch": "2.5"},
        created="2024-05-01T12:00:00Z",
        license="MIT",
    )
    props = metadata.to_props()
    assert all(isinstance(key, str) and isinstance(value, str) for key, value in props.items())
    assert props["deepsort.architecture"] == "osnet_x0_25"
    assert props["deepsort.height"] == "384"
    assert EmbedderMetadata.from_props(props | {"deepsort.from_the_future": "1"}) == metadata


@settings(max_examples=50, deadline=None)
@given(text=st.text(max_size=20), threshold=st.none() | st.floats(0.001, 2), size=st.integers(1, 4096))
def test_any_text_and_number_survives(text: str, threshold: float | None, size: int) -> None:
    metadata = EmbedderMetadata(
        architecture=text or "unknown", training_data=text, threshold=threshold, height=size, versions={text: text}
    )
    assert EmbedderMetadata.from_props(metadata.to_props()) == metadata


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("height", "tall"),
        ("height", "-1"),
        ("mean", "[0.5, 0.5]"),
        ("std", "[0, 1, 1]"),
        ("channel_order", "GBR"),
        ("threshold", '"x"'),
        ("threshold", "NaN"),
        ("metrics", "[1]"),
        ("normalized", "[]"),
    ],
)
def test_a_bad_value_is_named(key: str, value: str) -> None:
    with pytest.raises(InputError, match=f"deepsort.{key}"):
        EmbedderMetadata.from_props({f"deepsort.{key}": value})
