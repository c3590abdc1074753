import cv2
import numpy as np
from motion import pose

from motion_seg_ros.semantics.figures import strip
from motion_seg_ros.semantics.protocol import Moment


def drawn(joints):
    return cv2.imdecode(np.frombuffer(strip(Moment(0, joints, 30.0)), np.uint8), cv2.IMREAD_COLOR)


def window(motion, count=24):
    return np.array([pose(motion, number / 30) for number in range(count)])


def ink(image):
    return (image < 200).any(axis=2)


def test_four_figures_in_a_row_inside_their_squares():
    image = drawn(window("wave"))
    assert image.shape == (160, 640, 3)
    for number in range(4):
        square = ink(image)[:, 160 * number : 160 * (number + 1)]
        assert 200 < square.sum() < 5000
        assert not square[:, :2].any()
        assert not square[:, -2:].any()
    assert not ink(image)[:2].any()


def test_the_head_is_up_and_the_persons_left_is_blue_and_at_the_right():
    image = drawn(window("stand")).astype(int)
    blue, red = image[..., 0] - image[..., 2] > 100, image[..., 2] - image[..., 0] > 100
    first = slice(0, 160)
    assert np.nonzero(blue[:, first])[1].mean() > np.nonzero(red[:, first])[1].mean()
    # The head is highest, unless the right hand is waved.
    top = int(np.argmax(ink(image).any(axis=1)))
    assert not red[: top + 3].any()
    waving = drawn(window("wave")).astype(int)
    top = int(np.argmax(ink(waving).any(axis=1)))
    assert (waving[..., 2] - waving[..., 0] > 100)[: top + 3].any()


def test_the_figure_is_the_same_wherever_it_stands_and_however_large_it_is():
    np.testing.assert_array_equal(drawn(window("wave") * 2.0 + [5.0, -3.0, 1.0]), drawn(window("wave")))


def test_one_frame_and_unseen_joints_are_drawn_as_far_as_they_go():
    assert drawn(window("wave", 1)).shape == (160, 160, 3)
    partly = window("wave")
    partly[:, [4, 5, 7, 8, 10, 11]] = np.nan
    assert ink(drawn(partly)).sum() > 0
    nobody = np.full((3, 22, 3), np.nan)
    assert not ink(drawn(nobody)).any()
