"""Concept embeddings as features for the segmenter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.humocon.runtime import ConceptEncoder, EncoderConfig
from motion_seg_ros.humocon.streaming import believed
from motion_seg_ros.humocon.token_inputs import TOKEN_NS, TokenInputs, whole_tokens


def concept_features(config: EncoderConfig) -> Callable[[], ConceptFeatures]:
    """What makes the features of each track, with one encoder for all of them.

    Raises
    ------
    ModelError : as :class:`motion_seg_ros.humocon.runtime.ConceptEncoder`.
    """
    encoder = ConceptEncoder(config)
    return lambda: ConceptFeatures(encoder)


class ConceptFeatures:
    """The encoded motion of one track at every frame, causally.

    A token's embedding is known when its four steps are over. In between, the vector moves on a straight line
    from the embedding before the newest one to the newest, so that it has no steps and is a token (0.13 s)
    late.

    Parameters
    ----------
    encoder : may serve several tracks.

    Attributes
    ----------
    dimension : E numbers.
    """

    def __init__(self, encoder: ConceptEncoder) -> None:
        self.dimension = encoder.info.embedding
        self._encoder = encoder
        self._inputs = TokenInputs()
        self._state = encoder.state(1)
        self._before = self._newest = np.zeros(self.dimension)

    def update(
        self, stamp: int, joints: NDArray[np.float64], confidence: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """(E,) of the next frame; zeros before the first token.

        Parameters
        ----------
        stamp : int nanoseconds, later than the last.
        joints : (22, 3) metres, z up, NaN where unseen.
        confidence : (22,) in 0..1.
        """
        if self._inputs.hold(stamp, joints, believed(joints, confidence)):
            (motion,) = whole_tokens([self._inputs])
            if len(motion):
                _, _, embeddings, self._state = self._encoder.encode(motion[None], self._state)
                known = np.vstack((self._newest[None], embeddings[0]))
                self._before, self._newest = known[-2], known[-1]
        since = (stamp - self._inputs.time_of(self._inputs.tokens)) / TOKEN_NS
        return self._before + min(max(since, 0.0), 1.0) * (self._newest - self._before)
