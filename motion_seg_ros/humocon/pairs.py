"""Video for motion that has none: windows rendered as a shaded body from random cameras."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.humocon.crops import CROP
from motion_seg_ros.humocon.modelling import FLOW_CELLS, THUMBNAIL
from motion_seg_ros.humocon.motions import Motions, Windows, choose_windows, seen_by_camera
from motion_seg_ros.humocon.rendering import render
from motion_seg_ros.skeleton.joint_sets import SMPL22
from motion_seg_ros.skeleton.motion_inputs import FRAMES_PER_TOKEN, RATE


@dataclass(frozen=True, eq=False)
class Pairs:
    """Windows with what a camera saw of them, once a token.

    Attributes
    ----------
    windows : N of them.
    video : (N, n, 64, 64) uint8 grey, the frame that completes each token.
    flow : (N, n, 2 * 4 * 4) float32 pixels from the frame before, averaged over cells.
    """

    windows: Windows
    video: NDArray[np.uint8]
    flow: NDArray[np.float32]

    def turned(self, chosen: NDArray[np.intp], turn: NDArray[np.bool_]) -> Pairs:
        """Some of the pairs (P,), those that are to ``turn`` (P,) as a mirror shows them."""
        windows, video, flow = self.windows[chosen], self.video[chosen], self.flow[chosen]
        cells = flow.reshape(*flow.shape[:2], FLOW_CELLS, FLOW_CELLS, 2)
        other = (cells[:, :, :, ::-1] * np.array([-1, 1], np.float32)).reshape(flow.shape)
        return Pairs(
            replace(windows, mirror=windows.mirror ^ turn),
            np.where(turn[:, None, None, None], video[..., ::-1], video),
            np.where(turn[:, None, None], other, flow),
        )


def render_pairs(
    motions: Motions,
    count: int,
    frames: int,
    rng: np.random.Generator,
    *,
    speed: float,
    tell: Callable[[int], object] = lambda done: None,
) -> Pairs:
    """Choose windows of ``frames`` steps and render them; ``tell`` hears how many are done."""
    windows = choose_windows(motions, count, frames, rng, speed=speed, mirror=True)
    tokens = frames // FRAMES_PER_TOKEN
    video = np.empty((count, tokens, CROP, CROP), np.uint8)
    flow = np.empty((count, tokens, 2 * FLOW_CELLS**2), np.float32)
    # The frame with which each token is known, and the one before it for the flow.
    shown = np.arange(FRAMES_PER_TOKEN, frames + 1, FRAMES_PER_TOKEN)
    shown = np.stack((shown - 1, shown), axis=1).ravel()
    for row in range(count):
        joints, _ = seen_by_camera(motions, windows[row : row + 1], RATE, frames)
        body = _mirrored(joints[0]) if windows.mirror[row] else joints[0]
        pixels, moved = render(body[shown], rng, size=CROP, steady=2)
        video[row] = pixels[1::2]
        cells = moved[::2].reshape(tokens, FLOW_CELLS, CROP // FLOW_CELLS, FLOW_CELLS, -1, 2)
        flow[row] = cells.mean(axis=(2, 4)).reshape(tokens, -1)
        tell(row + 1)
    return Pairs(windows, video, flow)


def thumbnails(video: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(..., 64, 64) as (..., 256) means of cells in 0..1: what the video decoder is asked for."""
    side = CROP // THUMBNAIL
    cells = video.reshape(*video.shape[:-2], THUMBNAIL, side, THUMBNAIL, side)
    return (cells.mean(axis=(-3, -1), dtype=np.float32) / 255).reshape(*video.shape[:-2], THUMBNAIL**2)


def _mirrored(joints: NDArray[np.float64]) -> NDArray[np.float64]:
    joints = joints * np.array([1.0, -1.0, 1.0])
    for left, right in SMPL22.pairs:
        joints[:, [left, right]] = joints[:, [right, left]]
    return joints
