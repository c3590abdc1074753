"""rclpy shells around the core: parameters, QoS, lifecycle and message conversion. No algorithm here."""

import os

# Before numpy comes: matrices here are small, and BLAS threads would only wait for one another.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
