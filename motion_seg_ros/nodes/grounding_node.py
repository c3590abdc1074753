"""grounding_node: answers when something was done, and tells when it is done."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.duration import Duration

from motion_seg_ros.action import GroundMotion
from motion_seg_ros.msg import SegmentEvent, SkeletonArray
from motion_seg_ros.srv import WatchMotion

from ..bags.conversion import from_message, grounded_span, stamp_of, time_to_ns, to_message
from ..grounding.grounder import Grounder, Grounding, GroundingConfig, OutOfTime
from ..grounding.language_model import PartitionSettings, open_ask
from ..grounding.loading import load_grounder
from ..grounding.memory import MotionMemory, Snapshot
from ..grounding.standing import Sighting, StandingConfig
from ..grounding.watches import Watches
from ..settings import check, setting
from ..skeleton.joint_sets import to_smpl22
from ..tvsh.events import EventType
from ..tvsh.events import SegmentEvent as Event
from .diagnostics import OK, WARN
from .managed import EVENTS_QOS, SKELETONS_QOS, TYPES, ManagedNode
from .runtime import run
from .worker import LatestWins

ACKNOWLEDGE = Duration(seconds=0.5)
# Frames that wait for standing queries; older ones are dropped and counted.
WAITING = 300


@dataclass(frozen=True)
class GroundingSettings:
    """Parameters of the node around the grounder."""

    weights: str = setting("", "Folder of an exported motion-text encoder; empty = the one shipped.")
    history: float = setting(60.0, "Seconds of everybody's motion that are remembered.", low=2.0, high=3600.0)
    deadline: float = setting(5.0, "Seconds within which a goal is answered.", low=0.05, high=600.0)
    most_goals: int = setting(32, "Goals that may wait; more are rejected.", low=1, high=1000)
    most_queries: int = setting(16, "Standing queries at a time; more are refused.", low=1, high=1000)

    def __post_init__(self) -> None:
        check(self)


class Cancelled(Exception):
    """Ends a grounding whose goal was cancelled, or whose node goes down."""


class GroundingNode(ManagedNode):
    """Remembers everybody's motion, grounds sentences in it, and watches for what it is told to.

    Goals are worked on one after another in a thread, standing queries in another one. A goal is about the
    motion that was remembered when it was accepted, so that the same goal has the same answer.

    Parameters
    ----------
    grounder : used instead of weights from a folder.
    """

    SETTINGS = (GroundingSettings, GroundingConfig, StandingConfig, PartitionSettings)

    def __init__(self, grounder: Grounder | None = None, **kwargs: Any) -> None:
        super().__init__("grounding_node", **kwargs)
        self._given = grounder
        self._grounder: Grounder | None = None
        self._action: ActionServer | None = None
        self._service: Any = None
        self._lock = threading.Lock()  # of the standing queries
        self._watches: Watches | None = None
        self._frame_id = ""
        self._stopping = threading.Event()

    def configure(self) -> None:
        self._node_settings = self.settings(GroundingSettings)
        config = self.settings(GroundingConfig)
        ask = open_ask(self.settings(PartitionSettings))
        if self._given is None:
            weights = self._node_settings.weights
            self._grounder = load_grounder(Path(weights) if weights else None, config, ask)
        else:
            self._grounder = Grounder(self._given.motion_text, self._given.calibration, config, ask)
        self.monitor.facts["encoder"] = self._grounder.motion_text.name
        self._memory = MotionMemory(self._node_settings.history)
        self._watches = Watches(
            self._grounder, self.settings(StandingConfig), self._node_settings.most_queries
        )
        self._waiting_goals = 0
        self._events = self.advertise(SegmentEvent, "grounded_events", EVENTS_QOS)
        self._stopping.clear()
        self._goals = ThreadPoolExecutor(1, thread_name_prefix="goals")
        self._action = ActionServer(
            self,
            GroundMotion,
            "ground_motion",
            execute_callback=self._finish,
            goal_callback=self._consider,
            handle_accepted_callback=self._accept,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )
        self._service = self.create_service(WatchMotion, "watch_motion", self._change_watch)

    def activate(self) -> None:
        self._stopping.clear()
        self._skeletons = self.listen(SkeletonArray, "skeletons", self._take, SKELETONS_QOS)
        self._boundaries = self.subscribe(SegmentEvent, "segment_events", self._cut, EVENTS_QOS)
        self._watcher = LatestWins(
            self._watch, WAITING, lambda: self.monitor.count("frames not watched"), "watcher"
        )

    def deactivate(self) -> None:
        self._stopping.set()
        self.destroy_subscription(self._skeletons)
        self.destroy_subscription(self._boundaries)
        self._watcher.close()
        with self._lock:
            self._tell(self._watches.close())
        self._events.wait_for_all_acked(timeout=ACKNOWLEDGE)

    def cleanup(self) -> None:
        if self._action is not None:
            self._stopping.set()
            self._goals.shutdown(cancel_futures=True)
            self._action.destroy()
            self.destroy_service(self._service)
            self._action = None
        self._watches = None
        self._grounder = None

    def make_haste(self) -> None:
        self._stopping.set()

    @property
    def drained(self) -> bool:
        return self._action is None or not self._waiting_goals

    @property
    def fed(self) -> bool:
        return self.count_publishers("skeletons") > 0

    def condition(self) -> tuple[bytes, str]:
        self.monitor.facts |= {
            "tracks remembered": str(len(self._memory)),
            "goals waiting": str(self._waiting_goals),
            "standing queries": str(len(self._watches)),
        }
        problem = self.monitor.silence("skeletons")
        return (WARN, problem) if problem else (OK, "active")

    # -- motion ---------------------------------------------------------------------------------------

    def _take(self, message: SkeletonArray) -> None:
        self.monitor.arrived(stamp_of(message))
        try:
            with self.monitor.timed("convert"):
                frame = from_message(message)
                people = {}
                for person in frame.skeletons:
                    joints, trust = to_smpl22(person.joints, person.confidence, person.joint_set)
                    people[person.track_id] = np.where(trust[:, None] > 0, joints, np.nan)
        except ValueError as error:
            self.refuse("frames", error)
            return
        if not self._memory.add(frame.stamp, people):
            self.get_logger().warning("stamps went back: everybody's motion begins anew")
        if self._watches:
            self._watcher.put((frame.stamp, frame.frame_id, people))

    def _cut(self, message: SegmentEvent) -> None:
        try:
            event = from_message(message)
        except ValueError as error:
            self.refuse("events", error)
            return
        link = 1.0 if event.withdrawn else 1.0 - event.boundary_confidence
        self._memory.cut(event.track_id, event.segment_id, event.start, link)

    # -- goals ----------------------------------------------------------------------------------------

    def _consider(self, goal: GroundMotion.Goal) -> GoalResponse:
        if self._stopping.is_set() or self._state != "active":
            return GoalResponse.REJECT
        nowhere = min(goal.start.sec, goal.end.sec) < 0
        if nowhere or self._waiting_goals >= self._node_settings.most_goals:
            self.monitor.count("goals rejected")
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    def _accept(self, handle: ServerGoalHandle) -> None:
        goal = handle.request
        start, end = time_to_ns(goal.start), time_to_ns(goal.end)
        motions = self._memory.snapshot(goal.track_id, start, end or 2**63 - 1)
        self._waiting_goals += 1
        self.monitor.count("goals")
        due = time.monotonic() + self._node_settings.deadline
        self._goals.submit(self._ground, handle, motions, due)

    def _ground(self, handle: ServerGoalHandle, motions: dict[str, Snapshot], due: float) -> None:
        """In the thread of goals: find the answer, then let the executor hand it over."""
        problem, cancelled = "", False
        answers: dict[str, Grounding] = {}
        told = ("", -1.0)

        def proceed(track: int, stage: str, progress: float) -> None:
            nonlocal told
            if self._stopping.is_set() or handle.is_cancel_requested:
                raise Cancelled
            if stage != "score" and time.monotonic() > due:
                raise OutOfTime
            whole = (track + progress) / max(1, len(motions))
            if stage != told[0] or whole - told[1] >= 0.1:
                told = (stage, whole)
                handle.publish_feedback(GroundMotion.Feedback(stage=stage, progress=min(whole, 1.0)))

        try:
            with self.monitor.timed("ground"):
                proceed(0, "partition", 0.0)
                division = self._grounder.divide(handle.request.text)
                if not motions:
                    empty = Snapshot(np.zeros(0, np.int64), np.zeros((0, 22, 3), np.float32), ())
                    motions = {handle.request.track_id: empty}
                for number, (track, motion) in enumerate(motions.items()):
                    answers[track] = self._grounder.ground(
                        division, motion.stamps, motion.joints, motion.cuts, partial(proceed, number)
                    )
        except Cancelled:
            cancelled = True
        except OutOfTime:
            problem = f"the deadline of {self._node_settings.deadline:g} s passed before there was an answer"
        except Exception as error:  # a thread that dies silently would leave the goal open for ever
            problem = f"grounding failed: {error!r}"
            self.get_logger().error(problem)
        handle.execute(partial(self._finish, answers=answers, problem=problem, cancelled=cancelled))

    def _finish(
        self,
        handle: ServerGoalHandle,
        answers: dict[str, Grounding],
        problem: str,
        cancelled: bool,
    ) -> GroundMotion.Result:
        """In the executor: the goal's last state and its result."""
        self._waiting_goals -= 1
        if cancelled and handle.is_cancel_requested:
            handle.canceled()
            self.monitor.count("goals cancelled")
            return GroundMotion.Result(trace=json.dumps({"problem": "cancelled"}))
        if cancelled or problem:
            handle.abort()
            self.monitor.count("goals aborted")
            return GroundMotion.Result(trace=json.dumps({"problem": problem or "the node goes down"}))
        # The person who did most of it; of equals the one whose name comes first.
        best = max(
            sorted(answers),
            key=lambda track: (
                len(answers[track].spans),
                sum(item.score for item in answers[track].candidates),
            ),
        )
        handle.succeed()
        traces = {track: answer.trace() for track, answer in answers.items()}
        return GroundMotion.Result(
            spans=[
                grounded_span(item.action, item.start, item.end, item.score, TYPES)
                for item in answers[best].spans
            ],
            trace=json.dumps({"track_id": best, "tracks": traces}, ensure_ascii=False),
        )

    # -- standing queries -----------------------------------------------------------------------------

    def _change_watch(
        self, request: WatchMotion.Request, response: WatchMotion.Response
    ) -> WatchMotion.Response:
        with self._lock:
            try:
                if request.enable:
                    response.id, response.message = self._watches.begin(request.text, request.track_id)
                else:
                    response.id, told = self._watches.end(request.id, request.text, request.track_id)
                    response.message = "no longer watched for"
                    self._tell(told)
                response.ok = True
            except ValueError as error:
                response.message = str(error)
        return response

    def _watch(self, item: tuple[int, str, dict[str, np.ndarray]]) -> None:
        """In the watcher's thread: one frame for every standing query."""
        stamp, frame_id, people = item
        with self._lock, self.monitor.timed("watch"):
            self._frame_id = frame_id
            self._tell(self._watches.update(stamp, people))

    def _tell(self, told: list[tuple[str, Sighting]]) -> None:
        for track, sighting in told:
            self._events.publish(to_message(_event(sighting, track, self._frame_id), TYPES))
            self.monitor.count("events published")


def _event(sighting: Sighting, track: str, frame_id: str) -> Event:
    kind = EventType.STARTED if sighting.revision == 0 else EventType.UPDATED
    return Event(
        stamp=sighting.stamp,
        frame_id=frame_id,
        track_id=track,
        segment_id=sighting.sighting_id,
        revision=sighting.revision,
        type=EventType.ENDED if sighting.final else kind,
        final=sighting.final,
        motion_id=-1,
        start=sighting.start,
        end=sighting.end,
        confidence=sighting.score,
        boundary_confidence=sighting.score,
        label=sighting.action,
        label_source="grounding",
    )


def main() -> int:
    return run(lambda: [GroundingNode()])


if __name__ == "__main__":
    raise SystemExit(main())
