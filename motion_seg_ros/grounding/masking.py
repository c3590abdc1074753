"""Soft masking optimisation: where in a motion each sub-action is, found at test time by gradient descent.

[stated, ZOMG] learnable masks over frames, an intra-sequence contrastive loss, mask exclusivity and mask
smoothness; the encoders stay as they are. The instance here is derived. With logits theta (k + 1, L), the
last row being the background, and M the softmax of theta / T over rows,

    m_i = P(M_i * F)        attention pooling with log masks, see :func:`motion_text.pool`
    L   = - mean_i log softmax_j(cos(m_i, t_j) / tau)_i
          + l_e mean_{i<j, l} M_il M_jl + l_s mean_{i, l} link_l (M_il - M_i,l+1)^2
          + l_o mean_i max(0, c_i - c_i+1 + delta) + l_p mean_l KL(M_l || p_l)

where c_i is the mean time of mask i and p_il how likely a step belongs to it before. The contrastive loss
alone is content with the few best steps of an action; the last term keeps what else is likely, and as likely
as it is. Two more additions: the softmax of the contrastive loss also runs over a text that says
nothing, of the cosine of the background, or one sub-action alone would have no gradient; and sub-actions of
nearly the same text, as in a repetition, are not told apart. Gradients are by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.grounding.motion_text import pool, pool_gradient
from motion_seg_ros.settings import check, setting

Array = NDArray[np.float64]

# Texts more alike than this name one action.
_SAME_TEXT = 0.95

LEAST = 1e-4
"""Least probability of a mask at a step before, so that every logarithm is finite."""


@dataclass(frozen=True)
class MaskingConfig:
    """The numbers of the optimisation."""

    steps: int = setting(60, "Gradient steps for one sentence", low=0, high=1000)
    rate: float = setting(0.05, "Learning rate of Adam", low=1e-4, high=1.0)
    temperature: float = setting(0.1, "Temperature tau of the contrastive loss", low=0.01, high=1.0)
    sharpness: float = setting(1.0, "Temperature T of the masks", low=0.1, high=10.0)
    exclusivity: float = setting(1.0, "Weight of mask exclusivity", low=0.0, high=100.0)
    smoothness: float = setting(5.0, "Weight of mask smoothness", low=0.0, high=1000.0)
    places: float = setting(20.0, "Weight of staying near the probabilities given", low=0.0, high=1000.0)
    order: float = setting(1.0, "Weight of the order of sub-actions", low=0.0, high=100.0)
    gap: float = setting(
        0.05, "Least distance of two masks' centres, as a share of the motion", low=0.0, high=0.5
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What stays the same during one optimisation.

    Attributes
    ----------
    values : (L, d) and attention : (L,) of the motion.
    texts : (k, d) unit vectors.
    likely : (k + 1, L) probabilities of each mask at each step, the background's last.
    links : (L - 1,) in 0..1, the probability that no boundary lies between steps l and l + 1.
    background : cosine of a motion with a text that has nothing to do with it.
    """

    values: Array
    attention: Array
    texts: Array
    likely: Array
    links: Array
    background: float


def masks_of(theta: Array, sharpness: float) -> Array:
    """M (k + 1, L): the softmax over rows of theta / T."""
    scaled = (theta - theta.max(axis=0)) / sharpness
    raised = np.exp(scaled)
    return raised / raised.sum(axis=0)


def loss_and_gradient(theta: Array, problem: Problem, config: MaskingConfig) -> tuple[float, Array]:
    """The loss and its derivative (k + 1, L) by theta."""
    masks = masks_of(theta, config.sharpness)
    slope = np.zeros_like(masks)
    count = len(problem.texts)
    total, slope[:count] = _contrast(masks[:count], problem, config.temperature)
    for part in (_exclusivity, _smoothness, _order, _places):
        value, change = part(masks, problem, config)
        total += value
        slope += change
    inner = (masks * slope).sum(axis=0)
    return total, masks * (slope - inner) / config.sharpness


