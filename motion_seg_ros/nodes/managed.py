"""What our lifecycle nodes share: described parameters, autostart, /diagnostics, and an orderly end."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import NameValidationException
from rclpy.lifecycle import LifecycleNode, LifecyclePublisher, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import QoSPolicyKind, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import InvalidQosOverridesError, QoSOverridingOptions
from rclpy.subscription import Subscription

from ..bags.conversion import RclpyTypes
from ..plain_text import one_line
from ..settings import check, parameter_names, setting
from . import parameters
from .diagnostics import ERROR, OK, WARN, Monitor, diagnostic_array

TYPES = RclpyTypes()
# What bad parameters, files and models lead to; rclpy and MediaPipe raise RuntimeError for theirs.
EXPECTED_ERRORS = (ValueError, OSError, RuntimeError, InvalidQosOverridesError)
EVENTS_QOS = QoSProfile(depth=100)  # reliable, volatile
# Sensor data: newest matters most, so best effort; deep enough to ride out a busy moment.
SKELETONS_QOS = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
REFUSED_S = 5.0  # how long a refused message is spoken of
OVERRIDABLE = QoSOverridingOptions(
    [
        QoSPolicyKind.HISTORY,
        QoSPolicyKind.DEPTH,
        QoSPolicyKind.RELIABILITY,
        QoSPolicyKind.DURABILITY,
    ]
)


@dataclass(frozen=True)
class ManagedSettings:
    """Parameters of every managed node."""

    autostart: bool = setting(True, "Configure and activate as soon as the node starts.")

    def __post_init__(self) -> None:
        check(self)


class ManagedNode(LifecycleNode):
    """A lifecycle node whose parameters come from settings dataclasses.

    A subclass names them in ``SETTINGS`` and overrides ``configure``, ``activate``, ``deactivate`` and
    ``cleanup``. ``configure`` raises an error of ``EXPECTED_ERRORS`` or ``CONFIGURE_ERRORS`` when what it
    needs is missing or does not fit: the node then stays unconfigured, with that one sentence in the log and
    in /diagnostics. So it stays inactive where topics cannot be listened to by the names or the QoS that
    parameters give them.
    """

    SETTINGS: tuple[type, ...] = ()
    CONFIGURE_ERRORS: tuple[type[Exception], ...] = ()
    # At most this long is spent on what still comes when the end was asked for.
    LAST_WORDS_S = 0.4

    def __init__(self, name: str, **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        self._kinds = (ManagedSettings, *self.SETTINGS)
        for kind in self._kinds:
            parameters.declare(self, kind)
        self.monitor = Monitor()
        self._state = "unconfigured"
        self._problem = ""
        self._dropped = 0
        self._refused = ("", float("-inf"))
        self.add_on_set_parameters_callback(self._check_parameters)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # Steady time: a node says how it is even when simulated time stands still.
        self.create_timer(1.0, self.publish_diagnostics, clock=Clock(clock_type=ClockType.STEADY_TIME))

    # -- what a subclass provides -----------------------------------------------------------------

    def configure(self) -> None:
        """Read parameters, load models, create publishers and services."""

    def activate(self) -> None:
        """Create subscriptions and timers, and threads after them."""

    def deactivate(self) -> None:
        """Undo :meth:`activate`; publishers still work."""

    def cleanup(self) -> None:
        """Undo :meth:`configure`, even half of it; the lifecycle publishers go by themselves."""

    def make_haste(self) -> None:
        """The end was asked for: give up what the node waits for. Called in any thread, in any state."""

    @property
    def nothing_to_lose(self) -> bool:
        """Whether the process could end at this moment without anything being lost. Called in any thread."""
        return self._state != "active"

    def condition(self) -> tuple[bytes, str]:
        """Level and message for /diagnostics while active."""
        return OK, "active"

    @property
    def problem(self) -> str:
        """Why the node does not work, a sentence; "" while nothing keeps it from working."""
        return self._problem

    @property
    def drained(self) -> bool:
        """Whether everything that arrived has been worked on."""
        return True

    @property
    def fed(self) -> bool:
        """Whether somebody still publishes what the node listens to."""
        return True

    @property
    def finished(self) -> bool:
        """Whether the node has done all it was started for, so that its process may end."""
        return False

    @property
    def failed(self) -> bool:
        """Whether the node has finished by an error that its process should report."""
        return False

    # -- topics -----------------------------------------------------------------------------------

    # rclpy writes the overrides of one topic into the QoS object that it is given: each topic has its own.

    def advertise(self, kind: type, topic: str, qos: QoSProfile | int) -> LifecyclePublisher:
        """A lifecycle publisher with overridable QoS."""
        return self.create_lifecycle_publisher(kind, topic, copy(qos), qos_overriding_options=OVERRIDABLE)

    def subscribe(
        self, kind: type, topic: str, take: Callable[..., None], qos: QoSProfile, raw: bool = False
    ) -> Subscription:
        """A subscription with overridable QoS."""
        return self.create_subscription(
            kind, topic, take, copy(qos), raw=raw, qos_overriding_options=OVERRIDABLE
        )

    def listen(self, kind: type, topic: str, take: Callable[[Any], None], qos: QoSProfile) -> Subscription:
        """The same, with dropped messages counted."""

        def count_and_take(message: Any, info: Mapping[str, Any]) -> None:
            number = info.get("publication_sequence_number")
            if number is not None:  # not every middleware numbers messages
                publisher = info.get("publisher_gid") or {}
                self.monitor.numbered(publisher.get("data", b""), number)
            take(message)

        return self.subscribe(kind, topic, count_and_take, qos)

    # -- parameters -------------------------------------------------------------------------------

    def settings(self, kind: type[parameters.Settings]) -> parameters.Settings:
        return parameters.read(self, kind)

    def _check_parameters(self, changed: list[Parameter]) -> SetParametersResult:
        values = {item.name: item.value for item in changed}
        for kind in self._kinds:
            ours = {field: values[name] for field, name in parameter_names(kind).items() if name in values}
            if not ours:
                continue
            if self._state in ("inactive", "active"):
                return SetParametersResult(
                    successful=False,
                    reason=f"{', '.join(ours)}: read when the node is configured; "
                    "deactivate and clean up the node first",
                )
            try:
                parameters.read(self, kind, ours)
            except ValueError as error:
                return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    # -- lifecycle --------------------------------------------------------------------------------

    def start(self) -> None:
        """Configure and activate, if the parameter ``autostart`` says so."""
        if self.settings(ManagedSettings).autostart:
            success = TransitionCallbackReturn.SUCCESS
            if self.trigger_configure() == success:
                self.trigger_activate()

    def stop(self) -> None:
        """Go down in order from whatever state; nothing to do for a node that was shut down already."""
        self.publish_diagnostics()  # the last word on this run
        if self._state == "active":
            self.trigger_deactivate()
        if self._state == "inactive":
            self.trigger_cleanup()
        if self._state == "unconfigured":
            self.trigger_shutdown()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        started = time.monotonic()
        with self._spoken():
            try:
                self.configure()
            except (*EXPECTED_ERRORS, *self.CONFIGURE_ERRORS) as error:
                self._problem = f"cannot configure: {error}"
                self.get_logger().error(self._problem)
                self._clean()
                return TransitionCallbackReturn.FAILURE
        self._problem = ""
        self._state = "inactive"
        self.get_logger().info(f"configured in {time.monotonic() - started:.1f} s")
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        result = super().on_activate(state)
        self.monitor.begin()
        before = {*self.subscriptions, *self.timers}
        with self._spoken():
            try:
                self.activate()
            except (*EXPECTED_ERRORS, NameValidationException) as error:
                self._problem = f"cannot activate: {one_line(str(error), 300)}"
                self.get_logger().error(self._problem)
                for subscription in {*self.subscriptions} - before:
                    self.destroy_subscription(subscription)
                for timer in {*self.timers} - before:
                    self.destroy_timer(timer)
                super().on_deactivate(state)
                return TransitionCallbackReturn.FAILURE
        self._problem = ""
        self._state = "active"
        self.get_logger().info("active")
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        with self._spoken():
            self.deactivate()
        self._state = "inactive"
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        with self._spoken():
            self._clean()
        self._state = "unconfigured"
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        with self._spoken():
            if self._state == "active":
                self.deactivate()
            if self._state in ("active", "inactive"):
                self._clean()
        self._state = "finalized"
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._state = "finalized"
        return TransitionCallbackReturn.FAILURE

    def _clean(self) -> None:
        self.cleanup()
        for publisher in list(self._managed_entities):
            self.destroy_lifecycle_publisher(publisher)

    @contextmanager
    def _spoken(self) -> Iterator[None]:
        """Says what went wrong in a transition: rclpy turns an exception into a silent ERROR."""
        try:
            yield
        except Exception as error:
            self._problem = f"a transition failed: {error!r}"
            self.get_logger().fatal(f"{self._problem}\n{traceback.format_exc()}")
            raise

    # -- diagnostics ------------------------------------------------------------------------------

    def refuse(self, what: str, error: Exception) -> None:
        """Count messages of no use, and say why in the log and, for some seconds, in /diagnostics."""
        self._refused = (f"{what} were refused: {error}", time.monotonic())
        self.monitor.count(f"{what} refused")
        self.get_logger().error(self._refused[0], throttle_duration_sec=REFUSED_S)

    def publish_diagnostics(self) -> None:
        if self._problem:
            level, message = ERROR, self._problem
        elif self._state == "active":
            level, message = self.condition()
        else:
            level, message = OK, self._state
        dropped, self._dropped = self.monitor.dropped - self._dropped, self.monitor.dropped
        if dropped and level == OK:
            level, message = WARN, f"{dropped} frames came faster than they are worked on and were dropped"
        refused, at = self._refused
        if level != ERROR and time.monotonic() - at < REFUSED_S:
            level, message = WARN, refused
        if twins := self._twins():
            level, message = max(level, WARN), f"{twins}; {message}"
        stamp = self.get_clock().now().to_msg()
        name = self.get_fully_qualified_name()
        self._diagnostics.publish(diagnostic_array(stamp, name, level, message, self.monitor))

    def _twins(self) -> str:
        """One sentence if other nodes have our name: their messages and ours cannot be told apart."""
        ours = (self.get_name(), self.get_namespace())
        count = self.get_node_names_and_namespaces().count(ours)
        if count < 2:
            return ""
        return (
            f"{count} nodes are called {self.get_fully_qualified_name()} (one that was killed counts for "
            "some seconds more): give each a namespace of its own"
        )
