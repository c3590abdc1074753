"""The exported encoder of motion concepts in ONNX Runtime: motion and state in, tokens and state out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.datasets.labelled import Archive
from motion_seg_ros.plain_text import InputError, reason
from motion_seg_ros.settings import check, setting
from motion_seg_ros.skeleton.motion_inputs import FRAMES_PER_TOKEN, INPUTS, LAYOUT, RATE

Array = NDArray[np.float32]
Encoded = tuple[NDArray[np.int64], Array, Array, Array]

WEIGHTS = Path(__file__).resolve().parent / "weights"
MODEL, CODEBOOK, SUMS = "concepts.onnx", "codebook.npz", "SHA256SUMS"
FORMAT = "motion_seg_ros.concepts/1"
CPU = "CPUExecutionProvider"
# What runs on one graphics card of NVIDIA and keeps tensors there.
_CUDA, _TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"
# The largest call: more people or a longer motion become several. It bounds memory, and TensorRT must know.
_MOST_PEOPLE, _MOST_TOKENS = 64, 64
_MOST_CODES = 1 << 16  # a token is a uint16
_MOST_STATE = 1 << 20
_INPUTS, _OUTPUTS = ["motion", "state"], ["tokens", "distances", "embeddings", "next_state"]
_META = (
    *("joint_set", "layout", "rate", "frames_per_token", "codes", "embedding", "codebook"),
    *("licence", "training_data"),
)


class ModelError(InputError):
    """Weights or a provider that cannot be used; the message is one sentence."""


@dataclass(frozen=True)
class EncoderConfig:
    """Which encoder, and what it runs on."""

    weights: str = setting("", "Folder of an exported encoder; empty for the one that comes with the package")
    providers: str = setting(
        "cpu",
        "Providers of ONNX Runtime, preferred first, as in tensorrt,cuda,cpu; the CPU always comes last",
    )
    threads: int = setting(1, "Threads of one call on the CPU", low=1, high=64)

    def __post_init__(self) -> None:
        check(self)


def has_weights(config: EncoderConfig) -> bool:
    """Whether an encoder is named or came with the package, which may have been built without."""
    return bool(config.weights) or WEIGHTS.is_dir()


@dataclass(frozen=True)
class ModelInfo:
    """What was loaded, and onto what.

    Attributes
    ----------
    folder : of the weights.
    codebook : SHA-256 of the codebook, the name that its tokens go by.
    codes, embedding : K codes of E numbers; state : S numbers that a track's past is kept in.
    licence, training_data : of the weights, in the words of who made them.
    providers : what ONNX Runtime really uses, preferred first.
    notes : a sentence for every provider that was asked for and is not used.
    """

    folder: Path
    codebook: str
    codes: int
    embedding: int
    state: int
    licence: str
    training_data: str
    providers: tuple[str, ...]
    notes: tuple[str, ...]


class ConceptEncoder:
    """The motion encoder and its codebook, ready for use: its first calls are made here.

    Needs ``concepts.onnx``, ``codebook.npz`` and ``SHA256SUMS``. A provider that does not work on this
    machine is left out with a note in :attr:`info`; threads sleep, and do not spin, between calls.

    Parameters
    ----------
    config : which encoder, and what it runs on.

    Raises
    ------
    ModelError : the files are missing, cut off, of another kind or do not belong together, or ONNX Runtime
        knows no such provider.
    """

    def __init__(self, config: EncoderConfig | None = None) -> None:
        config = config or EncoderConfig()
        folder = Path(config.weights).expanduser() if config.weights else WEIGHTS
        model = _checked_model(folder)
        wanted = _known(config.providers.split(","))
        self._session, meta, notes = _open(model, folder / MODEL, wanted, config.threads)
        _check_codebook(folder / CODEBOOK, meta)
        got = self._session.get_providers()
        self._device = "cuda" if got[0] in (_CUDA, _TENSORRT) else "cpu"
        self._run = self._plain if self._device == "cpu" else self._bound
        self.info = ModelInfo(
            folder=folder,
            codebook=meta["codebook"],
            codes=int(meta["codes"]),
            embedding=int(meta["embedding"]),
            state=_sizes(self._session)[1],
            licence=meta["licence"],
            training_data=meta["training_data"],
            providers=tuple(_short(name) for name in got),
            notes=notes,
        )

    def state(self, people: int) -> Array:
        """(people, S) the state of tracks at their beginning."""
        return np.zeros((people, self.info.state), np.float32)

    def encode(self, motion: Array, state: Array) -> Encoded:
        """Tokens of the next frames of B people.

        Parameters
        ----------
        motion : (B, 4 n, D) float32, rows of :class:`motion_seg_ros.skeleton.motion_inputs.MotionInputs`.
        state : (B, S) float32, from :meth:`state` or from the call before.

        Returns
        -------
        tokens (B, n) int64, distances (B, n) float32, squared, of each embedding to its code,
        embeddings (B, n, E) float32 and the next state (B, S) float32.
        """
        parts = [
            self._encode_long(motion[begin : begin + _MOST_PEOPLE], state[begin : begin + _MOST_PEOPLE])
            for begin in range(0, len(motion), _MOST_PEOPLE)
        ]
        if len(parts) == 1:
            return parts[0]
        tokens, distances, embeddings, states = (np.concatenate(part) for part in zip(*parts, strict=True))
        return tokens, distances, embeddings, states

    def _encode_long(self, motion: Array, state: Array) -> Encoded:
        """The same for at most 64 people, in calls of at most 64 tokens."""
        length = FRAMES_PER_TOKEN * _MOST_TOKENS
        held: Any = state
        parts = []
        for begin in range(0, motion.shape[1], length):
            try:
                *told, held = self._run(np.ascontiguousarray(motion[:, begin : begin + length]), held)
            except Exception as error:  # ONNX Runtime's errors have no class in common but this
                raise ModelError(f"{self.info.providers[0]} failed: {_sentence(error)}") from error
            parts.append(told)
        after = held if isinstance(held, np.ndarray) else held.numpy()
        tokens, distances, embeddings = (np.concatenate(part, 1) for part in zip(*parts, strict=True))
        return tokens, distances, embeddings, after

    def _plain(self, motion: Array, state: Any) -> list[Any]:
        return list(self._session.run(_OUTPUTS, {"motion": motion, "state": state}))

    def _bound(self, motion: Array, state: Any) -> list[Any]:
        """As :meth:`_plain`, but the next state stays on the device: only what is told crosses the bus."""
        binding = self._session.io_binding()
        binding.bind_cpu_input("motion", motion)
        if isinstance(state, np.ndarray):
            binding.bind_cpu_input("state", state)
        else:
            binding.bind_ortvalue_input("state", state)
        for name in _OUTPUTS[:-1]:
            binding.bind_output(name, "cpu")
        binding.bind_output(_OUTPUTS[-1], self._device)
        self._session.run_with_iobinding(binding)
        *told, after = binding.get_outputs()
        return [*(value.numpy() for value in told), after]


def _checked_model(folder: Path) -> bytes:
    """The model, after it and the codebook were compared with the folder's list of checksums."""
    sums: dict[str, str] = {}
    try:
        for line in (folder / SUMS).read_text(encoding="utf-8").splitlines():
            digest, _, name = line.partition(" ")
            sums[name.lstrip(" *")] = digest.lower()
        content = [(folder / name).read_bytes() for name in (MODEL, CODEBOOK)]
    except UnicodeDecodeError as error:
        raise ModelError(f"{folder / SUMS} is no list of checksums") from error
    except OSError as error:
        raise ModelError(
            f"{folder} holds no motion concepts: {error.filename}: {error.strerror or error}"
        ) from error
    for name, data in zip((MODEL, CODEBOOK), content, strict=True):
        if name not in sums:
            raise ModelError(f"{folder / SUMS} does not name {name}")
        if hashlib.sha256(data).hexdigest() != sums[name]:
            raise ModelError(f"{folder / name} is cut off or was changed: {SUMS} names another SHA-256")
    return content[0]


