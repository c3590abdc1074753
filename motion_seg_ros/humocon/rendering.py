"""Paired video where there is none: a shaded body of capsules before a camera, and its exact optical flow.

Derived: HuMoCon aligns motion with video and takes optical flow for the video's velocity; motion capture has
no video, so a body is rendered from its joints. The picture is what a detector's crop of a fixed camera would
show: the window follows the person and keeps them about the same size, so the background passes by. The flow
is not estimated: each visible point of a limb is moved as the limb moves, and projected again.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.humocon.scene import LIMBS, TRUNK_LENGTH, Scene, random_scene, trunk_length
from motion_seg_ros.skeleton.joint_sets import SMPL22

Array: TypeAlias = NDArray[np.float32]

# Points beyond a joint, in the direction from another: (name, from, through, metres beyond).
_BEYOND = (
    ("crown", "neck", "head", 0.13),
    ("left_hand", "left_elbow", "left_wrist", 0.10),
    ("right_hand", "right_elbow", "right_wrist", 0.10),
)
_POINTS = (*SMPL22.joints, *(name for name, *_ in _BEYOND))
_START, _END = (np.array([_POINTS.index(limb[i]) for limb in LIMBS]) for i in (0, 1))
_RADII = np.array([limb[2] for limb in LIMBS], np.float32)
_UPPER = np.array([limb[4] for limb in LIMBS])
# Nothing nearer than this to the camera is drawn, metres.
_NEAR = 0.3


def render(
    joints: NDArray[np.floating], scene: Scene | np.random.Generator, size: int = 64, steady: int = 1
) -> tuple[NDArray[np.uint8], Array]:
    """Pictures of a person and their optical flow.

    Parameters
    ----------
    joints : (T, 22, 3) metres, smpl22, z up; limbs with an end that is NaN are left out.
    scene : the view, or a generator to draw a random one from.
    size : pixels of the square picture; a scene must be made for it.
    steady : of a random scene, frames in a row that are cut out of the same place.

    Returns
    -------
    frames : (T, size, size) uint8, grey.
    flow : (T, size, size, 2) float32, pixels to the right and down from each pixel of a frame to where the
        same point of the body or of the background is in the next frame, in sight there or not; 0 for the
        last frame. The body is rigid limbs: those below the chest turn with the hips, those above with the
        shoulders, and then the shortest way to where they point.

    Raises
    ------
    ValueError : the shape is wrong, or no frame shows a pelvis or anything else to look at.
    """
    if joints.ndim != 3 or joints.shape[1:] != (22, 3) or len(joints) == 0:
        raise ValueError(f"joints must be (T, 22, 3), not {joints.shape}")
    if isinstance(scene, np.random.Generator):
        scene = random_scene(scene, joints, size, steady)
    points = (_points(joints) - scene.position).astype(np.float32) @ scene.axes.T
    radii = _RADII * np.float32(scene.thickness * trunk_length(joints) / TRUNK_LENGTH)
    shade, flow = _background(scene, len(joints), size)
    frame, limb, place = _candidates(points, radii, scene, size)
    y, x = np.divmod(place, size)
    ray = np.stack(
        (
            (x - scene.centre[frame, 0]) / scene.focal[frame],
            (y - scene.centre[frame, 1]) / scene.focal[frame],
            np.ones(len(frame), np.float32),
        ),
        axis=1,
    ).astype(np.float32)
    start, end = points[frame, _START[limb]], points[frame, _END[limb]]
    hit, depth, along, normal = _meet(ray, start, end, radii[limb])
    pixel = frame * (size * size) + place
    nearest = np.full(len(joints) * size * size, np.inf, np.float32)
    np.minimum.at(nearest, pixel[hit], depth[hit])
    visible = np.flatnonzero(hit & (depth <= nearest[pixel]))
    frame, limb, pixel = frame[visible], limb[visible], pixel[visible]
    along, normal = along[visible], normal[visible]
    shade.reshape(-1)[pixel] = _shaded(scene, limb, along, normal)
    moved = _moved(points, radii, frame, limb, along, normal)
    later = np.minimum(frame + 1, len(joints) - 1)
    target = scene.focal[later, None] * moved[:, :2] / moved[:, 2:] + scene.centre[later]
    here = np.stack((x[visible], y[visible]), axis=1)
    flow.reshape(-1, 2)[pixel] = target - here
    flow[-1] = 0
    # A limb that is not in sight in the next frame has not moved anywhere that could be told.
    np.nan_to_num(flow, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    if scene.noise > 0:
        shade += np.random.default_rng(scene.seed).normal(0, scene.noise, shade.shape).astype(np.float32)
    return (np.clip(shade, 0, 1) * 255 + 0.5).astype(np.uint8), flow


def _points(joints: NDArray[np.floating]) -> NDArray[np.float64]:
    """(T, points, 3): the joints, the crown of the head and the ends of the hands."""
    scale = trunk_length(joints) / TRUNK_LENGTH
    added = []
    for _, start, through, metres in _BEYOND:
        a, b = (joints[:, SMPL22.index(name)].astype(np.float64) for name in (start, through))
        length = np.maximum(np.linalg.norm(b - a, axis=1, keepdims=True), 1e-6)
        added.append(b + (b - a) / length * metres * scale)
    return np.concatenate((joints, np.stack(added, axis=1)), axis=1)


def _background(scene: Scene, count: int, size: int) -> tuple[Array, Array]:
    """(T, H, W) of the wall behind, infinitely far, and how it passes by."""
    steps = np.arange(size, dtype=np.float32)
    x = (steps - scene.centre[:, :1]) / scene.focal[:, None]
    y = (steps - scene.centre[:, 1:]) / scene.focal[:, None]
    shade = np.full((count, size, size), scene.grey, np.float32)
    for amplitude, across, down, phase in scene.background:
        # cos(a + b) of the separable phases.
        a, b = (across * x + phase)[:, None, :], (down * y)[:, :, None]
        shade += amplitude * (np.cos(a) * np.cos(b) - np.sin(a) * np.sin(b))
    for right, below, width, height, grey in scene.furniture:
        inside = (np.abs(x - right) < width)[:, None, :] & (np.abs(y - below) < height)[:, :, None]
        shade[inside] = grey
    flow = np.zeros((count, size, size, 2), np.float32)
    flow[:-1, :, :, 0] = (scene.focal[1:, None] * x[:-1] + scene.centre[1:, :1] - steps)[:, None, :]
    flow[:-1, :, :, 1] = (scene.focal[1:, None] * y[:-1] + scene.centre[1:, 1:] - steps)[:, :, None]
    return shade, flow


def _candidates(
    points: Array, radii: Array, scene: Scene, size: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Which pixels may show which limb: frame, limb and pixel (y * size + x) of each pair."""
    ends = points[:, np.stack((_START, _END))]
    depth = ends[..., 2] - radii
    with np.errstate(divide="ignore", invalid="ignore"):
        at = ends[..., :2] / ends[..., 2:]
        # A ball off the axis is seen as an ellipse, at most this much wider than on it.
        spread = radii / depth * (1 + (at**2).sum(axis=-1))
        low, high = (
            scene.focal[:, None, None] * bound(at + sign * spread[..., None], axis=1)
            + scene.centre[:, None, :]
            for bound, sign in ((np.min, -1), (np.max, 1))
        )
        visible = np.isfinite(low).all(axis=-1) & np.isfinite(high).all(axis=-1) & (depth > _NEAR).all(axis=1)
    low = np.where(visible[..., None], np.clip(np.floor(np.nan_to_num(low)), 0, size), 0).astype(np.intp)
    high = np.where(visible[..., None], np.clip(np.ceil(np.nan_to_num(high)) + 1, 0, size), 0).astype(np.intp)
    wide, tall = np.maximum(high - low, 0)[..., 0].ravel(), np.maximum(high - low, 0)[..., 1].ravel()
    box = np.repeat(np.arange(wide.size), wide * tall)
    offset = np.arange(len(box)) - np.repeat(np.cumsum(wide * tall) - wide * tall, wide * tall)
    row, column = np.divmod(offset, np.maximum(wide[box], 1))
    place = (low[..., 1].ravel()[box] + row) * size + low[..., 0].ravel()[box] + column
    frame, limb = np.divmod(box, len(LIMBS))
    return frame, limb, place


