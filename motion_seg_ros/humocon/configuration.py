"""What a training is made of, as YAML says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from motion_seg_ros.settings import check, setting

CONFIGS = Path(__file__).parent / "configs"


@dataclass(frozen=True)
class SourceConfig:
    """Where motion comes from: files below the data folder, or made up."""

    files: str = setting("", "pattern of motion files below the data folder; empty: motion made up")
    seconds: float = setting(0.0, "how much motion to make up", low=0, high=1e6)
    share: float = setting(1.0, "share of the windows that come from here", low=0, high=1)
    leave_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class AugmentationConfig:
    """How windows are changed so that other skeletons, cameras and people look familiar."""

    speed: float = setting(0.25, "largest change of tempo, as a logarithm", low=0, high=1)
    placement: float = setting(0.02, "deviation of where a skeleton puts each joint (m)", low=0, high=0.2)
    noise: float = setting(0.01, "mean deviation of a joint from frame to frame (m)", low=0, high=0.2)
    posture: float = setting(0.15, "deviation of how a limb is held (body sizes)", low=0, high=2)
    tilt: float = setting(3.0, "deviation of the vertical (degrees)", low=0, high=45)
    dropout: float = setting(0.15, "share of windows that lack feet, a head or an arm", low=0, high=1)
    standing: float = setting(0.1, "share of windows that stay in their place", low=0, high=1)
    rates: tuple[float, ...] = (15.0, 20.0, 30.0, 30.0, 60.0)

    def __post_init__(self) -> None:
        check(self)
        if not self.rates or not all(5 <= rate <= 240 for rate in self.rates):
            raise ValueError(f"rates must be camera rates in [5, 240], not {self.rates}")


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the networks."""

    states: int = setting(128, "width of the motion encoder at each frame", low=8, high=1024)
    channels: int = setting(192, "width of the motion encoder at each token", low=8, high=1024)
    dilations: tuple[int, ...] = (1, 2, 3)
    decoder: int = setting(96, "width of the motion decoder", low=8, high=1024)
    embedding: int = setting(64, "dimensions of a code", low=2, high=1024)
    codes: int = setting(128, "motion concepts", low=2, high=65536)
    video_channels: int = setting(96, "width of the video encoder", low=8, high=1024)
    video_codes: int = setting(64, "video concepts", low=2, high=65536)
    classifier: int = setting(32, "width of the classifiers that the hypernetwork makes", low=2, high=256)
    projection: int = setting(64, "dimensions in which video and motion are compared", low=2, high=1024)

    def __post_init__(self) -> None:
        check(self)
        if not 1 <= len(self.dilations) <= 16 or not all(1 <= dilation <= 64 for dilation in self.dilations):
            raise ValueError(f"dilations must be 1 to 16 numbers in [1, 64], not {self.dilations}")


@dataclass(frozen=True)
class LossConfig:
    """Weights of the terms; 0 switches one off."""

    motion: float = setting(1.0, "reconstruction of motion", low=0, high=100)
    moment: float = setting(1.0, "part of the former: statistics of the last second", low=0, high=100)
    video: float = setting(1.0, "reconstruction of video", low=0, high=100)
    dis: float = setting(0.1, "codes classify states", low=0, high=100)
    act: float = setting(3.0, "the classifier's gradient tells the velocity", low=0, high=100)
    names: float = setting(1.0, "codes tell the names of made-up motion", low=0, high=100)
    pose: float = setting(0.0, "video tells the pose, and its codes the motion", low=0, high=100)
    align: float = setting(0.2, "video and motion of the same moment agree", low=0, high=100)
    commitment: float = setting(0.25, "embeddings stay near their codes", low=0, high=100)
    temperature: float = setting(0.07, "of the names' cosines: lower is sharper", low=0.001, high=10)
    align_temperature: float = setting(0.07, "of the alignment's cosines", low=0.001, high=10)
    mask_low: float = setting(0.3, "least share of tokens hidden from the decoder", low=0, high=0.95)
    mask_high: float = setting(0.5, "largest share of tokens hidden from the decoder", low=0, high=0.95)

    def __post_init__(self) -> None:
        check(self)
        if self.mask_low > self.mask_high:
            raise ValueError(f"mask_low {self.mask_low} is above mask_high {self.mask_high}")

    @property
    def sees_video(self) -> bool:
        """Whether any term needs video."""
        return self.video > 0 or self.pose > 0 or self.align > 0


@dataclass(frozen=True)
class TrainingConfig:
    """One training, whole."""

    sources: tuple[SourceConfig, ...]
    model: ModelConfig = field(default_factory=ModelConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    licence: str = setting("", "licence of the weights, for the model card")
    training_data: str = setting("", "what the weights were trained on, for the model card")
    frames: int = setting(64, "steps of a window", low=16, high=4096)
    batch: int = setting(48, "windows in a step of all processes together", low=2, high=65536)
    paired: int = setting(16, "windows of a step that have video", low=0, high=65536)
    keep_motion: bool = setting(False, "keep the motion encoder of exported weights; video alone is trained")
    clips_with_video: int = setting(600, "windows that are rendered", low=0, high=1_000_000)
    epochs: int = setting(20, "epochs", low=1, high=100_000)
    steps: int = setting(100, "steps of an epoch", low=1, high=1_000_000)
    learning_rate: float = setting(1e-3, "of AdamW, at its height", low=1e-7, high=1)
    weight_decay: float = setting(0.01, "of AdamW", low=0, high=1)
    seed: int = setting(0, "of everything random", low=0, high=2**31)

    def __post_init__(self) -> None:
        check(self)
        if self.frames % 4:
            raise ValueError(f"frames must be a multiple of 4, the frames of a token, not {self.frames}")
        if not self.sources:
            raise ValueError("sources must name some motion")
        if self.paired > self.batch:
            raise ValueError(f"paired {self.paired} is more than batch {self.batch}")
