"""One question to one backend: cache, budget, breaker, time limit and retries around it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from motion_seg_ros.semantics.health import OracleHealth
from motion_seg_ros.semantics.limits import Breaker, Budget
from motion_seg_ros.semantics.protocol import Answer, Backend, BackendError, Question
from motion_seg_ros.settings import check, setting

# The first wait before a retry, and the longest when the backend does not say how long (s).
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 5.0


@dataclass(frozen=True)
class AskingConfig:
    """How much may be asked, and with how much patience."""

    per_second: int = setting(4, "Most requests to the oracle in any second", low=1, high=1000)
    per_hour: int = setting(1800, "Most requests to the oracle in any hour", low=1, high=1_000_000)
    in_flight: int = setting(4, "Most requests under way at a time", low=1, high=64)
    waiting: int = setting(16, "Most questions that may be open; more are dropped", low=1, high=1000)
    timeout: float = setting(10.0, "Seconds after which a request has failed", low=0.1, high=300.0)
    retries: int = setting(2, "Times that a failed request is tried again", low=0, high=10)
    failures: int = setting(5, "Failures in a row after which the oracle is left alone", low=1, high=100)
    rest: float = setting(10.0, "Seconds for which it then is, at first", low=0.1, high=600.0)

    def __post_init__(self) -> None:
        check(self)


class Store(Protocol):
    """An :class:`motion_seg_ros.semantics.cache.AnswerCache`."""

    def get(self, question: Question) -> Answer | None: ...
    def put(self, question: Question, answer: Answer) -> None: ...
    def close(self) -> None: ...


class Asking:
    """Asks within its limits. Everything happens in the loop that calls :meth:`answer`.

    Parameters
    ----------
    backend, config, cache : who is asked, how much, and what is looked into first.
    health : where requests, times and costs are noted.
    clock : seconds, for the budget and the breaker: real ones, or those of a stream that is replayed.
    waits : whether a question waits for the budget; else it is dropped when there is none.
    """

    def __init__(
        self,
        backend: Backend,
        config: AskingConfig,
        cache: Store | None,
        health: OracleHealth,
        clock: Callable[[], float],
        waits: bool,
    ) -> None:
        self._backend, self._config, self._cache = backend, config, cache
        self._health, self._clock, self._waits = health, clock, waits
        self._budget = Budget(config.per_second, config.per_hour)
        self._breaker = Breaker(config.failures, config.rest)
        self._hushed_until = -float("inf")
        self._patiently = _patience(config) if config.retries else None

    async def answer(self, question: Question) -> tuple[Answer | None, str]:
        """The answer, if there is one, and "answered", "cached", "dropped" or "error"."""
        try:
            answer = self._recall(question)
            if answer is not None:
                return answer, "cached"
            answer = await (self._patiently(self._try, question) if self._patiently else self._try(question))
            self._keep(question, answer)
            return answer, "answered"
        except _LeftAlone:
            return None, "dropped"
        except BackendError as error:
            self._health.last_error = str(error)
            return None, "error"
        finally:
            self._health.breaker = self._breaker.state

    def _recall(self, question: Question) -> Answer | None:
        """The answer that was kept. A cache that fails is counted, and as good as empty."""
        try:
            return self._cache.get(question) if self._cache else None
        except OSError as error:
            self._health.cache_failed(error)
            return None

    def _keep(self, question: Question, answer: Answer) -> None:
        try:
            if self._cache is not None:
                self._cache.put(question, answer)
        except OSError as error:
            self._health.cache_failed(error)

    async def _try(self, question: Question) -> Answer:
        """One request, when one is allowed."""
        await self._permit()
        health = self._health
        health.requests += 1
        began = time.monotonic()
        try:
            answer = await asyncio.wait_for(self._backend.ask(question), self._config.timeout)
        except asyncio.CancelledError:
            # The frames that it was about ran out of time before the backend said a word.
            self._breaker.failed(self._clock())
            raise
        except asyncio.TimeoutError:
            self._breaker.failed(self._clock())
            raise BackendError(f"no answer within {self._config.timeout:g} s") from None
        except BackendError as error:
            self._note(error)
            raise
        except Exception as error:
            # A backend is somebody else's code; a mistake in it must not end the loop unheard. What the error
            # says is not repeated: it may quote a key.
            self._breaker.failed(self._clock())
            raise BackendError(f"the backend failed ({type(error).__name__})", transient=False) from error
        self._breaker.succeeded()
        health.seconds.append(time.monotonic() - began)
        health.cost += answer.cost
        health.tokens += answer.tokens
        return answer

    def _note(self, error: BackendError) -> None:
        if error.retry_after is not None:
            # Not ill but busy: everybody waits as long as it asks.
            self._hushed_until = max(self._hushed_until, time.monotonic() + error.retry_after)
            self._breaker.abandoned()
        else:
            self._breaker.failed(self._clock(), lasting=not error.transient)

    async def _permit(self) -> None:
        while (hush := self._hushed_until - time.monotonic()) > 0.0:
            # Longer than for an answer nobody waits for leave to ask.
            if hush > self._config.timeout:
                raise _LeftAlone
            await asyncio.sleep(hush)
        while (wait := self._budget.wait(self._clock())) > 0.0:
            if not self._waits:
                raise _LeftAlone
            await asyncio.sleep(wait)
        if not self._breaker.allows(self._clock()):
            raise _LeftAlone
        self._budget.spend(self._clock())


class _LeftAlone(Exception):
    """Nothing may be asked now."""


def _patience(config: AskingConfig) -> Any:
    """Tries again what may yet succeed, later each time, or as late as the backend asks, if that is soon."""
    # Of the extra [llm]; backends on this machine are not retried and do without.
    from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt
    from tenacity import wait_random_exponential as growing

    usual = growing(multiplier=_FIRST_WAIT, max=_LONGEST_WAIT)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        told = error.retry_after if isinstance(error, BackendError) else None
        return usual(state) if told is None else told

    def hopeful(error: BaseException) -> bool:
        return (
            isinstance(error, BackendError)
            and error.transient
            and (error.retry_after or 0.0) <= config.timeout
        )

    return AsyncRetrying(
        retry=retry_if_exception(hopeful),
        stop=stop_after_attempt(1 + config.retries),
        wait=wait,
        sleep=asyncio.sleep,
        reraise=True,
    )
