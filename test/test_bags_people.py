"""People in the messages of other packages, from every format of recording."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from foreign_bags import FORMATS, Messages
from motion import frames

from motion_seg_ros.bags.items import SourceError
from motion_seg_ros.bags.sources import open_source
from motion_seg_ros.datasets.skeletons import names_in
from motion_seg_ros.skeleton.joint_sets import to_smpl22
from motion_seg_ros.skeleton.types import SkeletonFrame

FRAMES = list(frames([("wave", 0.4)]))
BODIES = [frame.skeletons[0].joints for frame in FRAMES]
STAMPS = [frame.stamp for frame in FRAMES]
PAIRS = list(zip(STAMPS, BODIES, strict=True))
SPHERE, LINE_LIST, SPHERE_LIST, POINTS, TEXT = 2, 5, 7, 8, 9
DELETE, DELETE_ALL = 2, 3
ASIDE = np.array([0.0, 3.0, 0.0])


def read(path: Path, **options) -> list[SkeletonFrame]:
    source = open_source(str(path), **options)
    found = [item for _, item in source if isinstance(item, SkeletonFrame)]
    assert source.problem == ""
    assert [stamp for stamp, _ in source] == [frame.stamp for frame in found]
    return found


def tracks(frame: SkeletonFrame) -> list[str]:
    return [skeleton.track_id for skeleton in frame.skeletons]


@pytest.mark.parametrize("form", FORMATS)
def test_poses_of_several_people_in_a_joint_set(tmp_path: Path, form: str) -> None:
    make = Messages(form)
    rows = [("/people", t, make.poses(t, np.concatenate([b, b + ASIDE]))) for t, b in PAIRS]
    rows.append(("/people", STAMPS[-1] + 10**8, make.poses(STAMPS[-1] + 10**8, np.zeros((0, 3)))))
    path = make.write(tmp_path / "bag", rows)
    found = read(path, joint_set="smpl22")
    assert [tracks(frame) for frame in found] == [["1", "2"]] * len(FRAMES) + [[]]
    for frame, body in zip(found[:-1], BODIES, strict=True):
        assert frame.frame_id == "camera"
        for skeleton, where in zip(frame.skeletons, (body, body + ASIDE), strict=True):
            np.testing.assert_array_equal(skeleton.joints, where)
    with pytest.raises(SourceError, match="neither skeletons nor images"):
        open_source(str(path))
    with pytest.raises(SourceError, match="nor joints of kinect25 nor images"):
        open_source(str(path), joint_set="kinect25")
    with pytest.raises(SourceError, match="joint set 'octopus8' is none of azure32, blazepose33"):
        open_source(str(path), joint_set="octopus8")


def test_the_joint_set_decides_where_a_number_says_two_things(tmp_path: Path) -> None:
    """17 joints are coco17 by habit; Human3.6M has as many."""
    names = names_in("h36m17")
    ours = {"hip": "pelvis", "spine": "spine2", "thorax": "neck"}
    from_ours = [FRAMES[0].skeletons[0].joints[_smpl(ours.get(name, name))] for name in names]
    make = Messages("mcap")
    path = make.write(tmp_path / "bag", [("/p", 5, make.poses(5, np.array(from_ours)))])
    (guessed,), (told,) = read(path), read(path, joint_set="h36m17")
    knee = _smpl("left_knee")
    np.testing.assert_array_equal(told.skeletons[0].joints[knee], BODIES[0][knee])
    assert not np.array_equal(guessed.skeletons[0].joints[knee], BODIES[0][knee])
    arrays = tmp_path / "a.npz"
    np.savez(arrays, joints=np.array([from_ours] * 3), fps=30.0, offsets=np.array([0, 3]))
    assert len(read(arrays, joint_set="h36m17")) == 3


def _smpl(joint: str) -> int:
    return names_in("smpl22").index(joint)


def test_a_topic_for_each_person_is_one_frame(tmp_path: Path) -> None:
    make = Messages("mcap")
    rows = []
    for stamp, body in PAIRS:
        rows += [
            ("/ann/poses", stamp, make.poses(stamp, body)),
            ("/bob/poses", stamp + 1, make.poses(stamp, body)),
        ]
    path = make.write(tmp_path / "bag", rows)
    assert [tracks(frame) for frame in read(path)] == [["1"]] * len(FRAMES)
    found = read(path, topics=["/ann/poses", "/bob/poses"])
    assert [tracks(frame) for frame in found] == [["/ann/poses", "/bob/poses"]] * len(FRAMES)
    assert [frame.stamp for frame in found] == STAMPS


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", [POINTS, SPHERE_LIST])
def test_a_marker_for_each_person(tmp_path: Path, form: str, kind: int) -> None:
    """Lists of points, turned and moved by the marker's pose; names and bones beside them are passed over."""
    make = Messages(form)
    half_turn = make.pose(ASIDE, (0, 0, 1, 0))
    back = np.array([-1, -1, 1])
    rows = []
    for stamp, body in PAIRS:
        first = make.marker(stamp, kind, 3, "people", points=body)
        second = make.marker(stamp, kind, 4, "people", points=(body - ASIDE) * back, pose=half_turn)
        name = make.marker(stamp, TEXT, 3, "names", text="Ann")
        bones = make.marker(stamp, LINE_LIST, 3, "bones", points=body[:6])
        rows.append(("/markers", stamp + 7, make.markers(bones, first, name, second)))
        rows.append(("/bones", stamp, make.markers(bones)))
    found = read(make.write(tmp_path / "bag", rows))
    assert [frame.stamp for frame in found] == STAMPS
    for frame, body in zip(found, BODIES, strict=True):
        assert (tracks(frame), frame.frame_id) == (["people/3", "people/4"], "camera")
        for skeleton in frame.skeletons:
            np.testing.assert_allclose(skeleton.joints, body, atol=1e-12)


