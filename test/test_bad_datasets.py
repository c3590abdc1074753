"""Files of motion that are damaged, that lie, or are something else: a motion, or one sentence."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bad_input import damaged, damaged_text, examples, little_memory, result_or_sentence
from hypothesis import given
from hypothesis import strategies as st
from motion import NAMES, pose

from motion_seg_ros.bags.items import SourceError
from motion_seg_ros.bags.sources import open_source
from motion_seg_ros.datasets import labelled
from motion_seg_ros.datasets.amass import BodyModel
from motion_seg_ros.datasets.clips import load_motion
from motion_seg_ros.datasets.errors import DatasetError
from motion_seg_ros.datasets.labelled import load_labelled

MOTION = np.array([pose("wave", frame / 30) for frame in range(6)])
JOINTS = MOTION.astype(np.float32)
LABELLED: dict[str, Any] = {
    "joints": JOINTS,
    "joint_names": np.array(NAMES),
    "labels": np.array([-1, 0, 0, 1, 1, -1], np.int32),
    "names": np.array(["walk", "wave"]),
    "fps": np.float64(15),
}
COLLECTION: dict[str, Any] = {
    "joints": JOINTS.astype(np.float16),
    "offsets": np.array([0, 2, 2, 6]),
    "clip": np.array(["a", "", "c"]),
    "action": np.array(["walk", "", "wave"]),
    "fps": np.float32(30),
}
FRAMES: dict[str, Any] = {
    "frames": np.zeros((6, 4, 5, 3), np.uint8),
    **{name: LABELLED[name] for name in ("labels", "names", "fps")},
}
AMASS: dict[str, Any] = {
    "poses": np.zeros((6, 156)),
    "trans": np.zeros((6, 3)),
    "betas": np.zeros(16),
    "gender": np.array("neutral"),
    "mocap_framerate": np.float64(120),
}
AMASS_JOINTS: dict[str, Any] = {"joints": JOINTS, "mocap_framerate": np.float64(120)}
ARCHIVES = {
    "labelled": LABELLED,
    "collection": COLLECTION,
    "frames": FRAMES,
    "amass": AMASS,
    "amass joints": AMASS_JOINTS,
}
_OTHERS = [
    *(
        np.array([{}], object),
        np.array("x\n\x1b[2J"),
        np.array([b"x"]),
        np.float64(np.nan),
        np.float64(1e-300),
    ),
    *(np.float64(-1), np.float64(1e9), np.int64(0), np.array([], np.float32), np.zeros((0, 22, 3))),
    *(np.zeros((6, 22, 3), np.complex128), np.full((6, 22, 3), 1e300), np.full((6, 22, 3), np.nan)),
    *(np.zeros((6, 22, 4)), np.zeros((6, 5, 3)), np.zeros((6, 22, 3), ">f4"), np.zeros((6, 22, 3), "f2")),
    *(np.zeros((6, 22, 3), np.longdouble), np.full((6, 22, 3), np.inf), np.zeros((2, 2, 2, 2, 2))),
    *(np.zeros((6, 4, 5, 3), np.int64), np.full(6, 2**63, np.uint64), np.array([0, 2**63, 6], np.uint64)),
    *(np.array([0, 6]), np.array([6, 0]), np.array(["a\nb"] * 3), np.array([""] * 22), np.zeros(6, "M8[s]")),
    *(np.zeros(6, [("x", "f4")]), np.zeros((6, 22, 3), "V4"), np.zeros(3, "U0"), np.zeros((6, 66))),
]
_HEADERS = [
    *("shape", "descr", "(6, 22, 3)", "(9" + "9" * 30 + ",)", "(-1,)", "(True,)", "(1e9,)", "()", "('a',)"),
    *("<f4", "|O", "<U9999999", "<M8", "V0", "[('a','<f4',(9999999,))]", "lambda: 0", "[" * 500, "{[]: 1}"),
    *(
        "1" * 5000,
        "__import__('os')",
        "\\x",
        "\0",
        "'",
        "(6, 22, 3",
        "None",
        "-" * 3000,
        "0x",
        "1_0",
        "\n\n  a",
    ),
]


@st.composite
def damaged_array(draw: st.DrawFn, array: Any) -> bytes:
    """The .npy file of an array, or of another one, or with a header that lies."""
    if draw(st.booleans()):
        array = draw(st.sampled_from(_OTHERS))
    buffer = io.BytesIO()
    np.save(buffer, array)
    data = buffer.getvalue()
    if draw(st.booleans()):
        size = int.from_bytes(data[8:10], "little")
        header = data[10 : 10 + size].decode("latin1")
        for _ in range(draw(st.integers(1, 2))):
            old = draw(
                st.sampled_from(["(6, 22, 3)", "'<f4'", "'<f8'", "False", "'shape'", "'descr'", "}", ":"])
            )
            header = header.replace(old, draw(st.sampled_from(_HEADERS)))
        told = header.encode("latin1")
        data = data[:8] + len(told).to_bytes(2, "little") + told + data[10 + size :]
    return draw(damaged(data)) if draw(st.integers(0, 3)) == 0 else data


@st.composite
def damaged_archive(draw: st.DrawFn, arrays: dict[str, Any]) -> bytes:
    """An .npz whose arrays lie, are missing, or came twice; or with damage to its bytes."""
    buffer = io.BytesIO()
    method = draw(
        st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    )
    chosen = draw(st.sets(st.sampled_from(sorted(arrays)), max_size=2))
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, array in arrays.items():
            if name not in chosen:
                plain = io.BytesIO()
                np.save(plain, array)
                archive.writestr(f"{name}.npy", plain.getvalue())
            elif draw(st.integers(0, 4)):
                archive.writestr(f"{name}.npy", draw(damaged_array(array)))
        if draw(st.integers(0, 5)) == 0:
            archive.writestr(draw(st.sampled_from(["features\n.npy", "\x1b[2J.npy", "../x.npy"])), b"")
    data = buffer.getvalue()
    return draw(damaged(data)) if not chosen or draw(st.integers(0, 3)) == 0 else data


def made_up(poses: np.ndarray, *_: object) -> np.ndarray:
    """As if the parameters of a body model were always of the same six frames."""
    return MOTION if len(poses) == 6 else np.zeros((len(poses), 5, 3))


def read_everywhere(path: Path, body_model: BodyModel | None = None) -> None:
    """As clips and as a source."""
    for clip in result_or_sentence(lambda: load_motion(path, body_model=body_model), DatasetError) or ():
        assert clip.joints.dtype == np.float32
        assert clip.joints.shape[1:] == (22, 3)
        assert len(clip.joints)
        assert not np.isinf(clip.joints).any()
        assert 1 <= clip.fps <= 10_000
        assert all(0 <= first < last <= len(clip.joints) for first, last, _ in clip.spans)
    items = result_or_sentence(lambda: list(open_source(str(path))), SourceError)
    stamps = [stamp for stamp, _ in items or ()]
    assert stamps == sorted(stamps)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bad")


@pytest.mark.parametrize("kind", ARCHIVES)
def test_archives(folder: Path, kind: str) -> None:
    path = folder / f"{kind}.npz"

    @examples(50)
    @given(damaged_archive(ARCHIVES[kind]))
    def check(content: bytes) -> None:
        path.write_bytes(content)
        read_everywhere(path, made_up)
        result_or_sentence(lambda: load_labelled(path), DatasetError)

    check()


@examples(100)
@given(damaged_array(JOINTS), st.none() | damaged_text("he walks#he/he walks/walk#0.0#0.0\nwaves#x#0.1#0.2"))
def test_humanml3d(folder: Path, content: bytes, text: bytes | None) -> None:
    for name in ("new_joints", "texts"):
        (folder / name).mkdir(exist_ok=True)
    path = folder / "new_joints" / "a.npy"
    path.write_bytes(content)
    texts = folder / "texts" / "a.txt"
    texts.unlink(missing_ok=True)
    if text is not None:
        texts.write_bytes(text)
    read_everywhere(path)


BVH = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Spine
  {
    OFFSET 0 10 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    JOINT Neck
    {
      OFFSET 0 40 0
      CHANNELS 0
      JOINT Head
      {
        OFFSET 0 10 0
        CHANNELS 0
        End Site
        {
          OFFSET 0 10 0
        }
      }
    }
  }
LIMBS}
MOTION
Frames: 2
Frame Time: 0.0333
0 90 0 0 0 0 0 0 0
0 90 1 0 0 10 0 5 0
"""
_LIMBS = "".join(
    f"  JOINT {side}{upper}\n  {{\n    OFFSET {x} 0 0\n    CHANNELS 0\n    JOINT {side}{middle}\n    {{\n"
    f"      OFFSET 0 -40 0\n      CHANNELS 0\n      JOINT {side}{lower}\n      {{\n        OFFSET 0 -40 0\n"
    "        CHANNELS 0\n      }\n    }\n  }\n"
    for side, x in (("Left", 10), ("Right", -10))
    for upper, middle, lower in (("UpLeg", "Leg", "Foot"), ("Arm", "ForeArm", "Hand"))
)
BVH = BVH.replace("LIMBS", _LIMBS)


