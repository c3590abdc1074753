"""The question "same motion?" and its answer: what every backend takes and gives."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.plain_text import one_line
from motion_seg_ros.skeleton.joint_sets import JOINT_SETS

JOINTS = len(JOINT_SETS["smpl22"].joints)
# Longest phrase (characters) that leaves a backend: a label over a head, not an essay.
LONGEST_PHRASE = 60
# Answers of one content are one: joints to the millimetre, gaps and rates to the hundredth.
_MILLIMETRES, _HUNDREDTHS = 1000.0, 100.0


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """What a person does around one instant.

    Attributes
    ----------
    stamp : nanoseconds, of the middle of the window.
    joints : (W, 22, 3) smpl22, W >= 1, evenly spaced in time, oldest first; metres, z up; NaN where unseen.
    fps : windows' frames a second.
    pictures : what a camera saw of the person, JPEG, oldest first; mostly none.
    """

    stamp: int
    joints: NDArray[np.floating]
    fps: float
    pictures: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.joints.ndim != 3 or self.joints.shape[1:] != (JOINTS, 3) or not len(self.joints):
            raise ValueError(f"a moment's joints are (W, {JOINTS}, 3), not {self.joints.shape}")
        if not self.fps > 0.0:
            raise ValueError(f"a moment's frames a second must be above 0, not {self.fps}")


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """Whether a person does the same at two moments of one track."""

    track_id: str
    first: Moment
    second: Moment

    @property
    def gap_s(self) -> float:
        """Seconds from the first moment to the second."""
        return (self.second.stamp - self.first.stamp) / 1e9

    @property
    def key(self) -> str:
        """Hash of what is asked, not of whom or when: equal questions have equal answers."""
        content = hashlib.sha256(struct.pack("<q", round(self.gap_s * _HUNDREDTHS)))
        for moment in (self.first, self.second):
            unseen = np.isnan(moment.joints)
            rounded = np.rint(np.where(unseen, 0.0, moment.joints) * _MILLIMETRES).astype("<i4")
            content.update(struct.pack("<qq", len(rounded), round(moment.fps * _HUNDREDTHS)))
            content.update(rounded.tobytes() + np.packbits(unseen).tobytes())
            for picture in moment.pictures:
                content.update(hashlib.sha256(picture).digest())
        return content.hexdigest()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a backend says.

    Attributes
    ----------
    same_probability : that the motion is the same, by this answer alone when both are as likely beforehand
        (calibrated by the backend).
    phrases : what is done at either moment, in a verb phrase each, or "". Whatever a model wrote, here it is
        one short printable line: see :func:`motion_seg_ros.plain_text.one_line`.
    source : who says so: "kinematic", "encoder", "llm:<model>" or "simulated".
    cost : of this answer, in the currency of the prices that the backend was given; 0 if it has none.
    tokens : language model tokens that it took, prompt and reply.
    """

    same_probability: float
    phrases: tuple[str, str] = ("", "")
    source: str = ""
    cost: float = 0.0
    tokens: int = 0

    def __post_init__(self) -> None:
        # Written so that NaN fails too.
        if not 0.0 <= self.same_probability <= 1.0:
            raise ValueError(f"a probability must be in 0..1, not {self.same_probability}")
        first, second = self.phrases
        object.__setattr__(
            self, "phrases", (one_line(first, LONGEST_PHRASE), one_line(second, LONGEST_PHRASE))
        )


class BackendError(RuntimeError):
    """No answer to one question.

    Parameters
    ----------
    message : one sentence, without secrets and without what a server wrote beyond a few words.
    transient : whether the same question may be answered later.
    retry_after : seconds that the backend asks to be left alone for, or None.
    """

    def __init__(self, message: str, transient: bool = True, retry_after: float | None = None) -> None:
        super().__init__(one_line(message, 200))
        self.transient = transient
        self.retry_after = retry_after


class Backend(Protocol):
    """Whoever answers. Used from one asyncio loop, for several questions at a time.

    Attributes
    ----------
    name : as ``Answer.source``.
    fingerprint : changes whenever the same question may get another answer (weights, model, prompt, ...).
    """

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    async def ask(self, question: Question) -> Answer:
        """Answer; BackendError if it cannot. May be cancelled."""
        ...

    async def close(self) -> None:
        """Let go of connections and processes."""
        ...
