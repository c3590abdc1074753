"""Live nodes in processes of their own, and what they say of themselves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

STARTS_IN_S, ENDS_IN_S = 120.0, 20.0


class Nodes:
    """A context manager: processes that are started in it end with it.

    Attributes
    ----------
    node : talks to them.
    processes : by fully qualified name.
    facts : what each said last in /diagnostics.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.processes: dict[str, subprocess.Popen] = {}
        self.facts: dict[str, dict[str, str]] = {}

    def __enter__(self) -> Nodes:
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        self.node = rclpy.create_node("bench")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._note, 100)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown()

    def start(self, executable: str, namespace: str = "", **parameters: Any) -> str:
        """Start a node and wait until it has said something of itself; its fully qualified name."""
        name = f"{namespace}/{executable}".lstrip("/")
        given = [word for key, value in parameters.items() for word in ("-p", f"{key}:={value}")]
        remaps = ["-r", f"__ns:=/{namespace}"] if namespace else []
        command = [sys.executable, "-m", "motion_seg_ros.nodes", executable, "--ros-args", *remaps, *given]
        log = self._folder / f"{name.replace('/', '_')}.log"
        with log.open("wb") as output:
            self.processes[name] = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        self.until(lambda: name in self.facts, STARTS_IN_S, f"{name} does not start: see {log}")
        return name

    def stop(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGINT)
        for process in self.processes.values():
            process.wait(ENDS_IN_S)
        self.processes.clear()
        self.facts.clear()

    def spin(self, seconds: float) -> None:
        """Listen for so long, or what is there already."""
        end = time.monotonic() + seconds
        while True:
            self._executor.spin_once(timeout_sec=max(0.0, min(0.02, end - time.monotonic())))
            if time.monotonic() >= end:
                return

    def until(self, ready: Callable[[], Any], within: float, otherwise: str) -> None:
        end = time.monotonic() + within
        while not ready():
            self.spin(0.02)
            if time.monotonic() > end:
                raise SystemExit(otherwise)

    def number(self, name: str, fact: str) -> float:
        """A fact of a node as a number; 0 where it has not said it."""
        return float(self.facts.get(name, {}).get(fact, 0.0))

    def _note(self, message: DiagnosticArray) -> None:
        for status in message.status:
            name = status.name.partition(":")[0]
            self.facts[name] = {item.key: item.value for item in status.values}
