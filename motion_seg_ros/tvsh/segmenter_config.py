"""Every number of the streaming segmenter."""

from __future__ import annotations

from dataclasses import dataclass

from motion_seg_ros.settings import setting
from motion_seg_ros.tvsh.admm import EmbeddingConfig


@dataclass(frozen=True)
class SegmenterConfig(EmbeddingConfig):
    """The numbers of the streaming segmenter."""

    rate: float = setting(15.0, "Steps a second that frames are resampled to", low=5.0, high=60.0)
    lag: float = setting(1.8, "Seconds after which a boundary and a label are final", low=0.6, high=10.0)
    embedding_lag: float = setting(1.0, "Seconds for which codes are refined", low=0.2, high=10.0)
    iterations: int = setting(3, "ADMM iterations a step", low=1, high=50)
    moment: float = setting(0.8, "Seconds over which motion counts as one moment", low=0.2, high=5.0)
    boundary_penalty: float = setting(20.0, "Evidence (nats) that a boundary needs", low=0.0, high=1000.0)
    pace_weight: float = setting(
        0.5, "Weight of a change of how fast the body moves, where that of its codes is 1", low=0.0, high=10.0
    )
    announcement: float = setting(
        0.5,
        "Share of that evidence for which a boundary is announced, to be taken back if no more comes",
        low=0.0,
        high=1.0,
    )
    spread_floor: float = setting(
        0.3, "Least spread of a run, as a share of the typical change in 2 s", low=0.01, high=10.0
    )
    shortest: float = setting(0.4, "Shortest run in seconds", low=0.1, high=5.0)
    newest: float = setting(0.2, "Seconds of a new run before it is announced", low=0.05, high=5.0)
    recurrence: float = setting(0.5, "Distance below which two runs show one motion", low=0.0, high=5.0)
    idle: float = setting(
        0.2, "Mean limb speed (body sizes a second) below which a person is idle", low=0.0, high=10.0
    )
    deadline: float = setting(1.2, "Seconds within which an answer about motions counts", low=0.0, high=10.0)
    answer_weight: float = setting(
        8.0,
        "Evidence (nats) of a boundary that one nat of log odds of an answer is worth",
        low=0.0,
        high=100.0,
    )
    motions: int = setting(128, "Most remembered runs", low=1, high=4096)
    jumps: bool = setting(True, "Whether a jump between two frames (a splice, a swapped track) is a boundary")

    def __post_init__(self) -> None:
        super().__post_init__()
        # There are no codes before the first moment is over, and without codes nothing can be final.
        if self.moment > self.lag:
            raise ValueError(f"moment must be no longer than lag, {self.lag} s, not {self.moment}")