def _contrast(masks: Array, problem: Problem, temperature: float) -> tuple[float, Array]:
    pooled, weights = pool(problem.values, problem.attention, masks)
    norms = np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-12)
    units = pooled / norms
    cosines = units @ problem.texts.T
    count = len(masks)
    logits = np.hstack((cosines, np.full((count, 1), problem.background))) / temperature
    alike = problem.texts @ problem.texts.T > _SAME_TEXT
    np.fill_diagonal(alike, False)
    logits[:, :count][alike] = -np.inf
    top = logits.max(axis=1, keepdims=True)
    shares = np.exp(logits - top)
    sums = shares.sum(axis=1, keepdims=True)
    value = float((np.log(sums) + top)[:, 0].mean() - np.diagonal(logits).mean())
    by_cosine = ((shares / sums)[:, :count] - np.eye(count)) / (temperature * count)
    by_pooled = (by_cosine @ problem.texts - (by_cosine * cosines).sum(axis=1, keepdims=True) * units) / norms
    return value, pool_gradient(problem.values, weights, masks, by_pooled)


def _exclusivity(masks: Array, problem: Problem, config: MaskingConfig) -> tuple[float, Array]:
    rows, length = masks.shape
    scale = config.exclusivity / (length * rows * (rows - 1) / 2)
    others = masks.sum(axis=0) - masks
    return scale * float((masks * others).sum()) / 2, scale * others


def _smoothness(masks: Array, problem: Problem, config: MaskingConfig) -> tuple[float, Array]:
    slope = np.zeros_like(masks)
    if masks.shape[1] < 2:
        return 0.0, slope
    change = np.diff(masks, axis=1)
    pull = config.smoothness / change.size * problem.links * change
    slope[:, 1:] += 2 * pull
    slope[:, :-1] -= 2 * pull
    return float((pull * change).sum()), slope


def _order(masks: Array, problem: Problem, config: MaskingConfig) -> tuple[float, Array]:
    slope = np.zeros_like(masks)
    count, length = len(problem.texts), masks.shape[1]
    if count < 2:
        return 0.0, slope
    place = np.linspace(0.0, 1.0, length)
    sums = masks[:count].sum(axis=1)
    centres = masks[:count] @ place / sums
    missing = centres[:-1] - centres[1:] + config.gap
    late = missing > 0
    scale = config.order / (count - 1)
    by_centre = np.zeros(count)
    by_centre[:-1] += scale * late
    by_centre[1:] -= scale * late
    slope[:count] = by_centre[:, None] * (place - centres[:, None]) / sums[:, None]
    return scale * float(missing[late].sum()), slope


def _places(masks: Array, problem: Problem, config: MaskingConfig) -> tuple[float, Array]:
    scale = config.places / masks.shape[1]
    ratio = np.log(np.maximum(masks, 1e-12)) - np.log(np.maximum(problem.likely, LEAST))
    # The derivative's 1 is left out: masks sum to 1 at every step.
    return scale * float((masks * ratio).sum()), scale * ratio


class Adam:
    """Adam (Kingma and Ba, 2015) on one array, with its usual constants."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._steps = 0
        self._mean: Array | float = 0.0
        self._square: Array | float = 0.0

    def move(self, gradient: Array) -> Array:
        """What to add to the array."""
        self._steps += 1
        self._mean = 0.9 * self._mean + 0.1 * gradient
        self._square = 0.999 * self._square + 0.001 * gradient**2
        mean = self._mean / (1 - 0.9**self._steps)
        square = self._square / (1 - 0.999**self._steps)
        return -self._rate * mean / (np.sqrt(square) + 1e-8)


def optimise(
    theta: Array,
    problem: Problem,
    config: MaskingConfig,
    proceed: Callable[[int], None] = lambda step: None,
) -> Array:
    """theta (k + 1, L) after ``config.steps`` steps of Adam; deterministic.

    ``proceed`` is called before each step with its number; what it raises ends the optimisation.
    """
    adam = Adam(config.rate)
    for step in range(config.steps):
        proceed(step)
        _, gradient = loss_and_gradient(theta, problem, config)
        theta = theta + adam.move(gradient)
    return theta
