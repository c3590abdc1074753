"""Training of motion concepts: one CPU, one GPU, or as many as torchrun starts."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from motion_seg_ros.humocon.augmentation import augmented_windows, in_another_posture, plain_windows
from motion_seg_ros.humocon.checkpoint import Checkpoint, Gallery, load_checkpoint, save_checkpoint
from motion_seg_ros.humocon.configuration import TrainingConfig
from motion_seg_ros.humocon.kept import keep_motion
from motion_seg_ros.humocon.modelling import ConceptModel
from motion_seg_ros.humocon.motions import Motions, choose_windows, load_motions, names_of
from motion_seg_ros.humocon.objective import Batch, Objective
from motion_seg_ros.humocon.pairs import Pairs, render_pairs, thumbnails
from motion_seg_ros.humocon.runtime import WEIGHTS
from motion_seg_ros.humocon.validation import codebook_use, encode_rendered, reconstruction, retrieval
from motion_seg_ros.skeleton.motion_inputs import MOTION, POSITIONS, SEEN, VELOCITIES

CHECKPOINT, LOST_BATCH = "checkpoint.pt", "lost_batch.pt"
_GALLERY, _VALIDATION = 1024, 256
# Windows that are rendered for validation, and of them those that a checkpoint keeps.
_RETRIEVAL, _SHOWN = 300, 100
_WARM_UP = 100  # steps
_MAX_GRADIENT = 1.0

Probe = Callable[[Callable[[NDArray[np.float32]], NDArray[np.int64]], int], float]


class TrainingLost(ValueError):
    """Training cannot go on; the message is one sentence."""


class Silent:
    """Hears of progress and does nothing: what tqdm and TensorBoard do otherwise."""

    def steps(self, name: str, total: int) -> Callable[[int], object]:
        """A function to call with how many of ``total`` are done."""
        return lambda done: None

    def scalars(self, values: dict[str, float], step: int) -> None:
        """Measurements after a step."""


@dataclass(frozen=True)
class _Process:
    """This process among those that train together."""

    rank: int
    count: int
    device: torch.device


def train(
    config: TrainingConfig,
    data: Path,
    out: Path,
    *,
    resume: bool = False,
    weights: Path = WEIGHTS,
    probe: Probe | None = None,
    tell: Silent | None = None,
) -> Checkpoint:
    """Train and leave ``checkpoint.pt`` in ``out`` after every epoch.

    Under torchrun every process calls this and batches are shared out; without it one device does it all.
    A resumed training gives what an uninterrupted one would have given.

    Parameters
    ----------
    data : folder that the files of ``config.sources`` are in.
    resume : go on from ``out/checkpoint.pt``.
    weights : folder of exported weights, whose motion encoder ``config.keep_motion`` keeps.
    probe : measures what tokens tell: gets (inputs (T, INPUTS) -> tokens (n,)) and the number of codes.
    tell : hears of progress.

    Raises
    ------
    ValueError : unusable data or weights, a checkpoint of another configuration.
    TrainingLost : the loss was not finite; its batch is in ``out/lost_batch.pt``.
    """
    before = _resumed(out / CHECKPOINT, config) if resume else None
    if before and len(before.history) == config.epochs:
        return before
    process = _join()
    try:
        return _train(config, data, out, before, weights, probe, tell or Silent(), process)
    finally:
        if process.count > 1:
            dist.destroy_process_group()


def _train(
    config: TrainingConfig,
    data: Path,
    out: Path,
    before: Checkpoint | None,
    weights: Path,
    probe: Probe | None,
    tell: Silent,
    process: _Process,
) -> Checkpoint:
    out.mkdir(parents=True, exist_ok=True)
    # As every process makes the same clips, weights and pairs, nothing needs to be sent around.
    torch.manual_seed(config.seed)
    motions, held = load_motions(config.sources, data, config.seed)
    model = ConceptModel(config.model)
    gallery = _gallery(motions, config)
    if config.keep_motion:
        keep_motion(model, weights, gallery.inputs)
    else:
        _normalise(model, gallery)
    pairs = _render(motions, config.clips_with_video, config, 1, tell)
    shown = _render(held, _RETRIEVAL, config, 2, tell)
    gallery = replace(gallery, video=torch.from_numpy(shown.video[:_SHOWN]))
    check = _Validation(held, shown, config, gallery, probe)
    objective = Objective(model, config.losses, keeps_motion=config.keep_motion).to(process.device)
    optimiser = torch.optim.AdamW(
        objective.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _pace(step, config))
    history: list[dict[str, float]] = []
    if before:
        model.load_state_dict(before.model)
        optimiser.load_state_dict(before.resume["optimiser"])
        schedule.load_state_dict(before.resume["schedule"])
        history = list(before.history)
    whole: nn.Module = objective
    if process.count > 1:
        # Which terms are switched on decides which parameters get gradients.
        whole = DistributedDataParallel(objective, broadcast_buffers=False, find_unused_parameters=True)
    checkpoint = before
    for epoch in range(len(history), config.epochs):
        torch.manual_seed(hash((config.seed, epoch, process.rank)) & 0xFFFFFFFF)
        rng = np.random.default_rng([config.seed, 3, epoch, process.rank])
        progress = tell.steps(f"epoch {epoch + 1} of {config.epochs}", config.steps)
        sums: dict[str, float] = {}
        whole.train()
        for step in range(config.steps):
            batch = _batch(motions, pairs, config, rng, process.count).to(process.device)
            total, terms = whole(batch)
            if not bool(torch.isfinite(total)):
                torch.save({"batch": asdict(batch), "epoch": epoch, "step": step}, out / LOST_BATCH)
                raise TrainingLost(
                    f"the loss became {float(total.detach()):g} in step {step + 1} of epoch {epoch + 1}; "
                    f"its batch is in {out / LOST_BATCH}"
                )
            optimiser.zero_grad(set_to_none=True)
            total.backward()
            nn.utils.clip_grad_norm_(objective.parameters(), _MAX_GRADIENT)
            optimiser.step()
            schedule.step()
            for name, value in terms.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach()) / config.steps
            progress(step + 1)
        objective.eval()
        history.append(
            {f"train {name}": value for name, value in sums.items()} | check.measure(model, process.device)
        )
        tell.scalars(history[-1], (epoch + 1) * config.steps)
        checkpoint = Checkpoint(
            config,
            epoch + 1,
            {name: value.detach().cpu().clone() for name, value in model.state_dict().items()},
            {"optimiser": optimiser.state_dict(), "schedule": schedule.state_dict()},
            gallery,
            history,
        )
        if process.rank == 0:
            save_checkpoint(checkpoint, out / CHECKPOINT)
    assert checkpoint is not None  # there is at least one epoch
    return checkpoint


class _Validation:
    """The measurements of an epoch, always on the same windows."""

    def __init__(
        self, held: Motions, pairs: Pairs, config: TrainingConfig, gallery: Gallery, probe: Probe | None
    ) -> None:
        rng = np.random.default_rng([config.seed, 4])
        windows = choose_windows(held, _VALIDATION, config.frames, rng, mirror=False)
        motion, valid = plain_windows(held, windows, config.frames)
        self._motion, self._valid = torch.from_numpy(motion), torch.from_numpy(valid).float()
        self._gallery, self._config, self._probe = gallery, config, probe
        self._pairs = None
        if len(pairs.windows):
            seen, _ = plain_windows(held, pairs.windows, config.frames)
            self._pairs = torch.from_numpy(seen), torch.from_numpy(pairs.video)

    @torch.no_grad()
    def measure(self, model: ConceptModel, device: torch.device) -> dict[str, float]:
        values = {} if self._config.keep_motion else self._measure_motion(model, device)
        if self._pairs:
            motion = model.encode_motion(self._pairs[0].to(device))
            video = encode_rendered(model, self._pairs[1].to(device))
            values["retrieval R@1 of 100"] = retrieval(model, motion, video)
            perplexity, dead = codebook_use(video, self._config.model.video_codes)
            values |= {"video perplexity / codes": perplexity, "video dead codes": float(dead)}
        return values

    def _measure_motion(self, model: ConceptModel, device: torch.device) -> dict[str, float]:
        found = reconstruction(model, self._motion.to(device), self._valid.to(device))
        codes = self._config.model.codes
        perplexity, dead = codebook_use(model.encode_motion(self._gallery.inputs.to(device)), codes)
        values = {
            "position error m": found.position_m,
            "velocity error m/s": found.velocity_m_s,
            "power above 3 Hz kept": found.high_power,
            "velocity told by codes": found.velocity_told,
            "perplexity / codes": perplexity,
            "dead codes": float(dead),
        }
        if self._probe:

            def encode(inputs: NDArray[np.float32]) -> NDArray[np.int64]:
                whole = torch.from_numpy(inputs[: len(inputs) // 4 * 4])[None].to(device)
                return model.encode_motion(whole).codes[0].cpu().numpy()

            values["probe"] = self._probe(encode, codes)
        return values


def _join() -> _Process:
    """This process's place, as torchrun's environment says it."""
    cuda = torch.cuda.is_available()
    count = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cuda", local) if cuda else torch.device("cpu")
    if count > 1:
        if cuda:
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if cuda else "gloo")
        return _Process(dist.get_rank(), dist.get_world_size(), device)
    return _Process(0, 1, device)


def _resumed(path: Path, config: TrainingConfig) -> Checkpoint:
    checkpoint = load_checkpoint(path)
    if json.dumps(asdict(checkpoint.config)) != json.dumps(asdict(config)):
        raise ValueError(f"{path} is of another configuration: a training is resumed with its own")
    return checkpoint


def _gallery(motions: Motions, config: TrainingConfig) -> Gallery:
    rng = np.random.default_rng([config.seed, 0])
    windows = choose_windows(motions, _GALLERY, config.frames, rng, mirror=False)
    inputs, valid = plain_windows(motions, windows, config.frames)
    kept = np.flatnonzero(valid.all(axis=1))
    names = [motions.clips[windows.clip[i]].name for i in kept]
    return Gallery(
        torch.from_numpy(inputs[kept]), names, [float(windows.start[i]) for i in kept], torch.zeros(0)
    )


def _normalise(model: ConceptModel, gallery: Gallery) -> None:
    """Centre every input; scale the three axes of a joint alike, so that small ones stay small."""
    flat = gallery.inputs.flatten(0, 1).double()
    mean, deviation = flat.mean(dim=0), flat.std(dim=0)
    for part in (POSITIONS, VELOCITIES):
        joints = deviation[part].reshape(-1, 3).square().mean(dim=1).sqrt()
        deviation[part] = joints.clamp(min=0.1).repeat_interleave(3)
    deviation[MOTION] = deviation[MOTION].clamp(min=0.1)
    mean[SEEN], deviation[SEEN] = 1.0, 1.0
    model.motion.mean.copy_(mean)
    model.motion.scale.copy_(1 / deviation)


def _render(motions: Motions, count: int, config: TrainingConfig, salt: int, tell: Silent) -> Pairs:
    count = count if config.losses.sees_video and config.paired else 0
    rng = np.random.default_rng([config.seed, salt])
    progress = tell.steps("rendering", count) if count else lambda done: None
    return render_pairs(motions, count, config.frames, rng, speed=config.augmentation.speed, tell=progress)


def _batch(
    motions: Motions, pairs: Pairs, config: TrainingConfig, rng: np.random.Generator, processes: int
) -> Batch:
    """One process's share of a step."""
    size = max(config.batch // processes, 1)
    paired = min(config.paired // processes, size) if len(pairs.windows) else 0
    chosen = rng.permutation(len(pairs.windows))[:paired]
    shown = pairs.turned(chosen, rng.random(len(chosen)) < 0.5)
    free = choose_windows(
        motions, size - len(chosen), config.frames, rng, speed=config.augmentation.speed, mirror=True
    )
    windows = shown.windows.followed_by(free)
    motion, valid = augmented_windows(motions, windows, config.frames, config.augmentation, rng)
    scale = pairs.flow.std() + 1e-6 if len(chosen) else 1.0
    return Batch(
        torch.from_numpy(motion),
        torch.from_numpy(in_another_posture(motion, config.augmentation, rng)),
        torch.from_numpy(valid).float(),
        torch.from_numpy(names_of(motions, windows, config.frames)),
        torch.from_numpy(shown.video).float() / 255,
        torch.from_numpy(thumbnails(shown.video)),
        torch.from_numpy(shown.flow / scale),
    )


def _pace(step: int, config: TrainingConfig) -> float:
    """Share of the learning rate: up in a straight line, down along a cosine."""
    total = config.epochs * config.steps
    warm = min(_WARM_UP, total // 10 + 1)
    if step < warm:
        return (step + 1) / warm
    return 0.02 + 0.98 * (1 + math.cos(math.pi * min((step - warm) / max(total - warm, 1), 1.0))) / 2
