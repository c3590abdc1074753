"""Real nodes in real processes for tests, and a node that talks to them over DDS."""

# ruff: noqa: E402 (without ROS everything here is skipped before it is imported)

from __future__ import annotations

import gc
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy", reason="no ROS 2: ./run test brings one")

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data

RELIABLE = QoSProfile(depth=1000)
LATCHED = QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL)
REPLAY = Path(__file__).resolve().parents[1] / "config" / "replay.yaml"
STARTS_IN = 60.0  # of a machine that does much else
ANSWERS_IN, ASKED_AGAIN = 10.0, 4


def slowness() -> float:
    """How many times longer work takes now than on a machine that does nothing else; at least 1."""
    wall, own = time.perf_counter(), time.process_time()
    while time.process_time() - own < 0.1:
        pass
    return max(1.0, (time.perf_counter() - wall) / 0.1)


def opened(events: list) -> set[int]:
    """Segments whose last event is not final."""
    return {event.segment_id for event in {e.segment_id: e for e in events}.values() if not event.final}


def all_told(events: list) -> bool:
    """Whether the last that was said of every segment is final."""
    return bool(events) and not opened(events)


class Graph:
    """A context manager: processes that are started in it are stopped with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.processes: dict[str, subprocess.Popen] = {}
        self.diagnostics: dict[str, Any] = {}
        self._clients: dict[str, Any] = {}

    def __enter__(self) -> Graph:
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node("tester", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._diagnosed, RELIABLE)
        return self

    def __exit__(self, *_: object) -> None:
        # Who is killed leaves its shared memory, 17 MB each, behind.
        self.signal_all(signal.SIGINT)
        for process in self.processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(2.0)
            process.kill()
            process.wait()
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)

    def start(self, name: str, *arguments: str, **parameters: Any) -> subprocess.Popen:
        """Start an executable of the package with ROS arguments and parameters."""
        given = [word for key, value in parameters.items() for word in ("-p", f"{key}:={_yaml(value)}")]
        command = [sys.executable, "-m", "motion_seg_ros.nodes", name, "--ros-args", *arguments, *given]
        return self.spawn(name, command)

    def spawn(self, name: str, command: list[str]) -> subprocess.Popen:
        """Start a process, which has the log of that name."""
        with (self._folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        return self.processes[name]

    def log(self, name: str) -> str:
        return (self._folder / f"{name}.log").read_text()

    def running(self) -> list[str]:
        return [name for name, process in self.processes.items() if process.poll() is None]

    def signal_all(self, number: int) -> None:
        for process in self.processes.values():
            process.send_signal(number)

    def interrupt(self, name: str, number: int = signal.SIGINT, within: float = 5.0) -> int:
        """Signal a process, keep listening until it ends, and give its exit code.

        It must end within so many seconds of a machine that does nothing else.
        """
        process = self.processes[name]
        within *= slowness()
        process.send_signal(number)
        self.until(lambda: process.poll() is not None, within)
        return process.returncode

    def until(self, ready: Callable[[], Any], within: float = STARTS_IN) -> None:
        """Spin until something is so; fail with the logs if it is not in time."""
        end = time.monotonic() + within
        while not ready():
            self.executor.spin_once(timeout_sec=0.02)
            if time.monotonic() > end:
                logs = "\n".join(f"--- {name}\n{self.log(name)}" for name in self.processes)
                pytest.fail(f"not so after {within:.0f} s\n{logs}")

    def spin(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.02)

    def collect(self, kind: type, topic: str, qos: QoSProfile = RELIABLE) -> list:
        """A list that grows by each message of a topic."""
        messages: list = []
        self.node.create_subscription(kind, topic, messages.append, qos)
        return messages

    def heard(self, kind: type, topic: str) -> list:
        """A list that grows by each message of a best-effort topic, from now on: its publisher sees us."""
        messages = self.collect(kind, topic, qos_profile_sensor_data)
        self.until(lambda: self.node.count_publishers(topic))
        self.spin(0.5)  # we see it; give it time to see us
        return messages

    def publisher(self, kind: type, topic: str, qos: QoSProfile = RELIABLE) -> Any:
        """A publisher that somebody listens to."""
        made = self.node.create_publisher(kind, topic, qos)
        self.until(made.get_subscription_count)
        return made

    def call(self, kind: type, name: str, **request: Any) -> Any:
        """A service's response; asked again if none comes."""
        for _ in range(ASKED_AGAIN):
            answer = self._ask(kind, name, **request)
            if answer is not None:
                return answer
        pytest.fail(f"{name} does not answer")

    def state(self, node: str) -> str:
        return self.call(GetState, f"{node}/get_state").current_state.label

    def transition(self, node: str, name: str) -> bool:
        """Whether it was made."""
        number = getattr(Transition, f"TRANSITION_{name.upper()}")
        before = self.state(node)
        answer = self._ask(ChangeState, f"{node}/change_state", transition=Transition(id=number))
        return answer.success if answer is not None else self.state(node) != before

    def _ask(self, kind: type, name: str, **request: Any) -> Any:
        """A service's response, or None.

        A service is ready when we see it. If it does not see us yet, as on a busy machine, its answer is
        lost; so a client is kept, and is not asked in its first moment.
        """
        client = self._clients.get(name)
        if client is None:
            client = self._clients[name] = self.node.create_client(kind, name)
            self.until(client.service_is_ready)
            self.spin(0.2)
        self.until(client.service_is_ready)
        future = client.call_async(kind.Request(**request))
        end = time.monotonic() + ANSWERS_IN
        while not future.done() and time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.02)
        return future.result() if future.done() else None

    def fact(self, node: str, key: str) -> str | None:
        """What a node last said of itself in /diagnostics."""
        status = self.diagnostics.get(node)
        return {item.key: item.value for item in status.values}.get(key) if status else None

    def _diagnosed(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.diagnostics[status.name.partition(":")[0]] = status


def _yaml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class Hosted:
    """A context manager: a node in a thread of this process, which starts in no time, with a graph around it.

    Parameters
    ----------
    make : called with ``context`` and ``parameter_overrides``.
    parameters : of the node.
    """

    def __init__(self, folder: Path, make: Callable[..., Any], **parameters: Any) -> None:
        self.graph = Graph(folder)
        self._make = make
        self._overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        self._running = True

    def __enter__(self) -> Hosted:
        self.graph.__enter__()
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self.node = self._make(context=self._context, parameter_overrides=self._overrides)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self.node.start()
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._running = False
        self._thread.join()
        self.node.stop()
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)
        self.graph.__exit__()
        # A lifecycle node of rclpy holds itself; others see it until it is collected.
        del self.node
        gc.collect()

    def _spin(self) -> None:
        while self._running:
            self._executor.spin_once(timeout_sec=0.05)
