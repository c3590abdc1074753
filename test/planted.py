"""A motion-text encoder made up for tests: what a person does is planted in the joints."""

from __future__ import annotations

import numpy as np

from motion_seg_ros.grounding.calibration import Calibration
from motion_seg_ros.grounding.motion_text import MotionFeatures, unit
from motion_seg_ros.grounding.words import WORD, stem

WORDS = ("wave", "sit", "walk", "jump", "kick", "bow", "clap", "turn")
IDLE = -1
STRIDE = 3
DIMENSION = 32

_RANDOM = np.random.default_rng(7)
_BASIS = unit(_RANDOM.standard_normal((len(WORDS) + 2, DIMENSION)))


def person(action: int) -> np.ndarray:
    """(22, 3) joints of somebody who does the action of a number, planted as metres ahead."""
    joints = np.zeros((22, 3))
    joints[:, 2] = np.linspace(0, 1.7, 22)
    joints[:, 0] = action
    return joints


def motion(script, rate: float = 30.0, start: int = 0):
    """Stamps (T,) ns and joints (T, 22, 3) of [(word or None for idle, seconds)]."""
    actions = [
        WORDS.index(word) if word else IDLE for word, seconds in script for _ in range(round(seconds * rate))
    ]
    stamps = start + np.round(np.arange(len(actions)) * 1e9 / rate).astype(np.int64)
    return stamps, np.array([person(action) for action in actions]).reshape(-1, 22, 3)


class PlantedText:
    """Each action points in a direction of its own, with seeded noise; a step is a mean of three frames."""

    name = "planted"

    def __init__(self, noise: float = 0.1) -> None:
        self.noise = noise
        self.calls = 0

    def frame_features(self, joints, fps):
        self.calls += 1
        count = max(1, len(joints) // STRIDE)
        random = np.random.default_rng(0)
        vectors = np.zeros((len(joints), DIMENSION))
        for row, frame in zip(vectors, joints, strict=True):
            if np.isfinite(frame).any():
                row[:] = _BASIS[int(np.rint(np.nanmean(frame[:, 0])))] if frame[0, 0] >= 0 else _BASIS[-2]
        values = np.array([vectors[i * STRIDE : (i + 1) * STRIDE].mean(axis=0) for i in range(count)])
        values = values + self.noise * random.standard_normal(values.shape)
        times = np.round((np.arange(count) + 0.5) * STRIDE * 1e9 / fps).astype(np.int64)
        return MotionFeatures(unit(values), np.zeros(count), times)

    def embed_text(self, texts):
        return np.array([self._embed(text) for text in texts]).reshape(-1, DIMENSION)

    def _embed(self, text):
        known = [WORDS.index(stem(word)) for word in WORD.findall(text) if stem(word) in WORDS]
        return unit(_BASIS[known].mean(axis=0)) if known else _BASIS[-1]


CALIBRATION = Calibration("planted", background=0.4, slope=2.0, bias=-6.0, weights=(12.0, 1.0, 0.3))
