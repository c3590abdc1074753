"""From camera images to the skeletons of named people in metres."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.pose.detection import BLAZEPOSE, Detection
from motion_seg_ros.pose.estimator import EstimatorOptions, PoseEstimator, check_image
from motion_seg_ros.pose.gates import hide_unseen, rejection
from motion_seg_ros.pose.model import ModelMissing, find_model
from motion_seg_ros.pose.placement import body_frame, focal_length, place, smooth_depth, to_rep103
from motion_seg_ros.pose.tracking import Tracker
from motion_seg_ros.settings import check, setting
from motion_seg_ros.skeleton.types import Skeleton, SkeletonFrame


@dataclass(frozen=True)
class PoseConfig:
    """Settings of a :class:`PosePipeline`; ValueError for one out of range."""

    model: str = setting("full", "pose model: lite, full, heavy or the path of a .task bundle")
    device: str = setting(
        "cpu", "where the networks run; gpu falls back to cpu if there is none", choices=("cpu", "gpu")
    )
    max_people: int = setting(4, "how many people are followed at most", low=1, high=16)
    search_period: float = setting(
        0.1, "seconds between looks for newcomers while somebody is followed", low=0.0, high=10.0
    )
    min_detection: float = setting(0.5, "least confidence that a newcomer is a person", low=0.0, high=1.0)
    min_presence: float = setting(0.5, "least confidence that the landmarks fit a person", low=0.0, high=1.0)
    min_tracking: float = setting(0.5, "least confidence to follow without looking anew", low=0.0, high=1.0)
    min_visibility: float = setting(0.5, "least visibility of a joint that counts as seen", low=0.0, high=1.0)
    max_gap: float = setting(
        1.0, "seconds out of sight after which a person loses the id", low=0.0, high=60.0
    )
    min_hits: int = setting(
        3, "images in a row in which a newcomer is seen before getting an id", low=1, high=100
    )
    field_of_view: float = setting(
        60.0,
        "horizontal, degrees; assumed of a camera that does not tell its focal length",
        low=10.0,
        high=150.0,
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class PoseHealth:
    """What a pipeline has done since its construction, and with what.

    Attributes
    ----------
    frames : images processed.
    skeletons : skeletons reported.
    tracks : people named since the last reset.
    gated : detections that are no person.
    duplicates : detections of a person who was already followed.
    resets : restarts by a stamp that went back.
    device : "cpu" or "gpu", what is really used.
    degraded : what is worse than asked for, a sentence, or "".
    model, model_sha256 : path and content hash of the bundle.
    """

    frames: int
    skeletons: int
    tracks: int
    gated: int
    duplicates: int
    resets: int
    device: str
    degraded: str
    model: str
    model_sha256: str


class PosePipeline:
    """Images in, skeletons out; the same images with the same stamps give bit-identical skeletons.

    Close it, or use it in a ``with`` statement: MediaPipe complains on stderr about networks that are still
    open when the interpreter exits.

    Raises
    ------
    ModelMissing : there is no such pose model, or it cannot be loaded.
    """

    def __init__(self, config: PoseConfig) -> None:
        self._config = config
        self._model = find_model(config.model)
        self._sha256 = hashlib.sha256(self._model.read_bytes()).hexdigest()
        options = EstimatorOptions(
            model=self._model,
            device=config.device,
            max_people=config.max_people,
            search_period=config.search_period,
            min_detection=config.min_detection,
            min_presence=config.min_presence,
            min_tracking=config.min_tracking,
        )
        try:
            self._estimator = PoseEstimator(
                options, lambda detection: rejection(detection, config.min_visibility)
            )
        except RuntimeError as error:
            raise ModelMissing(
                f"{self._model} is not a pose model that MediaPipe can load: {error}"
            ) from error
        self._tracker = Tracker(config.max_gap, config.min_hits)
        self._last_stamp: int | None = None
        self._depths: dict[str, tuple[int, float]] = {}
        self._frames = self._skeletons = self._resets = 0

    def process(
        self, rgb: NDArray[np.uint8], stamp: int, frame_id: str, focal_px: float | None = None
    ) -> SkeletonFrame:
        """The people in one image.

        Parameters
        ----------
        rgb : (H, W, 3) uint8.
        stamp : nanoseconds, of the image. One before the last image's forgets everybody and starts afresh.
        frame_id : the camera's optical frame; the result is in its frame with body axes (``body_frame``).
        focal_px : focal length in pixels, from the camera's calibration; without it that of a camera with
            ``field_of_view`` is assumed, and all distances scale with that guess. The principal point is
            taken to be the middle of the image.

        Returns
        -------
        SkeletonFrame of joint set blazepose33: joints in metres, placed in front of the camera, NaN where not
        seen; confidence is the network's visibility; image_xy are pixels, a guess where not seen.

        Raises
        ------
        ValueError : the image is empty or of another shape or type, or the focal length is not positive.
        """
        if focal_px is not None and not focal_px > 0:
            raise ValueError(f"the focal length must be a positive number of pixels, not {focal_px}")
        check_image(rgb)
        if self._last_stamp is not None and stamp < self._last_stamp:
            self._resets += 1
            self.reset()
        self._last_stamp = stamp
        detections = self._estimator.detect(rgb, stamp)
        names = self._tracker.update(stamp, detections)
        self._depths = {
            name: (seen, depth)
            for name, (seen, depth) in self._depths.items()
            if stamp - seen <= self._config.max_gap * 1e9
        }
        height, width = rgb.shape[:2]
        focal = focal_px if focal_px is not None else focal_length(width, self._config.field_of_view)
        skeletons = tuple(
            self._skeleton(name, detection, stamp, focal, (width / 2, height / 2))
            for name, detection in sorted(
                ((name, detection) for name, detection in zip(names, detections, strict=True) if name),
                key=lambda pair: int(pair[0]),
            )
        )
        self._frames += 1
        self._skeletons += len(skeletons)
        return SkeletonFrame(stamp, body_frame(frame_id), skeletons)

    def _skeleton(
        self, name: str, detection: Detection, stamp: int, focal: float, centre: tuple[float, float]
    ) -> Skeleton:
        seen = detection.visibility >= self._config.min_visibility
        weight = np.where(seen, detection.visibility, 0.0)
        where = place(detection.world, detection.image_xy, weight, focal, centre)
        joints = to_rep103(detection.world + self._steady(name, where, stamp))
        return Skeleton(
            track_id=name,
            joint_set=BLAZEPOSE.name,
            joints=hide_unseen(joints, detection.visibility, self._config.min_visibility),
            confidence=detection.visibility.astype(np.float32),
            image_xy=detection.image_xy.astype(np.float32),
        )

    def _steady(self, name: str, where: NDArray[np.float64], stamp: int) -> NDArray[np.float64]:
        """The place of a person with the shaking of its depth smoothed away."""
        if not np.isfinite(where).all():
            return where
        if name in self._depths:
            last_stamp, depth = self._depths[name]
            where = smooth_depth(where, depth, (stamp - last_stamp) * 1e-9)
        self._depths[name] = stamp, float(where[2])
        return where

    def reset(self) -> None:
        """Forget everybody; what follows is as with a new pipeline."""
        self._estimator.reset()
        self._tracker.reset()
        self._depths.clear()
        self._last_stamp = None

    def close(self) -> None:
        """Release the networks; the pipeline is of no use afterwards."""
        self._estimator.close()

    def __enter__(self) -> PosePipeline:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def health(self) -> PoseHealth:
        """Counters and provenance for diagnostics."""
        return PoseHealth(
            frames=self._frames,
            skeletons=self._skeletons,
            tracks=self._tracker.named,
            gated=self._estimator.gated,
            duplicates=self._estimator.duplicates,
            resets=self._resets,
            device=self._estimator.device,
            degraded=self._estimator.degraded,
            model=str(self._model),
            model_sha256=self._sha256,
        )
