"""The total that training lowers: which states, tokens and windows each term sees."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from motion_seg_ros.humocon import losses
from motion_seg_ros.humocon.configuration import LossConfig
from motion_seg_ros.humocon.modelling import ConceptModel, Encoded, HyperClassifier
from motion_seg_ros.humocon.quantiser import Quantiser
from motion_seg_ros.skeleton.motion_inputs import FRAMES_PER_TOKEN

# States of a batch that L_dis and L_act look at: each is compared with every concept that there is.
_STATES = 256


@dataclass(frozen=True)
class Batch:
    """Windows of motion; the first P of them with video.

    Attributes
    ----------
    motion : (B, 4 n, INPUTS), what is reconstructed.
    seen : (B, 4 n, INPUTS), what the encoder reads of it.
    valid : (B, n) float, 0 where a window goes on after its clip has ended.
    names : (B, n) int64, which of the made-up motions it is, -1 where that is not known.
    video : (P, n, 64, 64) grey in 0..1, the frame that completes each token.
    thumbnails : (P, n, 256), what is reconstructed of it.
    flow : (P, n, 32), mean optical flow of 4 x 4 cells, scaled to a deviation of about 1.
    """

    motion: Tensor
    seen: Tensor
    valid: Tensor
    names: Tensor
    video: Tensor
    thumbnails: Tensor
    flow: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        return Batch(*(getattr(self, item.name).to(device) for item in fields(self)))


class Objective(nn.Module):
    """The model with its losses: what one process computes of one batch.

    Parameters
    ----------
    keeps_motion : the motion encoder and its codebook stay as they are: only video is asked for anything.
    """

    def __init__(self, model: ConceptModel, config: LossConfig, *, keeps_motion: bool = False) -> None:
        super().__init__()
        self.model = model
        self.config = config
        self._keeps_motion = keeps_motion

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted total and every term that is switched on; codebooks move in training mode."""
        config, model = self.config, self.model
        terms: dict[str, Tensor] = {}
        motion = model.encode_motion(batch.seen)
        bound = motion.embeddings.new_zeros(())
        kinds = []
        if not self._keeps_motion:
            bound = self._follow(model.motion_codes, motion, batch.valid)
            terms |= self._motion_terms(motion, batch)
            states, velocity = model.motion_states(batch.motion), model.velocity_targets(batch.motion)
            kinds.append((model.motion_classifier, states, motion, batch.valid, velocity))
        if config.sees_video and len(batch.video):
            valid = batch.valid[: len(batch.video)]
            video = model.encode_video(batch.video)
            bound = bound + self._follow(model.video_codes, video, valid)
            if config.video:
                decoded = model.video_decoder(video.quantised, self._hide(valid))
                weight = valid[..., None].expand_as(batch.thumbnails)
                terms["video"] = losses.reconstruction(decoded, batch.thumbnails, weight)
                states = model.video_frames(batch.thumbnails)
                kinds.append((model.video_classifier, states, video, valid, batch.flow))
            if config.pose:
                terms["pose"] = self._pose(video, batch.motion[: len(valid)], valid)
            if config.align:
                both = model.project(motion.states[: len(valid)], video.states)
                terms["align"] = losses.alignment(*both, config.align_temperature)
        if config.dis or config.act:
            for kind in kinds:
                for name, value in self._classify(*kind).items():
                    terms[name] = terms.get(name, torch.zeros_like(value)) + value / len(kinds)
        total = config.commitment * bound
        for name, value in terms.items():
            total = total + getattr(config, name) * value
        return total, terms

    def _follow(self, quantiser: Quantiser, encoded: Encoded, valid: Tensor) -> Tensor:
        """Move a codebook in training mode; how far embeddings are from their codes."""
        if self.training:
            there = valid > 0
            quantiser.follow(encoded.embeddings[there], encoded.codes[there])
        return losses.commitment(encoded.embeddings, quantiser.codebook, encoded.codes, valid)

    def _motion_terms(self, motion: Encoded, batch: Batch) -> dict[str, Tensor]:
        """What is asked of motion's codes."""
        config, model = self.config, self.model
        terms: dict[str, Tensor] = {}
        if config.motion:
            target, seen = model.state_targets(batch.motion)
            decoded = model.motion_decoder(motion.quantised, self._hide(batch.valid))
            weight = seen * batch.valid.repeat_interleave(FRAMES_PER_TOKEN, dim=1)[..., None]
            terms["motion"] = losses.reconstruction(decoded, target, weight)
            if config.moment:
                statistics = model.moment_targets(batch.motion)
                found = model.moment_decoder(motion.quantised)
                there = batch.valid[..., None].expand_as(found)
                terms["motion"] = terms["motion"] + config.moment * losses.reconstruction(
                    found, statistics, there
                )
        if config.names:
            terms["names"] = losses.naming(
                motion.quantised, model.name_prototypes, batch.names, config.temperature
            )
        return terms

    def _pose(self, video: Encoded, motion: Tensor, valid: Tensor) -> Tensor:
        """Video states tell the pose of their moment, and video codes the second before it. Derived.

        A motion encoder that is there already need not be found by comparing windows alone.
        """
        target, seen = (
            part[:, FRAMES_PER_TOKEN - 1 :: FRAMES_PER_TOKEN] for part in self.model.state_targets(motion)
        )
        statistics = self.model.moment_targets(motion)
        there = valid[..., None]
        return losses.reconstruction(
            self.model.video_pose(video.states), target, seen * there
        ) + losses.reconstruction(
            self.model.video_moment_decoder(video.quantised), statistics, there.expand_as(statistics)
        )

    def _hide(self, valid: Tensor) -> Tensor:
        low, high = self.config.mask_low, self.config.mask_high
        if not self.training:
            return torch.zeros_like(valid, dtype=torch.bool)
        share = low + (high - low) * torch.rand(len(valid), 1, device=valid.device)
        return torch.rand_like(valid) < share

    def _classify(
        self,
        classifier: HyperClassifier,
        states: Tensor,
        encoded: Encoded,
        valid: Tensor,
        velocity: Tensor,
    ) -> dict[str, Tensor]:
        """L_dis and L_act on some frames of the batch, each with the code of its token."""
        ratio = states.shape[1] // encoded.codes.shape[1]
        frames = torch.nonzero(valid.repeat_interleave(ratio, dim=1) > 0)
        frames = frames[torch.randperm(len(frames), device=frames.device)[:_STATES]]
        window, frame = frames.unbind(1)
        # Also where no gradient is wanted, as in validation, L_act needs the one of the classifier.
        with torch.enable_grad():
            states = states[window, frame]
            states = states if states.requires_grad else states.requires_grad_()
            codes, quantised = (part[window, frame // ratio] for part in (encoded.codes, encoded.quantised))
            dis, own = losses.discrimination(classifier, states, codes, quantised)
            terms = {"dis": dis} if self.config.dis else {}
            if self.config.act:
                terms["act"] = losses.velocity_from_gradient(classifier, own, states, velocity[window, frame])
        return terms
