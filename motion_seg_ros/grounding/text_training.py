"""Training of the motion-text encoder: resumable, the same numbers for the same seed."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from motion_seg_ros.grounding.sentence_inputs import Embed
from motion_seg_ros.grounding.text_batches import Batch, Batches, Words, words_of
from motion_seg_ros.grounding.text_checkpoint import TextCheckpoint, load_checkpoint, save_checkpoint
from motion_seg_ros.grounding.text_config import SourceConfig, TextTrainingConfig
from motion_seg_ros.grounding.text_data import Motions, Recording, motions_of, read_recordings
from motion_seg_ros.grounding.text_export import export
from motion_seg_ros.grounding.text_model import MotionTextModel, contrast, pooled
from motion_seg_ros.grounding.text_validation import validate
from motion_seg_ros.skeleton.depth_camera import as_depth_camera

log = logging.getLogger(__name__)

CHECKPOINT, WEIGHTS = "checkpoint.pt", "weights"
_WARM_UP = 0.1
_LEAST_SCALE = 0.05

# Made-up motion: (rng, seconds) to recordings. Injected, because its room is a sibling.
MakeUp = Callable[[np.random.Generator, float], Iterator[Recording]]


def load_motions(
    sources: Sequence[SourceConfig],
    data: Path,
    make_up: MakeUp,
    rng: np.random.Generator,
    camera: float = 0.0,
) -> Motions:
    """Everything that the sources name, with words; this share of it as a depth camera's tracker sees it.

    Raises
    ------
    ValueError : a pattern matches no file, or nothing that is found has words.
    """
    recordings: list[Recording] = []
    for source in sources:
        if not source.files:
            recordings += make_up(rng, source.seconds)
            continue
        paths = sorted(data.glob(source.files))
        if not paths:
            raise ValueError(f"no file matches {source.files} below {data}")
        for path in paths:
            recordings += read_recordings(path, source.labels, source.keep, source.drop)
    tracked = [
        replace(one, joints=as_depth_camera(one.joints, one.fps, rng)) if rng.random() < camera else one
        for one in recordings
    ]
    motions = motions_of(tracked)
    if not motions.spans:
        raise ValueError(f"nothing below {data} is labelled with an action that there are words for")
    return motions


def train(
    config: TextTrainingConfig,
    data: Path,
    out: Path,
    embed: Embed,
    make_up: MakeUp,
    *,
    resume: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> TextCheckpoint:
    """Train, and export what was trained with its calibration to ``out/weights``.

    Writes ``checkpoint.pt`` and ``history.jsonl`` every ``config.rest`` steps.

    Parameters
    ----------
    data : folder that the sources' patterns start in.
    embed : sentences to (n, 384) unit vectors.
    make_up : made-up motion for sources without files.
    resume : go on where the checkpoint in ``out`` stopped.
    progress : told (steps done, steps in all).

    Raises
    ------
    ValueError : the data does not fit the configuration, or the checkpoint is of another one.
    """
    out.mkdir(parents=True, exist_ok=True)
    everything = load_motions(
        config.sources, data, make_up, np.random.default_rng((config.seed, 1)), config.disturbance.camera
    )
    motions, kept = parted(everything, config.held_back, np.random.default_rng((config.seed, 4)))
    held_out = (
        load_motions(config.validation, data, make_up, np.random.default_rng((config.seed, 2)))
        if config.validation
        else None
    )
    words = words_of(
        motions.spans, embed, config.sentences, config.pairs, np.random.default_rng((config.seed, 3))
    )
    log.info("%d spans of %d actions", len(motions.spans), len(words.actions))
    trainer = _Trainer(config, motions, words)
    path = out / CHECKPOINT
    if resume:
        trainer.go_on(load_checkpoint(path))
    while trainer.step < config.steps:
        until = min(config.steps, (trainer.step // config.rest + 1) * config.rest)
        losses = []
        while trainer.step < until:
            losses.append(trainer.learn())
            progress(trainer.step, config.steps)
        row = {"step": float(trainer.step), "loss": float(np.mean(losses))}
        if held_out:
            row |= validate(trainer.model, held_out, embed)
        trainer.history.append(row)
        log.info("%s", " ".join(f"{name} {value:.3g}" for name, value in row.items()))
        save_checkpoint(trainer.checkpoint(), path)
        lines = "".join(json.dumps(row) + "\n" for row in trainer.history)
        (out / "history.jsonl").write_text(lines, encoding="utf-8")
    checkpoint = trainer.checkpoint()
    export(checkpoint, out / WEIGHTS, kept, embed)
    return checkpoint


def parted(motions: Motions, share: float, rng: np.random.Generator) -> tuple[Motions, Motions]:
    """Motions to train on, and about this share of the clips of each action to keep for the calibration."""
    kept: set[int] = set()
    by_action: dict[tuple[str, str], set[int]] = {}
    for span in motions.spans:
        by_action.setdefault((span.action.name, span.action.side), set()).add(span.clip)
    for key in sorted(by_action):
        clips = sorted(by_action[key] - kept)
        # At least one, but never the only one.
        count = min(max(1, round(share * len(by_action[key]))) - len(by_action[key] & kept), len(clips) - 1)
        kept |= {clips[number] for number in rng.permutation(len(clips))[: max(0, count)]}
    inside = [span for span in motions.spans if span.clip in kept]
    return (
        Motions(motions.clips, [span for span in motions.spans if span.clip not in kept]),
        Motions(motions.clips, inside),
    )


class _Trainer:
    """Model, optimiser and batches. Each step draws from its own number, so nothing random is kept."""

    def __init__(self, config: TextTrainingConfig, motions: Motions, words: Words) -> None:
        self.config = config
        self.step = 0
        self.history: list[dict[str, float]] = []
        torch.manual_seed(config.seed)
        self.model = MotionTextModel(config.model)
        everything = np.concatenate([clip for clip in motions.clips if len(clip)])
        self.model.motion.mean.copy_(torch.from_numpy(everything.mean(0)))
        self.model.motion.scale.copy_(torch.from_numpy(1 / np.maximum(everything.std(0), _LEAST_SCALE)))
        self._batches = Batches(motions, words, config)
        self._optimiser = torch.optim.AdamW(
            self.model.parameters(), config.learning_rate, weight_decay=config.weight_decay
        )

    def go_on(self, checkpoint: TextCheckpoint) -> None:
        if checkpoint.config != self.config:
            raise ValueError(
                "the checkpoint in the output folder is of another configuration: use another folder"
            )
        self.model.load_state_dict(checkpoint.model)
        self._optimiser.load_state_dict(checkpoint.resume["optimiser"])
        self.step, self.history = checkpoint.step, checkpoint.history

    def checkpoint(self) -> TextCheckpoint:
        resume = {"optimiser": self._optimiser.state_dict()}
        return TextCheckpoint(self.config, self.step, self.model.state_dict(), resume, self.history)

    def learn(self) -> float:
        """One step of the optimiser; the loss before it."""
        torch.manual_seed(self.config.seed * 1_000_003 + self.step)
        for group in self._optimiser.param_groups:
            group["lr"] = self.config.learning_rate * self._rate()
        self.model.train()
        loss = self._loss(self._batches.batch(self.step))
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimiser.step()
        self.step += 1
        return float(loss.detach())

    def _rate(self) -> float:
        """A straight rise, then half a cosine down to nothing."""
        done = (self.step + 1) / self.config.steps
        if done < _WARM_UP:
            return done / _WARM_UP
        return 0.5 + 0.5 * float(np.cos(np.pi * (done - _WARM_UP) / (1 - _WARM_UP)))

    def _loss(self, batch: Batch) -> Tensor:
        config = self.config
        features, attention = self.model.motion(torch.from_numpy(batch.motion))
        rows = torch.from_numpy(batch.rows)
        motions = pooled(features[rows], attention[rows], torch.from_numpy(batch.masks))
        sentences = torch.from_numpy(batch.texts)
        texts = self.model.text(sentences + config.text_noise * torch.randn_like(sentences))
        positive, counted = torch.from_numpy(batch.positive), torch.from_numpy(batch.counted)
        logits = motions @ texts.T / config.temperature
        loss = (contrast(logits, positive, counted) + contrast(logits.T, positive.T, counted.T)) / 2
        actions = len(batch.step_counted)
        known = torch.from_numpy(batch.steps)
        inside = known >= 0
        if config.step_loss and bool(inside.any()):
            step_logits = features[inside] @ texts[:actions].T / config.temperature
            own = functional.one_hot(known[inside], actions).bool()
            step_counted = torch.from_numpy(batch.step_counted)[known[inside]]
            loss = loss + config.step_loss * contrast(step_logits, own, step_counted)
        return loss
