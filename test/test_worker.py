"""The thread between an image subscription and a slow estimator."""

from __future__ import annotations

import threading

import pytest

pytest.importorskip("rclpy", reason="no ROS 2: ./run test brings one")

from motion_seg_ros.nodes.worker import LatestWins


class Gate:
    """Work that says when it began and goes on when it is let."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.began = threading.Semaphore(0)
        self.go = threading.Semaphore(0)

    def __call__(self, item: int) -> None:
        self.began.release()
        assert self.go.acquire(timeout=5)
        self.done.append(item)


def test_when_behind_the_oldest_waiting_items_are_dropped_and_counted():
    gate, dropped = Gate(), []
    worker = LatestWins(gate, 2, lambda: dropped.append(1), "worker")
    worker.put(0)
    assert gate.began.acquire(timeout=5)  # 0 is being worked on; from here on items wait
    for item in (1, 2, 3, 4):
        worker.put(item)
    assert not worker.idle
    for _ in range(3):
        gate.go.release()
    for _ in range(2):
        assert gate.began.acquire(timeout=5)
    worker.put(5)
    gate.go.release()
    assert gate.began.acquire(timeout=5)
    while not worker.idle:
        pass
    worker.close()
    assert gate.done == [0, 3, 4, 5]
    assert len(dropped) == 2


def test_one_who_waits_loses_nothing():
    done = []
    worker = LatestWins(done.append, 1, lambda: pytest.fail("dropped"), "worker")
    for item in range(200):
        worker.put(item, wait=True)
    while not worker.idle:
        pass
    worker.close()
    assert done == list(range(200))


def test_closing_frees_one_who_waits():
    gate = Gate()
    worker = LatestWins(gate, 1, lambda: None, "worker")
    worker.put(0)
    assert gate.began.acquire(timeout=5)
    worker.put(1)
    waiting = threading.Thread(target=worker.put, args=(2,), kwargs={"wait": True})
    waiting.start()
    gate.go.release(10)
    worker.close()
    waiting.join(timeout=5)
    assert not waiting.is_alive()
