"""Runs nodes in a process that ends in order: exit code 0 on SIGINT and SIGTERM, nothing half said."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

import rclpy
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from .ending import ending
from .managed import ManagedNode

POLL_S = 0.1
REST_S = 60.0  # at most this long is spent on a rest that is known to be the last


def run(make_nodes: Callable[[], Sequence[ManagedNode]], args: list[str] | None = None) -> int:
    """Spin nodes until a signal comes or one of them has finished; returns the exit code.

    ``make_nodes`` gives producers before their consumers. At the end each node in turn works off what has
    arrived and is stopped, so that nothing on its way is lost.
    """
    ending.listen()
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # rclpy's RCLError is one
        print(f"ROS cannot start: {error}", file=sys.stderr)
        return 2
    executor = SingleThreadedExecutor()
    try:
        nodes = make_nodes()
    except (InvalidParameterTypeException, InvalidParameterValueException) as error:
        print(f"a parameter does not fit: {error}", file=sys.stderr)
        rclpy.shutdown()
        return 2
    ending.make_haste = lambda: [node.make_haste() for node in nodes]
    ending.nothing_to_lose = lambda: all(node.nothing_to_lose for node in nodes)
    for node in reversed(nodes):  # consumers listen before producers speak
        executor.add_node(node)
        if not ending.asked.is_set():
            node.start()
    while not ending.asked.is_set() and not any(node.finished for node in nodes):
        executor.spin_once(timeout_sec=POLL_S)
    for node in nodes:
        if not node.nothing_to_lose:
            drain(executor, node)
        node.stop()
    failed = any(node.failed for node in nodes)
    for node in nodes:
        node.destroy_node()
    executor.shutdown()
    rclpy.shutdown()
    return int(failed)


def drain(executor: SingleThreadedExecutor, node: ManagedNode) -> None:
    """Spin until nothing more has arrived for two polls and the node has worked off what did.

    A node that is still fed gets ``LAST_WORDS_S``; one whose feeders are gone gets the time that the rest
    takes.
    """
    began = time.monotonic()
    quiet = 0
    while quiet < 2 and time.monotonic() - began < (node.LAST_WORDS_S if node.fed else REST_S):
        before = node.monitor.received
        executor.spin_once(timeout_sec=POLL_S / 2)
        quiet = quiet + 1 if node.drained and node.monitor.received == before else 0
