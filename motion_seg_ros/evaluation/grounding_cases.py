"""Cases for grounding: clips of known action joined to one motion, and a sentence about it.

Everything comes from a seed. A case has the actions of its sentence in order, up to two other actions in
between, and in every third case one action of the sentence that did not happen. The words of every second
case are paraphrases that were never taught.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.datasets.clips import load_motion
from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.datasets.splices import splice
from motion_seg_ros.grounding.captions import composed, find_action, label_text, sentence
from motion_seg_ros.grounding.history import RATE, evenly

Array = NDArray[np.float64]

MAX_ACTIONS = 4
# Seconds of a clip that are used, at least and at most, and of the blend at a joint.
_SHORTEST, _LONGEST, _BLEND = 1.0, 6.0, 0.2
_DISTRACTORS = 2


@dataclass(frozen=True, slots=True, eq=False)
class ActionClip:
    """A piece of motion (T, 22, 3) at ``fps`` with what the data set calls it."""

    label: str
    joints: NDArray[np.floating]
    fps: float


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One motion and one sentence.

    Attributes
    ----------
    number : of the case.
    joints : (T, 22, 3) at :data:`motion_seg_ros.grounding.history.RATE`.
    sentence : in words.
    labels : what the data set calls the sub-actions of the sentence, in their order.
    truths : (start, end) in seconds of each; None where it did not happen.
    unseen : whether the words are paraphrases that were never taught.
    """

    number: int
    joints: Array
    sentence: str
    labels: tuple[str, ...]
    truths: tuple[tuple[float, float] | None, ...]
    unseen: bool

    @property
    def stamps(self) -> NDArray[np.int64]:
        """(T,) nanoseconds from 0."""
        return np.round(np.arange(len(self.joints)) * 1e9 / RATE).astype(np.int64)


def find_clips(path: Path) -> tuple[list[ActionClip], list[str]]:
    """The clips of known action in a file or a folder of any kind that :func:`load_motion` reads.

    A recording with labelled frames is cut where its labels change; a clip is taken whole.

    Returns
    -------
    Clips of at least a second in the order of the files, and a note about what is left out.

    Raises
    ------
    DatasetError : a file that is broken, or fewer than two actions in all.
    """
    clips: list[ActionClip] = []
    unnamed = short = 0
    for clip in load_motion(path):
        pieces = [ActionClip(label, clip.joints[a:b], clip.fps) for a, b, label in clip.spans]
        if not pieces:
            # What a collection calls a clip may be an action, or just a number.
            label = clip.label or clip.tags.get("clip", "")
            if not clip.label and find_action(label) is None:
                unnamed += 1
                continue
            pieces = [ActionClip(label, clip.joints, clip.fps)]
        usable = [piece for piece in pieces if len(piece.joints) >= _SHORTEST * piece.fps]
        short += len(pieces) - len(usable)
        clips += usable
    if len({_key(clip.label) for clip in clips}) < 2:
        raise DatasetError(f"{path} holds fewer than two labelled actions of {_SHORTEST:g} s and more")
    notes = [f"{unnamed} clips have no action and are left out"] if unnamed else []
    notes += [f"{short} clips are shorter than {_SHORTEST:g} s and are left out"] if short else []
    return clips, notes


def _key(label: str) -> str:
    """One name for what is one action in words."""
    action = find_action(label)
    return f"{action.name} {action.side}".strip() if action else label_text(label)


def _phrases(label: str, unseen: bool) -> tuple[str, ...]:
    """Phrases of one verb: "hops and steps along" is two actions to whoever splits the sentence."""
    action = find_action(label)
    if action is None:
        return (label_text(label),)
    words = action.unseen if unseen and action.unseen else action.phrases
    single = tuple(phrase for phrase in words if " and " not in phrase and "," not in phrase)
    return single or words


def make_cases(clips: Sequence[ActionClip], count: int, actions: int, seed: int) -> list[Case]:
    """The cases of a seed.

    Parameters
    ----------
    actions : sub-actions of a sentence, 1..4.

    Raises
    ------
    ValueError : fewer actions in the clips than a sentence needs.
    """
    by_key: dict[str, list[ActionClip]] = {}
    for clip in clips:
        by_key.setdefault(_key(clip.label), []).append(clip)
    if not 1 <= actions <= MAX_ACTIONS:
        raise ValueError(f"a sentence has 1 to {MAX_ACTIONS} actions here, not {actions}")
    if actions > len(by_key):
        raise ValueError(f"there are {len(by_key)} actions: too few for sentences of {actions}")
    rng = np.random.default_rng(seed)
    return [_case(number, by_key, actions, rng) for number in range(count)]


def _case(number: int, by_key: dict[str, list[ActionClip]], actions: int, rng: np.random.Generator) -> Case:
    # Actions by the number of their clips would make one of them every second word.
    keys = [str(key) for key in rng.permutation(sorted(by_key))]
    asked, others = keys[:actions], keys[actions:]
    missing = int(rng.integers(actions)) if number % 3 == 2 and actions > 1 else -1
    shown = [(key, place) for place, key in enumerate(asked) if place != missing]
    for key in others[: rng.integers(_DISTRACTORS + 1)]:
        shown.insert(int(rng.integers(len(shown) + 1)), (key, -1))
    pieces = [_piece(by_key[key][rng.integers(len(by_key[key]))], rng) for key, _ in shown]
    joints, edges = splice(pieces, round(_BLEND * RATE))
    spans = {place: (edges[i] / RATE, edges[i + 1] / RATE) for i, (_, place) in enumerate(shown)}
    unseen = number % 2 == 1
    choices = [_phrases(by_key[key][0].label, unseen) for key in asked]
    phrases = [str(words[rng.integers(len(words))]) for words in choices]
    text = composed(phrases, rng) if actions > 1 else sentence(phrases[0])
    truths = tuple(spans.get(place) for place in range(actions))
    return Case(number, joints, text, tuple(asked), truths, unseen)


def _piece(clip: ActionClip, rng: np.random.Generator) -> Array:
    """A part of a clip of random length, at RATE."""
    shortest, longest = round(_SHORTEST * clip.fps), round(_LONGEST * clip.fps)
    length = int(rng.integers(shortest, min(len(clip.joints), longest) + 1))
    first = int(rng.integers(len(clip.joints) - length + 1))
    stamps = np.round(np.arange(length) * 1e9 / clip.fps).astype(np.int64)
    return evenly(stamps, clip.joints[first : first + length])
