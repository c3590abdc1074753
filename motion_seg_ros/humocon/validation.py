"""What is measured of a model after each epoch, on motion that it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from motion_seg_ros.humocon.modelling import ConceptModel, Encoded
from motion_seg_ros.skeleton.motion_inputs import FRAMES_PER_TOKEN, POSITIONS, RATE, SEEN
from motion_seg_ros.skeleton.standard_body import SIZE_M

# Faster than this is what reconstructions lose: blows, starts, stops (Hz).
_HIGH = 3.0
# Windows among which the own one is to be found.
_HUNDRED = 100


@dataclass(frozen=True)
class Reconstruction:
    """How well motion comes back from its tokens, none of them hidden.

    Attributes
    ----------
    position_m, velocity_m_s : mean distance of a joint's position and velocity from the truth, for an adult.
    high_power : share of the joints' velocity above 3 Hz that is kept: the projection of what is decoded on
        the truth, to which jitter does not add.
    velocity_told : share of the velocity's variance that lies between codes: what a token tells of it by
        itself, without a decoder.
    """

    position_m: float
    velocity_m_s: float
    high_power: float
    velocity_told: float


@torch.no_grad()
def reconstruction(model: ConceptModel, motion: Tensor, valid: Tensor) -> Reconstruction:
    """Encode and decode windows (B, 4 n, INPUTS) with valid tokens (B, n)."""
    encoded = model.encode_motion(motion)
    decoded = model.motion_decoder(encoded.quantised, torch.zeros_like(encoded.codes, dtype=torch.bool))
    found = decoded[..., POSITIONS] / model.motion.scale[POSITIONS] + model.motion.mean[POSITIONS]
    shape = (*motion.shape[:2], -1, 3)
    found, truth = found.reshape(shape), motion[..., POSITIONS].reshape(shape)
    there = motion[..., SEEN] * valid.repeat_interleave(FRAMES_PER_TOKEN, dim=1)[..., None]
    position = ((found - truth).norm(dim=-1) * there).sum() / there.sum()
    speed, true_speed = found.diff(dim=1) * RATE, truth.diff(dim=1) * RATE
    moving = there[:, 1:] * there[:, :-1]
    velocity = ((speed - true_speed).norm(dim=-1) * moving).sum() / moving.sum()
    whole = there.flatten(1).all(dim=1)
    decoded_high, true_high = _above(speed[whole]), _above(true_speed[whole])
    kept = (decoded_high * true_high.conj()).real.sum() / true_high.abs().square().sum().clamp(min=1e-12)
    told = _between(model.velocity_targets(motion), encoded.codes, valid)
    return Reconstruction(float(position) * SIZE_M, float(velocity) * SIZE_M, float(kept), told)


def _between(velocity: Tensor, codes: Tensor, valid: Tensor) -> float:
    """Share of the variance of velocities (B, 4 n, V) between codes (B, n), where these are valid (B, n)."""
    there = (valid > 0).repeat_interleave(FRAMES_PER_TOKEN, dim=1)
    v, code = velocity[there], codes.repeat_interleave(FRAMES_PER_TOKEN, dim=1)[there]
    count = torch.bincount(code).clamp(min=1)[:, None]
    means = v.new_zeros(len(count), v.shape[1]).index_add_(0, code, v) / count
    return float(1 - (v - means[code]).square().sum() / (v - v.mean(dim=0)).square().sum().clamp(min=1e-12))


def codebook_use(encoded: Encoded, codes: int) -> tuple[float, int]:
    """Perplexity over the number of codes, and how many codes never occur."""
    counts = torch.bincount(encoded.codes.flatten(), minlength=codes).float()
    shares = counts[counts > 0] / counts.sum()
    return float(torch.exp(-(shares * shares.log()).sum()) / codes), int((counts == 0).sum())


def encode_rendered(model: ConceptModel, video: Tensor) -> Encoded:
    """Windows (B, n, 64, 64) uint8, not all at once: their pictures are many."""
    parts = [model.encode_video(part.float() / 255) for part in torch.split(video, _HUNDRED)]
    return Encoded(*(torch.cat([getattr(part, item.name) for part in parts]) for item in fields(Encoded)))


@torch.no_grad()
def retrieval(model: ConceptModel, motion: Encoded, video: Encoded) -> float:
    """R@1 of finding each window's own video among a hundred, by the mean closeness of their moments; mean of
    all hundreds."""
    a, b = (part.flatten(1) for part in model.project(motion.states, video.states))
    found = [
        (one @ other.T).argmax(dim=1) == torch.arange(len(one), device=one.device)
        for one, other in zip(torch.split(a, _HUNDRED), torch.split(b, _HUNDRED), strict=True)
    ]
    return float(torch.cat(found).float().mean())


def _above(velocity: Tensor) -> Tensor:
    """Spectrum above 3 Hz of velocities (B, T, J, 3)."""
    spectrum = torch.fft.rfft(velocity - velocity.mean(dim=1, keepdim=True), dim=1)
    frequency = torch.fft.rfftfreq(velocity.shape[1], 1 / RATE, device=velocity.device)
    return spectrum[:, frequency > _HIGH]
