"""The networks of HuMoCon's first stage. The architecture is derived; that there are two encoders, each
with a codebook and a decoder, and a hypernetwork that makes classifiers, is stated (arXiv 2505.20920)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from motion_seg_ros.humocon.configuration import ModelConfig
from motion_seg_ros.humocon.crops import CROP
from motion_seg_ros.humocon.quantiser import Quantiser
from motion_seg_ros.humocon.synthesis import deeds
from motion_seg_ros.skeleton.motion_inputs import (
    FRAMES_PER_TOKEN,
    INPUTS,
    MOTION,
    POSITIONS,
    SEEN,
    VELOCITIES,
)

THUMBNAIL = 16  # of its reconstruction
FLOW_CELLS = 4  # a side of the grid over which optical flow is averaged
STATE_TARGETS = POSITIONS.stop + MOTION.stop - MOTION.start
_KERNEL = 3
_CONTRAST = 0.02  # least contrast of a picture, lest its noise count
# A concept is about the last second: 32 steps, of which these statistics are asked of each token alone.
_MOMENT = 32
_MOMENT_MEAN, _MOMENT_SPREAD, _MOMENT_ROOT = 0.5, 2.0, 4.0
MOMENT_TARGETS = 2 * POSITIONS.stop + MOTION.stop - MOTION.start - 1


class Norm(nn.Module):
    """Root-mean-square norm over the channels of (B, C, T): each time by itself, so causal."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-6) * self.gain


class ImageNorm(nn.Module):
    """Root-mean-square norm of (N, C, H, W): each picture by itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(dim=(1, 2, 3), keepdim=True) + 1e-6) * self.gain


class CausalConv(nn.Module):
    """A convolution over the past, with its memory outside."""

    def __init__(self, inputs: int, outputs: int, dilation: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, _KERNEL, dilation=dilation)
        self.memory = (inputs, (_KERNEL - 1) * dilation)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, T) and what came before it (B, C, P) to (B, C', T) and what comes before the next."""
        x = torch.cat((past, x), dim=2)
        return self.conv(x), x[:, :, x.shape[2] - self.memory[1] :]