@examples(150)
@given(damaged_text(BVH))
def test_bvh(folder: Path, content: bytes) -> None:
    path = folder / "a.bvh"
    path.write_bytes(content)
    read_everywhere(path)


ASF = (
    ":units\n  length 0.45\n  angle deg\n:root\n  order TX TY TZ RX RY RZ\n  axis XYZ\n  orientation 0 0 0\n"
    ":bonedata\n"
)
_BONES = [
    *("lhipjoint", "lfemur", "ltibia", "lfoot", "rhipjoint", "rfemur", "rtibia", "rfoot", "lowerback"),
    *("upperback", "thorax", "lowerneck", "upperneck", "head", "lclavicle", "lhumerus", "lradius", "lwrist"),
    *("rclavicle", "rhumerus", "rradius", "rwrist"),
]
ASF += "".join(
    f"  begin\n  id {number}\n  name {name}\n  direction 0 1 0\n  length 3\n  axis 0 0 20 XYZ\n"
    f"    dof rx ry\n    limits (-160.0 20.0)\n  end\n"
    for number, name in enumerate(_BONES, 1)
)
ASF += (
    ":hierarchy\n  begin\n    root lhipjoint rhipjoint lowerback\n    lhipjoint lfemur\n    lfemur ltibia\n"
    "    ltibia lfoot\n    rhipjoint rfemur\n    rfemur rtibia\n    rtibia rfoot\n    lowerback upperback\n"
    "    upperback thorax\n  thorax lowerneck lclavicle rclavicle\n  lowerneck upperneck\n  upperneck head\n"
    "    lclavicle lhumerus\n    lhumerus lradius\n    lradius lwrist\n    rclavicle rhumerus\n"
    "    rhumerus rradius\n    rradius rwrist\n  end\n"
)
AMC = "".join(
    f"{frame}\nroot 0 17 0 0 {frame} 0\n" + "".join(f"{name} {frame} 0\n" for name in _BONES)
    for frame in (1, 2, 3)
)


