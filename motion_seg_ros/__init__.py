"""Live transcripts of human motion for ROS 2."""

from pkgutil import extend_path

# The messages that colcon generates install a package of the same name; both halves are one package.
__path__ = extend_path(__path__, __name__)

__version__ = "0.1.0"
