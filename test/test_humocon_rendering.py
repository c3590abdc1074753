"""Rendered people look like what they do, and the flow says where each of their points goes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from motion import REST

from motion_seg_ros.humocon.rendering import render
from motion_seg_ros.humocon.scene import Scene, random_scene
from motion_seg_ros.humocon.synthesis import synthetic_sequence
from motion_seg_ros.skeleton.joint_sets import SMPL22


def unshaded(scene: Scene) -> Scene:
    """The same view in a light that tells nothing of directions, without noise, in striped clothes."""
    return dataclasses.replace(scene, ambient=1.0, noise=0.0, stripes=(0.4, 1.0, 0.3))


def steady(scene: Scene) -> Scene:
    """The same view with a crop that stays where it is in the first frame."""
    return dataclasses.replace(
        unshaded(scene),
        focal=np.full_like(scene.focal, scene.focal[0]),
        centre=np.tile(scene.centre[0], (len(scene.centre), 1)),
    )


def sampled(picture: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Bilinear values of (H, W) at places that lie inside."""
    i, j = np.floor(y).astype(int), np.floor(x).astype(int)
    v, u = y - i, x - j
    top = (1 - u) * picture[i, j] + u * picture[i, j + 1]
    return (1 - v) * top + v * ((1 - u) * picture[i + 1, j] + u * picture[i + 1, j + 1])


def around(values: np.ndarray) -> np.ndarray:
    """(9, H - 2, W - 2) each pixel's neighbourhood."""
    height, width = values.shape
    return np.stack([values[i : height - 2 + i, j : width - 2 + j] for i in range(3) for j in range(3)])


@pytest.mark.parametrize("seed", range(5))
def test_the_next_frame_at_the_flow_is_this_frame(seed: int) -> None:
    rng = np.random.default_rng(seed)
    joints = synthetic_sequence(rng, 6.0).joints[::2]
    size = 160
    scene = unshaded(random_scene(rng, joints, size))
    frames, flow = render(joints, scene, size)
    # Each limb in a grey of its own on a wall of another: who is who.
    greys = np.linspace(0.1, 1.0, len(scene.albedo)).astype(np.float32)
    who, _ = render(
        joints, dataclasses.replace(scene, albedo=greys, stripes=(0, 0, 0), grey=0, background=[]), size
    )
    inside = (np.ptp(np.stack([around(picture) for picture in who]), axis=1) == 0) & (who[:, 1:-1, 1:-1] > 0)
    found, stayed, moved = [], [], 0
    y, x = np.mgrid[1 : size - 1, 1 : size - 1]
    for t in range(len(joints) - 1):
        u, v = flow[t, 1:-1, 1:-1, 0], flow[t, 1:-1, 1:-1, 1]
        stays = (x + u >= 1) & (x + u < size - 2) & (y + v >= 1) & (y + v < size - 2)
        rows = inside[t] & (np.hypot(u, v) > 1) & stays
        moved += rows.sum()
        there = ((x + u)[rows], (y + v)[rows])
        seen = np.abs(sampled(who[t + 1].astype(float), *there) - who[t, 1:-1, 1:-1][rows]) < 0.01
        here = frames[t, 1:-1, 1:-1][rows][seen].astype(float)
        found.append(np.abs(sampled(frames[t + 1].astype(float), *there)[seen] - here))
        stayed.append(np.abs(frames[t + 1, 1:-1, 1:-1][rows][seen] - here))
    errors = np.concatenate(found)
    assert moved > 1000
    assert len(errors) > 0.7 * moved
    # Of 255 grey levels: those of rounding, and of interpolating stripes that are seen edge-on.
    assert (errors < 3).mean() > 0.93
    assert errors.mean() < 0.05 * np.concatenate(stayed).mean()


