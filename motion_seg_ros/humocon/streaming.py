"""From frames of skeletons to motion concept tokens, for everybody in view, as they move."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.humocon.contract import ModelError
from motion_seg_ros.humocon.runtime import ConceptEncoder
from motion_seg_ros.humocon.token_inputs import TokenInputs, whole_tokens
from motion_seg_ros.humocon.tokens import ConceptTokens
from motion_seg_ros.settings import check, setting
from motion_seg_ros.skeleton.joint_sets import to_smpl22
from motion_seg_ros.skeleton.motion_inputs import FRAMES_PER_TOKEN, body_seen
from motion_seg_ros.skeleton.types import SkeletonFrame

# Cameras come and go for days; the one that was heard of longest ago is forgotten.
_MOST_CAMERAS = 64
# Metres. A joint that is farther away is a mistake, and would never leave the encoder's state again.
_FARTHEST = 1e8


@dataclass(frozen=True)
class TokenizerConfig:
    """When a person's past counts no more."""

    track_timeout: float = setting(
        1.0, "Seconds without being seen after which a person's motion begins anew", low=0.1, high=60.0
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass
class Health:
    """Counters since the beginning.

    Attributes
    ----------
    frames : frames taken.
    tokens : tokens told.
    tracks : tracks begun; live : tracks open now.
    resets : times that a camera's stamps went back.
    gaps : times that more than the track timeout lay between two frames of a camera.
    joint_set_changes : times that a track came with another joint set.
    duplicates : frames with the stamp of the frame before, and second skeletons of one track; ignored.
    unusable : skeletons of which too little was seen.
    """

    frames: int = 0
    tokens: int = 0
    tracks: int = 0
    live: int = 0
    resets: int = 0
    gaps: int = 0
    joint_set_changes: int = 0
    duplicates: int = 0
    unusable: int = 0


@dataclass(slots=True)
class _Track:
    """One person's motion since it began: what waits for a whole token, and the encoder's state."""

    joint_set: str
    state: NDArray[np.float32]
    inputs: TokenInputs = field(default_factory=TokenInputs)
    last_seen: int = 0


@dataclass(slots=True)
class _Camera:
    stamp: int
    tracks: dict[str, _Track] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Ready:
    """Whole tokens of a track, from number ``first``, that wait for the encoder: ``motion`` is (4 n, D)."""

    frame: SkeletonFrame
    track_id: str
    track: _Track
    first: int
    motion: NDArray[np.float32]


def believed(joints: NDArray[np.floating], confidence: NDArray[np.float32]) -> NDArray[np.float32]:
    """Confidence (..., 22) that is 0 for joints (..., 22, 3) which are beyond all distances, or NaN."""
    return np.where((np.abs(joints) < _FARTHEST).all(axis=-1), confidence, np.float32(0))


Person = tuple[str, NDArray[np.float64], NDArray[np.float32]]


class Tokenizer:
    """Tokens of every track, causally: one frame at a time gives the tokens of the whole.

    A token stands for four even steps of 30 Hz, counted from the first frame of its track, and is told with
    the frame that completes it. A track is a person before one camera (a ``frame_id``). It begins anew, with
    an empty past, when its person was not seen for ``track_timeout``, when its joint set changes and when its
    camera's stamps go back; steps that make no whole token are then left out. No clock is read: the same
    frames give the same tokens.

    Parameters
    ----------
    encoder : may serve several tokenizers.
    config : every number.
    """

    def __init__(self, encoder: ConceptEncoder, config: TokenizerConfig | None = None) -> None:
        self.config = config or TokenizerConfig()
        self.health = Health()
        self._encoder = encoder
        self._timeout = round(self.config.track_timeout * 1e9)
        self._cameras: OrderedDict[str, _Camera] = OrderedDict()

    def update(self, *frames: SkeletonFrame) -> list[ConceptTokens]:
        """Take the next frame, or the next frames of several cameras, empty or not.

        Everybody in them is encoded in one call. Tokens come in the order of the frames.

        Raises
        ------
        ValueError : a skeleton's joint set is unknown or its arrays do not fit it; nothing has changed then.
        ModelError : the encoder failed; every track begins anew.
        """
        seen: list[tuple[SkeletonFrame, dict[str, Person]]] = []
        for frame in frames:
            people: dict[str, Person] = {}
            for person in frame.skeletons:
                mapped = to_smpl22(person.joints, person.confidence, person.joint_set)
                people.setdefault(person.track_id, (person.joint_set, *mapped))
            seen.append((frame, people))
        ready = [item for frame, people in seen for item in self._take(frame, people)]
        self.health.live = sum(len(camera.tracks) for camera in self._cameras.values())
        return self._encode(ready)

    def close(self) -> None:
        """Forget every track; a frame that comes later begins anew."""
        self._cameras.clear()
        self.health.live = 0

    def _take(self, frame: SkeletonFrame, people: dict[str, Person]) -> list[_Ready]:
        self.health.frames += 1
        camera = self._cameras.setdefault(frame.frame_id, _Camera(frame.stamp - 1))
        self._cameras.move_to_end(frame.frame_id)
        if len(self._cameras) > _MOST_CAMERAS:
            self._cameras.popitem(last=False)
        if frame.stamp == camera.stamp:
            self.health.duplicates += 1
            return []
        self.health.duplicates += len(frame.skeletons) - len(people)
        self._forget_lost(camera, frame.stamp)
        camera.stamp = frame.stamp
        if not people:
            return []
        joints = np.stack([joints for _, joints, _ in people.values()])
        confidence = believed(joints, np.stack([trust for _, _, trust in people.values()]))
        known = body_seen(joints, confidence).tolist()
        tracks = {
            track_id: self._see(camera, track_id, joint_set, seen)
            for (track_id, (joint_set, _, _)), seen in zip(people.items(), known, strict=True)
        }
        due = {
            track_id: track
            for (track_id, track), *seen in zip(tracks.items(), joints, confidence, strict=True)
            if track is not None and track.inputs.hold(frame.stamp, *seen)
        }
        ready = []
        motions = whole_tokens([track.inputs for track in due.values()])
        for (track_id, track), motion in zip(due.items(), motions, strict=True):
            if len(motion):
                first = track.inputs.tokens - len(motion) // FRAMES_PER_TOKEN
                ready.append(_Ready(frame, track_id, track, first, motion))
        return ready

    def _forget_lost(self, camera: _Camera, stamp: int) -> None:
        """Forget the tracks that the next frame's stamp shows to be over."""
        if stamp < camera.stamp:
            self.health.resets += 1
            camera.tracks.clear()
        elif stamp - camera.stamp > self._timeout:
            self.health.gaps += 1
        lost = [name for name, track in camera.tracks.items() if stamp - track.last_seen > self._timeout]
        for name in lost:
            del camera.tracks[name]

    def _see(self, camera: _Camera, track_id: str, joint_set: str, seen: bool) -> _Track | None:
        """The track of a skeleton of which enough is seen, or not; None if it is not enough to begin one."""
        self.health.unusable += not seen
        track = camera.tracks.get(track_id)
        if track is not None and track.joint_set != joint_set:
            self.health.joint_set_changes += 1
            del camera.tracks[track_id]
            track = None
        if track is None:
            if not seen:
                return None
            track = camera.tracks[track_id] = _Track(joint_set, self._encoder.state(1)[0])
            self.health.tracks += 1
        if seen:
            track.last_seen = camera.stamp
        return track

    def _encode(self, ready: list[_Ready]) -> list[ConceptTokens]:
        """Encode what is ready: everybody at once, a track that comes twice in two calls."""
        told: dict[int, list[ConceptTokens]] = {}
        waiting = list(enumerate(ready))
        while waiting:
            length = len(waiting[0][1].motion)
            now: dict[int, tuple[int, _Ready]] = {}
            later = []
            held: set[int] = set()
            for place, item in waiting:
                track = id(item.track)
                if track not in now and track not in held and len(item.motion) == length:
                    now[track] = (place, item)
                else:
                    held.add(track)
                    later.append((place, item))
            self._encode_together(list(now.values()), told)
            waiting = later
        return [token for place in sorted(told) for token in told[place]]

    def _encode_together(self, group: list[tuple[int, _Ready]], told: dict[int, list[ConceptTokens]]) -> None:
        motion = np.stack([item.motion for _, item in group])
        state = np.stack([item.track.state for _, item in group])
        try:
            tokens, distances, embeddings, after = self._encoder.encode(motion, state)
        except ModelError:
            self.close()  # its steps are lost: what follows them would have wrong times
            raise
        for row, (place, item) in enumerate(group):
            item.track.state = after[row]
            told[place] = [
                self._token(item, number, *values)
                for number, *values in zip(
                    range(item.first, item.first + tokens.shape[1]),
                    tokens[row].tolist(),
                    distances[row].tolist(),
                    embeddings[row],
                    strict=True,
                )
            ]
        self.health.tokens += tokens.size

    def _token(
        self, item: _Ready, number: int, token: int, distance: float, embedding: NDArray[np.float32]
    ) -> ConceptTokens:
        return ConceptTokens(
            stamp=item.frame.stamp,
            frame_id=item.frame.frame_id,
            track_id=item.track_id,
            codebook=self._encoder.info.codebook,
            start=item.track.inputs.time_of(number),
            end=item.track.inputs.time_of(number + 1),
            tokens=(token,),
            distances=(distance,),
            embedding=embedding,
        )
