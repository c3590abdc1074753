"""People cut out of images, as the video encoder reads them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.skeleton.image_box import FollowingSquare, image_box

CROP = 64  # pixels of a side
CROPS = "joints-box-1.5/1"  # changes when what is cut out does


class Following:
    """Cuts one person out of image after image, about the same size each time."""

    def __init__(self) -> None:
        self._square = FollowingSquare()

    def crop(self, rgb: NDArray[np.uint8], image_xy: NDArray[np.floating]) -> NDArray[np.float32] | None:
        """What is seen of the next look: (64, 64) grey in 0..1; None where the person is not in the image.

        Parameters
        ----------
        rgb : (H, W, 3). Beyond its edge the picture goes on as it ends.
        image_xy : (J, 2) pixels of the joints, NaN where unseen, (0, 2) where not known.
        """
        height, width = rgb.shape[:2]
        box = image_box(image_xy, width, height)
        if box is None:
            return None
        side = round(self._square.side(box.extent))
        left, top = (int(edge) for edge in np.round(box.middle - side / 2))
        inside = rgb[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]
        # Corners of what is inside, in the crop.
        x = [round((edge - left) * CROP / side) for edge in (max(left, 0), min(left + side, width))]
        y = [round((edge - top) * CROP / side) for edge in (max(top, 0), min(top + side, height))]
        if x[0] == x[1] or y[0] == y[1]:
            # An image that is hardly a line shows nobody.
            return None
        scale = cv2.INTER_AREA if side > CROP else cv2.INTER_LINEAR
        grey = cv2.cvtColor(inside, cv2.COLOR_RGB2GRAY)
        small = cv2.resize(grey, (x[1] - x[0], y[1] - y[0]), interpolation=scale)
        whole = np.pad(small, ((y[0], CROP - y[1]), (x[0], CROP - x[1])), mode="edge")
        return whole.astype(np.float32) / np.float32(255)