def spheres(make: Messages, stamp: int, body: np.ndarray, first: int = 0, ns: str = "", **more) -> list:
    return [
        make.marker(stamp, SPHERE, first + joint, ns, pose=make.pose(point), **more)
        for joint, point in enumerate(body.tolist())
    ]


@pytest.mark.parametrize(
    ("numbering", "named"),
    [
        ({"first": (0, 0), "ns": ("ann", "bob")}, ["ann/0", "bob/0"]),
        ({"first": (100, 300), "ns": ("", "")}, ["1", "3"]),
        ({"first": (0, 22), "ns": ("", "")}, ["0", "1"]),
    ],
    ids=["by namespace", "by hundreds", "numbered on"],
)
def test_a_sphere_for_each_joint(tmp_path: Path, numbering: dict, named: list[str]) -> None:
    make = Messages("mcap")
    rows = []
    for index, (stamp, body) in enumerate(PAIRS):
        people = [
            marker
            for first, ns, where in zip(
                numbering["first"], numbering["ns"], (body, body + ASIDE), strict=True
            )
            for marker in spheres(make, stamp, where, first, ns)
        ]
        if index == 4:
            del people[7]  # not seen, so not shown
        rows.append(("/markers", stamp, make.markers(*people)))
    found = read(make.write(tmp_path / "bag", rows), joint_set="smpl22")
    assert [tracks(frame) for frame in found] == [named] * len(FRAMES)
    for index, (frame, body) in enumerate(zip(found, BODIES, strict=True)):
        expected = body.copy()
        if index == 4:
            expected[7] = np.nan
        np.testing.assert_array_equal(frame.skeletons[0].joints, expected)
        np.testing.assert_array_equal(frame.skeletons[1].joints, body + ASIDE)


