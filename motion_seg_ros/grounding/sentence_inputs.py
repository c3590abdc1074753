"""What the text tower reads of a sentence: its sentence vector, and the words for directions and limbs in it.

Sentence encoders are nearly blind to some words that matter most for motion: the vectors of "raise the left
hand" and "raise the right hand" have a cosine of 0.98 (all-MiniLM-L6-v2). These words are given beside.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.semantics.sentences import DIMENSION

Embed = Callable[[Sequence[str]], NDArray[np.float32]]

_WORDS = (
    "left",
    "right",
    "both|two",
    "hands|arms",
    "hand|arm",
    "up|upward|upwards|overhead|above|high",
    "down|downward|downwards|floor|ground",
    "forward|forwards|ahead|straight",
    "back|backward|backwards|rearward|reverse",
    "side|sideways|sidewards|laterally",
    "foot|feet|leg|legs|knee|knees",
)
_FOUND = [re.compile(rf"\b({words})\b", re.IGNORECASE) for words in _WORDS]
# So large a part of a unit vector is each of them.
_WEIGHT = 0.3

SENTENCE_INPUTS = DIMENSION + len(_WORDS)


def sentence_inputs(sentences: Sequence[str], embed: Embed) -> NDArray[np.float32]:
    """(n, SENTENCE_INPUTS) of n sentences.

    Parameters
    ----------
    embed : sentences to (n, DIMENSION) unit vectors.
    """
    said = [[bool(word.search(sentence)) for word in _FOUND] for sentence in sentences]
    words = np.array(said, np.float32).reshape(len(sentences), len(_WORDS))
    return np.hstack((embed(sentences), _WEIGHT * words)).astype(np.float32)
