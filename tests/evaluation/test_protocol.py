"""What is made of query and gallery before anything is computed, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from deepsort_cli.core.errors import InputError
from deepsort_cli.data.manifest import Manifest
from deepsort_cli.evaluation.protocol import prepare
from deepsort_cli.evaluation.ranking import rank

MakeManifest = Callable[..., Manifest]


def test_junk_leaves_and_distractors_stay(make_manifest: MakeManifest) -> None:
    data = prepare(make_manifest([1, -1], [1, 1]), make_manifest([1, 0, -1, -1], [2, 2, 2, 2]))
    assert data.query.pids.tolist() == [1]
    assert data.gallery.pids.tolist() == [1, 0]
    assert data.has_cameras
    assert any("2 junk images" in note for note in data.notes)


def test_distractors_are_nobody_to_look_for(make_manifest: MakeManifest) -> None:
    """Pid 0 is many people: two of its pictures are no match."""
    data = prepare(make_manifest([1, 0, 0], [1, 1, 2]), make_manifest([1, 0, 0], [2, 1, 2]))
    assert data.query.pids.tolist() == [1]
    assert (data.counts.queries, data.counts.query_identities, data.counts.gallery_distractors) == (1, 1, 2)
    assert any("2 distractors (person id 0) left out of the query set" in note for note in data.notes)
    with pytest.raises(InputError, match="query set .* holds distractors alone"):
        prepare(make_manifest([0, 0], [1, 2]), make_manifest([0, 0], [1, 2]))


def test_missing_identities_are_counted_and_named(make_manifest: MakeManifest) -> None:
    data = prepare(make_manifest([1, 7, 7, 9], [1, 1, 1, 1]), make_manifest([1, 2], [2, 2]))
    assert len(data.query) == 4
    assert any("2 query identities of 3 (3 images) not in the gallery: 7, 9." in note for note in data.notes)
    assert any("3 queries of 4" in note and "skipped" in note for note in data.notes)


def test_no_common_identity_is_an_error(make_manifest: MakeManifest) -> None:
    with pytest.raises(InputError, match=r"none of the 2 query identities \(1, 2\) is in the gallery"):
        prepare(make_manifest([1, 2], [1, 1]), make_manifest([3, 4], [2, 2]))


def test_one_camera_is_explained_and_can_be_ignored(make_manifest: MakeManifest) -> None:
    query, gallery = make_manifest([1, 2], [4, 4]), make_manifest([1, 2, 2], [4, 4, 4], prefix="other")
    with pytest.raises(InputError, match=r"all images come from camera 4.*`evaluation.ignore_camera`"):
        prepare(query, gallery)
    data = prepare(query, gallery, ignore_camera=True)
    assert not data.has_cameras
    assert any("`evaluation.ignore_camera`" in note for note in data.notes)


def test_nobody_seen_twice_is_explained(make_manifest: MakeManifest) -> None:
    with pytest.raises(InputError, match="nobody was seen by two cameras"):
        prepare(make_manifest([1, 2], [1, 2]), make_manifest([1, 2], [1, 2]))


def test_without_cameras_only_the_same_file_is_left_out(make_manifest: MakeManifest) -> None:
    """Query 0 is in the gallery itself: it must not find itself, but the others of its person."""
    query = make_manifest([1, 2], [0, 1], has_cameras=False)
    gallery = make_manifest([1, 1, 2, 2], [0, 1, 2, 3], has_cameras=False)  # the first two files are the queries
    data = prepare(query, gallery)
    assert any("carry no camera" in note for note in data.notes)
    features = np.eye(4)
    result = rank(features[:2], features, data.query.pids, data.gallery.pids, data.query.camids, data.gallery.camids)
    assert result.num_matches.tolist() == [1, 2]
    assert result.num_gallery.tolist() == [3, 4]


def test_a_file_that_only_finds_itself_is_no_match(make_manifest: MakeManifest) -> None:
    images = make_manifest([1, 2], [0, 1], has_cameras=False)
    with pytest.raises(InputError, match="other than itself"):
        prepare(images, images)


def test_empty_sets_are_refused(make_manifest: MakeManifest) -> None:
    with pytest.raises(InputError, match="the gallery set .* holds no usable image"):
        prepare(make_manifest([1], [1]), make_manifest([-1], [1]))
