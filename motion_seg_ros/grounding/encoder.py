"""The trained motion-text encoder on ONNX Runtime: motions and sentences as vectors of one space.

A folder of weights holds ``motion.onnx`` (inputs of :mod:`motion_seg_ros.skeleton.motion_inputs` to features
and attention logits), ``text.onnx`` (sentence vectors to texts), ``calibration.json``, MODEL_CARD.md and
SHA256SUMS. Nothing of it changes at test time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.grounding.motion_text import MotionFeatures, unit
from motion_seg_ros.grounding.sentence_inputs import SENTENCE_INPUTS, sentence_inputs
from motion_seg_ros.plain_text import InputError, reason
from motion_seg_ros.semantics.sentences import SentenceEncoder
from motion_seg_ros.skeleton.motion_inputs import INPUTS, LAYOUT, MOTION, RATE, VELOCITIES, MotionInputs

FORMAT = "motion_seg_ros.motion_text/1"
WEIGHTS = Path(__file__).resolve().parent / "weights"
MOTION_MODEL, TEXT_MODEL, CALIBRATION, SUMS = "motion.onnx", "text.onnx", "calibration.json", "SHA256SUMS"
SENTENCES = "all-MiniLM-L6-v2 int8 and direction words/1"
STRIDE = 3  # inputs at 30 Hz become features at 10 Hz
# At its ends a motion goes on standing still for so many features, as in training.
_HELD = 10

Array = NDArray[np.float64]


class MotionTextError(InputError):
    """Weights that cannot be used; the message is one sentence."""


@dataclass(frozen=True)
class MotionTextInfo:
    """What was loaded.

    Attributes
    ----------
    folder : of the weights.
    embedding : d, the dimensions of features and texts.
    licence, training_data : of the weights, in the words of who made them.
    """

    folder: Path
    embedding: int
    licence: str
    training_data: str


class MotionTextEncoder:
    """:class:`motion_seg_ros.grounding.motion_text.MotionText` with trained weights.

    Parameters
    ----------
    folder : of the weights; None for those of this package.
    threads : that one call may use.

    Attributes
    ----------
    name : of the networks, see :func:`network_name`; the calibration belongs to it.

    Raises
    ------
    MotionTextError : files are missing, cut off, foreign, or do not belong together.
    motion_seg_ros.semantics.sentences.SentenceModelMissing : the extra ``text`` is not installed.
    """

    def __init__(self, folder: Path | None = None, threads: int = 1) -> None:
        folder = folder or WEIGHTS
        contents = _checked_files(folder)
        self._motion = _session(contents[MOTION_MODEL], folder / MOTION_MODEL, threads)
        self._text = _session(contents[TEXT_MODEL], folder / TEXT_MODEL, threads)
        meta = _checked_contract(self._motion, folder / MOTION_MODEL, ("motion",), INPUTS)
        _checked_contract(self._text, folder / TEXT_MODEL, ("sentence",), SENTENCE_INPUTS)
        self.name = network_name(contents[MOTION_MODEL], contents[TEXT_MODEL])
        self.info = MotionTextInfo(folder, int(meta["embedding"]), meta["licence"], meta["training_data"])
        self._sentences = SentenceEncoder()
        try:
            self.frame_features(np.zeros((1, 22, 3)), RATE)
            self.embed_text(["stands"])
        except Exception as error:  # as of sessions
            raise MotionTextError(f"{folder} holds networks that cannot be run: {reason(error)}") from error

    def frame_features(self, joints: NDArray[np.floating], fps: float) -> MotionFeatures:
        """Features of a motion at 10 Hz.

        Parameters
        ----------
        joints : (T, 22, 3) smpl22 in metres, z up, NaN where unseen; T >= 1.
        fps : frames a second.
        """
        inputs, times = whole_inputs(joints, fps)
        features, attention = self._motion.run(None, {"motion": held(inputs)[None]})
        inside = slice(_HELD, _HELD + len(times))
        return MotionFeatures(
            features[0, inside].astype(np.float64), attention[0, inside].astype(np.float64), times
        )

    def embed_text(self, texts: Sequence[str]) -> Array:
        """(n, d) unit vectors of n texts."""
        if not texts:
            return np.zeros((0, self.info.embedding))
        given = sentence_inputs(texts, self._sentences.embed)
        (vectors,) = self._text.run(None, {"sentence": given})
        return unit(vectors.astype(np.float64))


def network_name(motion: bytes, text: bytes) -> str:
    """What tells one encoder from another: the first half of the SHA-256 of both networks."""
    return hashlib.sha256(motion + text).hexdigest()[:32]


def whole_inputs(joints: NDArray[np.floating], fps: float) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Inputs (STRIDE L, INPUTS) of a whole motion and the (L,) middles of their features, nanoseconds.

    The last frame lasts as long as every other one, and a little longer where that completes a feature.
    """
    frames = np.asarray(joints, np.float64)
    if frames.ndim != 3 or frames.shape[1:] != (22, 3) or not len(frames):
        raise ValueError(f"a motion must be (T, 22, 3) with T >= 1, not {frames.shape}")
    stream = MotionInputs()
    stamps = [round(frame * 1e9 / fps) for frame in range(len(frames) + 1)]
    features = max(-(-(stamps[-1] // stream.time_of(1)) // STRIDE), 1)
    while stamps[-1] < stream.time_of(features * STRIDE):
        stamps.append(round(len(stamps) * 1e9 / fps))
    frames = np.pad(frames, ((0, len(stamps) - len(frames)), (0, 0), (0, 0)), mode="edge")
    steps = stream.extend(stamps, frames, np.ones(frames.shape[:2]))[: features * STRIDE]
    middle = [stream.time_of(step) + stream.time_of(step + 1) for step in range(1, len(steps), STRIDE)]
    return steps, np.array(middle, np.int64) // 2


def held(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Inputs with the first and the last pose held still for a second before and after."""
    count = _HELD * STRIDE
    longer = np.pad(inputs, ((count, count), (0, 0)), mode="edge")
    for end in (slice(0, count), slice(len(longer) - count, None)):
        longer[end, VELOCITIES] = 0
        longer[end, MOTION.start : MOTION.stop - 1] = 0
    return longer


def _checked_files(folder: Path) -> dict[str, bytes]:
    """The networks' bytes, after everything has been compared with the folder's checksums."""
    sums: dict[str, str] = {}
    try:
        for line in (folder / SUMS).read_text(encoding="utf-8").splitlines():
            digest, _, name = line.partition(" ")
            sums[name.lstrip(" *")] = digest.lower()
        contents = {name: (folder / name).read_bytes() for name in (MOTION_MODEL, TEXT_MODEL, CALIBRATION)}
    except UnicodeDecodeError as error:
        raise MotionTextError(f"{folder / SUMS} is no list of checksums") from error
    except OSError as error:
        what = f"{error.filename}: {error.strerror}"
        raise MotionTextError(f"there is no motion-text encoder in {folder}: {what}") from error
    for name, content in contents.items():
        if name not in sums:
            raise MotionTextError(f"{folder / SUMS} does not name {name}")
        if hashlib.sha256(content).hexdigest() != sums[name]:
            raise MotionTextError(f"{folder / name} is cut off or was changed: {SUMS} names another SHA-256")
    return contents


def _session(model: bytes, path: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    # Threads that spin take the time of whoever works next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors have no class in common but Exception
        raise MotionTextError(f"{path} cannot be read as an ONNX model: {reason(error)}") from error


def _checked_contract(session: Any, path: Path, inputs: tuple[str, ...], size: int) -> dict[str, str]:
    """The metadata of a network that this version can run; MotionTextError for any other."""
    meta: dict[str, str] = session.get_modelmeta().custom_metadata_map
    if meta.get("format") != FORMAT:
        found = meta.get("format")
        what = f"is of the format {found!r}" if found else "is no motion-text encoder"
        raise MotionTextError(f"{path} {what}; this version runs {FORMAT}")
    expected = {
        "joint_set": "smpl22",
        "layout": LAYOUT,
        "rate": f"{RATE:g}",
        "stride": str(STRIDE),
        "sentences": SENTENCES,
    }
    for key, value in expected.items():
        if meta.get(key) != value:
            raise MotionTextError(f"{path} was made for {key} {meta.get(key)}; this version has {value}")
    given = session.get_inputs()
    if tuple(item.name for item in given) != inputs or [0, *given[0].shape][-1] != size:
        raise MotionTextError(f"{path} does not take {', '.join(inputs)} of {size} numbers")
    missing = [key for key in ("embedding", "licence", "training_data") if key not in meta]
    embedding = [0, *session.get_outputs()[0].shape][-1]
    if missing or not isinstance(embedding, int) or meta["embedding"] != str(embedding):
        raise MotionTextError(f"{path} does not say its {', '.join(missing) or 'embedding'}: export it again")
    return meta