def test_azure_kinect_s_markers_need_no_joint_set(tmp_path: Path) -> None:
    """32 spheres, the body in the hundreds, in a camera's axes (y down)."""
    names = names_in("azure32")
    joints = np.zeros((32, 3))
    for place, name in enumerate(names):
        side, _, part = name.rpartition("_")[2], "_", name.rpartition("_")[0]
        ours = f"{side}_{ {'clavicle': 'collar'}.get(part, part) }"
        same = {"spine_navel": "spine1", "spine_chest": "spine3"}.get(name, ours if part else name)
        if same in names_in("smpl22"):
            joints[place] = BODIES[0][_smpl(same)]
    down = joints[:, [1, 2, 0]] * [-1, -1, 1]
    make = Messages("rosbag1")
    path = make.write(
        tmp_path / "bag", [("/body_tracking_data", 5, make.markers(*spheres(make, 5, down, 200)))]
    )
    source = open_source(str(path))
    assert source.notes[-1] == "32 joints are taken for pelvis, spine_navel, …, y down"
    ((_, frame),) = source
    assert tracks(frame) == ["2"]
    for joint in ("pelvis", "left_knee", "right_wrist", "left_collar", "neck"):
        np.testing.assert_allclose(frame.skeletons[0].joints[_smpl(joint)], BODIES[0][_smpl(joint)])


