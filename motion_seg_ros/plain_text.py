"""Text from outside on one printable line, and errors that tell in such a line what is wrong with input."""

from __future__ import annotations

import unicodedata

_LONGEST = 500


def one_line(text: str, longest: int) -> str:
    """A text from outside as one printable line.

    Control, format (such as those that turn the direction of writing), surrogate and private characters go,
    any run of white space becomes one space, and what is longer than ``longest`` is cut.
    """
    # Nothing beyond this can be shown, and a megabyte need not be walked through.
    text = text[: 16 * longest]
    shown = (
        " " if character.isspace() else character
        for character in text
        if character.isspace() or not unicodedata.category(character).startswith("C")
    )
    return " ".join("".join(shown).split())[:longest].rstrip()


def reason(error: BaseException) -> str:
    """What an error says first, without a full stop; its class where it says nothing."""
    first = next(iter(str(error).strip().splitlines()), "")
    return one_line(first, 200).rstrip(".") or type(error).__name__


class InputError(ValueError):
    """Input that cannot be used; the message is one printable sentence, whatever the input says."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message, _LONGEST))
