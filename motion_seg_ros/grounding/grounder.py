"""A sentence and a motion to the spans that show its sub-actions, each with a score, or to nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.grounding.calibration import Calibration, evidence_of, step_seconds
from motion_seg_ros.grounding.history import RATE, evenly
from motion_seg_ros.grounding.masking import LEAST, MaskingConfig, Problem, masks_of, optimise
from motion_seg_ros.grounding.motion_text import MotionFeatures, MotionText, unit
from motion_seg_ros.grounding.partition import Ask, Partition, partition
from motion_seg_ros.grounding.placing import PlacingConfig, best_run, places_of
from motion_seg_ros.settings import check

Array = NDArray[np.float64]

STAGES = ("partition", "encode", "mask", "score")

# To say where something is, it is taken to be there; a place that is less likely than the other number even
# then is none: the sub-actions around leave no room.
_SURELY, _ROOM = 0.999, 0.5
# Deviation of where a known change of motion is, in steps.
_BLUR = 1.0
# Fewest joints that make a frame one of a person.
_FEWEST_JOINTS = 6


class OutOfTime(Exception):
    """To be raised by ``proceed`` when the deadline has passed.

    In the stage "mask" the masks are then the probabilities that they start from; in an earlier stage there
    is no answer.
    """


Proceed = Callable[[str, float], None]
"""Called often with a stage and a progress 0..1; what it raises ends the grounding."""


@dataclass(frozen=True)
class GroundingConfig(MaskingConfig, PlacingConfig):
    """The numbers of grounding."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class Candidate:
    """The best place of one sub-action.

    Attributes
    ----------
    action : text of the sub-action.
    start, end : nanoseconds; None where the sub-actions around it leave no room.
    score : 0..1, calibrated; 0 without a place.
    found : whether the score says that it happened.
    """

    action: str
    start: int | None
    end: int | None
    score: float
    found: bool


