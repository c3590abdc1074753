"""What a training of the motion-text encoder is made of, as YAML says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from motion_seg_ros.settings import check, setting

CONFIGS = Path(__file__).parent / "configs"


@dataclass(frozen=True)
class SourceConfig:
    """Where labelled motion comes from.

    Attributes
    ----------
    labels : words for clips whose names say nothing ("02_05": "punch").
    keep, drop : clips of a collection by the values of one of its arrays ("style": [...]).
    """

    files: str = setting("", "pattern of .npz files below the data folder; empty: motion made up")
    seconds: float = setting(0.0, "how much motion to make up", low=0, high=1e6)
    labels: Mapping[str, str] = field(default_factory=dict)
    keep: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    drop: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check(self)
        if bool(self.files) == bool(self.seconds):
            raise ValueError("a source has either files or seconds")


@dataclass(frozen=True)
class DisturbanceConfig:
    """How training motion is varied, so that other people and cameras look familiar."""

    speed: float = setting(0.9, "largest change of a span's speed, as a logarithm", low=0, high=2)
    pace: float = setting(0.3, "deviation of its logarithm within a span, every half second", low=0, high=2)
    turn: float = setting(0.15, "deviation of the direction a body faces (rad)", low=0, high=3)
    extent: float = setting(0.4, "largest change of how far movements go, as a logarithm", low=0, high=2)
    posture: float = setting(0.08, "deviation of where a joint is all the time (body sizes)", low=0, high=1)
    reach: float = setting(0.3, "further deviation of where a hand is (body sizes)", low=0, high=2)
    noise: float = setting(0.08, "largest mean deviation of a joint's place (body sizes)", low=0, high=1)
    unseen: float = setting(0.05, "how likely a joint is not seen in a sequence", low=0, high=1)
    camera: float = setting(0.0, "share of recordings as a depth camera's tracker sees them", low=0, high=1)

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the networks."""

    width: int = setting(160, "width of the motion tower", low=8, high=1024)
    dilations: tuple[int, ...] = (1, 2, 4, 1)
    dropout: float = setting(0.1, "in the motion tower", low=0, high=0.9)
    embedding: int = setting(128, "dimensions of features and texts", low=2, high=1024)
    text_dropout: float = setting(0.2, "of the sentence vectors", low=0, high=0.9)

    def __post_init__(self) -> None:
        check(self)
        if not 1 <= len(self.dilations) <= 16 or not all(1 <= dilation <= 64 for dilation in self.dilations):
            raise ValueError(f"dilations must be 1 to 16 numbers in [1, 64], not {self.dilations}")


@dataclass(frozen=True)
class TextTrainingConfig:
    """One training, whole."""

    sources: tuple[SourceConfig, ...]
    validation: tuple[SourceConfig, ...] = ()
    model: ModelConfig = field(default_factory=ModelConfig)
    disturbance: DisturbanceConfig = field(default_factory=DisturbanceConfig)
    licence: str = setting("", "licence of the weights, for the model card")
    training_data: str = setting("", "what the weights were trained on, for the model card")
    held_back: float = setting(0.08, "share of clips that are kept for the calibration", low=0.01, high=0.5)
    examples: int = setting(400, "spliced motions for the calibration", low=20, high=100_000)
    sentences: int = setting(32, "sentences for each action", low=2, high=10000)
    pairs: int = setting(300, "sentences for two actions, one after the other", low=0, high=100_000)
    batch: int = setting(16, "sequences in a step", low=2, high=4096)
    frames: int = setting(360, "inputs of a sequence, 30 a second", low=60, high=10_000)
    longest: int = setting(150, "inputs of one action in a sequence at most", low=15, high=10_000)
    steps: int = setting(1500, "steps of the optimiser", low=1, high=1_000_000)
    rest: int = setting(500, "steps between checkpoints and validations", low=1, high=1_000_000)
    learning_rate: float = setting(4e-3, "of AdamW, at its height", low=1e-7, high=1)
    weight_decay: float = setting(0.05, "of AdamW", low=0, high=1)
    temperature: float = setting(0.1, "of InfoNCE", low=0.001, high=10)
    filter: float = setting(0.8, "sentences with a greater cosine are no negatives", low=-1, high=1)
    step_loss: float = setting(0.3, "weight of the loss of single steps", low=0, high=100)
    text_noise: float = setting(0.02, "deviation that is added to sentence vectors", low=0, high=1)
    seed: int = setting(0, "of everything random", low=0, high=2**31)

    def __post_init__(self) -> None:
        check(self)
        if not self.sources:
            raise ValueError("sources must name some motion")
        if self.frames % 3:
            raise ValueError(f"frames must be a multiple of 3, the inputs of a feature, not {self.frames}")
