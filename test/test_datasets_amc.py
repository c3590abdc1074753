"""ASF/AMC: a small skeleton by hand, CMU's own positions, and every way to be broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from motion_seg_ros.datasets.amc import INCH, load_amc
from motion_seg_ros.datasets.errors import DatasetError

ASF = """# comment
:version 1.10
:name test
:units
  mass 1.0
  length 0.45
  angle deg
:root
   order TX TY TZ RX RY RZ
   axis XYZ
   position 0 0 0
   orientation 0 0 0
:bonedata
  begin
     id 1
     name thigh
     direction 0 -1 0
     length 9
     axis 0 0 0 XYZ
    dof rx ry rz
    limits (-160.0 20.0)
           (-70.0 70.0)
           (-60.0 70.0)
  end
  begin
     id 2
     name shin
     direction 0 -1 0
     length 4.5
     axis 0 0 90 XYZ
    dof rx
  end
  begin
     id 3
     name fixed
     direction 1 0 0
     length 2
     axis 0 0 0 XYZ
  end
:hierarchy
  begin
    root thigh fixed
    thigh shin
  end
"""
AMC = """#!OML:ASF
:FULLY-SPECIFIED
:DEGREES
1
root 0 0 0 0 0 0
thigh 0 0 0
shin 0
2
root 9 4.5 0 0 0 90
thigh 90 0 0
shin 0
3
root 0 0 0 0 0 0
thigh 0 0 0
shin 90
"""
UNIT = INCH / 0.45


def write(folder: Path, asf: str = ASF, amc: str = AMC) -> Path:
    (folder / "7.asf").write_text(asf)
    path = folder / "7_01.amc"
    path.write_text(amc)
    return path


def test_by_hand(tmp_path: Path) -> None:
    motion = load_amc(write(tmp_path))
    assert motion.joint_names == ("root", "thigh", "fixed", "shin")
    assert motion.fps == 120.0
    rest = [[0, 0, 0], [0, -9, 0], [2, 0, 0], [0, -13.5, 0]]
    # The root is turned about z (y becomes -x), and the thigh in it about x (-y becomes -z).
    turned = [[9, 4.5, 0], [9, 4.5, -9], [9, 6.5, 0], [9, 4.5, -13.5]]
    # The shin's own x axis is the body's y axis here: it points along it and stays where it is.
    np.testing.assert_allclose(motion.joints / UNIT, [rest, turned, rest], atol=1e-12)


def test_the_axis_of_a_bone_turns_its_motion(tmp_path: Path) -> None:
    """With the axes turned by 90 degrees about z, a turn about the bone's x is one about the body's y."""
    asf = ASF.replace("direction 0 -1 0\n     length 4.5", "direction 1 0 0\n     length 4.5")
    motion = load_amc(write(tmp_path, asf))
    np.testing.assert_allclose(motion.joints[0, 3] / UNIT, [4.5, -9, 0], atol=1e-12)
    np.testing.assert_allclose(motion.joints[2, 3] / UNIT, [0, -9, -4.5], atol=1e-12)


def test_cmu_positions(data_dir: Path) -> None:
    """The labelled sequence was made from these files by others' code: every fourth frame, metres."""
    motion = load_amc(data_dir / "cmu_mocap" / "raw" / "86_01.amc")
    with np.load(data_dir / "cmu_mocap" / "cmu86_01.npz", allow_pickle=False) as truth:
        order = [motion.joint_names.index(name) for name in truth["joint_names"]]
        np.testing.assert_allclose(motion.joints[::4, order], truth["joints"], atol=1e-6)


def test_which_skeleton(tmp_path: Path) -> None:
    path = write(tmp_path)
    (tmp_path / "70.asf").write_text("other")
    assert len(load_amc(path).joints) == 3
    (tmp_path / "7.asf").rename(tmp_path / "x.asf")
    with pytest.raises(DatasetError, match=r"2 \.asf files"):
        load_amc(path)
    assert len(load_amc(path, tmp_path / "x.asf", fps=60).joints) == 3
    with pytest.raises(DatasetError, match="does not exist"):
        load_amc(tmp_path / "no.amc")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("angle deg", "angle rad", "degrees"),
        ("length 0.45", "length 0", "unit 0"),
        ("length 0.45", "length x", "1 numbers expected"),
        ("direction 1 0 0", "direction 1 0", "3 numbers expected"),
        ("axis 0 0 90 XYZ", "axis 0 0 90 XXZ", "bone shin has axis 'xxz'"),
        ("dof rx\n", "dof rx l\n", "bone shin"),
        ("thigh shin\n", "thigh\n", "does not reach bone shin"),
        ("thigh shin\n", "shin shin\n", "does not reach bone shin"),
        ("root thigh fixed", "root thigh ghost", "fits no bones"),
        ("thigh shin\n", "thigh shin thigh\n", "fits no bones"),
        (":bonedata", ":bones", "fits no bones"),
    ],
)
def test_what_is_wrong_with_the_skeleton_is_said(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in ASF
    with pytest.raises(DatasetError, match=says):
        load_amc(write(tmp_path, asf=ASF.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("shin 90\n", "", "last frame, 3, lacks a bone"),
        ("shin 0\n2", "2", "frame 1 lacks a bone"),
        ("shin 90", "shin 90 1", "1 numbers expected"),
        ("shin 90", "shin nan", "1 numbers expected"),
        ("shin 90", "tail 90", "'tail 90' after frame 3"),
        ("shin 90", "thigh 0 0 0", "after frame 3"),
        (AMC[AMC.index("1\nroot") :], "", "not a whole AMC file"),
    ],
)
def test_what_is_wrong_with_the_motion_is_said(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in AMC
    with pytest.raises(DatasetError, match=says):
        load_amc(write(tmp_path, amc=AMC.replace(old, new, 1)))
