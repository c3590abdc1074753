"""The motion-text networks (torch, for training and export only) and their loss.

Derived from what TMR does (Petrovich et al., ICCV 2023: InfoNCE of motions and texts in one space,
temperature 0.1, pairs of nearly equal text are no negatives), made small and local: a feature speaks of the
second around its step, not of the whole motion, because masks will pick steps (ZOMG).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from motion_seg_ros.grounding.encoder import STRIDE
from motion_seg_ros.grounding.sentence_inputs import SENTENCE_INPUTS
from motion_seg_ros.grounding.text_config import ModelConfig
from motion_seg_ros.semantics.sentences import DIMENSION
from motion_seg_ros.skeleton.motion_inputs import INPUTS, VELOCITIES

_JOINTS = (VELOCITIES.stop - VELOCITIES.start) // 3


class MotionTower(nn.Module):
    """Inputs (B, STRIDE L, INPUTS) to features (B, L, embedding), unit vectors, and attention (B, L)."""

    mean: Tensor
    scale: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.width
        self.register_buffer("mean", torch.zeros(INPUTS))
        self.register_buffer("scale", torch.ones(INPUTS))
        # Seven inputs around the middle one of each three.
        self.stem = nn.Conv1d(INPUTS + _JOINTS, width, 2 * STRIDE + 1, stride=STRIDE, padding=STRIDE - 1)
        self.blocks = nn.ModuleList(_Block(width, dilation, config.dropout) for dilation in config.dilations)
        self.norm = nn.LayerNorm(width)
        self.feature = nn.Linear(width, config.embedding)
        self.attention = nn.Linear(width, 1)

    def forward(self, motion: Tensor) -> tuple[Tensor, Tensor]:
        # How fast each joint is, whatever the way: a waving hand turns back, but is never slow for long.
        squares = motion[..., VELOCITIES].square()
        x, y, z = squares[..., 0::3], squares[..., 1::3], squares[..., 2::3]
        speeds = torch.log1p((x + y + z + 1e-6).sqrt()) - 1
        shown = torch.cat(((motion - self.mean) * self.scale, speeds), dim=-1)
        hidden = functional.gelu(self.stem(shown.transpose(1, 2)))
        for block in self.blocks:
            hidden = block(hidden)
        hidden = self.norm(hidden.transpose(1, 2))
        return functional.normalize(self.feature(hidden), dim=-1), self.attention(hidden)[..., 0]


class _Block(nn.Module):
    """A dilated convolution over steps and a mixing of channels, added to what comes in."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)
        self.over_time = nn.Conv1d(width, width, 3, dilation=dilation, padding=dilation)
        self.mix = nn.Conv1d(width, width, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        inner = functional.gelu(self.over_time(self.norm(hidden)))
        added: Tensor = hidden + self.dropout(self.mix(inner))
        return added


class TextTower(nn.Module):
    """Inputs (n, SENTENCE_INPUTS) of sentences to unit vectors (n, embedding).

    Linear: with more, taught sentences are learned by heart and others understood less.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.dropout = nn.Dropout(config.text_dropout)
        self.project = nn.Linear(SENTENCE_INPUTS, config.embedding, bias=False)

    def forward(self, sentence: Tensor) -> Tensor:
        meaning, words = sentence[:, :DIMENSION], sentence[:, DIMENSION:]
        shown = torch.cat((self.dropout(meaning), words), dim=1)
        return functional.normalize(self.project(shown), dim=-1)


def pooled(features: Tensor, attention: Tensor, masks: Tensor) -> Tensor:
    """(n, embedding) unit vectors from (n, L, embedding), (n, L) logits and (n, L) masks in 0..1."""
    weights = torch.softmax(attention + torch.log(masks + 1e-6), dim=1)
    return functional.normalize((weights[..., None] * features).sum(1), dim=-1)


def contrast(logits: Tensor, positive: Tensor, counted: Tensor) -> Tensor:
    """InfoNCE with several positives: - mean over rows of log of the share that goes to the positives.

    Parameters
    ----------
    logits : (n, m) similarities over temperature.
    positive, counted : (n, m) bool; what is not counted is no negative. Rows without a positive are left out.
    """
    inside = logits.masked_fill(~(counted | positive), -torch.inf)
    right = logits.masked_fill(~positive, -torch.inf)
    rows = positive.any(dim=1)
    share = torch.logsumexp(right[rows], dim=1) - torch.logsumexp(inside[rows], dim=1)
    return -share.mean()


class MotionTextModel(nn.Module):
    """Both towers."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.motion = MotionTower(config)
        self.text = TextTower(config)
