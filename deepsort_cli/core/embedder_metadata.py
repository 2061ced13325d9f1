"""What an exported embedder says about itself: the contract between `deepsort export` and whoever uses the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.faults import first_fault
from deepsort_cli.core.preprocess import Preprocess

PREFIX = "deepsort."


class EmbedderMetadata(Preprocess):
    """Everything needed to use a Re-ID model, and where it comes from. Stored as text properties of the ONNX file.

    The input size, channel order, mean, std and interpolation are those of `Preprocess`, which this extends.
    """

    format_version: int = Field(1, ge=1, description="Version of this set of properties.")
    architecture: str = Field("unknown", description="Network, for example osnet_x0_25.")
    embedding_size: int | None = Field(None, ge=1, description="Length of an embedding.")
    normalized: bool = Field(False, description="Whether the graph itself makes embeddings unit length.")
    distance: Literal["cosine"] = Field("cosine", description="Distance that compares embeddings.")
    threshold: float | None = Field(None, gt=0, le=2, description="Recommended max_cosine_distance.")
    threshold_source: str = Field("", description="How the threshold was found: data, protocol, criterion.")
    training_data: str = Field("", description="Name of the training data.")
    training_fingerprint: str = Field("", description="Fingerprint of the training data's files.")
    training_state: Literal["", "untrained", "interrupted", "finished"] = Field(
        "", description="How far the training had come; empty where unknown."
    )
    metrics: dict[str, float] = Field({}, description="Evaluation results, for example mAP and rank1.")
    checkpoint_sha256: str = Field("", description="SHA-256 of the checkpoint it was exported from.")
    versions: dict[str, str] = Field({}, description="Versions of the software that made it.")
    created: str = Field("", description="When it was made, ISO 8601.")
    license: str = Field("", description="Terms of the weights.")

    @property
    def preprocess(self) -> Preprocess:
        """The preprocessing alone."""
        return Preprocess(**{name: getattr(self, name) for name in Preprocess.model_fields})

    def to_props(self) -> dict[str, str]:
        """ONNX metadata properties: one `deepsort.<field>` per field that has a value; not text → JSON."""
        values = self.model_dump(mode="json")
        props = {}
        for name, value in values.items():
            if value is not None and value != "" and value != {}:
                props[PREFIX + name] = value if isinstance(value, str) else json.dumps(value)
        return props

    @classmethod
    def from_props(cls, props: Mapping[str, str]) -> EmbedderMetadata:
        """Read ONNX metadata properties; absent keys take their defaults, unknown ones are left alone.

        Raises:
            InputError: a property that is there has a value that makes no sense.
        """
        values: dict[str, Any] = {}
        for name, field in cls.model_fields.items():
            text = props.get(PREFIX + name)
            if text is None:
                continue
            # Text fields are stored as they are, everything else as JSON.
            if field.annotation is str or name in _WORDS:
                values[name] = text
                continue
            try:
                values[name] = json.loads(text)
            except ValueError:
                raise InputError(f"metadata property {PREFIX}{name}: {text!r} is not valid JSON.") from None
        try:
            return cls(**values)
        except ValidationError as error:
            key, fault = first_fault(error, cls)
            name = key.partition(".")[0]
            raise InputError(f"metadata property {PREFIX}{name}: {props[PREFIX + name]!r}: {fault}.") from None


_WORDS = frozenset({"channel_order", "resize", "distance", "training_state"})
"""Fields that are one word of a few."""
