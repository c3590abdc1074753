"""Language semantic partition: a sentence to ordered sub-actions, by a language model if it can be believed.

[stated, ZOMG] a language model splits the sentence into sub-actions that are complete and follow one another
in time. Small models invent actions, so here (derived) the rules of :mod:`motion_seg_ros.grounding.rules` are
the default, and a model's answer counts only when it passes :func:`check_reply`.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from motion_seg_ros.grounding.rules import MAX_WORDS, read, refusal
from motion_seg_ros.grounding.words import WORD, content
from motion_seg_ros.semantics.protocol import BackendError

MAX_ACTIONS = 8
"""Sub-actions of one sentence that are looked for."""

MAX_ACTION_WORDS = 24
"""Words of one sub-action."""

PROMPT = (
    "Split the sentence about a person's motion into its sub-actions in the order in which they happen. "
    "Use only words of the sentence. Things that happen at once are one sub-action; a repetition is listed "
    "as often as it happens. Leave out what is denied. Answer with JSON only: "
    '{{"actions": ["...", "..."]}}.\nSentence: {sentence}'
)

Ask = Callable[[str], "str | Awaitable[str]"]
"""A prompt to the answer of a language model, at once or to be awaited; it minds its own timeout."""


@dataclass(frozen=True, slots=True)
class Partition:
    """The sub-actions of a text.

    Attributes
    ----------
    text : as it was given.
    actions : in order of time; empty where there is nothing to look for, and ``notes`` say why.
    source : "rules" or "llm".
    notes : a sentence for every choice made on the way.
    """

    text: str
    actions: tuple[str, ...]
    source: str
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; a long text is cut."""
        return {
            "text": self.text if len(self.text) <= 2000 else self.text[:2000] + " ...",
            "source": self.source,
            "actions": list(self.actions),
            "notes": list(self.notes),
        }


class ReplyError(ValueError):
    """A language model's partition that is not used; the message says why."""


def partition(text: str, ask: Ask | None = None) -> Partition:
    """The ordered sub-actions of any text.

    Empty text, text without words, code and other languages than English have no sub-actions; of a text of
    more than :data:`motion_seg_ros.grounding.rules.MAX_WORDS` words the beginning is read; of more than
    :data:`MAX_ACTIONS` sub-actions the first are kept; where an order contradicts what was said before, the
    first statement counts. ``notes`` of the result say so.

    Parameters
    ----------
    ask : a language model; whatever it raises or answers wrongly, the rules take its place.
    """
    notes: list[str] = []
    if ask is not None and not refusal(text):
        try:
            return Partition(text, check_reply(_reply(ask, text), text), "llm")
        except ReplyError as error:
            notes.append(f"the language model's partition is not used: {error}")
        except BackendError as error:
            notes.append(f"the language model failed: {error}")
        except Exception as error:  # clients fail in ways of their own, and what they say may hold secrets
            notes.append(f"the language model failed ({type(error).__name__})")
    reading = read(text)
    actions = []
    for action in reading.actions:
        words = action.split()
        if len(words) > MAX_ACTION_WORDS:
            notes.append(f"a sub-action of {len(words)} words is cut to {MAX_ACTION_WORDS}")
        actions.append(" ".join(words[:MAX_ACTION_WORDS]))
    if len(actions) > MAX_ACTIONS:
        notes.append(f"the text has {len(actions)} sub-actions: the first {MAX_ACTIONS} are looked for")
    return Partition(text, tuple(actions[:MAX_ACTIONS]), "rules", (*reading.notes, *notes))


def check_reply(reply: str, text: str) -> tuple[str, ...]:
    """The sub-actions of a language model's answer.

    Raises
    ------
    ReplyError : it is not the JSON that was asked for, has no or too many sub-actions, one that is empty or
        too long, or one that speaks of what the text does not.
    """
    fenced = re.fullmatch(r"\s*```(?:json)?\s*(.*?)```\s*", reply, re.DOTALL)
    try:
        value = json.loads(fenced[1] if fenced else reply)
    except (ValueError, RecursionError):
        raise ReplyError("the answer is not JSON") from None
    actions = value.get("actions") if isinstance(value, dict) else None
    if not isinstance(actions, list) or not all(isinstance(action, str) for action in actions):
        raise ReplyError('the answer has no list of strings "actions"')
    if set(value) != {"actions"}:
        raise ReplyError("the answer has other keys than was asked for")
    if not 1 <= len(actions) <= MAX_ACTIONS:
        raise ReplyError(f"{len(actions)} sub-actions, not 1 to {MAX_ACTIONS}")
    known = content(text)
    for action in actions:
        words = WORD.findall(action)
        if not 1 <= len(words) <= MAX_ACTION_WORDS or not content(action):
            raise ReplyError(f"a sub-action of {len(words)} words, or one that says nothing")
        if foreign := sorted(content(action) - known):
            raise ReplyError(f"the sentence does not speak of {', '.join(foreign)}")
    return tuple(" ".join(action.split()) for action in actions)


def _reply(ask: Ask, text: str) -> str:
    start = " ".join(text.split()[:MAX_WORDS])
    answer = ask(PROMPT.format(sentence=json.dumps(start, ensure_ascii=False)))
    if inspect.isawaitable(answer):
        return asyncio.run(_wait(answer))
    return answer


async def _wait(answer: Awaitable[str]) -> str:
    return await answer
