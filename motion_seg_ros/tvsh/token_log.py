"""Motion concept tokens, kept until the segments in which they lie are final."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Hashable, Sequence

# Of a segment that goes on for longer (9 minutes at 7.5 tokens a second) the newest are known.
_MOST_TOKENS = 4096
# Tracks come and go for days; those that were heard of longest ago are forgotten.
_MOST_TRACKS = 64


class TokenLog:
    """Tokens with their spans, by track, bounded."""

    def __init__(self) -> None:
        self._tracks: OrderedDict[Hashable, _Spans] = OrderedDict()

    def note(self, track: Hashable, start: int, end: int, tokens: Sequence[int], codebook: str = "") -> bool:
        """Keep tokens, each over an equal part of [start, end) ns; whether those before had another codebook.

        Tokens come in order of time: those that begin before the newest one, as when a bag is played again,
        are the beginning of another past. Those that index another codebook are, too: numbers of two
        codebooks say nothing beside each other.
        """
        spans = self._tracks.setdefault(track, _Spans(codebook))
        self._tracks.move_to_end(track)
        if len(self._tracks) > _MOST_TRACKS:
            self._tracks.popitem(last=False)
        strange = spans.codebook != codebook
        spans.codebook = codebook
        if strange or (spans.starts and start < spans.starts[-1]):
            spans.forget(len(spans.tokens))
        count = len(tokens)
        borders = [start + (end - start) * place // count for place in range(count + 1)]
        spans.starts += borders[:-1]
        spans.ends += borders[1:]
        spans.tokens += tokens
        if len(spans.tokens) > 2 * _MOST_TOKENS:
            spans.forget(len(spans.tokens) - _MOST_TOKENS)
        return strange

    def within(self, track: Hashable, start: int, end: int) -> tuple[int, ...]:
        """The tokens whose spans lie in [start, end], in order of time."""
        spans = self._tracks.get(track)
        if spans is None:
            return ()
        first, last = bisect_left(spans.starts, start), bisect_right(spans.ends, end)
        return tuple(spans.tokens[max(first, last - _MOST_TOKENS) : last])

    def forget(self, track: Hashable, before: int) -> None:
        """Forget the tokens that begin before a time."""
        spans = self._tracks.get(track)
        if spans is not None:
            spans.forget(bisect_left(spans.starts, before))


class _Spans:
    """Tokens of one track, in order of time, that index one codebook."""

    def __init__(self, codebook: str) -> None:
        self.codebook = codebook
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.tokens: list[int] = []

    def forget(self, count: int) -> None:
        del self.starts[:count], self.ends[:count], self.tokens[:count]
