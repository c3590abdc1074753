"""What a benchmark runs: the method, and what it is told."""

from __future__ import annotations

from dataclasses import dataclass, replace

from motion_seg_ros.evaluation.answers import SimulatedOracle
from motion_seg_ros.evaluation.baselines import BASELINES
from motion_seg_ros.semantics.backends import ENCODER, KINEMATIC
from motion_seg_ros.tvsh.segmenter_config import SegmenterConfig

TVSH, ALL, FLOOR = "tvsh", "all", "equal-pieces"
METHODS = (TVSH, *BASELINES)
# Links without answers, and those by answers of an oracle that a robot has: its backend.
_PLAIN = ("none", "kinematic")
ORACLES = {"encoder": ENCODER, "kinematic-oracle": KINEMATIC}
_SIMULATED = "simulated:EVERY,ERR[,LATENCY_S[-SLOWEST_S]]"


@dataclass(frozen=True, slots=True)
class BenchmarkConfig:
    """What is run.

    Attributes
    ----------
    mode : "batch" (every frame known at once) or "stream" (one frame at a time).
    clusters : "known" (the number of motions is given) or "unknown".
    links : "none", "kinematic" (jumps), "encoder" or "kinematic-oracle" (jumps, and answers of the oracle of
        tvsh_node with that backend, in streams of skeletons) or
        "simulated:EVERY,ERR[,LATENCY_S[-SLOWEST_S]]".
    method : one of METHODS, or "all".
    features : of skeletons: "skeleton", or "concepts" for the encoded motion of a concept model.
    weights : folder of that model; "" for the one that comes with the package.
    lag : seconds after which a stream's labels are final, and with it how long answers count; 0: as usual.

    Raises
    ------
    ValueError : a value that does not exist, or a combination that makes no sense.
    """

    mode: str
    clusters: str
    links: str
    method: str = TVSH
    features: str = "skeleton"
    weights: str = ""
    lag: float = 0.0

    def __post_init__(self) -> None:
        for name, choices in (
            ("mode", ("batch", "stream")),
            ("clusters", ("known", "unknown")),
            ("method", (*METHODS, ALL)),
            ("features", ("skeleton", "concepts")),
        ):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}, not {getattr(self, name)!r}")
        self.oracle()
        if self.links in ORACLES and self.mode != "stream":
            raise ValueError(f"an oracle answers while a stream goes by: links {self.links} need mode stream")
        self.segmenter()
        reason = unfit(self.method, self.mode, self.clusters) if self.method in BASELINES else ""
        if reason and self.method != FLOOR:
            raise ValueError(reason)

    def segmenter(self) -> SegmenterConfig:
        """The numbers of the streaming segmenter."""
        usual = SegmenterConfig(jumps=self.links != "none")
        if not self.lag:
            return usual
        # What is left between an answer's last moment and finality stays.
        return replace(usual, lag=self.lag, deadline=max(self.lag - (usual.lag - usual.deadline), 0.0))

    def oracle(self) -> SimulatedOracle | None:
        """The simulated oracle that ``links`` asks for, or None."""
        kind, _, numbers = self.links.partition(":")
        if kind != "simulated":
            plain = (*_PLAIN, *ORACLES)
            if self.links in plain:
                return None
            raise ValueError(f"links must be {', '.join(plain)} or {_SIMULATED}, not {self.links!r}")
        parts = numbers.split(",")
        try:
            every, error = int(parts[0]), float(parts[1])
            quick, _, slow = parts[2].partition("-") if parts[2:] else ("0", "", "")
            latency, slowest = float(quick), float(slow or 0.0)
        except (ValueError, IndexError):
            raise ValueError(f"simulated answers are written {_SIMULATED}, not {self.links!r}") from None
        if len(parts) > 3:
            raise ValueError(f"simulated answers have at most three numbers, not {self.links!r}")
        return SimulatedOracle(every, error, latency, slowest)


def unfit(method: str, mode: str, clusters: str) -> str:
    """One sentence why a baseline cannot be run so, or ""."""
    baseline = BASELINES[method]
    if mode == "stream" and not baseline.causal:
        return f"{method} needs the whole sequence: use --mode batch"
    if clusters == "unknown" and baseline.needs_clusters:
        return f"{method} needs the number of motions: use --clusters known"
    return ""


def methods_of(config: BenchmarkConfig) -> list[str]:
    """The methods to run: the one asked for, or all that can be run so; K equal pieces is always last."""
    chosen = [config.method]
    if config.method == ALL:
        chosen = [TVSH, *(m for m in BASELINES if not unfit(m, config.mode, config.clusters))]
    return [*(m for m in chosen if m != FLOOR), FLOOR]


def answers_note(config: BenchmarkConfig) -> str:
    """Where links came from, in words."""
    if config.oracle() is not None:
        return f"simulated from the labels ({config.links}): an upper bound, nothing that a robot could know"
    if config.links in ORACLES:
        backend = ORACLES[config.links]
        return f"links from jumps of the features, and answers of the oracle with the backend {backend}"
    return {"none": "no links", "kinematic": "links from jumps of the features; no answers"}[config.links]
