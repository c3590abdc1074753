"""The five terms of HuMoCon's first stage (arXiv 2505.20920), each by itself, and two that are derived.

Stated: L = L_rec_motion + L_rec_video + l_dis L_dis + l_act L_act + l_align L_align, and what each term is in
words; the forms are derived. B windows, n tokens, N sampled states, S their width, E of a code.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from motion_seg_ros.humocon.modelling import HyperClassifier


def reconstruction(decoded: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """L_rec of either encoder: mean squared error where ``weight`` is 1; all (B, T, D)."""
    return ((decoded - target).square() * weight).sum() / weight.sum().clamp(min=1)


def commitment(embeddings: Tensor, codebook: Tensor, codes: Tensor, valid: Tensor) -> Tensor:
    """How far embeddings (B, n, E) are from their codes (van den Oord et al. 2017); valid (B, n)."""
    distance = (embeddings - codebook[codes]).square().sum(dim=-1)
    return (distance * valid).sum() / valid.sum().clamp(min=1)


def discrimination(
    classifier: HyperClassifier, states: Tensor, codes: Tensor, quantised: Tensor
) -> tuple[Tensor, Tensor]:
    """L_dis: the classifier of a concept tells its own states from those of the batch's other concepts.

    Parameters
    ----------
    states : (N, S). codes : (N,) of each. quantised : (N, E), with the gradient to the embeddings.

    Returns
    -------
    The cross-entropy, and each state's logit for its own concept (N,), for :func:`velocity_from_gradient`.
    """
    names, own = torch.unique(codes, return_inverse=True)
    # A concept stands in the batch by one of its tokens, through which the gradient flows.
    place = torch.zeros(len(names), dtype=torch.long, device=codes.device)
    place.scatter_(0, own, torch.arange(len(codes), device=codes.device))
    logits = classifier.logits(states, quantised[place])
    return functional.cross_entropy(logits, own), logits.gather(1, own[:, None])[:, 0]


def velocity_from_gradient(
    classifier: HyperClassifier, own: Tensor, states: Tensor, velocity: Tensor
) -> Tensor:
    """L_act: the velocity is told by the gradient of a concept's classifier with respect to the state.

    ||MLP(d C_c(s) / d s) - v||^2 / var(v). The gradient keeps its graph: training differentiates it again.

    Parameters
    ----------
    own : (N,) logits of the states' own concepts. states : (N, S) that they came from.
    velocity : (N, V) of joints, or optical flow.
    """
    (gradient,) = torch.autograd.grad(own.sum(), states, create_graph=True)
    # Scaled to a length of about 1 a dimension, whatever the sharpness of the classifier.
    found = classifier.velocity(gradient * gradient.shape[1] ** 0.5)
    return (found - velocity).square().mean() / velocity.var(dim=0, unbiased=False).mean().clamp(min=1e-3)


def naming(quantised: Tensor, prototypes: Tensor, names: Tensor, temperature: float) -> Tensor:
    """Codes tell what is done, where that is known: of motion that is made up by name. Derived.

    Cross-entropy of cosines with one prototype a name. Who does it, and in what manner, differs from one
    made-up person to the next, so that codes learn to leave it out; recorded motion needs no labels.

    Parameters
    ----------
    quantised : (B, n, E), with the gradient to the embeddings. prototypes : (V, E), of any length.
    names : (B, n) int64 index of the prototype, -1 where unknown.
    """
    known = names >= 0
    if not bool(known.any()):
        return prototypes.sum() * 0
    cosines = functional.normalize(quantised[known], dim=1) @ functional.normalize(prototypes, dim=1).T
    return functional.cross_entropy(cosines / temperature, names[known])


def alignment(motion: Tensor, video: Tensor, temperature: float) -> Tensor:
    """L_align: of all moments that the batch's videos show, a motion's own is the nearest, and the other way
    round (InfoNCE). Other moments of the same window are neither right nor wrong: people also stand still.

    Parameters
    ----------
    motion, video : (B, n, P) unit vectors; row i of both shows the same moments.
    """
    windows, tokens, _ = motion.shape
    logits = motion.flatten(0, 1) @ video.flatten(0, 1).T / temperature
    window = torch.arange(windows, device=motion.device).repeat_interleave(tokens)
    own = torch.arange(len(logits), device=motion.device)
    neither = (window[:, None] == window) & (own[:, None] != own)
    logits = logits.masked_fill(neither, -torch.inf)
    return (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2
