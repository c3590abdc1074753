"""Poses as stick figures on paper."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.datasets.splices import heading

# A little from the side (radians), so that what is done forwards shows.
_ASIDE = 0.6


def seen_from_the_front(
    joints: NDArray[np.float64], before: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Joints (22, 3) as (22, 2) metres to the viewer's right and up.

    The viewer stands before the person, or before where the person faces in the pose ``before`` (22, 3).
    """
    facing = heading(joints if before is None else before)
    turn = (facing or 0.0) + _ASIDE
    return np.stack((-joints[:, 0] * np.sin(turn) + joints[:, 1] * np.cos(turn), joints[:, 2]), axis=1)
