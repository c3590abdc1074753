"""From the steps of a stream to codes: metric, moments and embedding, each learned as the stream goes by.

Steps are measured in a metric learned from the stream; the moments (mean and spread) around the measured
steps are embedded by fixed-lag ADMM over an adaptive dictionary. Where boundaries lie is not decided here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.tvsh.dictionary import AdaptiveDictionary
from motion_seg_ros.tvsh.incremental import FixedLagCodes
from motion_seg_ros.tvsh.moments import moments
from motion_seg_ros.tvsh.segmenter_config import SegmenterConfig
from motion_seg_ros.tvsh.whitening import Whitening
from motion_seg_ros.tvsh.windows import Rows, RunningMedian

Array = NDArray[np.float64]

# What the typical change of a code in 2 s is taken to be before it has been seen, and for how many steps
# of evidence that counts.
_USUAL_CHANGE, _USUAL_STEPS = 0.6, 15


class CodeStream:
    """Codes of the steps that are open, oldest first.

    Parameters
    ----------
    dimension : length d of the feature vectors.
    config : the numbers.
    stray : (d,) how far each feature usually strays from its mean within a moment, if that is known.

    Attributes
    ----------
    steps : how many came; most : how many are open at once, at most.
    whitening : the metric.
    warm : whether there are codes: from the length of one moment on.
    """

    def __init__(self, dimension: int, config: SegmenterConfig, stray: Array | None) -> None:
        self._config = config
        rate = config.rate
        self._moment = max(2, round(config.moment * rate))
        self._half = self._moment // 2
        self._hop = max(1, round(0.5 * rate))
        self.whitening = Whitening(dimension, self._moment, stray)
        self._dictionary = AdaptiveDictionary(3 * self.whitening.size, config.atoms)
        # Codes come to rest before their steps are settled.
        lag = max(2, round(config.lag * rate))
        self._free = min(lag, max(1, round(config.embedding_lag * rate)))
        self._embedding = FixedLagCodes(config, self._free)
        self._embedding.use_atoms(self._dictionary.atoms)
        # The open steps, projected, and before them settled ones that moments of open ones reach back to.
        self.most = max(lag + 1, self._moment)
        self._points = Rows(self.most + self._half + 1, self.whitening.size)
        self._before = 0
        # Unit codes of open steps that are refined no more, and of the last 2 s of those.
        self._codes = Rows(self.most, config.atoms)
        self._rested: deque[Array] = deque(maxlen=max(1, round(2.0 * rate)))
        self._changes = RunningMedian([_USUAL_CHANGE] * _USUAL_STEPS, round(30 * rate))
        self.steps = 0

    @property
    def warm(self) -> bool:
        return self.steps >= self._moment

    @property
    def renewed(self) -> bool:
        """Whether to follow the metric now: it moved with the step before, or with this one, the first."""
        return self.steps == self._moment or (self.warm and self.steps % self._hop == 1)

    @property
    def points(self) -> Array:
        """(m, size) the m open steps, projected, oldest first; a view, good until one comes or goes."""
        return self._points.values[self._before :]

    @property
    def usual_change(self) -> float:
        """Median squared distance of the codes of steps 2 s apart."""
        return self._changes.value

    def push(self, features: Array, links: Mapping[int, float]) -> None:
        """Take the next step (d,); ``links`` to the step before, by number of step, where they are not 1."""
        point = self.whitening.project(features)
        self.whitening.learn(point)
        self._points.push(point)
        self.steps += 1
        if self.steps < self._moment:
            return
        phase = self.steps % self._hop
        if self.steps == self._moment:
            self.whitening.refresh()
            for count in range(1, self.steps + 1):
                self._embed(self._columns(links, count), links, count)
        else:
            if phase == 0:
                self.whitening.refresh()
            self._embed(self._columns(links), links, self.steps)
        # A step before the metric, as each of the two takes nearly as long as all else.
        if phase == self._hop - 1:
            self._dictionary.sweep()
            self._embedding.use_atoms(self._dictionary.atoms)

    def codes(self) -> Array:
        """(m, r) codes of length 1 of the m open steps."""
        free = self._embedding.codes
        free = free / np.maximum(np.linalg.norm(free, axis=1, keepdims=True), 1e-12)
        return np.concatenate((self._codes.values, free))

    def pop(self) -> tuple[Array, Array | None]:
        """Close the oldest open step: its point, and its code if that is refined no more."""
        point = self.points[0].copy()
        if self._before == self._half:
            self._points.pop()
        else:
            self._before += 1
        return point, self._codes.pop() if len(self._codes) else None

    def _columns(self, links: Mapping[int, float], until: int | None = None) -> Array:
        """Columns of the steps that will be free when one more is embedded, newest last."""
        count = min(len(self._embedding.codes) + 1, self._free)
        points = self._points.values[:until][-(count + self._half) :]
        oldest = (self.steps if until is None else until) - len(points)
        walls = [step - oldest for step, link in links.items() if link < 0.5 and step > oldest]
        means, spreads = moments(self.whitening.measure(points), count, self._half, walls)
        return self.whitening.columns(means, spreads)

    def _embed(self, columns: Array, known: Mapping[int, float], steps: int) -> None:
        """Refine the codes with one step more, up to ``steps`` of them; ``known`` as of :meth:`push`."""
        column = columns[-1]
        left = self._embedding.push(column)
        # A moment goes on after its step: what was known of the last ones has grown.
        self._embedding.replace_data(columns)
        links = self._embedding.links
        for step, link in known.items():
            place = step - steps + len(links)
            if 0 <= place < len(links):
                links[place] = link
        self._embedding.refine(self._config.iterations)
        if self._dictionary.consider(column, self._embedding.codes[-1]) is not None:
            self._embedding.use_atoms(self._dictionary.atoms)
            self._embedding.refine(self._config.iterations)
        if left is None:
            return
        self._dictionary.learn(*left)
        code = left[1] / max(float(np.linalg.norm(left[1])), 1e-12)
        self._codes.push(code)
        if len(self._rested) == self._rested.maxlen:
            self._changes.add(float(((code - self._rested[0]) ** 2).sum()))
        self._rested.append(code)