def test_a_translated_ball_flows_as_its_nearest_point() -> None:
    joints = np.full((2, 22, 3), np.nan)
    neck, head = SMPL22.index("neck"), SMPL22.index("head")
    joints[:, neck], joints[:, head] = (0.0, 0.0, 1.5), (0.0, 0.0, 1.6)
    joints[1] += (0.0, 0.05, 0.02)
    scene = dataclasses.replace(
        steady(random_scene(np.random.default_rng(0), joints, 64)),
        position=np.array([3.0, 0.0, 1.6], np.float32),
        axes=np.array([[0, 1, 0], [0, 0, -1], [-1, 0, 0]], np.float32),
        focal=np.full(2, 200.0, np.float32),
        centre=np.full((2, 2), 32.0, np.float32),
        thickness=1.0,
    )
    _, flow = render(joints, scene, 64)
    # Straight ahead lies the head, of 0.092 m radius.
    np.testing.assert_allclose(flow[0, 32, 32], np.array([0.05, -0.02]) * 200.0 / (3 - 0.092), rtol=1e-4)
    assert not flow[1].any()


def test_a_body_that_turns_as_a_whole_keeps_to_its_epipolar_lines() -> None:
    """Whatever the depth, a rigidly moved point is seen on a line that the motion alone decides."""
    angle, size = 0.2, 128
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    shift = np.array([0.05, -0.1, 0.03])
    joints = np.stack((REST, REST @ turn.T + shift))
    scene = steady(random_scene(np.random.default_rng(1), joints, size))
    frames, flow = render(joints, scene, size)
    still = render(joints[[0, 0]], scene, size)[1][0]
    assert np.abs(still).max() < 1e-3
    moved = np.abs(flow[0]).sum(axis=-1) > 1e-2
    assert moved.sum() > 500
    y, x = np.nonzero(moved)
    position, axes = scene.position.astype(float), scene.axes.astype(float)
    # A point at p in the camera's axes goes to rotation @ p + step.
    rotation = axes @ turn @ axes.T
    step = axes @ (turn @ position + shift - position)
    cross = np.array([[0, -step[2], step[1]], [step[2], 0, -step[0]], [-step[1], step[0], 0]])
    here = np.stack(((x - scene.centre[0, 0]) / scene.focal[0], (y - scene.centre[0, 1]) / scene.focal[0]), 1)
    there = here + flow[0, y, x] / scene.focal[0]
    lines = np.c_[here, np.ones(len(x))] @ (cross @ rotation).T
    distance = (np.c_[there, np.ones(len(x))] * lines).sum(axis=1) / np.linalg.norm(lines[:, :2], axis=1)
    assert np.abs(distance * scene.focal[0]).max() < 0.01
    assert frames.dtype == np.uint8


def test_the_person_is_in_the_picture() -> None:
    shares, heights = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        joints = synthetic_sequence(rng, 4.0).joints
        scene = random_scene(rng, joints, 64)
        seen = (joints - scene.position) @ scene.axes.T
        assert (seen[..., 2] > 0.3).all()
        pixels = scene.focal[:, None, None] * seen[..., :2] / seen[..., 2:] + scene.centre[:, None]
        shares.append(((pixels > 0) & (pixels < 63)).all(axis=2).mean())
        heights.append(np.ptp(pixels[..., 1], axis=1).mean())
    assert np.mean(shares) > 0.95
    assert 20 < np.mean(heights) < 60


def test_views_differ_and_the_seed_decides() -> None:
    joints = synthetic_sequence(np.random.default_rng(0), 1.0, ["walk forward"]).joints
    first, again, other = (render(joints, np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    assert first.shape == (30, 64, 64)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 5


def test_limbs_that_are_not_seen_are_left_out() -> None:
    joints = np.stack([REST] * 3)
    scene = unshaded(random_scene(np.random.default_rng(3), joints))
    whole, _ = render(joints, scene)
    joints[:, [SMPL22.index("left_knee"), SMPL22.index("right_knee")]] = np.nan
    joints[1] = np.nan
    legless, flow = render(joints, scene)
    assert np.isfinite(flow).all()
    assert (whole[0] != legless[0]).sum() > 20
    wall = render(joints[[1, 1, 1]], scene)[0]
    np.testing.assert_array_equal(wall[1], legless[1])


def test_nobody_and_other_shapes_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="no joint"):
        render(np.full((4, 22, 3), np.nan), rng)
    with pytest.raises(ValueError, match=r"\(T, 22, 3\)"):
        render(np.zeros((4, 17, 3)), rng)
