"""What goes wrong with files of motion."""

from motion_seg_ros.plain_text import InputError


class DatasetError(InputError):
    """A file that is not what its format promises; the message is one sentence that names the file."""