def _check_codebook(path: Path, meta: Mapping[str, str]) -> None:
    """ModelError unless the codebook beside the model is the one that is in it."""
    try:
        codebook = Archive(path).array("codebook", "f", 2)
    except DatasetError as error:
        raise ModelError(f"{path} holds no codebook: {error}") from error
    digest = hashlib.sha256(np.ascontiguousarray(codebook, "<f4").tobytes()).hexdigest()
    if digest != meta["codebook"]:
        raise ModelError(
            f"{path} is the codebook {digest[:12]}, but {MODEL} was exported with {meta['codebook'][:12]}"
        )


def _known(providers: Sequence[str]) -> list[str]:
    """The full names of providers, without repetitions, the CPU last."""
    import onnxruntime

    known = {_short(name): name for name in onnxruntime.get_all_providers()}
    full = []
    for provider in providers:
        name = _short(provider.strip())
        if name not in known:
            raise ModelError(
                f"ONNX Runtime knows no provider {provider!r}; it knows {', '.join(sorted(known))}"
            )
        full.append(known[name])
    return list(dict.fromkeys([*(name for name in full if name != CPU), CPU]))


def _short(provider: str) -> str:
    """ "CUDAExecutionProvider" to "cuda"."""
    return provider.removesuffix("ExecutionProvider").lower()


