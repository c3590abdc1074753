"""Opens the oracle that the settings name."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from motion_seg_ros.semantics.asking import AskingConfig, Store
from motion_seg_ros.semantics.conversation import PICTURES, ServerSettings
from motion_seg_ros.semantics.kinematic import KinematicBackend
from motion_seg_ros.semantics.oracle import Oracle
from motion_seg_ros.semantics.pictures import Pictures
from motion_seg_ros.semantics.policy import PolicyConfig
from motion_seg_ros.semantics.protocol import Backend
from motion_seg_ros.semantics.scheduler import Line, Rehearsal, Scheduler
from motion_seg_ros.settings import setting

NONE, ENCODER, KINEMATIC, OPENAI, LLAMA_CPP = "none", "encoder", "kinematic", "openai", "llama_cpp"
BACKENDS = (NONE, ENCODER, KINEMATIC, OPENAI, LLAMA_CPP)


@dataclass(frozen=True)
class OracleSettings(ServerSettings, AskingConfig, PolicyConfig):
    """Whom to ask whether a person does the same at two moments, what, and how often."""

    PREFIX: ClassVar[str] = "oracle."

    backend: str = setting(ENCODER, "Who is asked whether two moments show the same motion", choices=BACKENDS)
    cache: str = setting(
        "", "Folder of answers that were paid for; empty: motion_seg_ros/answers in the user's cache"
    )
    exact: bool = setting(
        False,
        "Whether frames wait for answers, so that a replay gives the same events every time; not for robots",
    )


def open_oracle(
    settings: OracleSettings, deadline: float, encoder: Callable[[], tuple[Backend, str]]
) -> tuple[Oracle | None, str]:
    """The oracle, or None for the backend none, and one sentence if it is less than what was asked for.

    Parameters
    ----------
    deadline : seconds after a question's second moment within which an answer counts.
    encoder : makes the backend ``encoder`` and says what it lacks, or raises ImportError, OSError or
        ValueError.

    Raises
    ------
    ValueError, OSError : the settings of a language model cannot be used.
    """
    if settings.backend == NONE:
        return None, ""
    backend, note = open_backend(settings, encoder)
    paid = settings.backend in (OPENAI, LLAMA_CPP) and not note
    limits = {name: getattr(settings, name) for name in AskingConfig.__dataclass_fields__}
    # Backends on this machine fail for good or not at all.
    asking = AskingConfig(**limits | ({} if paid else {"retries": 0}))
    cache = _cache(settings, backend) if paid else None
    line: Line = Rehearsal(backend, asking, cache) if settings.exact else Scheduler(backend, asking, cache)
    return Oracle(settings, line, deadline, Pictures() if paid and settings.shows == PICTURES else None), note


def open_backend(settings: OracleSettings, encoder: Callable[[], tuple[Backend, str]]) -> tuple[Backend, str]:
    """The backend that the settings name, and one sentence if it is less than that."""
    if settings.backend == KINEMATIC:
        return KinematicBackend(), ""
    try:
        if settings.backend == OPENAI:
            from motion_seg_ros.semantics.openai_backend import OpenAIBackend

            _needs("tenacity", "diskcache")
            return OpenAIBackend(settings), ""
        if settings.backend == LLAMA_CPP:
            from motion_seg_ros.semantics.llama_cpp_backend import LlamaCppBackend

            _needs("tenacity", "diskcache", "llama_cpp")
            return LlamaCppBackend(settings), ""
    except ImportError as error:
        return (
            KinematicBackend(),
            f"the backend {settings.backend} needs {error.name}: kinematic answers instead",
        )
    try:
        return encoder()
    except (ImportError, OSError, ValueError) as error:
        return KinematicBackend(), f"the backend encoder cannot be used ({error}): kinematic answers instead"


def _needs(*modules: str) -> None:
    """ImportError for the first module that is not installed, without importing any."""
    from importlib.util import find_spec

    for name in modules:
        if find_spec(name) is None:
            raise ModuleNotFoundError(f"no module {name}", name=name)


def _cache(settings: OracleSettings, backend: Backend) -> Store:
    from motion_seg_ros.semantics.cache import AnswerCache

    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "motion_seg_ros" / "answers"
    folder = Path(settings.cache).expanduser() if settings.cache else usual
    return AnswerCache(folder, backend.fingerprint)
