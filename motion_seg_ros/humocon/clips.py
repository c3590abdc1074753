"""Tokens of whole clips, many at once: those that a tokenizer gives one frame at a time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.humocon.runtime import ConceptEncoder
from motion_seg_ros.humocon.streaming import TokenizerConfig, believed
from motion_seg_ros.skeleton.motion_inputs import FRAMES_PER_TOKEN, RATE, MotionInputs, body_seen

# Clips that are worked on together, and the steps after which they are encoded.
_TOGETHER, _STEPS = 64, 256
_PERIOD = round(1e9 / RATE)


@dataclass(frozen=True, slots=True, eq=False)
class ClipTokens:
    """What one clip says.

    Attributes
    ----------
    tokens : (N,) int64.
    ends : (N,) int64, nanoseconds from the clip's first frame to the end of each token.
    embeddings : (N, E) float32.
    """

    tokens: NDArray[np.int64]
    ends: NDArray[np.int64]
    embeddings: NDArray[np.float32]


def _joined(parts: Sequence[ClipTokens], embedding: int) -> ClipTokens:
    """Parts of one clip, one after another."""
    return ClipTokens(
        np.concatenate([np.zeros(0, np.int64), *(part.tokens for part in parts)]),
        np.concatenate([np.zeros(0, np.int64), *(part.ends for part in parts)]),
        np.concatenate([np.zeros((0, embedding), np.float32), *(part.embeddings for part in parts)]),
    )


@dataclass(frozen=True, slots=True)
class _Piece:
    """Frames [first, last) of a clip, in which its person is never lost, and how many tokens they make."""

    clip: int
    first: int
    last: int
    tokens: int


def tokenize_clips(
    encoder: ConceptEncoder,
    clips: Sequence[NDArray[np.floating]],
    fps: float,
    config: TokenizerConfig | None = None,
    progress: Callable[[int], object] = lambda frames: None,
) -> list[ClipTokens]:
    """The tokens of every clip.

    Frame i counts as stamped ``round(i * 1e9 / fps)``, and as of confidence 1 where it is not NaN. The rules
    are those of :class:`motion_seg_ros.humocon.streaming.Tokenizer`: somebody who is not seen for the track
    timeout begins anew.

    Parameters
    ----------
    clips : (T, 22, 3) each, metres, z up, NaN where unseen.
    fps : frames a second of all of them.
    progress : called with a number of frames that are done.
    """
    timeout = round((config or TokenizerConfig()).track_timeout * 1e9)
    pieces = [piece for number, clip in enumerate(clips) for piece in _pieces(number, clip, fps, timeout)]
    # Those that are worked on together have their frames at the same stamps, the longest come first.
    order = sorted(pieces, key=lambda piece: (piece.first, piece.first - piece.last, piece.clip))
    told: dict[_Piece, ClipTokens] = {}
    for _, group in itertools.groupby(order, key=lambda piece: piece.first):
        alike = list(group)
        for begin in range(0, len(alike), _TOGETHER):
            batch = alike[begin : begin + _TOGETHER]
            told |= zip(batch, _encode(encoder, clips, batch, fps), strict=True)
            progress(sum(piece.last - piece.first for piece in batch))
    parts: list[list[ClipTokens]] = [[] for _ in clips]
    for piece in pieces:
        parts[piece.clip].append(told[piece])
    return [_joined(part, encoder.info.embedding) for part in parts]


def _pieces(number: int, clip: NDArray[np.floating], fps: float, timeout: int) -> Iterator[_Piece]:
    """A clip, cut where its person is not seen for longer than the timeout (ns)."""
    seen = np.flatnonzero(body_seen(clip, believed(clip, np.ones(clip.shape[:2], np.float32))))
    if not len(seen):
        return
    stamps = _stamps(len(clip), fps)
    cuts = np.flatnonzero(np.diff(stamps[seen]) > timeout) + 1
    for run in np.split(seen, cuts):
        first = int(run[0])
        # Until the timeout is over nobody knows that it will be.
        last = int(np.searchsorted(stamps, stamps[run[-1]] + timeout, side="right"))
        steps = int(stamps[last - 1] - stamps[first]) // _PERIOD
        yield _Piece(number, first, last, steps // FRAMES_PER_TOKEN)


def _stamps(count: int, fps: float) -> NDArray[np.int64]:
    return np.array([round(index * 1e9 / fps) for index in range(count)], np.int64)


def _encode(
    encoder: ConceptEncoder, clips: Sequence[NDArray[np.floating]], batch: list[_Piece], fps: float
) -> list[ClipTokens]:
    """The tokens of pieces that begin at the same frame, longest first."""
    first, last = batch[0].first, max(piece.last for piece in batch)
    inputs, state = MotionInputs((len(batch),)), encoder.state(len(batch))
    stamps = _stamps(last, fps).tolist()
    told: list[list[ClipTokens]] = [[] for _ in batch]
    steps: list[NDArray[np.float32]] = []
    done = 0
    for begin in range(first, last, _STEPS):
        frames = np.full((min(_STEPS, last - begin), len(batch), 22, 3), np.nan)
        for row, piece in enumerate(batch):
            part = clips[piece.clip][begin : min(begin + _STEPS, piece.last)]
            frames[: len(part), row] = part
        sure = believed(frames, np.ones(frames.shape[:-1], np.float32))
        steps += list(inputs.extend(stamps[begin : begin + len(frames)], frames, sure))
        whole = len(steps) // FRAMES_PER_TOKEN * FRAMES_PER_TOKEN
        # The shortest come last: those that are over are not encoded.
        live = sum(piece.tokens > done for piece in batch)
        if whole and live:
            motion = np.stack(steps[:whole], axis=1)[:live]
            tokens, _, embeddings, state[:live] = encoder.encode(motion, state[:live])
            ends = stamps[first] + (done + 1 + np.arange(tokens.shape[1])) * FRAMES_PER_TOKEN * _PERIOD
            for row, piece in enumerate(batch[:live]):
                own = slice(piece.tokens - done)
                told[row].append(ClipTokens(tokens[row, own], ends[own], embeddings[row, own]))
        done += whole // FRAMES_PER_TOKEN
        del steps[:whole]
    return [_joined(parts, encoder.info.embedding) for parts in told]
