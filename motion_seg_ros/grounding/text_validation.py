"""What a motion-text model understands of motion that it was not trained on."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from motion_seg_ros.grounding.captions import Action, sentence
from motion_seg_ros.grounding.encoder import STRIDE, held
from motion_seg_ros.grounding.sentence_inputs import Embed, sentence_inputs
from motion_seg_ros.grounding.text_data import Motions
from motion_seg_ros.grounding.text_model import MotionTextModel, pooled

# Sentences of each action that are tried, one after the other.
_TRIED = 6


@torch.no_grad()
def validate(model: MotionTextModel, motions: Motions, embed: Embed) -> dict[str, float]:
    """Zero-shot recognition of whole spans among the actions that occur, and retrieval.

    Returns
    -------
    ``top1`` : share of spans whose nearest sentence is that of their action, where each action has one taught
    sentence; the mean over several choices of it. ``top1_unseen`` : the same with sentences never taught.
    ``retrieval`` : mean share of right spans among the ten nearest to a taught sentence (all of an action's
    where it has fewer), ``retrieval_unseen`` : to one never taught.
    """
    model.eval()
    actions = {(span.action.name, span.action.side): span.action for span in motions.spans}
    keys = sorted(actions)
    truth = np.array([keys.index((span.action.name, span.action.side)) for span in motions.spans])
    vectors = span_vectors(model, motions)
    row: dict[str, float] = {}
    for kind, unseen in (("", False), ("_unseen", True)):
        rights, shares = [], []
        for number in range(_TRIED):
            texts = [_phrase(actions[key], number, unseen) for key in keys]
            cosines = vectors @ model.text(torch.from_numpy(sentence_inputs(texts, embed))).numpy().T
            rights.append(float((cosines.argmax(axis=1) == truth).mean()))
            shares.append(_precision(cosines, truth))
        row["top1" + kind] = float(np.mean(rights))
        row["retrieval" + kind] = float(np.mean(shares))
    return row


def span_vectors(model: MotionTextModel, motions: Motions) -> NDArray[np.float32]:
    """(n, d) unit vectors of the spans, each pooled over its steps in its clip."""
    features: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
    vectors = []
    for span in motions.spans:
        if span.clip not in features:
            clip = motions.clips[span.clip]
            whole = np.pad(clip, ((0, -len(clip) % STRIDE), (0, 0)), mode="edge")
            features[span.clip] = model.motion(torch.from_numpy(held(whole)[None]))
        values, attention = features[span.clip]
        before = (values.shape[1] - -(-len(motions.clips[span.clip]) // STRIDE)) // 2
        mask = torch.zeros(1, values.shape[1])
        first = before + span.first // STRIDE
        mask[0, first : max(before + span.last // STRIDE, first + 1)] = 1
        vectors.append(pooled(values, attention, mask)[0])
    return torch.stack(vectors).numpy()


def _phrase(action: Action, number: int, unseen: bool) -> str:
    phrases = action.unseen if unseen else action.phrases
    return sentence(phrases[number % len(phrases)])


def _precision(cosines: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    shares = []
    for column in range(cosines.shape[1]):
        count = min(10, int((truth == column).sum()))
        nearest = np.argsort(-cosines[:, column], kind="stable")[:count]
        shares.append(float((truth[nearest] == column).mean()))
    return float(np.mean(shares))