@examples(100)
@given(damaged_text(ASF), damaged_text(AMC), st.sampled_from(["skeleton", "motion", "both"]))
def test_amc(folder: Path, asf: bytes, amc: bytes, which: str) -> None:
    (folder / "amc").mkdir(exist_ok=True)
    (folder / "amc" / "7.asf").write_bytes(ASF.encode() if which == "motion" else asf)
    path = folder / "amc" / "7_01.amc"
    path.write_bytes(AMC.encode() if which == "skeleton" else amc)
    read_everywhere(path)


def test_the_files_are_good_before_they_are_damaged(folder: Path) -> None:
    (folder / "good").mkdir()
    for name, content in {"7.asf": ASF, "7_01.amc": AMC, "a.bvh": BVH}.items():
        (folder / "good" / name).write_text(content)
    for name, arrays in ARCHIVES.items():
        if name != "frames":
            np.savez(folder / "good" / f"{name}.npz", **arrays)
    assert len(load_motion(folder / "good", body_model=made_up)) == 7


# -- small files that ask for much ------------------------------------------------------------------------


def header(descr: str, shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": descr, "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def bomb(path: Path, name: str, descr: str, shape: tuple[int, ...], others: dict[str, Any]) -> Path:
    """An .npz with an array of zeros that are not there but in their compressed form."""
    np.savez(path, **others)
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(f"{name}.npy", "w", force_zip64=True) as file,
    ):
        file.write(header(descr, shape))
        size = 4 * math.prod(shape)
        for start in range(0, size, 1 << 24):
            file.write(bytes(min(1 << 24, size - start)))
    return path


