"""What became of the questions: counts, times and costs."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

_RECENT = 256


@dataclass(slots=True)
class OracleHealth:
    """Counters since the beginning.

    Attributes
    ----------
    asked : questions handed in; each ends in one of the next five.
    answered : by the backend, in time; cached : by the cache.
    late : cancelled, for the answer could not matter any more.
    dropped : not sent, for too many waited or the breaker was open.
    errors : given up after an error.
    requests : sent to the backend, retries too.
    cost, tokens : of the answers, as the backend counts them.
    last_error : one sentence, or "".
    cache_errors : times that the cache could not be read or written, so that an answer was or will be paid
        for again; cache_error : the last of them in one sentence, or "".
    breaker : its state.
    """

    asked: int = 0
    answered: int = 0
    cached: int = 0
    late: int = 0
    dropped: int = 0
    errors: int = 0
    requests: int = 0
    cost: float = 0.0
    tokens: int = 0
    last_error: str = ""
    cache_errors: int = 0
    cache_error: str = ""
    breaker: str = "closed"
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))

    def count(self, outcome: str) -> None:
        """Take note of how a question ended."""
        name = "errors" if outcome == "error" else outcome
        setattr(self, name, getattr(self, name) + 1)

    def cache_failed(self, error: OSError) -> None:
        """Take note of a cache that cannot be read or written."""
        self.cache_errors += 1
        self.cache_error = str(error)

    def facts(self) -> dict[str, str]:
        """For /diagnostics and reports: a few words each."""
        names = ("asked", "answered", "cached", "late", "dropped", "errors", "requests", "tokens", "breaker")
        told = {name: str(getattr(self, name)) for name in names}
        told["cost"] = f"{self.cost:.4f}"
        recent = list(self.seconds)
        if recent:
            p50, p95 = np.percentile(recent, (50, 95)) * 1e3
            told |= {"p50 (ms)": f"{p50:.1f}", "p95 (ms)": f"{p95:.1f}"}
        if self.cache_errors:
            told |= {"cache errors": str(self.cache_errors), "cache error": self.cache_error}
        return told | ({"last error": self.last_error} if self.last_error else {})
