"""BVH: forward kinematics against a naive oracle, and every way to be broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from motion_seg_ros.bags.items import SourceError
from motion_seg_ros.bags.sources import open_source
from motion_seg_ros.datasets.bvh import load_bvh
from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.skeleton.types import SkeletonFrame

HEADER = """HIERARCHY
ROOT Hips
{
\tOFFSET 1.0 2.0 3.0
\tCHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
\tJOINT Knee
\t{
\t\tOFFSET 0.0 -4.0 0.5
\t\tCHANNELS 3 Yrotation Zrotation Xrotation
\t\tJOINT Ankle
\t\t{
\t\t\tOFFSET 0.1 -3.0 0.0
\t\t\tCHANNELS 4 Xrotation Yposition Xposition Zposition
\t\t\tEnd Site
\t\t\t{
\t\t\t\tOFFSET 0.0 -1.0 0.0
\t\t\t}
\t\t}
\t}
\tJOINT Spine
\t{
\t\tOFFSET 0.0 5.0 0.0
\t\tCHANNELS 0
\t}
}
MOTION
Frames: {count}
Frame Time: 0.025
"""
CHANNELS = 13


def text(rows: np.ndarray, count: int | None = None) -> str:
    lines = [" ".join(f"{value:.6f}" for value in row) for row in rows]
    return HEADER.replace("{count}", str(len(rows) if count is None else count)) + "\n".join(lines) + "\n"


def write(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


def naive(row: np.ndarray) -> np.ndarray:
    """One frame by 4x4 matrices, joint by joint."""

    def turn(axis: str, degrees: float) -> np.ndarray:
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        three = {
            "X": [[1, 0, 0], [0, c, -s], [0, s, c]],
            "Y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
            "Z": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
        }[axis]
        full = np.eye(4)
        full[:3, :3] = three
        return full

    def move(x: float, y: float, z: float) -> np.ndarray:
        full = np.eye(4)
        full[:3, 3] = x, y, z
        return full

    hips = move(*row[:3]) @ turn("Z", row[3]) @ turn("X", row[4]) @ turn("Y", row[5])
    knee = hips @ move(0, -4, 0.5) @ turn("Y", row[6]) @ turn("Z", row[7]) @ turn("X", row[8])
    ankle = knee @ move(row[11], row[10], row[12]) @ turn("X", row[9])
    spine = hips @ move(0, 5, 0)
    return np.stack([frame[:3, 3] for frame in (hips, knee, ankle, spine)])


def test_any_channels_in_any_order(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).uniform(-170, 170, (5, CHANNELS)).round(6)
    motion = load_bvh(write(tmp_path / "a.bvh", text(rows)))
    assert motion.joint_names == ("Hips", "Knee", "Ankle", "Spine")
    assert motion.fps == pytest.approx(40)
    np.testing.assert_allclose(motion.joints, [naive(row) for row in rows], atol=1e-9)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("HIERARCHY", "ANARCHY", "'HIERARCHY' expected"),
        ("CHANNELS 3", "CHANNELS 4", "channels '4 Yrotation"),
        ("Yrotation Zrotation", "Yrotation Wrotation", "channels '3 Yrotation Wrotation"),
        ("OFFSET 0.0 -4.0 0.5", "OFFSET 0.0 x 0.5", "3 numbers expected"),
        ("OFFSET 0.0 -4.0 0.5", "OFFSET 0.0 nan 0.5", "3 numbers expected"),
        ("Frame Time: 0.025", "Frame Time: 0", "a frame time of 0 s"),
        ("Frame Time: 0.025", "Frame Time: nan", "1 numbers expected"),
        ("Frames: 3", "Frames: -1", "-1 frames"),
        ("Frames: 3", "Frames: 1000000000", "1000000000 frames of 13 numbers are announced, 3 of 13"),
        ("Frames: 3", "Frames: 3.5", "3.5 frames"),
        ("\t\tJOINT Ankle", "\t\tGHOST Ankle", "'GHOST' in the hierarchy"),
        ("MOTION", "NOTION", "'MOTION' expected"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, old: str, new: str, says: str) -> None:
    content = text(np.zeros((3, CHANNELS)))
    assert old in content
    with pytest.raises(DatasetError, match=says) as caught:
        load_bvh(write(tmp_path / "a.bvh", content.replace(old, new, 1)))
    assert "a.bvh is not a whole BVH file" in str(caught.value)


def test_numbers_that_are_none(tmp_path: Path) -> None:
    rows = np.zeros((3, CHANNELS))
    for bad, says in (("nan", "not finite"), ("abc", "not a whole BVH"), ("", "not a whole BVH")):
        content = text(rows)
        with pytest.raises(DatasetError, match=says):
            load_bvh(write(tmp_path / "a.bvh", content[: content.rindex("0.000000")] + bad))


def test_every_cut_is_noticed(tmp_path: Path) -> None:
    content = text(np.full((3, CHANNELS), 1.5))
    whole = len(content.rstrip()) - len(".500000")
    for end in range(0, whole, 7):
        with pytest.raises(DatasetError):
            load_bvh(write(tmp_path / "a.bvh", content[:end]))


def test_endless_hierarchies_are_refused(tmp_path: Path) -> None:
    deep = "HIERARCHY\nROOT r\n{\n" + "JOINT j\n{\n" * 100_000
    with pytest.raises(DatasetError, match="'JOINT' in the hierarchy"):
        load_bvh(write(tmp_path / "a.bvh", deep))


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read: No such file"):
        load_bvh(tmp_path / "no.bvh")


BODY = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Spine
  {
    OFFSET 0 25 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    JOINT Neck
    {
      OFFSET 0 30 0
      CHANNELS 3 Zrotation Xrotation Yrotation
    }
    %s
  }
  %s
}
MOTION
Frames: 2
Frame Time: 0.0333333
"""


