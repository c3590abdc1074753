"""From frames of skeletons to a transcript of motion segments, for everybody in view."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.semantics.oracle import Oracle
from motion_seg_ros.settings import setting
from motion_seg_ros.skeleton.features import (
    FEATURES,
    SkeletonFeatures,
    limb_speeds,
    usable_joints,
    usual_stray,
)
from motion_seg_ros.skeleton.joint_sets import to_smpl22
from motion_seg_ros.skeleton.types import SkeletonFrame
from motion_seg_ros.tvsh.events import SegmentEvent
from motion_seg_ros.tvsh.history import History
from motion_seg_ros.tvsh.labels import Labels
from motion_seg_ros.tvsh.motions import MotionMemory
from motion_seg_ros.tvsh.segmenter_config import SegmenterConfig
from motion_seg_ros.tvsh.streaming import StreamingSegmenter
from motion_seg_ros.tvsh.token_log import TokenLog
from motion_seg_ros.tvsh.track import TrackTranscript


@dataclass(frozen=True)
class TranscriberConfig(SegmenterConfig):
    """Every number of the transcript."""

    track_timeout: float = setting(
        1.0, "Seconds without being seen after which a person's segment ends", low=0.1, high=60.0
    )
    update_interval: float = setting(
        1.0, "Seconds between events that say only that a segment goes on", low=0.05, high=60.0
    )
    history: int = setting(100, "Most segments of one person kept for queries", low=1, high=10000)
    concept_tokens: bool = setting(
        True, "Whether events carry the motion concepts that lie in their segment, where somebody finds them"
    )
    features: str = setting(
        "skeleton",
        "What motions are told apart by: pose and speeds, or the encoded motion of a concept model",
        choices=("skeleton", "concepts"),
    )
    labels: bool = setting(True, "Whether segments are called by a phrase that says what is done")


@dataclass
class Health:
    """Counters since the beginning.

    Attributes
    ----------
    frames : frames taken.
    resets : times that stamps went back.
    gaps : times that more than the track timeout lay between frames.
    duplicates : frames with the stamp of the frame before, and second skeletons of one track; ignored.
    unusable : skeletons of which too little was seen.
    tracks : tracks begun; live : tracks open now.
    segments : segments ended for good.
    tokens : motion concept tokens noted.
    codebook_changes : times that a track's tokens came from another codebook; those before were forgotten.
    answers : answers that counted; late_answers : those that came too late, or about nobody seen then.
    """

    frames: int = 0
    resets: int = 0
    gaps: int = 0
    duplicates: int = 0
    unusable: int = 0
    tracks: int = 0
    live: int = 0
    segments: int = 0
    tokens: int = 0
    codebook_changes: int = 0
    answers: int = 0
    late_answers: int = 0


class Observer(Protocol):
    """Turns the joints of one track into what is segmented in place of the skeleton's features."""

    dimension: int

    def update(
        self, stamp: int, joints: NDArray[np.float64], confidence: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """(dimension,) finite values of the next frame: stamp (ns), joints (22, 3), confidence (22,)."""


@dataclass(slots=True)
class _Live:
    joint_set: str
    features: SkeletonFeatures
    observer: Observer | None
    transcript: TrackTranscript


class Transcriber:
    """Segments and recurring motions of every track, as events that are revised until final.

    A segment is announced (STARTED) when its person appears or a boundary is found, revised (UPDATED, or
    ENDED while its successor may still move), and final (ENDED with ``final``) once: at most ``lag``
    after its end plus a step and a frame, or when its track ends. A track ends when it was not seen for
    ``track_timeout``, when its joint set changes, when stamps go back, and at :meth:`close`; its last
    segment ends at the last frame in which it was seen. Motions are remembered across
    tracks, ends and resets; segment ids never repeat. No clock is read: the same frames give the same events.

    Parameters
    ----------
    config : every number.
    oracle : asked about everybody, and closed by whoever made it; its answers count, and its phrases label.
    observe : makes the observer of a track; needed when ``features`` is "concepts", and used only then.

    Raises
    ------
    ValueError : there is nothing that makes the features asked for.
    """

    def __init__(
        self,
        config: TranscriberConfig | None = None,
        oracle: Oracle | None = None,
        observe: Callable[[], Observer] | None = None,
    ) -> None:
        self.config = config or TranscriberConfig()
        if self.config.features == "concepts" and observe is None:
            raise ValueError("features: concepts needs the weights of a concept model")
        self._observe = observe if self.config.features == "concepts" else None
        self._oracle = oracle
        self.health = Health()
        self._motions = MotionMemory(self.config.motions)
        self._history = History(self.config.history)
        self._tokens = TokenLog()
        self._labels = Labels(self.config.lag, oracle.phrase if oracle else _nobody_said)
        self._segment_ids = itertools.count(1)
        self._timeout = round(self.config.track_timeout * 1e9)
        self._live: dict[str, _Live] = {}
        self._stamp: int | None = None
        self._frame_id = ""

    def update(self, frame: SkeletonFrame) -> list[SegmentEvent]:
        """Take the next frame, empty or not.

        Raises
        ------
        ValueError : a skeleton's joint set is unknown or its arrays do not fit it; nothing has changed then.
        """
        people: dict[str, tuple[str, NDArray[np.float64], NDArray[np.float32]]] = {}
        for person in frame.skeletons:
            mapped = to_smpl22(person.joints, person.confidence, person.joint_set)
            people.setdefault(person.track_id, (person.joint_set, *mapped))
        self.health.frames += 1
        if frame.stamp == self._stamp:
            self.health.duplicates += 1
            return []
        self.health.duplicates += len(frame.skeletons) - len(people)
        events = self._end_lost(frame)
        self._stamp, self._frame_id = frame.stamp, frame.frame_id
        for evidence in self._oracle.answers(frame.stamp) if self._oracle else ():
            self.answer(evidence.track_id, evidence.first, evidence.second, evidence.same_probability)
        for track_id, (joint_set, joints, confidence) in people.items():
            events += self._see(track_id, joint_set, joints, confidence)
        return events + self._record(self._relabel())

    def answer(self, track_id: str, first: int, second: int, same_probability: float) -> bool:
        """Take an answer to the question whether a person does the same at two moments.

        See :meth:`motion_seg_ros.tvsh.streaming.StreamingSegmenter.answer`; a track that is over takes none.
        What changes is told with the next frame.
        """
        live = self._live.get(track_id)
        counts = live is not None and live.transcript.answer(first, second, same_probability)
        self.health.answers += counts
        self.health.late_answers += not counts
        return counts

    def note_tokens(
        self,
        frame_id: str,
        track_id: str,
        start: int,
        end: int,
        tokens: Sequence[int],
        codebook: str = "",
    ) -> None:
        """Take motion concepts of a track over [start, end) ns, in order of time, and whose numbers they are.

        Each event carries those whose spans lie in its segment when it is told. What comes after a segment's
        final event is not in it: those that come within the lag are always in it, and the same input gives
        the same final events then. Of a segment with more than 4096 it has the newest.
        """
        if self.config.concept_tokens and tokens:
            strange = self._tokens.note((frame_id, track_id), start, end, tokens, codebook)
            self.health.tokens += len(tokens)
            self.health.codebook_changes += strange

    def close(self) -> list[SegmentEvent]:
        """End everything that is open; a frame that comes later begins anew."""
        events = [event for track_id in list(self._live) for event in self._end(track_id)]
        self._stamp = None
        return events

    def segments(self, track_id: str) -> list[SegmentEvent]:
        """Latest revisions of the last segments of a track, oldest first."""
        return self._history.segments(track_id)

    def query(self, track_id: str, start_ns: int, end_ns: int) -> list[SegmentEvent]:
        """Latest revisions of segments that touch a span of time, of one track or, for "", of all."""
        return self._history.query(track_id, start_ns, end_ns)

    @property
    def track_ids(self) -> list[str]:
        """Tracks that segments are kept of, the one heard of last at the end."""
        return self._history.track_ids

    def _end_lost(self, frame: SkeletonFrame) -> list[SegmentEvent]:
        """End the tracks that this frame's stamp shows to be over."""
        back = self._stamp is not None and frame.stamp < self._stamp
        if back:
            self.health.resets += 1
        elif self._stamp is not None and frame.stamp - self._stamp > self._timeout:
            self.health.gaps += 1
        lost = [
            name
            for name, live in self._live.items()
            if back or frame.stamp - live.transcript.last_seen > self._timeout
        ]
        if not back:
            self._stamp, self._frame_id = frame.stamp, frame.frame_id
        return [event for name in lost for event in self._end(name)]

    def _see(
        self,
        track_id: str,
        joint_set: str,
        joints: NDArray[np.float64],
        confidence: NDArray[np.float32],
    ) -> list[SegmentEvent]:
        assert self._stamp is not None
        events = []
        live = self._live.get(track_id)
        if live is not None and live.joint_set != joint_set:
            events = self._end(track_id)
            live = None
        maker = SkeletonFeatures() if live is None else live.features
        features = maker.update(self._stamp, joints, confidence.astype(np.float64))
        if features is None:
            self.health.unusable += 1
            return events
        if live is None:
            live = self._begin(track_id, joint_set, maker)
        seen = np.where(usable_joints(joints, confidence.astype(np.float64))[:, None], joints, np.nan)
        if self.config.labels:
            self._labels.see(track_id, self._stamp, seen)
        vector = features
        if live.observer is not None:
            vector = live.observer.update(self._stamp, joints, confidence)
        events += self._record(
            live.transcript.update(self._stamp, self._frame_id, vector, limb_speeds(features))
        )
        if self._oracle is not None:
            self._oracle.see(track_id, self._stamp, seen, features, live.transcript.outlook)
        return events

    def _relabel(self) -> list[SegmentEvent]:
        """Segments that are not final and that a language model has meanwhile found words for."""
        assert self._stamp is not None
        events = []
        for track_id in self._oracle.spoken() if self._oracle and self.config.labels else ():
            live = self._live.get(track_id)
            if live is None:
                continue
            for known in self._history.segments(track_id):
                if not known.final and self._labels.of(known) != (known.label, known.label_source):
                    event = live.transcript.retell(known.segment_id, self._stamp, self._frame_id)
                    events += [event] if event else []
        return events

    def _begin(self, track_id: str, joint_set: str, features: SkeletonFeatures) -> _Live:
        observer = self._observe() if self._observe else None
        if observer is None:
            segmenter = StreamingSegmenter(FEATURES, self.config, self._motions, usual_stray())
        else:
            segmenter = StreamingSegmenter(observer.dimension, self.config, self._motions)
        interval = round(self.config.update_interval * 1e9)
        transcript = TrackTranscript(track_id, segmenter, lambda: next(self._segment_ids), interval)
        live = self._live[track_id] = _Live(joint_set, features, observer, transcript)
        self.health.tracks += 1
        self.health.live = len(self._live)
        return live

    def _end(self, track_id: str) -> list[SegmentEvent]:
        live = self._live.pop(track_id)
        self.health.live = len(self._live)
        assert self._stamp is not None
        if self._oracle is not None:
            self._oracle.end(track_id)
        events = self._record(live.transcript.finish(self._stamp, self._frame_id))
        self._labels.end(track_id)
        return events

    def _record(self, events: list[SegmentEvent]) -> list[SegmentEvent]:
        told = []
        for event in events:
            track = event.frame_id, event.track_id
            tokens = self._tokens.within(track, event.start, event.end)
            label, source = self._labels.of(event) if self.config.labels else ("", "")
            told.append(replace(event, label=label, label_source=source, concept_tokens=tokens))
            if event.final:
                self._tokens.forget(track, event.end)
            self._history.record(told[-1])
            self.health.segments += event.final
        return told


def _nobody_said(track_id: str, start: int, end: int) -> tuple[str, str]:
    return "", ""