def _meet(
    ray: Array, start: Array, end: Array, radius: Array
) -> tuple[NDArray[np.bool_], Array, Array, Array]:
    """Where rays from the origin first meet capsules (the quadratic of a cylinder, then of a ball).

    Parameters
    ----------
    ray : (N, 3), of any length; start, end : (N, 3); radius : (N,) or a number.

    Returns
    -------
    hit (N,) bool; depth (N,) in lengths of the ray; where along the axis the point is, 0 at ``start`` to 1 at
    ``end``, (N,); the outward normal (N, 3).
    """
    axis = end - start
    axis2 = _dot(axis, axis)
    ray_axis, start_axis, ray_start = _dot(ray, axis), _dot(start, axis), _dot(ray, start)
    ray2, radius2 = _dot(ray, ray), radius * radius
    a = axis2 * ray2 - ray_axis**2
    b = start_axis * ray_axis - axis2 * ray_start
    c = axis2 * (_dot(start, start) - radius2) - start_axis**2
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = (-b - np.sqrt(b * b - a * c)) / a
        along = (depth * ray_axis - start_axis) / axis2
        side = (along > 0) & (along < 1)
        # Which ball the ray meets, where it misses the cylinder between them.
        nearer_end = np.where(np.isfinite(along), along >= 1, False)
        ball = np.where(nearer_end[:, None], end, start)
        ray_ball = _dot(ray, ball)
        ball_depth = (ray_ball - np.sqrt(ray_ball**2 - ray2 * (_dot(ball, ball) - radius2))) / ray2
        depth = np.where(side, depth, ball_depth)
    hit = np.isfinite(depth) & (depth > 0)
    along = np.where(side, along, nearer_end.astype(np.float32))
    normal = (ray * depth[:, None] - start - along[:, None] * axis) / radius[:, None]
    return hit, depth, along, normal


