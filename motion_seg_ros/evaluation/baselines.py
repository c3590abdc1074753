"""What others do with the same vectors, each as one small function.

Every method takes feature vectors (T, d), the frame rate and the number of motions (None: unknown) and
returns a :class:`Found`. Libraries of the "eval" extra are imported where they are used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.evaluation import causal
from motion_seg_ros.evaluation.causal import library
from motion_seg_ros.evaluation.found import Found
from motion_seg_ros.tvsh.admm import EmbeddingConfig, embed
from motion_seg_ros.tvsh.clustering import check_length, cosine_affinity, k_means, leading_vectors, normalised
from motion_seg_ros.tvsh.self_expressive import self_expressive_codes
from motion_seg_ros.tvsh.sequence_metric import signed_columns, unit_rows

Array = NDArray[np.float64]

# The published defaults of Temporal Subspace Clustering.
TSC = EmbeddingConfig(atoms=60, span=9, smooth=15.0)
SEED = 0
# So little affinity is between all frames, that every frame has a neighbour.
_CONNECTED = 1e-6


@dataclass(frozen=True, slots=True)
class Baseline:
    """One method.

    Attributes
    ----------
    run : (data (T, d), fps, clusters) -> Found.
    needs_clusters : it cannot find the number of motions itself.
    causal : it sees one frame after another.
    """

    run: Callable[[Array, float, int | None], Found]
    needs_clusters: bool = True
    causal: bool = False


def equal_pieces(data: Array, fps: float, clusters: int | None) -> Found:
    """K pieces of equal length: what can be had without looking at the data."""
    count = len(data)
    labels = np.arange(count) * _known(clusters) // count
    # How long the pieces are is known when all is over.
    return Found(labels.astype(np.int32), np.full(count, count - 1, np.int64))


def tsc(data: Array, fps: float, clusters: int | None) -> Found:
    """Temporal Subspace Clustering (Li, Li and Fu, ICCV 2015): the embedding with all links 1, and
    normalised cuts of the cosines of the codes."""
    number = _known(clusters)
    check_length(len(data))
    _, codes = embed(signed_columns(data), np.ones(len(data)), TSC, seed=SEED)
    return _cut(cosine_affinity(codes), number)


def self_expressive(data: Array, fps: float, clusters: int | None) -> Found:
    """The same with every frame coded by the others instead of by a dictionary."""
    number = _known(clusters)
    check_length(len(data))
    codes = self_expressive_codes(signed_columns(data), np.ones(len(data)), TSC)
    return _cut(codes + codes.T + _CONNECTED, number)


def spectral_window(data: Array, fps: float, clusters: int | None) -> Found:
    """Spectral clustering of the cosines of centred vectors within a Gaussian window of 1 s."""
    check_length(len(data))
    unit = unit_rows(data - data.mean(axis=0))
    times = np.arange(len(data)) / fps
    near = np.exp(-((times[:, None] - times[None, :]) ** 2) / 2)
    return _cut(np.maximum(unit @ unit.T, 0.0) * near, _known(clusters))


def ward(data: Array, fps: float, clusters: int | None) -> Found:
    """Ward's agglomeration of neighbouring frames (scikit-learn)."""
    from scipy.sparse import diags_array

    cluster = library("sklearn.cluster")
    count = len(data)
    if count < 2:
        return _found(np.zeros(count, np.int32))
    neighbours = diags_array([np.ones(count - 1), np.ones(count - 1)], offsets=[-1, 1], format="csr")
    model = cluster.AgglomerativeClustering(_known(clusters), connectivity=neighbours, linkage="ward")
    return _found(model.fit_predict(data))


def kernel_changes(data: Array, fps: float, clusters: int | None) -> Found:
    """Kernel change points (ruptures), 0.4 s apart at least; every piece is a motion of its own.

    With an unknown number of motions the penalty is the one of Arlot et al. for a bounded kernel.
    """
    ruptures = library("ruptures")
    count, shortest = len(data), max(2, round(0.4 * fps))
    labels = np.zeros(count, np.int32)
    most = count // shortest - 1
    if most < 1 or clusters == 1:
        return Found(labels)
    algorithm = ruptures.KernelCPD(kernel="rbf", min_size=shortest).fit(data)
    if clusters is None:
        ends = algorithm.predict(pen=2.0 * np.log(count))
    else:
        ends = algorithm.predict(n_bkps=min(clusters - 1, most))
    for end in ends[:-1]:
        labels[end:] += 1
    return Found(labels)


def _alone(method: Callable[[Array, float], Found]) -> Callable[[Array, float, int | None], Found]:
    return lambda data, fps, clusters: method(data, fps)


BASELINES: dict[str, Baseline] = {
    "equal-pieces": Baseline(equal_pieces),
    "tsc": Baseline(tsc),
    "self-expressive": Baseline(self_expressive),
    "spectral": Baseline(spectral_window),
    "ward": Baseline(ward),
    "ruptures": Baseline(kernel_changes, needs_clusters=False),
    "window-statistics": Baseline(_alone(causal.window_statistics), needs_clusters=False, causal=True),
    "nearest-centroid": Baseline(_alone(causal.nearest_centroid), needs_clusters=False, causal=True),
    "clasp": Baseline(_alone(causal.streaming_clasp), needs_clusters=False, causal=True),
    "floss": Baseline(_alone(causal.floss), needs_clusters=False, causal=True),
}


def _known(clusters: int | None) -> int:
    if clusters is None:
        raise ValueError("this method needs the number of motions")
    return clusters


def _found(labels: NDArray[np.integer]) -> Found:
    return Found(labels.astype(np.int32))


def _cut(affinity: Array, clusters: int) -> Found:
    """Normalised cuts: k-means of the unit rows of the leading vectors."""
    clusters = min(clusters, len(affinity))
    _, vectors = leading_vectors(normalised(affinity), clusters)
    return _found(k_means(unit_rows(vectors), clusters, SEED)[0])