def test_a_body_in_centimetres_is_a_source_in_metres(tmp_path: Path) -> None:
    """A turn of the root by 90 degrees about y makes the person look to the left."""

    def chain(joints: list[tuple[str, str]]) -> str:
        opened = "".join(
            f"JOINT {n}\n{{\nOFFSET {o}\nCHANNELS 3 Zrotation Xrotation Yrotation\n" for n, o in joints
        )
        return opened + "}\n" * len(joints)

    arms = legs = ""
    for side, sign in (("Left", 1), ("Right", -1)):
        arms += chain(
            [(f"{side}Arm", f"{18 * sign} 28 0"), (f"{side}ForeArm", "0 -28 0"), (f"{side}Hand", "0 -25 0")]
        )
        legs += chain(
            [(f"{side}UpLeg", f"{9 * sign} 0 0"), (f"{side}Leg", "0 -43 0"), (f"{side}Foot", "0 -42 0")]
        )
    row = [100, 95, 200, 0, 0, 90, *[0] * 42]
    content = BODY % (arms, legs) + f"{' '.join(map(str, row))}\n" * 2
    source = open_source(str(write(tmp_path / "b.bvh", content)))
    assert (source.fps, source.count) == (pytest.approx(30, rel=1e-5), 2)
    assert source.notes == [
        "b.bvh is taken to have y up",
        "b.bvh does not say its unit: centimetres fit a grown-up's legs best",
    ]
    frame = next(item for _, item in source)
    assert isinstance(frame, SkeletonFrame)
    joints = frame.skeletons[0].joints
    # Place: x = z of the file, y = x of the file, z = y of the file.
    np.testing.assert_allclose(joints[0], [2.0, 1.0, 0.95], atol=1e-9)
    # The left hip, to the left of a person who looks forward, is now behind one who looks to the left.
    np.testing.assert_allclose(joints[1] - joints[0], [-0.09, 0, 0], atol=1e-9)


def test_no_body(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"a\.bvh: no left_hip"):
        open_source(str(write(tmp_path / "a.bvh", text(np.zeros((2, CHANNELS))))))
