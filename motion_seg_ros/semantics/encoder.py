"""The backend that compares two moments by what encodes their motion, offline and within milliseconds.

Likenesses of different kinds (how the body moves, how that reads in words, how a learned encoder sees it) are
weighed by one calibration, which makes a probability of them.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.semantics.calibration import Calibration
from motion_seg_ros.semantics.describer import Description, describe
from motion_seg_ros.semantics.kinematic import moment_features, signature
from motion_seg_ros.semantics.protocol import Answer, BackendError, Moment, Question
from motion_seg_ros.semantics.sentences import SentenceEncoder, SentenceModelMissing
from motion_seg_ros.skeleton.features import BODY, LEFT_ANKLE, PELVIS, RIGHT_ANKLE

Array = NDArray[np.float64]

# Names of likenesses, as calibrations know them.
STATISTICS, HALVES, SENTENCES = "statistics", "own halves", "sentences"
# Seconds of motion below which a moment says less.
_ENOUGH = 0.6


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """A learned encoder of motion.

    Attributes
    ----------
    name : of the encoder and its weights; its likenesses are weighed by a calibration that was fitted for it.
    embed : (T, 22, 3) joints and frames a second to an (E,) vector.
    """

    name: str
    embed: Callable[[NDArray[np.floating], float], NDArray[np.floating]]


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """All that a moment is compared by.

    Attributes
    ----------
    statistics : (2 d,) the segmenter's features, as :func:`motion_seg_ros.semantics.kinematic.signature`.
    known : (2 d,) which of the statistics are of joints that were seen.
    unrest : how unlike the halves of the window are, as two moments would be.
    worth : share of the body and of a sufficient window that was seen, 0..1.
    description : in words.
    sentence : (384,) of the description, or None.
    embedding : (E,) of a learned encoder, or None.
    """

    statistics: Array
    known: NDArray[np.bool_]
    unrest: float
    worth: float
    description: Description
    sentence: NDArray[np.float32] | None
    embedding: NDArray[np.floating] | None


class MotionEncoder:
    """Encodes moments and tells how alike two of them are.

    Parameters
    ----------
    sentences : encodes descriptions; None compares without words.
    embedding : a learned encoder; None compares without.

    Attributes
    ----------
    inputs : names of the likenesses.
    """

    def __init__(self, sentences: SentenceEncoder | None, embedding: Embedding | None = None) -> None:
        self._sentences, self._embedding = sentences, embedding
        self.inputs = (
            STATISTICS,
            HALVES,
            *([SENTENCES] if sentences else []),
            *([embedding.name] if embedding else []),
        )

    def encode(self, moment: Moment) -> Encoding | None:
        """None when too little of the person is seen to compare anything."""
        joints = moment.joints
        try:
            features = moment_features(moment)
        except BackendError:
            return None
        statistics = signature(features)
        known = _known(joints)
        half = (len(features) + 1) // 2
        said = describe(joints, moment.fps)
        seconds = (len(joints) - 1) / moment.fps
        seen = float(np.isfinite(joints[:, [PELVIS, *BODY]]).all(axis=2).mean())
        return Encoding(
            statistics,
            known,
            _unlikeness(signature(features[:half]), signature(features[-half:]), known),
            seen * min(1.0, seconds / _ENOUGH),
            said,
            self._sentences.embed([said.sentence])[0] if self._sentences else None,
            self._embedding.embed(joints, moment.fps) if self._embedding else None,
        )

    def likeness(self, first: Encoding, second: Encoding) -> Array:
        """(k,) how alike two moments are, as :attr:`inputs` names it; higher is more alike."""
        values = [
            -_unlikeness(first.statistics, second.statistics, first.known & second.known),
            # What is as restless in itself, or is seen as badly, differs without being different.
            (first.unrest + second.unrest) / 2.0,
        ]
        if first.sentence is not None and second.sentence is not None:
            # Descriptions that differ in one word have a cosine near 1; their distance is not near 0.
            values.append(-float(np.linalg.norm(first.sentence - second.sentence)))
        if first.embedding is not None and second.embedding is not None:
            values.append(_cosine(first.embedding, second.embedding))
        return np.array(values)


def _known(joints: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which statistics tell of joints that are seen for at least half of the window."""
    seen = np.isfinite(joints[:, list(BODY)]).all(axis=2).mean(axis=0) >= 0.5
    # Speed, rise and turning are the trunk's; the height is measured from the ankles.
    ankles = bool(seen[[BODY.index(LEFT_ANKLE), BODY.index(RIGHT_ANKLE)]].all())
    return np.tile(np.concatenate((np.repeat(seen, 3), seen, [True, True, ankles, True])), 2)


def _unlikeness(first: Array, second: Array, known: NDArray[np.bool_]) -> float:
    """Differences relative to the size of what differs: of a quick movement no two repetitions are equal."""
    apart = np.abs(first - second) / (1.0 + np.abs(first) + np.abs(second))
    return math.sqrt(float(np.mean(apart[known] ** 2)))


def _cosine(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    a, b = first.astype(np.float64), second.astype(np.float64)
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size > 0.0 else 0.0


def available_encoder(embedding: Embedding | None = None) -> tuple[MotionEncoder, str]:
    """An encoder with sentences where the extra ``text`` is installed, else one without and why."""
    try:
        sentences = SentenceEncoder()
    except SentenceModelMissing as reason:
        return MotionEncoder(None, embedding), f"motions are compared without words: {reason}"
    return MotionEncoder(sentences, embedding), ""


class EncoderBackend:
    """Answers by the likeness of encodings.

    Where a moment is short or partly unseen, the log odds shrink in proportion; where one is not seen at all
    the answer is 0.5. The phrases are the describer's.

    Parameters
    ----------
    encoder : of moments.
    calibrations : the one that uses most of what the encoder tells is taken.

    Raises
    ------
    ValueError : no calibration fits the encoder.
    """

    name = "encoder"

    def __init__(self, encoder: MotionEncoder, calibrations: Sequence[Calibration]) -> None:
        fitting = [item for item in calibrations if set(item.inputs) <= set(encoder.inputs)]
        if not fitting:
            raise ValueError(
                f"no calibration for {', '.join(encoder.inputs)}: fit one by `motion-seg oracle fit`"
            )
        self.calibration = max(fitting, key=lambda item: len(item.inputs))
        self._encoder = encoder
        self._columns = [encoder.inputs.index(name) for name in self.calibration.inputs]
        self.fingerprint = f"encoder/1 {hashlib.sha256(repr(self.calibration).encode()).hexdigest()[:16]}"

    async def ask(self, question: Question) -> Answer:
        """Answer; never fails for lack of anything."""
        return await asyncio.to_thread(self.compare, question)

    def compare(self, question: Question) -> Answer:
        """The same, at once."""
        first, second = self._encoder.encode(question.first), self._encoder.encode(question.second)
        phrases = tuple("" if side is None else side.description.phrase for side in (first, second))
        probability = 0.5
        if first is not None and second is not None:
            likeness = self._encoder.likeness(first, second)[self._columns]
            probability = float(self.calibration.probability(likeness))
            odds = math.log(probability / (1.0 - probability)) * min(first.worth, second.worth)
            probability = 1.0 / (1.0 + math.exp(-odds))
        return Answer(probability, (phrases[0], phrases[1]), self.name)

    async def close(self) -> None:
        """Nothing is held."""
