"""Backends of the oracle that rooms beside one another make together."""

from __future__ import annotations

from motion_seg_ros.semantics.protocol import Backend


def encoder_backend() -> Backend:
    """The calibrated motion encoder with what is installed and shipped.

    Raises
    ------
    ImportError, OSError, ValueError : what it needs is missing or does not fit.
    """
    raise ImportError("no encoder is shipped yet")