def test_a_bomb_of_joints_is_refused_before_it_goes_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labelled, "MAX_BYTES", 64 << 20)
    path = bomb(tmp_path / "a.npz", "joints", "<f4", (100_000, 64, 3), {"fps": np.float64(30)})
    assert path.stat().st_size < 1 << 20
    with little_memory(8), pytest.raises(DatasetError, match=r"joints has \d+ bytes; at most"):
        load_motion(path)


def test_a_bomb_of_names_is_refused(tmp_path: Path) -> None:
    others = {name: LABELLED[name] for name in ("joints", "labels", "fps")}
    path = bomb(tmp_path / "a.npz", "names", "<U1", (15 << 20,), others)
    with little_memory(64), pytest.raises(DatasetError, match="names"):
        load_labelled(path)


@pytest.mark.parametrize("shape", [(10**9, 22, 3), (2**62, 2**62, 3), (2**64, 22, 3)])
def test_declared_shapes_take_no_memory(tmp_path: Path, shape: tuple[int, ...]) -> None:
    content = header("<f4", shape) + bytes(100)
    (tmp_path / "a.npy").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("joints.npy", content)
    for name in ("a.npy", "a.npz"):
        with little_memory(8), pytest.raises(DatasetError):
            load_motion(tmp_path / name)


def test_joints_without_channels_take_no_memory(tmp_path: Path) -> None:
    """A BVH of a thousand joints costs its file a line each, but every frame a thousand positions."""
    more = "".join(f"  JOINT j{n}\n  {{\n    OFFSET 0 0 0\n  }}\n" for n in range(900))
    head, limbs, tail = BVH.partition(_LIMBS)
    tail = tail.replace("Frames: 2", "Frames: 200002") + "0 0 0 0 0 0 0 0 0\n" * 200_000
    path = tmp_path / "a.bvh"
    path.write_text(head + limbs + more + tail)
    with little_memory(512), pytest.raises(DatasetError, match="joints"):
        load_motion(path)


def test_bones_without_freedom_take_no_memory(tmp_path: Path) -> None:
    bones = [f"b{number}" for number in range(900)]
    more = "".join(
        f"  begin\n name {name}\n direction 0 1 0\n length 1\n axis 0 0 0 XYZ\n  end\n" for name in bones
    )
    asf = ASF.replace("    dof rx ry\n", "").replace(
        ":hierarchy\n  begin\n", f"{more}:hierarchy\n  begin\nroot "
    )
    asf = asf.replace("root     root", f"root {' '.join(bones)}\n root")
    (tmp_path / "7.asf").write_text(asf)
    path = tmp_path / "7.amc"
    path.write_text("".join(f"{n}\nroot 0 0 0 0 0 0\n" for n in range(1, 100_001)))
    with little_memory(512), pytest.raises(DatasetError, match="joints"):
        load_motion(path)
