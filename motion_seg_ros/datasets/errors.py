"""What goes wrong with files of motion."""


class DatasetError(ValueError):
    """A file that is not what its format promises; the message is one sentence that names the file."""
