"""What the camera saw of everybody lately, as small pictures, for models that look at people themselves.

Nothing is kept, and nothing leaves the machine, unless ``oracle.shows`` is ``pictures``.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.semantics.protocol import Moment, Question
from motion_seg_ros.skeleton.image_box import image_box
from motion_seg_ros.skeleton.types import SkeletonFrame

_SECOND = 1_000_000_000
# Time between two pictures, and how long they are kept: a question is asked well within it.
_EVERY, _KEPT = _SECOND // 5, 30 * _SECOND
# Pictures of a moment, and pixels a side of each.
_SHOWN, _SIDE = 3, 224
# Share of a body's extent that is shown around it.
_EDGE = 0.2


class Pictures:
    """The last half minute of everybody, five pictures a second."""

    def __init__(self) -> None:
        self._kept: dict[str, deque[tuple[int, bytes]]] = {}
        self._last = 0

    def due(self, stamp: int) -> bool:
        """Whether a frame of that stamp (ns) is to be looked at."""
        return stamp < self._last or stamp - self._last >= _EVERY

    def look(self, frame: SkeletonFrame, rgb: NDArray[np.uint8]) -> None:
        """Keep everybody in an image (H, W, 3), of whom the frame says where they are in it."""
        if frame.stamp < self._last:
            self._kept.clear()
        self._last = frame.stamp
        for person in frame.skeletons:
            picture = crop(rgb, person.image_xy)
            if picture is not None:
                self._kept.setdefault(person.track_id, deque()).append((frame.stamp, picture))
        for track, kept in list(self._kept.items()):
            while kept and frame.stamp - kept[0][0] > _KEPT:
                kept.popleft()
            if not kept:
                del self._kept[track]

    def illustrate(self, question: Question) -> Question:
        """The question with pictures of its moments, as far as there are any."""
        first, second = (
            replace(moment, pictures=self._of(question.track_id, moment))
            for moment in (question.first, question.second)
        )
        return Question(question.track_id, first, second)

    def _of(self, track_id: str, moment: Moment) -> tuple[bytes, ...]:
        half = round(len(moment.joints) / moment.fps / 2 * _SECOND)
        inside = [
            picture for stamp, picture in self._kept.get(track_id, ()) if abs(stamp - moment.stamp) <= half
        ]
        places = np.linspace(0, len(inside) - 1, min(_SHOWN, len(inside))).round().astype(int)
        return tuple(inside[place] for place in places)


def crop(rgb: NDArray[np.uint8], image_xy: NDArray[np.floating]) -> bytes | None:
    """JPEG of the square around a body with joints at (J, 2) pixels; None if hardly any of it is seen."""
    box = image_box(image_xy, rgb.shape[1], rgb.shape[0])
    if box is None:
        return None
    half = box.extent * (0.5 + _EDGE)
    left, top = (max(0, int(edge)) for edge in box.middle - half)
    right, bottom = (int(edge) + 1 for edge in box.middle + half)
    part = rgb[top:bottom, left:right]
    scale = _SIDE / max(part.shape[:2])
    size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    assert done
    return data.tobytes()
