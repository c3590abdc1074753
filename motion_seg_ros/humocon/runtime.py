"""The exported encoders of concepts in ONNX Runtime: motion or video and state in, tokens and state out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.humocon.contract import (
    CODEBOOK,
    MOTION,
    OUTPUTS,
    Kind,
    ModelError,
    check_codebook,
    checked_contract,
    checked_model,
    state_size,
)
from motion_seg_ros.plain_text import reason
from motion_seg_ros.settings import check, setting

Array = NDArray[np.float32]
Encoded = tuple[NDArray[np.int64], Array, Array, Array]

WEIGHTS = Path(__file__).resolve().parent / "weights"
CPU = "CPUExecutionProvider"
# What runs on one graphics card of NVIDIA and keeps tensors there.
_CUDA, _TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"
# The largest call: more people or a longer motion become several. It bounds memory, and TensorRT must know.
_MOST_PEOPLE, _MOST_TOKENS = 64, 64


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
    """An encoder and its codebook, ready for use: its first calls are made here.

    Needs ``concepts.onnx`` (of video ``video/video.onnx``) and beside it ``codebook.npz`` and ``SHA256SUMS``.
    A provider that does not work on this machine is left out with a note in :attr:`info`; threads sleep, and
    do not spin, between calls.

    Parameters
    ----------
    config : which encoder, and what it runs on.
    kind : what it reads.

    Raises
    ------
    ModelError : the files are missing, cut off, of another kind or do not belong together, or ONNX Runtime
        knows no such provider.
    """

    def __init__(self, config: EncoderConfig | None = None, kind: Kind = MOTION) -> None:
        config = config or EncoderConfig()
        folder = (Path(config.weights).expanduser() if config.weights else WEIGHTS) / kind.folder
        model = checked_model(folder, kind)
        wanted = _known(config.providers.split(","))
        self._session, meta, notes = _open(model, folder, kind, wanted, config.threads)
        check_codebook(folder / CODEBOOK, kind, meta)
        got = self._session.get_providers()
        self._kind = kind
        self._device = "cuda" if got[0] in (_CUDA, _TENSORRT) else "cpu"
        self._run = self._plain if self._device == "cpu" else self._bound
        self.info = ModelInfo(
            folder=folder,
            codebook=meta["codebook"],
            codes=int(meta["codes"]),
            embedding=int(meta["embedding"]),
            state=state_size(self._session),
            licence=meta["licence"],
            training_data=meta["training_data"],
            providers=tuple(_short(name) for name in got),
            notes=notes,
        )

    def state(self, people: int) -> Array:
        """(people, S) the state of tracks at their beginning."""
        return np.zeros((people, self.info.state), np.float32)

    def encode(self, seen: Array, state: Array) -> Encoded:
        """Tokens of the next frames of B people.

        Parameters
        ----------
        seen : (B, 4 n, D) float32, rows of :class:`motion_seg_ros.skeleton.motion_inputs.MotionInputs`; of
            video (B, n, 64, 64) float32, crops of :class:`motion_seg_ros.humocon.crops.Following`.
        state : (B, S) float32, from :meth:`state` or from the call before.

        Returns
        -------
        tokens (B, n) int64, distances (B, n) float32, squared, of each embedding to its code,
        embeddings (B, n, E) float32 and the next state (B, S) float32.
        """
        parts = [
            self._encode_long(seen[begin : begin + _MOST_PEOPLE], state[begin : begin + _MOST_PEOPLE])
            for begin in range(0, len(seen), _MOST_PEOPLE)
        ]
        if len(parts) == 1:
            return parts[0]
        tokens, distances, embeddings, states = (np.concatenate(part) for part in zip(*parts, strict=True))
        return tokens, distances, embeddings, states

    def _encode_long(self, seen: Array, state: Array) -> Encoded:
        """The same for at most 64 people, in calls of at most 64 tokens."""
        length = self._kind.frames * _MOST_TOKENS
        held: Any = state
        parts = []
        for begin in range(0, seen.shape[1], length):
            try:
                *told, held = self._run(np.ascontiguousarray(seen[:, begin : begin + length]), held)
            except Exception as error:  # ONNX Runtime's errors have no class in common but this
                raise ModelError(f"{self.info.providers[0]} failed: {_sentence(error)}") from error
            parts.append(told)
        after = held if isinstance(held, np.ndarray) else held.numpy()
        tokens, distances, embeddings = (np.concatenate(part, 1) for part in zip(*parts, strict=True))
        return tokens, distances, embeddings, after

    def _plain(self, seen: Array, state: Any) -> list[Any]:
        return list(self._session.run(OUTPUTS, {self._kind.input: seen, "state": state}))

    def _bound(self, seen: Array, state: Any) -> list[Any]:
        """As :meth:`_plain`, but the next state stays on the device: only what is told crosses the bus."""
        binding = self._session.io_binding()
        binding.bind_cpu_input(self._kind.input, seen)
        if isinstance(state, np.ndarray):
            binding.bind_cpu_input("state", state)
        else:
            binding.bind_ortvalue_input("state", state)
        for name in OUTPUTS[:-1]:
            binding.bind_output(name, "cpu")
        binding.bind_output(OUTPUTS[-1], self._device)
        self._session.run_with_iobinding(binding)
        *told, after = binding.get_outputs()
        return [*(value.numpy() for value in told), after]


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
    model: bytes, folder: Path, kind: Kind, wanted: list[str], threads: int
) -> tuple[Any, dict[str, str], tuple[str, ...]]:
    """A session on the best providers that work, the model's metadata, and what does not work."""
    import onnxruntime

    path = folder / kind.model
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin take the time of whoever works next: p95 of 5 to 18 ms on a busy machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # what goes wrong is said once, by us

    def session(providers: list[Any]) -> Any:
        made = onnxruntime.InferenceSession(model, options, providers=providers)
        _warm_up(made, kind)
        return made

    try:
        on_cpu = onnxruntime.InferenceSession(model, options, providers=[CPU])
    except Exception as error:  # as above
        raise ModelError(f"{path} cannot be read as an ONNX model: {_sentence(error)}") from error
    meta = checked_contract(on_cpu, path, kind)
    try:
        _warm_up(on_cpu, kind)
    except Exception as error:
        raise ModelError(f"{path} cannot be run: {_sentence(error)}") from error
    available = onnxruntime.get_available_providers()
    notes = [f"{_short(name)} is not in this ONNX Runtime" for name in wanted if name not in available]
    usable = [name for name in wanted if name in available]
    while usable != [CPU]:
        try:
            made = session([(name, _provider_options(name, kind, state_size(on_cpu))) for name in usable])
        except Exception as error:
            notes.append(f"{_short(usable[0])} does not work here: {_sentence(error)}")
            usable = usable[1:]
            continue
        got = made.get_providers()
        notes += [f"{_short(name)} does not work here" for name in usable if name not in got]
        return made, meta, tuple(notes)
    return on_cpu, meta, tuple(notes)


