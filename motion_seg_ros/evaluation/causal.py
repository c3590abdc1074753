"""Methods to compare with that see one frame after another and do not know the number of motions.

All take feature vectors (T, d) and the frame rate, and return a :class:`Found` with the frame at which each
label was final.
"""

from __future__ import annotations

import importlib
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.evaluation.found import Found

Array = NDArray[np.float64]


# The motions that FLOSS and ClaSP look for repeat within this many seconds.
_PERIOD = 0.4


class MissingLibrary(ValueError):
    """A library that is compared with is not installed; the message says how to get it."""


def library(name: str) -> ModuleType:
    """Import a module that comes with the "eval" extra."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingLibrary(f"{error.name} is not installed: pip install 'motion_seg_ros[eval]'") from error


def window_statistics(data: Array, fps: float, window: float = 0.8) -> Found:
    """The floor that a segmenter has to beat: changes of windowed statistics.

    F_t is mean and 1.5 standard deviations over the last ``window`` seconds; a cut lies ``window`` / 2 before
    each local maximum of |F_t - F_(t-w)| that exceeds its running median over 30 s; a closed run takes the
    id of the nearest earlier run when that is nearer than 0.6 times the distance of its own halves.
    """
    count, width = len(data), max(2, round(window * fps))
    half = width // 2
    statistics = np.array([_statistics(data[max(0, t - width + 1) : t + 1]) for t in range(count)])
    change = np.zeros(count)
    change[width:] = np.linalg.norm(statistics[width:] - statistics[:-width], axis=1)
    cuts, known = [0], [0]
    for t in range(width, count - half):
        past = change[max(width, t + half - round(30 * fps)) : t + half + 1]
        around = change[max(0, t - half) : t + half + 1]
        place = t - half
        if change[t] == around.max() > np.median(past) and place - cuts[-1] >= half:
            cuts.append(place)
            known.append(t + half)
    labels, final_at = np.zeros(count, np.int32), np.full(count, count - 1, np.int64)
    prototypes: list[Array] = []
    ids: list[int] = []
    for run, (begin, end) in enumerate(zip(cuts, [*cuts[1:], count], strict=True)):
        pieces = data[begin:end]
        middle = max(1, len(pieces) // 2)
        prototype = _statistics(pieces)
        inside = float(
            np.linalg.norm(
                _statistics(pieces[:middle]) - _statistics(pieces[middle:] if len(pieces) > 1 else pieces)
            )
        )
        far = [float(np.linalg.norm(other - prototype)) for other in prototypes]
        nearest = int(np.argmin(far)) if far else -1
        ids.append(ids[nearest] if far and far[nearest] < 0.6 * inside else max(ids, default=-1) + 1)
        prototypes.append(prototype)
        labels[begin:end] = ids[-1]
        if run + 1 < len(known):
            final_at[begin:end] = known[run + 1]
    told_at = np.arange(count, dtype=np.int64)
    told_at[cuts] = known
    return Found(labels, final_at, told_at)


def nearest_centroid(data: Array, fps: float) -> Found:
    """Every frame to the nearest centroid (mean of its frames so far), or to a new one when all are farther
    away than frames 2 s apart usually are (the running median over 30 s)."""
    lag, memory = max(1, round(2 * fps)), round(30 * fps)
    centroids: list[Array] = []
    counts: list[int] = []
    labels = np.zeros(len(data), np.int32)
    moves = [float(np.linalg.norm(data[t] - data[max(0, t - lag)])) for t in range(len(data))]
    for t, value in enumerate(data):
        usual = float(np.median(moves[max(0, t - memory) : t + 1]))
        far = [float(np.linalg.norm(value - centroid)) for centroid in centroids]
        label = int(np.argmin(far)) if far else -1
        if not far or (far[label] > usual and t >= lag):
            label = len(centroids)
            centroids.append(value.copy())
            counts.append(0)
        counts[label] += 1
        centroids[label] += (value - centroids[label]) / counts[label]
        labels[t] = label
    now = np.arange(len(data), dtype=np.int64)
    return Found(labels, now, now)


def streaming_clasp(data: Array, fps: float) -> Found:
    """Streaming ClaSP (Ermshaus et al., VLDB 2024) on the strongest component, with windows of 0.4 s.

    Every piece is a motion of its own: ClaSP tells boundaries only.
    """
    segmentation = library("claspy.streaming.segmentation")
    warm = _warm_up(data, fps)
    if len(data) <= warm:
        return _pieces(len(data), [], [])
    series = _component(data, warm)
    window = max(4, round(_PERIOD * fps))
    method = segmentation.StreamingClaSPSegmentation(
        n_timepoints=min(len(data), round(60 * fps)),
        n_warmup=warm,
        window_size=window,
        log_cps=True,
    )
    cuts: list[int] = []
    told: list[int] = []
    for t, value in enumerate(series):
        method.update(value)
        for cut in sorted(set(map(int, method.change_points)) - set(cuts)):
            cuts.append(cut)
            told.append(t)
    return _pieces(len(data), cuts, told)


def floss(data: Array, fps: float) -> Found:
    """FLOSS (Gharghabi et al., ICDM 2017; from stumpy) on the strongest component, with windows of 0.4 s.

    A cut lies at each minimum of the corrected arc curve below 0.45, no two within 2 s. Every piece is a
    motion of its own.
    """
    stumpy = library("stumpy")
    count, window, warm = len(data), max(4, round(_PERIOD * fps)), _warm_up(data, fps)
    if count <= warm:
        return _pieces(count, [], [])
    series = _component(data, warm)
    profile = stumpy.stump(series[:warm], m=window)
    stream = stumpy.floss(profile, series[:warm], m=window, L=window, excl_factor=1)
    cuts: list[int] = []
    told: list[int] = []
    for t in range(warm, count):
        stream.update(series[t])
        curve = stream.cac_1d_
        place = int(np.argmin(curve))
        cut = t - len(series[:warm]) + 1 + place
        if curve[place] < 0.45 and all(abs(cut - other) >= 5 * window for other in cuts):
            cuts.append(cut)
            told.append(t)
    return _pieces(count, cuts, told)


def _statistics(rows: Array) -> Array:
    return np.concatenate((rows.mean(axis=0), 1.5 * rows.std(axis=0)))


def _warm_up(data: Array, fps: float) -> int:
    return min(len(data), round(8 * fps))


def _component(data: Array, warm: int) -> Array:
    """The values (T,) along the direction in which the first ``warm`` frames differ most."""
    centre = data[:warm].mean(axis=0)
    _, _, directions = np.linalg.svd(data[:warm] - centre, full_matrices=False)
    direction = directions[0] * np.sign(directions[0][np.abs(directions[0]).argmax()])
    return np.ascontiguousarray((data - centre) @ direction)


def _pieces(count: int, cuts: list[int], told: list[int]) -> Found:
    """Pieces between cuts; what was told may be divided by a later cut: nothing is final before the end."""
    labels = np.zeros(count, np.int32)
    told_at = np.arange(count, dtype=np.int64)
    for cut, at in zip(cuts, told, strict=True):
        labels[cut:] += 1
        told_at[cut] = at
    return Found(labels, np.full(count, count - 1, np.int64), told_at)