def test_markers_are_deleted_in_their_order(tmp_path: Path) -> None:
    make = Messages("mcap")
    a, b = (make.marker(5, POINTS, number, points=BODIES[0]) for number in (1, 2))
    gone, all_gone = make.marker(5, POINTS, 1, action=DELETE), make.marker(5, POINTS, 0, action=DELETE_ALL)
    arrays = [
        (a, b),
        (a, b, gone),
        (a, all_gone, b),
        (a, all_gone),
        (),
        (make.marker(5, TEXT, 1),),
        (gone, a),
    ]
    rows = [("/m", 10**9 * (i + 1), make.markers(*array)) for i, array in enumerate(arrays)]
    for index, (_, _, message) in enumerate(rows):
        for marker in message.markers:
            marker.header = make.header(10**9 * (index + 1))
        rows[index] = ("/m", rows[index][1], _copied(make, message))
    found = read(make.write(tmp_path / "bag", rows))
    assert [(frame.stamp // 10**9, tracks(frame)) for frame in found] == [
        (1, ["1", "2"]),
        (2, ["2"]),
        (3, ["2"]),
        (4, []),
        (5, []),
        (7, ["1"]),
    ]


def _copied(make: Messages, message):
    """The message as it is now: its markers are changed again for the next one."""
    kind = message.__msgtype__
    return make.store.deserialize_cdr(make.store.serialize_cdr(message, kind), kind)


def test_markers_of_the_wrong_size_are_told(tmp_path: Path) -> None:
    make = Messages("mcap")
    whole = [("/m", t, make.markers(make.marker(t, POINTS, 1, points=b))) for t, b in PAIRS]
    late = STAMPS[-1] + 10**7
    part = ("/m", late, make.markers(make.marker(late, POINTS, 1, points=BODIES[0][:9])))
    source = open_source(str(make.write(tmp_path / "bag", [*whole, part])))
    assert len(list(source)) == len(FRAMES)
    assert source.problem == (
        "messages left out: 1 of /m; the first because of: no marker shows the 22 joints of a person"
    )


def on_image(body: np.ndarray, centre: float = 0.5) -> np.ndarray:
    """Keypoints (18, 3) of somebody who faces the camera, seen from afar in an image of 640 x 480."""
    smpl = names_in("smpl22")
    found = np.zeros((18, 3))
    for place, name in enumerate(names_in("openpose18")):
        if name in smpl:
            _, y, z = body[smpl.index(name)]
            found[place] = centre + y * 0.25 * 480 / 640, 0.9 - z * 0.25, 0.8
    for place in (0, 14, 15, 16, 17):
        _, y, z = body[smpl.index("head")]
        found[place] = centre + y * 0.25 * 480 / 640, 0.9 - z * 0.25, 0.5
    found[4] = 0  # the right wrist is not seen
    return found


@pytest.mark.parametrize("form", ["mcap", "rosbag1"])
@pytest.mark.parametrize("size", [True, False])
def test_keypoints_of_ros4hri_stand_in_the_plane_of_the_image(tmp_path: Path, form: str, size: bool) -> None:
    make = Messages(form)
    rows = []
    for index, (stamp, body) in enumerate(PAIRS):
        names = ["ab1", "cd2"] if index % 2 else ["ab1"]
        for name, centre in zip(names, (0.3, 0.7), strict=False):
            message = make.keypoints(stamp, on_image(body, centre))
            rows.append((f"/humans/bodies/{name}/skeleton2d", stamp + 10**6, message))
        tracked = make.make("hri_msgs/msg/IdsList", header=make.header(stamp), ids=names)
        rows.append(("/humans/bodies/tracked", stamp + 10**6, tracked))
    nobody = make.make("hri_msgs/msg/IdsList", header=make.header(STAMPS[-1] + 10**8), ids=[])
    rows.append(("/humans/bodies/tracked", STAMPS[-1] + 10**8, nobody))
    if size:
        info = make.make("sensor_msgs/msg/CameraInfo", header=make.header(5), width=640, height=480)
        rows.insert(0, ("/camera_info", 5, info))
    path = make.write(tmp_path / "bag", rows)
    source = open_source(str(path))
    form_of = "of 640 x 480 pixels" if size else "taken to be 4:3"
    assert f"({form_of}) stand in its plane" in source.notes[-1]
    assert "nothing is known of depth" in source.notes[-1]
    found = read(path)
    assert [sorted(tracks(frame)) for frame in found[:2]] == [["ab1"], ["ab1", "cd2"]]
    assert [frame.stamp for frame in found] == [*STAMPS, STAMPS[-1] + 10**8]
    assert found[-1].skeletons == ()
    person = next(skeleton for skeleton in found[1].skeletons if skeleton.track_id == "cd2")
    assert (person.joint_set, person.image_xy.shape) == ("coco17", (17, 2) if size else (0, 2))
    joints, trust = to_smpl22(person.joints, person.confidence, "coco17")
    wrist = _smpl("right_wrist")
    assert np.isnan(joints[wrist]).all()
    assert trust[wrist] == 0
    assert trust[_smpl("left_knee")] == pytest.approx(0.8)
    # In the image as it was on the ground, but for one scale and place: the trunk's size is a convention.
    body = BODIES[1]
    seen = [
        _smpl(j) for j in ("left_hip", "right_hip", "left_knee", "right_ankle", "left_wrist", "left_shoulder")
    ]
    trunk = np.linalg.norm(
        (body[[_smpl("left_shoulder"), _smpl("right_shoulder")], 1:] - body[[1, 2], 1:]).mean(axis=0)
    )
    flat = (body[seen, 1:] - body[1, 1:]) * [-1, 1] * 0.5 / trunk
    # Somebody who faces the camera has their left on the image's right.
    np.testing.assert_allclose((joints[seen] - joints[1])[:, 1:], flat, atol=0.02)
    assert not joints[seen, 0].any()
    if size:
        hip = person.image_xy[names_in("coco17").index("left_hip")]
        np.testing.assert_allclose(hip, on_image(body, 0.7)[11, :2] * [640, 480], rtol=1e-5)


def test_keypoints_whose_definition_is_not_recorded(tmp_path: Path) -> None:
    """A SQLite recording of an older ROS 2 keeps no definitions."""
    make = Messages("sqlite3")
    path = make.write(
        tmp_path / "bag", [("/humans/bodies/a/skeleton2d", 5, make.keypoints(5, on_image(BODIES[0])))]
    )
    with sqlite3.connect(next(path.glob("*.db3"))) as connection:
        connection.execute("DELETE FROM message_definitions")
    with pytest.raises(
        SourceError, match=r"does not say what a hri_msgs/msg/Skeleton2D of /humans/bodies/a/sk"
    ):
        open_source(str(path))


def test_keypoints_that_are_not_18(tmp_path: Path) -> None:
    make = Messages("mcap")
    rows = [("/humans/bodies/a/skeleton2d", t, make.keypoints(t, on_image(b))) for t, b in PAIRS]
    rows.append(("/humans/bodies/a/skeleton2d", 10**10, make.keypoints(10**10, np.ones((3, 3)))))
    source = open_source(str(make.write(tmp_path / "bag", rows)))
    assert len(list(source)) == len(FRAMES)
    assert "3 keypoints in a skeleton, which has 18" in source.problem