def _warm_up(session: Any, kind: Kind) -> None:
    """The first calls, which are slow: one token of one person, and some of several people.

    ValueError where what they give has other shapes than the contract says.
    """
    state = state_size(session)
    for people, tokens in ((1, 1), (4, 16)):
        seen = np.zeros((people, kind.frames * tokens, *kind.shape), np.float32)
        given = session.run(OUTPUTS, {kind.input: seen, "state": np.zeros((people, state), np.float32)})
        shapes = [value.shape[:2] for value in given]
        if shapes != [(people, tokens)] * 3 + [(people, state)]:
            raise ValueError(f"it gives {', '.join(map(str, shapes))} for {tokens} tokens of {people} people")


def _provider_options(name: str, kind: Kind, state: int) -> dict[str, str]:
    """Options of a provider; the two of NVIDIA compute in full precision, or tokens would differ."""
    if name == _CUDA:
        # The default searches anew for every shape.
        return {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}
    if name != _TENSORRT:
        return {}
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "motion_seg_ros" / "tensorrt"
    cache.mkdir(parents=True, exist_ok=True)
    profiles = {}
    for extent, people, tokens in (("min", 1, 1), ("opt", 4, 1), ("max", _MOST_PEOPLE, _MOST_TOKENS)):
        seen = "x".join(map(str, (people, kind.frames * tokens, *kind.shape)))
        profiles[f"trt_profile_{extent}_shapes"] = f"{kind.input}:{seen},state:{people}x{state}"
    return {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(cache),
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(cache),
        **profiles,
    }


def _sentence(error: Exception) -> str:
    """What an error of ONNX Runtime says, without its code."""
    return reason(error).split(" : ")[-1]