def _open(
    model: bytes, path: Path, wanted: list[str], threads: int
) -> tuple[Any, dict[str, str], tuple[str, ...]]:
    """A session on the best providers that work, the model's metadata, and what does not work."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin take the time of whoever works next: p95 of 5 to 18 ms on a busy machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # what goes wrong is said once, by us

    def session(providers: list[Any]) -> Any:
        made = onnxruntime.InferenceSession(model, options, providers=providers)
        _warm_up(made)
        return made

    try:
        on_cpu = onnxruntime.InferenceSession(model, options, providers=[CPU])
    except Exception as error:  # as above
        raise ModelError(f"{path} cannot be read as an ONNX model: {_sentence(error)}") from error
    meta = _checked_contract(on_cpu, path)
    try:
        _warm_up(on_cpu)
    except Exception as error:
        raise ModelError(f"{path} cannot be run: {_sentence(error)}") from error
    available = onnxruntime.get_available_providers()
    notes = [f"{_short(name)} is not in this ONNX Runtime" for name in wanted if name not in available]
    usable = [name for name in wanted if name in available]
    while usable != [CPU]:
        try:
            made = session([(name, _provider_options(name, *_sizes(on_cpu))) for name in usable])
        except Exception as error:
            notes.append(f"{_short(usable[0])} does not work here: {_sentence(error)}")
            usable = usable[1:]
            continue
        got = made.get_providers()
        notes += [f"{_short(name)} does not work here" for name in usable if name not in got]
        return made, meta, tuple(notes)
    return on_cpu, meta, tuple(notes)


def _checked_contract(session: Any, path: Path) -> dict[str, str]:
    """The metadata of a model that this version can run; ModelError for any other."""
    meta: dict[str, str] = session.get_modelmeta().custom_metadata_map
    if meta.get("format") != FORMAT:
        found = meta.get("format")
        what = f"is of the format {found!r}" if found else "is not an encoder of motion concepts"
        raise ModelError(f"{path} {what}; this version runs {FORMAT}")
    if missing := [key for key in _META if key not in meta]:
        raise ModelError(f"{path} does not say its {', '.join(missing)}: export it again")
    expected = {
        "joint_set": "smpl22",
        "layout": LAYOUT,
        "rate": f"{RATE:g}",
        "frames_per_token": FRAMES_PER_TOKEN,
    }
    for key, value in expected.items():
        if meta[key] != str(value):
            raise ModelError(f"{path} was made for {key} {meta[key]}; this version has {value}")
    names = [item.name for item in session.get_inputs()], [item.name for item in session.get_outputs()]
    if names != (_INPUTS, _OUTPUTS):
        raise ModelError(f"{path} turns {names[0]} into {names[1]}, not {_INPUTS} into {_OUTPUTS}")
    inputs, state = _sizes(session)
    if inputs != INPUTS or not 0 < state <= _MOST_STATE:
        raise ModelError(
            f"{path} takes {inputs} numbers a frame and {state} of state; this version makes {INPUTS}"
        )
    codes, embedding = meta["codes"], str([0, *session.get_outputs()[2].shape][-1])
    if (
        not (codes + embedding).isdecimal()
        or not 0 < int(codes[:9]) <= _MOST_CODES
        or meta["embedding"] != embedding
    ):
        raise ModelError(f"{path} has {codes} codes of {meta['embedding']} numbers, which cannot be")
    return meta


def _sizes(session: Any) -> tuple[int, int]:
    """Numbers of a frame (D) and of the state (S); 0 for one that is not fixed."""
    sizes = [item.shape[-1] if item.shape else 0 for item in session.get_inputs()]
    inputs, state = (size if isinstance(size, int) else 0 for size in sizes)
    return inputs, state


def _warm_up(session: Any) -> None:
    """The first calls, which are slow: one token of one person, and some of several people.

    ValueError where what they give has other shapes than the contract says.
    """
    inputs, state = _sizes(session)
    for people, tokens in ((1, 1), (4, 16)):
        motion = np.zeros((people, FRAMES_PER_TOKEN * tokens, inputs), np.float32)
        given = session.run(_OUTPUTS, {"motion": motion, "state": np.zeros((people, state), np.float32)})
        shapes = [value.shape[:2] for value in given]
        if shapes != [(people, tokens)] * 3 + [(people, state)]:
            raise ValueError(f"it gives {', '.join(map(str, shapes))} for {tokens} tokens of {people} people")


def _provider_options(name: str, inputs: int, state: int) -> dict[str, str]:
    """Options of a provider; the two of NVIDIA compute in full precision, or tokens would differ."""
    if name == _CUDA:
        # The default searches anew for every shape.
        return {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}
    if name != _TENSORRT:
        return {}
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "motion_seg_ros" / "tensorrt"
    cache.mkdir(parents=True, exist_ok=True)
    profiles = {
        kind: f"motion:{people}x{FRAMES_PER_TOKEN * tokens}x{inputs},state:{people}x{state}"
        for kind, people, tokens in (("min", 1, 1), ("opt", 4, 1), ("max", _MOST_PEOPLE, _MOST_TOKENS))
    }
    return {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(cache),
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(cache),
        **{f"trt_profile_{kind}_shapes": shapes for kind, shapes in profiles.items()},
    }


def _sentence(error: Exception) -> str:
    """What an error of ONNX Runtime says, without its code."""
    return reason(error).split(" : ")[-1]
