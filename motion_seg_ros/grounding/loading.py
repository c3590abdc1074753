"""A grounder with weights from a folder."""

from __future__ import annotations

from pathlib import Path

from motion_seg_ros.grounding.calibration import load_calibration
from motion_seg_ros.grounding.encoder import CALIBRATION, MotionTextEncoder
from motion_seg_ros.grounding.grounder import Grounder, GroundingConfig
from motion_seg_ros.grounding.partition import Ask


def load_grounder(
    weights: Path | None = None, config: GroundingConfig | None = None, ask: Ask | None = None
) -> Grounder:
    """The encoder of a folder (None: that of this package) with its calibration.

    Raises
    ------
    ValueError, OSError : the weights are missing or damaged, or the calibration is of another encoder.
    """
    encoder = MotionTextEncoder(weights)
    calibration = load_calibration(encoder.info.folder / CALIBRATION, encoder.name)
    return Grounder(encoder, calibration, config, ask)
