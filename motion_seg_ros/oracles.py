"""Backends of the oracle that rooms beside one another make together."""

from __future__ import annotations

from motion_seg_ros.semantics.calibration import load_calibrations
from motion_seg_ros.semantics.encoder import EncoderBackend, available_encoder
from motion_seg_ros.semantics.protocol import Backend


def encoder_backend() -> tuple[Backend, str]:
    """The calibrated motion encoder with what is installed and shipped, and one sentence on what is not.

    Raises
    ------
    ImportError, OSError, ValueError : what it needs is missing or does not fit.
    """
    encoder, note = available_encoder()
    return EncoderBackend(encoder, load_calibrations()), note
