"""A language model behind OpenAI's chat completions that splits sentences, if it is told to."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar

from motion_seg_ros.grounding.partition import Ask
from motion_seg_ros.semantics.protocol import BackendError
from motion_seg_ros.settings import check, setting

RULES, OPENAI = "rules", "openai"
# Tokens that the longest partition can need.
_REPLY_TOKENS = 400


@dataclass(frozen=True)
class PartitionSettings:
    """Who splits a sentence into sub-actions."""

    PREFIX: ClassVar[str] = "partition."

    backend: str = setting(
        RULES,
        "Who splits sentences: rules, or a language model whose answer counts when it passes the checks",
        choices=(RULES, OPENAI),
    )
    model: str = setting("", "Name of the language model")
    base_url: str = setting("", "Address of the server, such as http://localhost:11434/v1; empty: OpenAI's")
    key_variable: str = setting("OPENAI_API_KEY", "Environment variable that holds the key, if one is needed")
    timeout: float = setting(3.0, "Seconds after which the rules take its place", low=0.1, high=60.0)

    def __post_init__(self) -> None:
        check(self)


def open_ask(settings: PartitionSettings) -> Ask | None:
    """What asks the language model of the settings; None for the rules alone.

    Each sentence is one request on a connection of its own, so that any thread may ask.

    Raises
    ------
    ValueError : no model is named, the address or the key cannot be used, or the extra is not installed.
    """
    if settings.backend == RULES:
        return None
    if find_spec("openai") is None:
        raise ValueError(f"partition.backend {OPENAI} needs the extra llm: pip install 'motion_seg_ros[llm]'")
    if not settings.model:
        raise ValueError(f"partition.backend {OPENAI} needs the name of a model (partition.model)")
    from motion_seg_ros.semantics.chat import ChatClient

    def client() -> ChatClient:
        return ChatClient(settings.base_url, settings.key_variable, settings.PREFIX)

    async def ask(prompt: str) -> str:
        chat = client()
        arguments = {
            "model": settings.model,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": 0.0,
            "max_tokens": _REPLY_TOKENS,
        }
        try:
            return _content(await asyncio.wait_for(chat.complete(arguments), settings.timeout))
        finally:
            await chat.close()

    # What is wrong with address or key is told now and not with every sentence.
    client()
    return ask


def _content(body: bytes) -> str:
    try:
        said = json.loads(body)["choices"][0]["message"]["content"]
    except (ValueError, RecursionError, KeyError, IndexError, TypeError):
        raise BackendError("the server's reply is no chat completion") from None
    if not isinstance(said, str):
        raise BackendError("the model said nothing")
    return said
