"""k-reciprocal re-ranking (Zhong et al. 2017) in bounded memory.

The reference implementation holds several dense matrices over all Q + G images. Nothing in the method needs them: an
image's k-reciprocal neighbours are a few dozen, so the relations between images are sparse matrices, and dense rows
are made for a block of queries at a time.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import sparse

from deepsort_cli.core.types import IntArray
from deepsort_cli.evaluation.ranking import Features, Metric, check_features, distance_blocks, normalised

Distances = npt.NDArray[np.float32]
CHUNK = 1 << 15
"""Pairs of images whose distance is computed at a time: 128 MB for 512 values each."""


def reranked_blocks(
    query: Features,
    gallery: Features,
    metric: Metric = "cosine",
    k1: int = 20,
    k2: int = 6,
    lambda_value: float = 0.3,
) -> Iterator[tuple[slice, Distances]]:
    """Yield (rows, distances) as `distance_blocks` does, after re-ranking; values lie between 0 and 1.

    Args:
        query: (Q, D) embeddings.
        gallery: (G, D) embeddings.
        metric: for cosine, embeddings are normalised first; the method itself works on squared Euclidean distances.
        k1: neighbours that must be mutual.
        k2: neighbours over which the neighbourhoods are averaged.
        lambda_value: share of the original distance in the final one; the rest is the Jaccard distance.

    Raises:
        InputError: as `rank`.
    """
    query, gallery = check_features(query, gallery)
    if metric == "cosine":
        query, gallery = normalised(query), normalised(gallery)
    images = np.concatenate([query, gallery])
    k1, k2 = min(k1, len(images) - 1), min(k2, len(images))
    nearest, farthest = _nearest(images, max(k1 + 1, k2))

    mutual = _mutual(nearest[:, : k1 + 1])
    narrow = _mutual(nearest[:, : round(k1 / 2) + 1])
    # A neighbour's own, narrower neighbourhood joins when more than two thirds of it are neighbours already.
    shared = (mutual @ narrow.T).multiply(mutual).tocoo()
    joins = shared.data > 2 / 3 * np.diff(narrow.indptr)[shared.col]
    joining = sparse.csr_array((shared.data[joins], (shared.row[joins], shared.col[joins])), shape=mutual.shape)
    neighbours = (mutual + joining @ narrow).tocsr()

    weights = _weights(neighbours, images, farthest)
    if k2 > 1:
        rows = np.repeat(np.arange(len(images)), k2)
        shares = np.full(rows.size, 1 / k2, dtype=np.float32)
        average = sparse.csr_array((shares, (rows, nearest[:, :k2].ravel())), shape=mutual.shape)
        weights = (average @ weights).tocsr()

    of_queries, by_neighbour = weights[: len(query)], weights[len(query) :].tocsc()
    for part, distances in distance_blocks(query, gallery, "euclidean"):
        block = np.square(distances, out=distances)
        block *= lambda_value / farthest[part, None]
        for i, image in enumerate(range(part.start, part.stop)):
            block[i] += (1 - lambda_value) * _jaccard(of_queries, by_neighbour, image)
        yield part, block


def _nearest(images: Distances, k: int) -> tuple[IntArray, Distances]:
    """(N, k) nearest images of each, itself first, and (N,) the largest squared distance of each."""
    nearest = np.empty((len(images), k), dtype=np.int64)
    farthest = np.empty(len(images), dtype=np.float32)
    for rows, block in distance_blocks(images, images, "euclidean"):
        np.square(block, out=block)
        farthest[rows] = np.maximum(block.max(axis=1), np.finfo(np.float32).tiny)
        block[np.arange(len(block)), np.arange(rows.start, rows.stop)] = -1  # first, whatever rounding does
        chosen = np.sort(np.argpartition(block, k - 1, axis=1)[:, :k], axis=1)
        order = np.argsort(np.take_along_axis(block, chosen, axis=1), axis=1, kind="stable")
        nearest[rows] = np.take_along_axis(chosen, order, axis=1)
    return nearest, farthest


def _mutual(nearest: IntArray) -> sparse.csr_array:
    """(N, N) ones where two images are among each other's (N, k) nearest."""
    count, k = nearest.shape
    ones = np.ones(nearest.size, dtype=np.float32)
    forward = sparse.csr_array((ones, (np.repeat(np.arange(count), k), nearest.ravel())), shape=(count, count))
    return forward.multiply(forward.T).tocsr()


def _weights(neighbours: sparse.csr_array, images: Distances, farthest: Distances) -> sparse.csr_array:
    """(N, N) Gaussian weights of each image's neighbours; a row sums to 1."""
    row = np.repeat(np.arange(len(images)), np.diff(neighbours.indptr))
    weights = np.empty(neighbours.nnz, dtype=np.float32)
    for start in range(0, len(weights), CHUNK):
        part = slice(start, start + CHUNK)
        offsets = images[row[part]] - images[neighbours.indices[part]]
        weights[part] = np.exp(-np.einsum("nd,nd->n", offsets, offsets) / farthest[row[part]])
    weights /= np.bincount(row, weights, len(images))[row]
    return sparse.csr_array((weights, neighbours.indices, neighbours.indptr), shape=neighbours.shape)


def _jaccard(of_queries: sparse.csr_array, by_neighbour: sparse.csc_array, query: int) -> Distances:
    """(G,) Jaccard distances of one query to the gallery: 1 − sum of minima over sum of maxima of the weights."""
    shared = np.zeros(by_neighbour.shape[0], dtype=np.float32)
    own = slice(of_queries.indptr[query], of_queries.indptr[query + 1])
    for neighbour, weight in zip(of_queries.indices[own], of_queries.data[own], strict=True):
        column = slice(by_neighbour.indptr[neighbour], by_neighbour.indptr[neighbour + 1])
        shared[by_neighbour.indices[column]] += np.minimum(weight, by_neighbour.data[column])
    # Both rows sum to 1, so minima and maxima together sum to 2.
    return 1 - shared / (2 - shared)