def _shaded(scene: Scene, limb: NDArray[np.intp], along: Array, normal: Array) -> Array:
    strength, number, phase = scene.stripes
    colour = scene.albedo[limb] * (1 + strength * np.cos(2 * np.pi * number * along + phase + limb))
    return colour * (scene.ambient + (1 - scene.ambient) * np.maximum(normal @ scene.light, 0))


def _moved(
    points: Array,
    radii: Array,
    frame: NDArray[np.intp],
    limb: NDArray[np.intp],
    along: Array,
    normal: Array,
) -> Array:
    """(N, 3) where points of limbs are in the next frame (the last frame is its own next)."""
    later = np.minimum(frame + 1, len(points) - 1)
    turned = np.empty_like(normal)
    axis = points[frame, _END[limb]] - points[frame, _START[limb]]
    start = points[later, _START[limb]]
    axis_later = points[later, _END[limb]] - start
    for upper, left, right in ((False, "left_hip", "right_hip"), (True, "left_shoulder", "right_shoulder")):
        rows = np.flatnonzero(_UPPER[limb] == upper)
        frames = _trunk_frames(points, left, right)
        turn = np.swapaxes(frames[np.minimum(np.arange(len(points)) + 1, len(points) - 1)], 1, 2) @ frames
        which = turn[frame[rows]]
        turned[rows] = _turn_to(
            np.einsum("nij,nj->ni", which, axis[rows]),
            axis_later[rows],
            np.einsum("nij,nj->ni", which, normal[rows]),
        )
    return start + along[:, None] * axis_later + radii[limb][:, None] * turned


def _trunk_frames(points: Array, left: str, right: str) -> Array:
    """(T, 3, 3) whose rows are the person's left, front and up; the identity where they are unknown."""
    up = points[:, SMPL22.index("neck")] - points[:, SMPL22.index("pelvis")]
    side = points[:, SMPL22.index(left)] - points[:, SMPL22.index(right)]
    with np.errstate(divide="ignore", invalid="ignore"):
        side = side / np.linalg.norm(side, axis=1, keepdims=True)
        up = up - _dot(up, side)[:, None] * side
        up = up / np.linalg.norm(up, axis=1, keepdims=True)
    frames = np.stack((side, np.cross(side, up), up), axis=1)
    return np.where(np.isfinite(frames).all(axis=(1, 2))[:, None, None], frames, np.eye(3, dtype=np.float32))


def _turn_to(source: Array, target: Array, vectors: Array) -> Array:
    """``vectors`` (N, 3) turned the shortest way that takes the direction of ``source`` to ``target``'s."""
    with np.errstate(divide="ignore", invalid="ignore"):
        a = source / np.linalg.norm(source, axis=1, keepdims=True)
        b = target / np.linalg.norm(target, axis=1, keepdims=True)
        axis = np.cross(a, b)
        once = np.cross(axis, vectors)
        return vectors + once + np.cross(axis, once) / (1 + _dot(a, b))[:, None]


def _dot(a: Array, b: Array) -> Array:
    return np.einsum("...i,...i->...", a, b)
