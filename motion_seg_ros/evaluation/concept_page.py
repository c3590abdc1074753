"""One page that makes a codebook visible: what each concept looks like, how often it is used and with what.

Everything is measured: the decoded motion, usage, transitions and nearest clips come from the export
(``codebook.npz``), the rest from data that was encoded with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.datasets.clips import Clip
from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.datasets.labelled import Archive
from motion_seg_ros.evaluation.page import base64_text, page, visible
from motion_seg_ros.evaluation.report import UNSEEN
from motion_seg_ros.skeleton.joint_sets import SMPL22
from motion_seg_ros.skeleton.motion_inputs import FRAMES_PER_TOKEN, RATE

# Of what comes before or after a concept, of its labels and of its nearest moments, as many are kept.
_NEIGHBOURS, _LABELS, _MOMENTS = 8, 12, 3
_HIPS = (SMPL22.index("left_hip"), SMPL22.index("right_hip"))


@dataclass(frozen=True, eq=False)
class CodebookFile:
    """What an export says of its K concepts.

    Attributes
    ----------
    codebook : (K, E).
    decoded : (K, T, 22, 3) metres at 30 Hz, NaN for a concept that is never used.
    usage : (K,) tokens of the training's motion.
    transitions : (K, K), how often a row's token was followed by a column's.
    nearest, times : (K, N) the clips with the nearest tokens and where in them (s), or "" and NaN.
    """

    codebook: NDArray[np.floating]
    decoded: NDArray[np.floating]
    usage: NDArray[np.integer]
    transitions: NDArray[np.integer]
    nearest: NDArray[np.str_]
    times: NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class SpokenClip:
    """A clip, its ``tokens`` (N,), their ``ends`` (N,) in ns from its first frame, ``embeddings`` (N, E)."""

    clip: Clip
    tokens: NDArray[np.int64]
    ends: NDArray[np.int64]
    embeddings: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ConceptPage:
    """What the page shows: the codebook, data that was encoded with it (or none), lines for the header."""

    title: str
    source: str
    book: CodebookFile
    clips: Sequence[SpokenClip] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


def read_codebook(path: Path) -> CodebookFile:
    """Read ``codebook.npz``.

    Raises
    ------
    DatasetError : it is cut off, lacks an array, or its arrays are not of the same concepts.
    """
    archive = Archive(path)
    book = CodebookFile(
        archive.array("codebook", "f", 2),
        archive.array("decoded", "f", 4),
        archive.array("usage", "iu", 1),
        archive.array("transitions", "iu", 2),
        archive.array("nearest", "U", 2),
        archive.array("times", "f", 2),
    )
    count = len(book.codebook)
    shapes = {
        "decoded": (book.decoded.shape, (count, book.decoded.shape[1], 22, 3)),
        "usage": (book.usage.shape, (count,)),
        "transitions": (book.transitions.shape, (count, count)),
        "nearest": (book.nearest.shape, (count, book.nearest.shape[1])),
        "times": (book.times.shape, book.nearest.shape),
    }
    for name, (found, expected) in shapes.items():
        if found != expected:
            raise DatasetError(f"{path}: {name} is {found}, where {count} concepts need {expected}")
    if not book.decoded.shape[1]:
        raise DatasetError(f"{path}: the decoded motions have no frames")
    if book.usage.min() < 0 or book.transitions.min() < 0:
        raise DatasetError(f"{path}: a concept is used a negative number of times")
    return book


def write_concept_page(path: Path, shown: ConceptPage) -> None:
    """Write the page; equal contents give equal bytes."""
    text = page(
        "concept_page.html",
        shown.title,
        pack_concepts(shown),
        css=("page.css", "concept_page.css"),
        js=("page.js", "concept_page.js"),
    )
    path.write_bytes(text.encode())


def pack_concepts(shown: ConceptPage) -> dict[str, Any]:
    """The data of the page, in plain JSON values."""
    book = shown.book
    return {
        "title": visible(shown.title),
        "source": visible(shown.source),
        "facts": [[visible(name), visible(value)] for name, value in shown.facts.items()],
        "rate": RATE,
        "joint_set": {"joints": list(SMPL22.joints), "bones": [list(bone) for bone in SMPL22.bones]},
        "usage": book.usage.tolist(),
        "perplexity": perplexity(book.usage),
        "decoded": _pack_motion(_in_place(book.decoded)),
        "after": _neighbours(book.transitions),
        "before": _neighbours(book.transitions.T),
        "nearest": [
            [
                [visible(str(name)), round(float(time), 2)]
                for name, time in zip(names, times, strict=True)
                if name
            ]
            for names, times in zip(book.nearest, book.times, strict=True)
        ],
        "data": _pack_data(book, shown.clips) if shown.clips else None,
    }


def perplexity(usage: NDArray[np.integer]) -> float:
    """exp of the entropy of the usage: as many equally used concepts would be as hard to guess."""
    share = usage[usage > 0] / max(int(usage.sum()), 1)
    return float(np.exp(-(share * np.log(share)).sum()))


def _pack_data(book: CodebookFile, clips: Sequence[SpokenClip]) -> dict[str, Any]:
    count, length = book.decoded.shape[:2]
    usage = np.zeros(count, np.int64)
    labels: list[Counter[str]] = [Counter() for _ in range(count)]
    best: list[list[tuple[bool, float, int, int]]] = [[] for _ in range(count)]
    for number, spoken in enumerate(clips):
        usage += np.bincount(spoken.tokens, minlength=count)
        for token, label in zip(spoken.tokens.tolist(), _token_labels(spoken), strict=True):
            labels[token][label] += 1
        away = ((spoken.embeddings - book.codebook[spoken.tokens]) ** 2).sum(axis=1)
        for token in np.unique(spoken.tokens):
            # One moment a clip.
            early = spoken.ends < length / RATE * 1e9
            found_here = [
                (bool(early[place]), float(away[place]), number, int(place))
                for place in np.flatnonzero(spoken.tokens == token)
            ]
            best[token] = sorted([*best[token], min(found_here)])[:_MOMENTS]
    # Moments that begin before their clip only where a concept has no other.
    best = [[moment for moment in found if moment[0] == found[0][0]] for found in best]
    moments = np.full((count, length, 22, 3), np.nan)
    for token, found in enumerate(best):
        if found:
            *_, number, place = found[0]
            moments[token] = _moment(clips[number], place, length)
    known = any(label for counter in labels for label in counter)
    told = [counter.most_common(_LABELS) if known else [] for counter in labels]
    # What can be chosen on the page must lead to a concept.
    kept = {label for common in told for label, _ in common if label}
    return {
        "clips": len(clips),
        "seconds": round(sum(len(spoken.clip.joints) / spoken.clip.fps for spoken in clips), 1),
        "usage": usage.tolist(),
        "perplexity": perplexity(usage),
        "labels": [[[visible(label), times] for label, times in common] for common in told],
        "label_totals": [
            [visible(label), times] for label, times in sum(labels, Counter()).most_common() if label in kept
        ],
        "moments": _pack_motion(_in_place(moments)),
        "places": [
            [
                [visible(clips[n].clip.name), round(float(clips[n].ends[place]) / 1e9, 2)]
                for *_, n, place in found
            ]
            for found in best
        ],
    }


def _token_labels(spoken: SpokenClip) -> list[str]:
    """What is said of the middle of each token; "" where nothing is."""
    clip = spoken.clip
    texts = [clip.label] * len(clip.joints)
    for first, last, text in clip.spans:
        texts[first:last] = [text] * (last - first)
    middle = spoken.ends / 1e9 - FRAMES_PER_TOKEN / RATE / 2
    frames = np.clip(np.floor(middle * clip.fps).astype(int), 0, len(texts) - 1)
    return [texts[frame] for frame in frames]


def _moment(spoken: SpokenClip, place: int, length: int) -> NDArray[np.floating]:
    """(length, 22, 3) the frames of a clip at 30 Hz that lead up to a token."""
    end = spoken.ends[place] / 1e9
    times = end + (np.arange(length) - length + 1) / RATE
    frames = np.clip(np.rint(times * spoken.clip.fps).astype(int), 0, len(spoken.clip.joints) - 1)
    return spoken.clip.joints[frames]


def _in_place(motions: NDArray[np.floating]) -> NDArray[np.floating]:
    """Motions (M, T, 22, 3) with the pelvis held, turned to face +x on the average of their frames."""
    moved = motions - motions[:, :, :1]
    with np.errstate(invalid="ignore"):
        left = moved[:, :, _HIPS[0], :2] - moved[:, :, _HIPS[1], :2]
    left = np.where(np.isfinite(left), left, 0.0).sum(axis=1)
    # The vector to the left becomes +y.
    angle = np.pi / 2 - np.arctan2(left[:, 1], left[:, 0])
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    x, y = moved[..., 0], moved[..., 1]
    return np.stack((cos * x - sin * y, sin * x + cos * y, moved[..., 2]), axis=-1)


def _pack_motion(motions: NDArray[np.floating]) -> dict[str, Any]:
    """Base64 of little-endian int16 millimetres (M, T, 22, 3) of those that are there, and which they are."""
    there = np.flatnonzero(np.isfinite(motions).any(axis=(1, 2, 3)))
    with np.errstate(invalid="ignore"):
        millimetres = np.rint(motions[there] * 1000.0)
        usable = (np.abs(millimetres) < -UNSEEN).all(axis=-1, keepdims=True)
    packed = np.where(usable, millimetres, UNSEEN).astype("<i2")
    index = np.full(len(motions), -1)
    index[there] = np.arange(len(there))
    return {"index": index.tolist(), "frames": motions.shape[1], "joints": base64_text(packed.tobytes())}


def _neighbours(counts: NDArray[np.integer]) -> list[list[list[float]]]:
    """[concept, share of the row] of each row's most frequent columns."""
    rows = []
    for row in counts:
        order = np.argsort(-row.astype(np.int64), kind="stable")[:_NEIGHBOURS]
        total = max(int(row.sum()), 1)
        rows.append(
            [[int(column), round(int(row[column]) / total, 4)] for column in order if row[column] > 0]
        )
    return rows