class CausalBlock(nn.Module):
    """A residual block around a causal convolution. SiLU, since L_act needs second derivatives."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.norm = Norm(channels)
        self.conv = CausalConv(channels, channels, dilation)
        self.out = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        y, past = self.conv(self.norm(x), past)
        return x + self.out(functional.silu(y)), past


def _size(memories: list[tuple[int, int]]) -> int:
    """Numbers of a flat state with these memories."""
    return sum(channels * length for channels, length in memories)


def _packed(memories: list[Tensor]) -> Tensor:
    """Memories (B, channels, length) as one state (B, S)."""
    return torch.cat([memory.flatten(1) for memory in memories], dim=1)


def _unpacked(state: Tensor, memories: list[tuple[int, int]]) -> list[Tensor]:
    """The memories of a state (B, S)."""
    parts = torch.split(state, [channels * length for channels, length in memories], dim=1)
    return [part.reshape(-1, *shape) for part, shape in zip(parts, memories, strict=True)]


class MotionEncoder(nn.Module):
    """E_m: inputs at 30 Hz to a state a frame and a unit embedding every 4 frames, causally.

    Memories of all convolutions travel as one flat vector, zeros at a track's start, so that frame by frame
    and clip by clip are the same computation.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(INPUTS))
        self.register_buffer("scale", torch.ones(INPUTS))
        self.stem = CausalConv(INPUTS, config.states, 1)
        self.frames = CausalBlock(config.states, 2)
        self.down = nn.Conv1d(config.states, config.channels, FRAMES_PER_TOKEN, stride=FRAMES_PER_TOKEN)
        self.tokens = nn.ModuleList(CausalBlock(config.channels, d) for d in config.dilations)
        self.head = nn.Sequential(Norm(config.channels), nn.Conv1d(config.channels, config.embedding, 1))

    @property
    def memories(self) -> list[tuple[int, int]]:
        """Channels and length of each memory in the flat state."""
        blocks = [self.frames, *self.tokens]
        return [self.stem.memory, *(cast(CausalBlock, block).conv.memory for block in blocks)]

    @property
    def state_size(self) -> int:
        return _size(self.memories)

    def normalised(self, motion: Tensor) -> Tensor:
        """Inputs (..., INPUTS) centred and scaled; what was not seen is 0, the mean."""
        seen = motion[..., SEEN].repeat_interleave(3, dim=-1)
        there = torch.cat(
            (seen, seen, torch.ones_like(motion[..., MOTION]), torch.ones_like(motion[..., SEEN])), -1
        )
        return (motion - self.mean) * self.scale * there

    def forward(self, motion: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode the next frames.

        Parameters
        ----------
        motion : (B, 4 n, INPUTS) of :mod:`motion_seg_ros.skeleton.motion_inputs`.
        state : (B, state_size), zeros at a track's start.

        Returns
        -------
        states (B, 4 n, states), embeddings (B, n, E) of length 1, and the next state.
        """
        pasts = _unpacked(state, self.memories)
        nexts: list[Tensor] = []
        x, past = self.stem(self.normalised(motion).transpose(1, 2), pasts[0])
        nexts.append(past)
        x, past = self.frames(x, pasts[1])
        nexts.append(past)
        states = x.transpose(1, 2)
        x = self.down(functional.silu(x))
        for block, before in zip(self.tokens, pasts[2:], strict=True):
            x, past = block(x, before)
            nexts.append(past)
        embeddings = functional.normalize(self.head(x).transpose(1, 2), dim=2, eps=1e-6)
        return states, embeddings, _packed(nexts)

    def start(self, motion: Tensor) -> Tensor:
        """State of tracks that begin with ``motion`` (B, ...)."""
        return motion.new_zeros(len(motion), self.state_size)


class VideoEncoder(nn.Module):
    """E_u: grey crops of a person, one a token, to a state and a unit embedding each, causally.

    The memory holds whether there was a crop before, that crop, and what the convolutions remember; zeros at
    a track's start.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.video_channels
        self.image = nn.Sequential(
            nn.Conv2d(2, width // 8, 5, stride=2, padding=2),
            nn.SiLU(),
            nn.Conv2d(width // 8, width // 4, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(width // 4, width // 2, 3, stride=2, padding=1),
            nn.SiLU(),
            ImageNorm(width // 2),
            nn.Conv2d(width // 2, width, 3, stride=2, padding=1),
            nn.SiLU(),
            ImageNorm(width),
            nn.Flatten(),
            nn.Linear(width * (CROP // 16) ** 2, width),
        )
        self.times = nn.ModuleList(CausalBlock(width, d) for d in (1, 2))
        self.head = nn.Sequential(Norm(width), nn.Conv1d(width, config.embedding, 1))

    @property
    def memories(self) -> list[tuple[int, int]]:
        """Channels and length of each memory in the flat state."""
        return [(1, 1), (CROP, CROP), *(cast(CausalBlock, block).conv.memory for block in self.times)]

    @property
    def state_size(self) -> int:
        return _size(self.memories)

    def forward(self, video: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode the next crops.

        Parameters
        ----------
        video : (B, n, 64, 64) in 0..1. state : (B, state_size), zeros at a track's start.

        Returns
        -------
        states (B, n, C), embeddings (B, n, E) of length 1, and the next state.
        """
        known, crop, *pasts = _unpacked(state, self.memories)
        # A crop beside its change since the one before: a still image does not tell which way it goes.
        first = known * crop + (1 - known) * video[:, 0]
        before = torch.cat((first[:, None], video[:, :-1]), dim=1)
        # In units of the crop's own contrast: light and clothes tell nothing.
        contrast = video.std(dim=(2, 3), keepdim=True) + _CONTRAST
        here = (video - video.mean(dim=(2, 3), keepdim=True)) / contrast
        pairs = torch.stack((here, 2 * (video - before) / contrast), dim=2)
        x = self.image(pairs.flatten(0, 1)).unflatten(0, video.shape[:2]).transpose(1, 2)
        nexts = [torch.ones_like(known), video[:, -1]]
        for block, past in zip(self.times, pasts, strict=True):
            x, after = block(x, past)
            nexts.append(after)
        states = x.transpose(1, 2)
        embeddings = functional.normalize(self.head(x).transpose(1, 2), dim=2, eps=1e-6)
        return states, embeddings, _packed(nexts)

    def start(self, video: Tensor) -> Tensor:
        """State of tracks that begin with ``video`` (B, ...)."""
        return video.new_zeros(len(video), self.state_size)


class Decoder(nn.Module):
    """Codes (B, n, E), some of them hidden, to (B, n * ratio, outputs). Not causal: it only trains."""

    def __init__(self, embedding: int, channels: int, outputs: int, ratio: int) -> None:
        super().__init__()
        self.hidden = nn.Parameter(torch.zeros(channels))
        self.inner = nn.Linear(embedding, channels)
        self.blocks = nn.ModuleList(_DecoderBlock(channels) for _ in range(3))
        self.ratio = ratio
        self.up = nn.Conv1d(channels, channels // 2, 1)
        self.fine = nn.Conv1d(channels // 2, channels // 2, 5, padding=2)
        self.out = nn.Conv1d(channels // 2, outputs, 3, padding=1)

    def forward(self, codes: Tensor, hide: Tensor) -> Tensor:
        """Decode; ``hide`` (B, n) bool names the tokens that are not to be seen."""
        x = torch.where(hide[..., None], self.hidden, self.inner(codes)).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        # Straight lines between tokens: motion has no steps where tokens meet.
        x = functional.interpolate(self.up(x), scale_factor=float(self.ratio), mode="linear")
        return self.out(x + self.fine(functional.silu(x))).transpose(1, 2)


class _DecoderBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = Norm(channels)
        self.conv = nn.Conv1d(channels, channels, 5, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        return x + functional.silu(self.conv(self.norm(x)))


class HyperClassifier(nn.Module):
    """A hypernetwork turns a codebook vector into a classifier of states (stated; its form derived).

    h = W0 s; [W | b | a] = Hyper(k); h' = SiLU(W h + b); logit = cos(a, h') / 0.1. All of it is smooth, since
    L_act differentiates it twice.
    """

    def __init__(self, embedding: int, states: int, width: int, velocity: int) -> None:
        super().__init__()
        self.width = width
        self.inner = nn.Linear(states, width)
        self.hyper = nn.Sequential(nn.Linear(embedding, 64), nn.SiLU(), nn.Linear(64, width * (width + 2)))
        self.velocity = nn.Sequential(nn.Linear(states, 128), nn.SiLU(), nn.Linear(128, velocity))

    def logits(self, states: Tensor, codes: Tensor) -> Tensor:
        """Does state i belong to concept j? (N, S) and (C, E) to (N, C)."""
        weights = self.hyper(codes).unflatten(1, (self.width, self.width + 2))
        h = functional.normalize(self.inner(states), dim=1, eps=1e-6) * self.width**0.5
        turned = torch.einsum("cij,nj->nci", weights[:, :, :-2], h) + weights[:, :, -2]
        return functional.cosine_similarity(weights[:, :, -1], functional.silu(turned), dim=2, eps=1e-6) / 0.1


class Projection(nn.Module):
    """States (B, n, S) of moments to unit vectors (B, n, P) in which video and motion are compared.

    States, not embeddings: a picture tells the pose of its moment, which codes are to leave out. Centred and
    scaled over the batch: otherwise both sides first shrink to one point, where nothing is gained by moving.
    """

    def __init__(self, states: int, size: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(states, 2 * size), nn.SiLU())
        self.outer = nn.Linear(2 * size, size)
        self.spread = nn.BatchNorm1d(size, affine=False)

    def forward(self, states: Tensor) -> Tensor:
        # Numbers of about 1, whatever the states have become.
        x = functional.normalize(states, dim=2, eps=1e-6) * states.shape[2] ** 0.5
        x = self.spread(self.outer(self.inner(x)).transpose(1, 2)).transpose(1, 2)
        return functional.normalize(x, dim=2, eps=1e-6)


def _frame_states(inputs: int, states: int) -> nn.Sequential:
    """What a frame shows (..., inputs) to its state (..., S), of which L_dis and L_act speak. Derived.

    HuMoCon's state is the feature of a frame. Here no other frame has a part in it: the encoders' own
    features hold the velocity, and then the gradient of any classifier tells it, whatever the concept.
    """
    return nn.Sequential(nn.Linear(inputs, states), nn.SiLU(), nn.Linear(states, states))


def _moment_decoder(config: ModelConfig) -> nn.Sequential:
    """Codes (..., E) to statistics of the second that ends with them."""
    width = 2 * config.embedding
    return nn.Sequential(nn.Linear(config.embedding, width), nn.SiLU(), nn.Linear(width, MOMENT_TARGETS))


@dataclass(frozen=True)
class Encoded:
    """What one of the two encoders says about a batch.

    Attributes
    ----------
    states : (B, T, S), a frame.
    embeddings : (B, n, E) of length 1.
    codes : (B, n) int64.
    quantised : (B, n, E), whose gradient goes to the embeddings.
    """

    states: Tensor
    embeddings: Tensor
    codes: Tensor
    quantised: Tensor


class ConceptModel(nn.Module):
    """Everything that is trained. Only ``motion`` and ``motion_codes`` go to the robot."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.motion = MotionEncoder(config)
        self.motion_codes = Quantiser(config.codes, config.embedding)
        self.moment_decoder = _moment_decoder(config)
        self.motion_decoder = Decoder(config.embedding, config.decoder, STATE_TARGETS, FRAMES_PER_TOKEN)
        velocity = VELOCITIES.stop - VELOCITIES.start + MOTION.stop - MOTION.start - 1
        self.motion_frames = _frame_states(POSITIONS.stop, config.states)
        self.motion_classifier = HyperClassifier(config.embedding, config.states, config.classifier, velocity)
        self.video = VideoEncoder(config)
        self.video_codes = Quantiser(config.video_codes, config.embedding)
        self.video_pose = nn.Linear(config.video_channels, STATE_TARGETS)
        self.video_moment_decoder = _moment_decoder(config)
        self.video_decoder = Decoder(config.embedding, config.video_channels, THUMBNAIL**2, 1)
        self.video_frames = _frame_states(THUMBNAIL**2, config.video_channels)
        self.video_classifier = HyperClassifier(
            config.embedding, config.video_channels, config.classifier, 2 * FLOW_CELLS**2
        )
        self.name_prototypes = nn.Parameter(torch.randn(len(deeds()), config.embedding))
        self.motion_projection = Projection(config.states, config.projection)
        self.video_projection = Projection(config.video_channels, config.projection)

    def encode_motion(self, motion: Tensor) -> Encoded:
        """Whole windows (B, 4 n, INPUTS) from their beginning."""
        states, embeddings, _ = self.motion(motion, self.motion.start(motion))
        codes, _ = self.motion_codes(embeddings)
        return Encoded(states, embeddings, codes, self.motion_codes.quantised(embeddings, codes))

    def encode_video(self, video: Tensor) -> Encoded:
        """Whole windows (B, n, 64, 64) of grey crops in 0..1."""
        states, embeddings, _ = self.video(video, self.video.start(video))
        codes, _ = self.video_codes(embeddings)
        return Encoded(states, embeddings, codes, self.video_codes.quantised(embeddings, codes))

    def project(self, motion: Tensor, video: Tensor) -> tuple[Tensor, Tensor]:
        """Unit vectors (B, n, P) of the moments that windows show, from the states of motion (B, 4 n, S), of
        which the last of each token counts, and of video (B, n, S')."""
        last = motion[:, FRAMES_PER_TOKEN - 1 :: FRAMES_PER_TOKEN]
        return self.motion_projection(last), self.video_projection(video)

    def motion_states(self, motion: Tensor) -> Tensor:
        """States (..., S) of the poses of single frames (..., INPUTS)."""
        states: Tensor = self.motion_frames(self.motion.normalised(motion)[..., POSITIONS])
        return states

    def velocity_targets(self, motion: Tensor) -> Tensor:
        """Normalised velocities (..., V) of joints and root; 0, the mean, where unseen."""
        x = self.motion.normalised(motion)
        return torch.cat((x[..., VELOCITIES], x[..., MOTION.start : MOTION.stop - 1]), dim=-1)

    def moment_targets(self, motion: Tensor) -> Tensor:
        """Statistics (B, n, MOMENT_TARGETS) of the second that ends with each token of (B, 4 n, INPUTS).

        Mean and spread of each coordinate and the root's mean motion, weighted so that how joints move and
        where the body goes count more than how it is held: that is what actions have in common and people
        do not. Before the window's beginning there is nothing.
        """
        x = self.motion.normalised(motion)
        values = torch.cat((x[..., POSITIONS], x[..., POSITIONS].square(), x[..., MOTION][..., :-1]), dim=-1)
        sums = functional.pad(values.cumsum(dim=1), (0, 0, 1, 0))
        ends = torch.arange(FRAMES_PER_TOKEN, motion.shape[1] + 1, FRAMES_PER_TOKEN, device=motion.device)
        starts = (ends - _MOMENT).clamp(min=0)
        means = (sums[:, ends] - sums[:, starts]) / (ends - starts)[:, None]
        count = POSITIONS.stop
        mean, square, root = means[..., :count], means[..., count : 2 * count], means[..., 2 * count :]
        spread = (square - mean.square()).clamp(min=0).sqrt()
        return torch.cat((_MOMENT_MEAN * mean, _MOMENT_SPREAD * spread, _MOMENT_ROOT * root), dim=-1)

    def state_targets(self, motion: Tensor) -> tuple[Tensor, Tensor]:
        """What is reconstructed, normalised (..., STATE_TARGETS): positions and the root's motion; and where
        it was seen."""
        x = self.motion.normalised(motion)
        seen = motion[..., SEEN].repeat_interleave(3, dim=-1)
        return (
            torch.cat((x[..., POSITIONS], x[..., MOTION]), dim=-1),
            torch.cat((seen, torch.ones_like(motion[..., MOTION])), dim=-1),
        )
