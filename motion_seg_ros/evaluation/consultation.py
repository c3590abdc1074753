"""The oracle of tvsh_node on a recording: what it asks, in the recording's own time, and what it is told."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from motion_seg_ros.evaluation.recordings import Recording, stamp_of
from motion_seg_ros.oracles import encoder_backend
from motion_seg_ros.semantics.backends import OracleSettings, open_oracle

log = logging.getLogger(__name__)

# One person is in view.
_TRACK = "1"


class Consultation:
    """Asks about a skeleton as tvsh_node does by default, however busy the machine is.

    Parameters
    ----------
    recording : with joints.
    backend : one of this machine that needs no settings: "encoder" or "kinematic".
    deadline : seconds after a question's second moment within which an answer counts.
    outlook : gives places of boundaries that are not final: stamps, oldest first, and probabilities.

    Raises
    ------
    ValueError : the recording has no joints, or the backend cannot be used.
    """

    def __init__(
        self,
        recording: Recording,
        backend: str,
        deadline: float,
        outlook: Callable[[], Sequence[tuple[int, float]]],
    ) -> None:
        if recording.joints is None or recording.poses is None:
            raise ValueError(f"{recording.name} holds no skeletons, about which an oracle could be asked")
        settings = OracleSettings(backend=backend, exact=True)
        oracle, note = open_oracle(settings, deadline, encoder_backend)
        if oracle is None or oracle.facts()["backend"] != backend:
            raise ValueError(note or f"the backend {backend} asks nobody")
        if note:
            log.warning(note)
        self._oracle, self._outlook = oracle, outlook
        self._joints, self._poses = recording.joints, recording.poses
        self._usable, self._fps = recording.usable, recording.fps

    @property
    def questions(self) -> int:
        """How many were asked, those included that test the backend."""
        return int(self._oracle.facts()["asked"])

    def told(self, frame: int) -> list[tuple[int, int, float]]:
        """Take frame number ``frame``; two stamps and the probability of no boundary between them of every
        answer that is there when the next frame comes."""
        if self._usable[frame]:
            stamp = stamp_of(frame, self._fps)
            self._oracle.see(_TRACK, stamp, self._joints[frame], self._poses[frame], self._outlook)
        there = self._oracle.answers(stamp_of(frame + 1, self._fps))
        return [(evidence.first, evidence.second, evidence.same_probability) for evidence in there]

    def close(self) -> None:
        """Let go of the backend."""
        self._oracle.close()