@dataclass(frozen=True, slots=True, eq=False)
class Grounding:
    """The answer.

    Attributes
    ----------
    partition : how the sentence was split.
    candidates : one for each sub-action, in the order of the sentence.
    times : (L,) nanoseconds of the steps; masks : (k + 1, L) in 0..1, the background last.
    notes : a sentence for everything that a reader should know.
    """

    partition: Partition
    candidates: tuple[Candidate, ...]
    times: NDArray[np.int64]
    masks: Array
    notes: tuple[str, ...] = ()

    @property
    def spans(self) -> tuple[Candidate, ...]:
        """What was found, in the order of the sentence; empty = nothing like this happened."""
        return tuple(candidate for candidate in self.candidates if candidate.found)

    @property
    def found(self) -> bool:
        """Whether every sub-action was found (and there was one)."""
        return bool(self.candidates) and all(candidate.found for candidate in self.candidates)

    def trace(self) -> dict[str, Any]:
        """How the answer came about, in plain values; times are integer nanoseconds."""
        return {
            "partition": self.partition.to_dict(),
            "found": self.found,
            "candidates": [
                {
                    "action": item.action,
                    "start": item.start,
                    "end": item.end,
                    "score": round(item.score, 4),
                    "found": item.found,
                }
                for item in self.candidates
            ],
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where sub-actions are among the steps: masks (k + 1, L), (first, last) or None for each, and (k,) how
    likely each happened at all, by the order and length of all of them."""

    masks: Array
    runs: tuple[tuple[int, int] | None, ...]
    present: Array
    notes: tuple[str, ...] = ()


class Grounder:
    """Finds sentences in motions. The same input gives the same answer; no clock is read.

    Parameters
    ----------
    motion_text : the frozen encoder.
    calibration : of that encoder.
    ask : a language model that may split sentences, see :func:`motion_seg_ros.grounding.partition.partition`.
    """

    def __init__(
        self,
        motion_text: MotionText,
        calibration: Calibration,
        config: GroundingConfig | None = None,
        ask: Ask | None = None,
    ) -> None:
        self.motion_text = motion_text
        self.calibration = calibration
        self.config = config or GroundingConfig()
        self._ask = ask

    def divide(self, text: str) -> Partition:
        """The sub-actions of a text; a sentence is divided once, however many people are looked at."""
        return partition(text, self._ask)

    def ground(
        self,
        text: str | Partition,
        stamps: NDArray[np.int64],
        joints: NDArray[np.floating],
        cuts: Sequence[tuple[int, float]] = (),
        proceed: Proceed = lambda stage, progress: None,
    ) -> Grounding:
        """Ground any text in a motion.

        Parameters
        ----------
        text : as it is, or what :meth:`divide` made of it.
        stamps : (T,) nanoseconds, rising; T may be 0.
        joints : (T, 22, 3) smpl22 in metres, z up, NaN where unseen.
        cuts : (time in nanoseconds, link in 0..1) of boundaries that are known; a link of 0 stops smoothing.
        """
        proceed("partition", 0.0)
        division = self.divide(text) if isinstance(text, str) else text
        proceed("encode", 0.0)
        features = self.encode(stamps, joints) if division.actions else None
        return self.ground_actions(division, features, cuts, proceed)

    def ground_actions(
        self,
        division: Partition,
        features: MotionFeatures | None,
        cuts: Sequence[tuple[int, float]] = (),
        proceed: Proceed = lambda stage, progress: None,
    ) -> Grounding:
        """Ground sub-actions in features that :meth:`encode` gave; None for a motion of nobody."""
        count = len(division.actions)
        if not division.actions or features is None:
            reason = "nothing to look for" if not division.actions else "nobody is seen in the motion"
            nothing = tuple(Candidate(action, None, None, 0.0, False) for action in division.actions)
            return Grounding(division, nothing, np.zeros(0, np.int64), np.zeros((count + 1, 0)), (reason,))
        texts = np.asarray(self.motion_text.embed_text(division.actions), np.float64)
        proceed("encode", 1.0)
        placement = self.place(texts, features, cuts, proceed)
        proceed("score", 0.0)
        candidates = []
        places = zip(division.actions, texts, placement.runs, placement.present, strict=True)
        for action, text, run, present in places:
            candidates.append(self.judge(action, text, run, features, float(present)))
        proceed("score", 1.0)
        return Grounding(division, tuple(candidates), features.times, placement.masks, placement.notes)

    def encode(self, stamps: NDArray[np.int64], joints: NDArray[np.floating]) -> MotionFeatures | None:
        """Features of the steps in which a person is seen, with absolute times; None where nobody is.

        Raises
        ------
        ValueError : stamps do not rise, or shapes do not fit.
        """
        if joints.shape != (len(stamps), 22, 3):
            raise ValueError(f"{len(stamps)} stamps need joints ({len(stamps)}, 22, 3), not {joints.shape}")
        if (np.diff(stamps) <= 0).any():
            raise ValueError("the stamps of a motion must rise")
        if not len(stamps):
            return None
        motion = evenly(stamps, joints)
        seen = np.isfinite(motion).all(axis=2).sum(axis=1) >= _FEWEST_JOINTS
        if not seen.any():
            return None
        features = self.motion_text.frame_features(motion, RATE)
        frame = np.clip(np.rint(features.times * RATE / 1e9).astype(np.int64), 0, len(seen) - 1)
        kept = seen[frame]
        if not kept.any():
            return None
        return MotionFeatures(
            np.asarray(features.values, np.float64)[kept],
            np.asarray(features.attention, np.float64)[kept],
            features.times[kept] + int(stamps[0]),
        )

    def place(
        self,
        texts: Array,
        features: MotionFeatures,
        cuts: Sequence[tuple[int, float]] = (),
        proceed: Proceed = lambda stage, progress: None,
    ) -> Placement:
        """Masks of k texts (k, d) over the steps, and the run of steps that each mask has."""
        config, count = self.config, len(texts)
        cosines = unit(features.values) @ texts.T
        odds = self.calibration.odds(cosines)
        changes = changes_at(features.times, cuts)
        step = step_seconds(features.times)
        present = places_of(odds, changes, step, config).present
        proceed("mask", 0.0)
        there = places_of(odds, changes, step, replace(config, present=_SURELY))
        likely = np.vstack((there.inside, np.maximum(1.0 - there.inside.sum(axis=0), 0.0)))
        likely /= likely.sum(axis=0)
        problem = Problem(
            features.values,
            features.attention,
            texts,
            likely,
            links_between(features.times, cuts),
            self.calibration.background,
        )
        notes: tuple[str, ...] = ()
        masks = likely
        try:
            theta = optimise(
                config.sharpness * np.log(np.maximum(likely, LEAST)),
                problem,
                config,
                lambda done: proceed("mask", done / max(1, config.steps)),
            )
            masks = masks_of(theta, config.sharpness)
        except OutOfTime:
            notes = ("the deadline passed: the masks are the probabilities that they start from",)
        runs = [
            best_run(mask) if room > _ROOM else None
            for mask, room in zip(masks[:count], there.present, strict=True)
        ]
        return Placement(masks, tuple(runs), present, notes)

    def judge(
        self, action: str, text: Array, run: tuple[int, int] | None, features: MotionFeatures, present: float
    ) -> Candidate:
        """The candidate of a run of steps for one sub-action that is as likely to have happened at all."""
        if run is None:
            return Candidate(action, None, None, 0.0, False)
        evidence = evidence_of(features, text, *run, self.calibration.background, present)
        score = self.calibration.score(evidence)
        start, end = span_of(features.times, *run)
        return Candidate(action, start, end, score, score >= self.calibration.threshold)


def links_between(times: NDArray[np.int64], cuts: Sequence[tuple[int, float]]) -> Array:
    """(L - 1,) product of the links of all cuts between steps l and l + 1; 0 across a gap in the motion."""
    links = np.ones(max(0, len(times) - 1))
    for time, link in cuts:
        place = int(np.searchsorted(times, time, side="left"))
        if 0 < place < len(times):
            links[place - 1] *= link
    links[np.diff(times) > 2.5e9 * step_seconds(times)] = 0.0
    return links


def changes_at(times: NDArray[np.int64], cuts: Sequence[tuple[int, float]]) -> Array:
    """(L + 1,) in 0..1: how sure it is that the motion changes before each step and after the last."""
    changes = np.zeros(len(times) + 1)
    places = np.arange(len(times) + 1)
    for time, link in cuts:
        distance = (places - int(np.searchsorted(times, time, side="left"))) / _BLUR
        changes = np.maximum(changes, (1.0 - link) * np.exp(-0.5 * distance**2))
    return changes


def span_of(times: NDArray[np.int64], first: int, last: int) -> tuple[int, int]:
    """Nanoseconds from the beginning of step ``first`` to the end of step ``last - 1``."""
    half = int(step_seconds(times) * 5e8)  # rounded down: not before the first frame
    return max(int(times[first]) - half, 0), int(times[last - 1]) + half
