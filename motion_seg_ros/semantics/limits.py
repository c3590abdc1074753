"""What keeps a backend from being asked too often, and from being asked in vain."""

from __future__ import annotations

from collections import deque


class Budget:
    """Requests in any window of a second and of an hour, never more than allowed.

    Times are seconds of any clock that does not go back.
    """

    def __init__(self, per_second: int, per_hour: int) -> None:
        self._spans = ((1.0, per_second, deque[float]()), (3600.0, per_hour, deque[float]()))

    def wait(self, now: float) -> float:
        """Seconds until the next request is allowed; 0 when it is now."""
        longest = 0.0
        for span, most, spent in self._spans:
            while spent and now - spent[0] >= span:
                spent.popleft()
            if len(spent) >= most:
                longest = max(longest, spent[len(spent) - most] + span - now)
        return longest

    def spend(self, now: float) -> None:
        """Take note of a request."""
        for _, _, spent in self._spans:
            spent.append(now)


class Breaker:
    """A circuit breaker: after so many failures in a row nothing is asked for a while, then one trial is.

    Each trial that fails doubles the while, up to ``longest``.

    Parameters
    ----------
    failures : in a row, that open it.
    rest : seconds of the first while.
    longest : seconds of the longest.
    """

    def __init__(self, failures: int, rest: float, longest: float = 600.0) -> None:
        self._most, self._first_rest, self._longest = failures, rest, longest
        self._failures = 0
        self._rest = rest
        self._until: float | None = None
        self._trying = False
        self.opened = 0

    @property
    def state(self) -> str:
        """ "closed" (all is well), "open" (nothing is asked) or "half-open" (a trial is under way)."""
        if self._until is None:
            return "closed"
        return "half-open" if self._trying else "open"

    def allows(self, now: float) -> bool:
        """Whether a request may be made now; while open, the first after the rest is the trial."""
        if self._until is None:
            return True
        if self._trying or now < self._until:
            return False
        self._trying = True
        return True

    def succeeded(self) -> None:
        self._failures, self._rest = 0, self._first_rest
        self._until, self._trying = None, False

    def failed(self, now: float, lasting: bool = False) -> None:
        """Take note of a failure; a ``lasting`` one (a wrong key) opens the breaker at once."""
        self._failures += 1
        if self._trying:
            self._rest = min(2.0 * self._rest, self._longest)
        if self._trying or lasting or self._failures >= self._most:
            self._open(now)

    def abandoned(self) -> None:
        """A trial was given up before it showed anything: the next request is the trial."""
        self._trying = False

    def _open(self, now: float) -> None:
        self.opened += self._until is None
        self._until = now + self._rest
        self._trying = False
