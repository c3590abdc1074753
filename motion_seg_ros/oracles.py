"""Backends of the oracle that rooms beside one another make together."""

from __future__ import annotations

from motion_seg_ros.semantics.calibration import load_calibrations
from motion_seg_ros.semantics.encoder import EncoderBackend, available_encoder
from motion_seg_ros.semantics.protocol import Backend


def encoder_backend() -> Backend:
    """The calibrated motion encoder with what is installed and shipped.

    Raises
    ------
    ImportError, OSError, ValueError : what it needs is missing or does not fit.
    """
    return EncoderBackend(available_encoder(), load_calibrations())
