"""TVSH of a whole sequence: the faithful form, with every frame known at once (derived).

Vectors are measured in a metric learned from the sequence and embedded over a learned dictionary under the
Laplacian of the TVS graph (:mod:`motion_seg_ros.tvsh.admm`); the codes are clustered spectrally under a
temporal constraint; an exact chain puts the boundaries; the runs so found pull their codes together, and
all is clustered again; where boundaries were told, runs are at last joined into motions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.settings import setting
from motion_seg_ros.tvsh.admm import EmbeddingConfig, embed
from motion_seg_ros.tvsh.agglomeration import agglomerate, runs_between
from motion_seg_ros.tvsh.clustering import (
    Labels,
    chain_labels,
    check_length,
    cosine_affinity,
    in_order,
    k_means,
    leading_vectors,
    normalised,
    squared_distances,
    without_short_runs,
)
from motion_seg_ros.tvsh.links import tvs_weights
from motion_seg_ros.tvsh.sequence_metric import signed_columns, unit_rows, whiten

Array = NDArray[np.float64]


@dataclass(frozen=True)
class BatchConfig(EmbeddingConfig):
    """The numbers of batch TVSH."""

    atoms: int = setting(60, "Atoms of the dictionary", low=2, high=512)
    span: int = setting(3, "Largest distance of frames joined by the graph, in frames", low=1, high=15)
    smooth: float = setting(2.0, "Weight of the temporal smoothness of the codes", low=0.0, high=100.0)
    moment: float = setting(
        1.0, "Seconds within which wandering is noise to the metric; 0 leaves the metric", low=0.0, high=10.0
    )
    metric_floor: float = setting(
        0.1, "Least variance of a direction, as a share of the mean", low=1e-6, high=10.0
    )
    sharpness: float = setting(12.0, "Power of the cosines of codes in the affinity", low=1.0, high=64.0)
    likeness: float = setting(
        4.0, "Power of the likeness of the vectors, where no links are given", low=0.0, high=64.0
    )
    reach: float = setting(1.0, "Seconds over which the affinity of frames fades", low=0.01, high=1000.0)
    recurrence: float = setting(0.1, "Share of the affinity that does not fade", low=0.0, high=1.0)
    gamma: float = setting(0.5, "Weight of the graph of given links beside the affinity", low=0.0, high=100.0)
    typical_run: float = setting(
        2.0, "Seconds between boundaries before anything is seen; 0 leaves the chain out", low=0.0, high=60.0
    )
    feedback: float = setting(4.0, "Pull of a run's mean on its codes", low=0.0, high=1000.0)
    rounds: int = setting(2, "Rounds of clustering where links bound the runs", low=1, high=20)
    divided: float = setting(2.0, "Motions per motion in all rounds but the last", low=1.0, high=10.0)
    shortest: float = setting(0.4, "Seconds of the shortest run that nobody told of", low=0.0, high=5.0)
    doubt: float = setting(
        4.0, "How much dearer it is to join the two sides of a told boundary", low=1.0, high=1e6
    )
    most_motions: int = setting(20, "Most motions where their number is unknown", low=1, high=512)
    seed: int = setting(0, "Seed of the dictionary and of k-means", low=0, high=2**31 - 1)


@dataclass(frozen=True, slots=True, eq=False)
class BatchResult:
    """What batch TVSH found in N frames.

    Attributes
    ----------
    labels : (N,) int32 motions 0..K-1, numbered in the order in which they first occur.
    rounds : the labels after each round of clustering.
    codes : (r, N) of the last round.
    affinity : (N, N) that was clustered last.
    """

    labels: Labels
    rounds: tuple[Labels, ...]
    codes: Array
    affinity: Array


# So little affinity is between all frames, that every frame has a neighbour.
_CONNECTED = 1e-6
# Smaller differences of an eigenvalue from 1 are rounding, or mean no more than this one.
_LEAST_LEAK = 1e-3
# A chain never takes a link for more certain than this.
_DOUBT = 0.02
# Seconds over which frames repeat one another as evidence.
_MOMENT_OF_EVIDENCE = 0.4


def segment_sequence(
    data: Array,
    fps: float,
    config: BatchConfig | None = None,
    *,
    clusters: int | None = None,
    links: Array | None = None,
) -> BatchResult:
    """The motions of a whole sequence.

    Parameters
    ----------
    data : (N, d) finite feature vectors.
    fps : frames a second.
    config : every number.
    clusters : how many motions there are; None to estimate it.
    links : (N,) in 0..1, the probability that no boundary lies between frames t-1 and t, where it has been
        told by somebody; None: nothing is known, which is all links 1 to the embedding (that of Temporal
        Subspace Clustering) and no constraint to the clustering.

    Raises
    ------
    ValueError : no frame or too many, values that are not finite, shapes that do not agree, a number of
        motions below 1.
    """
    config = config or BatchConfig()
    count = len(data)
    if data.ndim != 2 or not count or not np.isfinite(data).all():
        raise ValueError(f"data must be (N, d) finite values with N >= 1, not {data.shape}")
    check_length(count)
    if clusters is not None and clusters < 1:
        raise ValueError(f"clusters must be at least 1, not {clusters}")
    if links is not None and (links.shape != (count,) or not ((links >= 0) & (links <= 1)).all()):
        raise ValueError(f"links must be ({count},) values in 0..1")
    points = measured(data, fps, config)
    columns = signed_columns(points)
    joined = np.ones(count) if links is None else links
    if not columns.any():
        # Nothing ever changes: one motion.
        still = np.zeros(count, np.int32)
        return BatchResult(still, (still,), np.zeros((config.atoms, count)), np.ones((count, count)))
    _, first = embed(columns, joined, config, seed=config.seed)
    codes = first
    affinity = constrained_affinity(codes, data, fps, config, links)
    number = min(count, clusters or estimate_clusters(affinity, config.most_motions))
    # Runs that no link bounds are no surer than the labels they come from: to pull by them does harm.
    told = joined < 0.5
    vouched = int(told.sum()) >= number / 2
    turns = config.rounds if vouched else 1
    rounds: list[Labels] = []
    for remaining in range(turns - 1, -1, -1):
        if rounds:
            affinity = constrained_affinity(codes, data, fps, config, links)
        share = config.divided if remaining else 1.0
        rounds.append(_cluster(affinity, min(count, round(share * number)), fps, config, joined))
        if remaining:
            codes = pulled_codes(first, rounds[-1], joined, fps, config)
    labels = rounds[-1]
    if vouched:
        runs = runs_between(_boundaries(labels, told, fps, config))
        labels = in_order(agglomerate(points, runs, told, number, config.doubt))
    return BatchResult(labels, tuple(rounds), codes, affinity)


def measured(data: Array, fps: float, config: BatchConfig) -> Array:
    """(N, d) centred vectors in the metric of the sequence."""
    if config.moment == 0:
        return data - data.mean(axis=0)
    return whiten(data, max(2, round(config.moment * fps)), config.metric_floor)


def constrained_affinity(
    codes: Array, data: Array, fps: float, config: BatchConfig, links: Array | None
) -> Array:
    """S = (norm(A) + gamma norm(T)) / (1 + gamma), (N, N).

    A is the cosine of the codes (r, N), sharpened, and faded with the time between two frames except for a
    share by which motions may recur. Where no links were given, T, their graph, is left out, and A is
    multiplied by the likeness of the vectors (N, d), a power of (1 + cosine) / 2 around their mean: they
    still have what the metric and the smoothing have taken away, by which neighbouring frames differ at a
    boundary.
    """
    count = codes.shape[1]
    times = np.arange(count) / fps
    fade = np.exp(-(((times[:, None] - times[None, :]) / config.reach) ** 2) / 2)
    affinity = cosine_affinity(codes) ** config.sharpness
    if links is None:
        vectors = unit_rows(data - data.mean(axis=0))
        affinity *= np.clip((1.0 + vectors @ vectors.T) / 2.0, 0.0, 1.0) ** config.likeness
    affinity = normalised(affinity * (config.recurrence + (1.0 - config.recurrence) * fade) + _CONNECTED)
    if links is None or config.gamma == 0:
        return affinity
    weights = tvs_weights(links, config.span)
    graph = np.zeros((count, count))
    for k in range(1, min(config.span, count - 1) + 1):
        place = np.arange(k, count)
        graph[place, place - k] = graph[place - k, place] = weights[k - 1, k:]
    return (affinity + config.gamma * normalised(graph)) / (1.0 + config.gamma)


def pulled_codes(codes: Array, labels: Labels, links: Array, fps: float, config: BatchConfig) -> Array:
    """The unit codes (r, N), each pulled towards the mean of its run.

    argmin_z ||z - z_i||^2 + feedback ||z - mu_run(i)||^2: the proximal step of the prototype term, with
    runs, which are surer than motions, as prototypes.
    """
    unit = unit_rows(codes.T).T
    run = runs_between(_boundaries(labels, links < 0.5, fps, config))
    sums = np.zeros((int(run[-1]) + 1, len(codes)))
    np.add.at(sums, run, unit.T)
    means = sums / np.bincount(run, minlength=len(sums))[:, None]
    return (unit + config.feedback * means[run].T) / (1.0 + config.feedback)


def _boundaries(
    labels: Labels, told: NDArray[np.bool_], fps: float, config: BatchConfig
) -> NDArray[np.bool_]:
    """(N,) where runs begin: at told boundaries, and where the label changes at least ``shortest`` seconds
    from every other beginning."""
    reach = max(1, round(config.shortest * fps))
    changes = np.flatnonzero(np.diff(without_short_runs(labels, reach))) + 1
    places = np.flatnonzero(told)
    if len(places):
        changes = changes[np.abs(changes[:, None] - places[None, :]).min(axis=1) >= reach]
    begins = told.copy()
    begins[changes] = True
    return begins


def estimate_clusters(affinity: Array, most: int) -> int:
    """The number of motions in 1..most: where the eigenvalues fall away from 1 by the largest factor.

    An eigenvalue near 1 stands for a group that hardly leaks into others; the first is always 1. Where not
    even the second is above one half there is one group.
    """
    values, _ = leading_vectors(normalised(affinity), most + 1)
    if len(values) < 3 or values[1] < 0.5:
        return 1
    leak = np.maximum(1.0 - values[1:], _LEAST_LEAK)
    return int(np.argmax(leak[1:] / leak[:-1])) + 2


def _cluster(affinity: Array, number: int, fps: float, config: BatchConfig, links: Array) -> Labels:
    _, vectors = leading_vectors(normalised(affinity), number)
    points = unit_rows(vectors)
    labels, centres = k_means(points, number, config.seed)
    if config.typical_run == 0 or number == 1:
        return in_order(labels)
    distance = squared_distances(points, centres)
    spread = max(float(distance.min(axis=1).mean()), 1e-3)
    costs = distance / (2.0 * spread * max(1.0, _MOMENT_OF_EVIDENCE * fps))
    trusted = np.clip(
        np.minimum(links, 1.0 - 1.0 / max(2.0, config.typical_run * fps)), _DOUBT, 1.0 - _DOUBT / fps
    )
    return in_order(chain_labels(costs, -np.log(trusted), -np.log((1.0 - trusted) / (number - 1))))
