"""What a node tells /diagnostics: counters, facts, and percentiles of recent stage latencies."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR

RECENT = 300  # samples: ten seconds at 30 Hz
STALE_S = 2.0  # without anything new for longer, that is said


class Monitor:
    """Counts and times of one node. Every method may be called from any thread."""

    def __init__(self) -> None:
        self.facts: dict[str, str] = {}
        self._counts: dict[str, int] = defaultdict(int)
        self._latencies: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=RECENT))
        self._arrivals: deque[float] = deque(maxlen=RECENT)
        self._stamp = -1
        self._renewed = 0.0
        self._sequences: dict[bytes, int] = {}

    def begin(self) -> None:
        """What publishers say from now on is for us; what they said meanwhile was not dropped on the way."""
        self._sequences.clear()

    def state(self, health: Any) -> None:
        """Take over the fields of a health dataclass."""
        self.facts |= {name.replace("_", " "): str(value) for name, value in asdict(health).items()}

    def arrived(self, stamp: int | None = None) -> None:
        """A frame came in; one with the stamp of the frame before brings nothing new."""
        now = time.monotonic()
        self._counts["frames received"] += 1
        self._arrivals.append(now)
        if stamp is None or stamp != self._stamp:
            self._renewed = now
            self._stamp = stamp

    def numbered(self, publisher: bytes, number: int) -> None:
        """The number that a publisher gave to a message: what is missing before it was dropped on the way.

        The middleware's queues are bounded and drop the oldest when we are behind.
        """
        last = self._sequences.get(publisher, number - 1)
        self._sequences[publisher] = max(last, number)
        if number > last + 1:
            self.count("frames dropped", number - last - 1)

    def count(self, name: str, by: int = 1) -> None:
        self._counts[name] += by

    def latency(self, stage: str, seconds: float) -> None:
        self._latencies[stage].append(seconds)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Times its block as one latency of ``stage``."""
        start = time.perf_counter()
        yield
        self.latency(stage, time.perf_counter() - start)

    @property
    def received(self) -> int:
        return self._counts["frames received"]

    @property
    def dropped(self) -> int:
        return self._counts["frames dropped"]

    def silence(self, what: str) -> str:
        """One sentence if nothing new comes, or ""."""
        now = time.monotonic()
        if not self._arrivals:
            return f"no {what} yet"
        if (age := now - self._arrivals[-1]) > STALE_S:
            return f"no {what} for {age:.1f} s"
        still = now - self._renewed
        return f"{what} come with one and the same stamp for {still:.1f} s" if still > STALE_S else ""

    def values(self) -> list[KeyValue]:
        rows = dict(self.facts)
        rows |= {name: str(count) for name, count in sorted(self._counts.copy().items())}
        arrivals = list(self._arrivals)
        if len(arrivals) > 1:
            rows["rate (Hz)"] = f"{(len(arrivals) - 1) / (arrivals[-1] - arrivals[0]):.1f}"
        if arrivals:
            rows["last frame age (s)"] = f"{time.monotonic() - arrivals[-1]:.2f}"
        for stage, samples in self._latencies.copy().items():
            p50, p95 = np.percentile(list(samples), (50, 95)) * 1e3
            rows[f"{stage} p50 (ms)"] = f"{p50:.1f}"
            rows[f"{stage} p95 (ms)"] = f"{p95:.1f}"
        return [KeyValue(key=key, value=value) for key, value in rows.items()]


def diagnostic_array(stamp, node_name: str, level: bytes, message: str, monitor: Monitor) -> DiagnosticArray:
    """One status for one node, named by its fully qualified name."""
    array = DiagnosticArray(
        status=[
            DiagnosticStatus(
                level=level,
                name=f"{node_name.lstrip('/')}: motion_seg_ros",
                message=message,
                hardware_id="motion_seg_ros",
                values=monitor.values(),
            )
        ]
    )
    array.header.stamp = stamp
    return array
