"""The oracle as the transcript sees it: frames in, evidence about boundaries and phrases out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.semantics.pictures import Pictures
from motion_seg_ros.semantics.policy import Evidence, Policy, PolicyConfig, Wish
from motion_seg_ros.semantics.scheduler import Line, Reply

Array = NDArray[np.float64]

# Seconds of a stream after which an answer is used at the earliest: a backend that is quicker gives the same
# transcript whatever the machine has to do besides.
REPLY = 0.2
# Phrases kept for each person, and exchanges that wait to be told.
_PHRASES, _EXCHANGES = 64, 256
# Only these say more than the describer does.
_SPOKEN = "llm:"


@dataclass(frozen=True, slots=True)
class _Phrase:
    stamp: int
    text: str
    source: str


class Oracle:
    """Asks about everybody in view.

    Parameters
    ----------
    config : what is asked, and how often.
    line : whom.
    deadline : seconds after a question's second moment within which an answer counts.
    pictures : kept for questions, if they are to be shown.
    """

    def __init__(
        self, config: PolicyConfig, line: Line, deadline: float, pictures: Pictures | None = None
    ) -> None:
        self._policy = Policy(config, deadline, REPLY)
        self._line = line
        self.pictures = pictures
        self._wishes: dict[int, Wish] = {}
        self._phrases: dict[str, deque[_Phrase]] = {}
        self._spoken: set[str] = set()
        self._exchanges: deque[dict[str, Any]] = deque(maxlen=_EXCHANGES)

    def answers(self, stamp: int) -> list[Evidence]:
        """What has been answered by the frame of that stamp."""
        found = []
        for reply in self._line.collect(stamp):
            wish = self._wishes.pop(reply.number)
            self._exchanges.append(_told(stamp, wish, reply))
            evidence = self._policy.tell(wish, reply.answer, stamp)
            if evidence is not None:
                found.append(evidence)
            if reply.answer is not None and reply.answer.source.startswith(_SPOKEN):
                self._note_phrases(reply)
        return found

    def see(
        self,
        track_id: str,
        stamp: int,
        joints: Array,
        features: Array,
        outlook: Callable[[], Sequence[tuple[int, float]]],
    ) -> None:
        """Take the next frame of a track, as :meth:`motion_seg_ros.semantics.policy.Policy.see`."""
        due = stamp + round(REPLY * 1e9)
        for wish in self._policy.see(track_id, stamp, joints, features, outlook):
            question = self.pictures.illustrate(wish.question) if self.pictures else wish.question
            number = self._line.submit(question, due, wish.until)
            self._wishes[number] = wish
            self._exchanges.append(_asked(stamp, number, wish))

    def end(self, track_id: str) -> None:
        """A track is over; its phrases stay until another of that name is spoken of."""
        self._policy.end(track_id)

    def spoken(self) -> list[str]:
        """Tracks that a language model has found words for since the last call."""
        told = sorted(self._spoken)
        self._spoken.clear()
        return told

    def phrase(self, track_id: str, start: int, end: int) -> tuple[str, str]:
        """What a language model said of the moment nearest to the middle of a segment, and its name.

        Nothing while its answers are not believed: who is wrong about motions names them wrongly, too.
        """
        if self._policy.trust.complaint:
            return "", ""
        inside = [p for p in self._phrases.get(track_id, ()) if start <= p.stamp < end]
        if not inside:
            return "", ""
        nearest = min(inside, key=lambda p: abs(2 * p.stamp - start - end))
        return nearest.text, nearest.source

    def exchanges(self) -> list[dict[str, Any]]:
        """Questions and answers since the last call, as plain values for people to read."""
        told = list(self._exchanges)
        self._exchanges.clear()
        return told

    @property
    def complaint(self) -> str:
        """What is wrong in one sentence, or ""."""
        health = self._line.health
        if self._policy.trust.complaint:
            return self._policy.trust.complaint
        if health.breaker != "closed":
            return f"the oracle is left alone: {health.last_error or 'its answers come too late'}"
        return ""

    def facts(self) -> dict[str, str]:
        """For /diagnostics and reports."""
        same, different = self._policy.trust.rates
        return {
            "backend": self._line.backend.name,
            **self._line.health.facts(),
            "right about same": f"{same:.2f}",
            "right about different": f"{different:.2f}",
        }

    def make_haste(self) -> None:
        """From now on nobody waits long for an answer; may be called in any thread."""
        self._line.make_haste()

    def close(self) -> None:
        """Give up what is open."""
        self._line.close()

    def _note_phrases(self, reply: Reply) -> None:
        assert reply.answer is not None
        question = reply.question
        known = self._phrases.setdefault(question.track_id, deque(maxlen=_PHRASES))
        for moment, text in zip((question.first, question.second), reply.answer.phrases, strict=True):
            if text:
                self._spoken.add(question.track_id)
                known.append(_Phrase(moment.stamp, text, reply.answer.source))


def _asked(stamp: int, number: int, wish: Wish) -> dict[str, Any]:
    question = wish.question
    return {
        "stamp": stamp,
        "question": number,
        "track_id": question.track_id,
        "first": question.first.stamp,
        "second": question.second.stamp,
        "probe": wish.probe is not None,
    }


def _told(stamp: int, wish: Wish, reply: Reply) -> dict[str, Any]:
    told: dict[str, Any] = {
        "stamp": stamp,
        "answer": reply.number,
        "track_id": wish.question.track_id,
        "outcome": reply.outcome,
        "ms": round(1e3 * reply.seconds, 1),
    }
    if reply.answer is not None:
        told |= {
            "same_probability": round(reply.answer.same_probability, 4),
            "phrases": list(reply.answer.phrases),
            "source": reply.answer.source,
        }
    return told
