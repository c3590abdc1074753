"""Examples for the calibration of a motion-text model: motion held back from its training, spliced."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from motion_seg_ros.grounding.calibrating import Example, calibrate
from motion_seg_ros.grounding.calibration import Calibration
from motion_seg_ros.grounding.captions import Action, sentence
from motion_seg_ros.grounding.encoder import STRIDE
from motion_seg_ros.grounding.motion_text import MotionFeatures
from motion_seg_ros.grounding.sentence_inputs import Embed, sentence_inputs
from motion_seg_ros.grounding.text_config import DisturbanceConfig
from motion_seg_ros.grounding.text_data import Motions, Span, sequence
from motion_seg_ros.grounding.text_model import MotionTextModel
from motion_seg_ros.skeleton.motion_inputs import RATE

# As long as people are asked about, and as many sub-actions as they say.
_INPUTS = 600
_MOST_ACTIONS, _MOST_OTHERS = 4, 2
# Nobody asks about less than a second, and the encoder cannot see it.
_SHORTEST = round(RATE)
# What sub-actions look like after a sentence was split.
_FORMS = ("base", "third", "gerund")


class _Trained:
    """The part of :class:`motion_seg_ros.grounding.motion_text.MotionText` that a calibration uses."""

    def __init__(self, model: MotionTextModel, embed: Embed, name: str) -> None:
        self.name = name
        self._model, self._embed = model, embed

    def frame_features(self, joints: NDArray[np.floating], fps: float) -> MotionFeatures:
        raise NotImplementedError("examples come with their features")

    def embed_text(self, texts: Sequence[str]) -> NDArray[np.floating]:
        with torch.no_grad():
            return self._model.text(torch.from_numpy(sentence_inputs(texts, self._embed))).numpy()


def calibrated(
    model: MotionTextModel,
    name: str,
    motions: Motions,
    embed: Embed,
    count: int,
    disturbance: DisturbanceConfig,
    seed: int,
) -> Calibration:
    """The calibration of a model from ``count`` spliced examples of motions that it was not trained on.

    In each, some actions that are asked for did not happen, and some that happened are not asked for. They
    are disturbed as in training: how sure the model is of recordings like those that it knows says nothing
    about others.
    """
    rng = np.random.default_rng((seed, 4))
    by_action: dict[tuple[str, str], list[Span]] = {}
    for span in motions.spans:
        by_action.setdefault((span.action.name, span.action.side), []).append(span)
    examples = [_example(model, motions, list(by_action.values()), disturbance, rng) for _ in range(count)]
    return calibrate(_Trained(model.eval(), embed, name), [one for one in examples if one.actions])


@torch.no_grad()
def _example(
    model: MotionTextModel,
    motions: Motions,
    pools: list[list[Span]],
    disturbance: DisturbanceConfig,
    rng: np.random.Generator,
) -> Example:
    length = 0
    while length < _SHORTEST:
        order = rng.permutation(len(pools))
        happening = int(rng.integers(1, _MOST_ACTIONS + _MOST_OTHERS + 1))
        chosen = [pools[number][int(rng.integers(len(pools[number])))] for number in order[:happening]]
        drawn = sequence(motions, chosen, _INPUTS, disturbance, rng, longest=_INPUTS // 3)
        length = drawn.parts[-1][1] // STRIDE * STRIDE
    values, attention = model.eval().motion(torch.from_numpy(drawn.inputs[None, :length]))
    step = round(STRIDE / RATE * 1e9)
    times = np.arange(length // STRIDE, dtype=np.int64) * step + step // 2
    asked: list[tuple[Action, tuple[int, int] | None]] = []
    for first, last, span, mirror in drawn.parts[:_MOST_ACTIONS]:
        if rng.random() < 0.75:
            action = span.action.mirror() if mirror else span.action
            asked.append((action, (round(first / RATE * 1e9), round(last / RATE * 1e9))))
    shown = {span.action.name for _, _, span, _ in drawn.parts}
    others = [pools[number][0].action for number in order[happening:]]
    others = [action for action in others if action.name not in shown]
    for action in others[: int(rng.integers(0, _MOST_OTHERS + 1))]:
        asked.insert(int(rng.integers(len(asked) + 1)), (action, None))
    texts = tuple(
        sentence(
            action.phrases[int(rng.integers(len(action.phrases)))],
            _FORMS[int(rng.integers(len(_FORMS)))],
            "{}",
        )
        for action, _ in asked
    )
    features = MotionFeatures(values[0].double().numpy(), attention[0].double().numpy(), times)
    return Example(features, texts, tuple(truth for _, truth in asked))
