"""From images of people to video concept tokens, beside their motion's, for everybody in view."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.humocon.contract import ModelError
from motion_seg_ros.humocon.crops import Following
from motion_seg_ros.humocon.runtime import ConceptEncoder
from motion_seg_ros.humocon.tokens import ConceptTokens
from motion_seg_ros.skeleton.types import SkeletonFrame

_NOWHERE = np.zeros((0, 2), np.float32)
# People come and go for days; who was looked at longest ago is forgotten.
_MOST_TRACKS = 256


@dataclass
class VideoHealth:
    """Counters since the beginning.

    Attributes
    ----------
    video_tokens : tokens told.
    without_image : motion tokens of frames without an image.
    outside_image : motion tokens of people who are not in the frame's image, or nobody says where.
    """

    video_tokens: int = 0
    without_image: int = 0
    outside_image: int = 0


@dataclass(slots=True)
class _Track:
    """Somebody who is looked at."""

    state: NDArray[np.float32]
    following: Following = field(default_factory=Following)
    end: int = -1


@dataclass(slots=True, eq=False)
class _Look:
    """Somebody in an image: the motion tokens that are told with it, and the (64, 64) picture of them."""

    track: _Track
    tokens: list[ConceptTokens]
    crop: NDArray[np.float32]


class VideoTokenizer:
    """Tokens of what is seen of people, one for each of their motion tokens and over the same span.

    The picture of a token is that of the frame which completed the motion token. Who was not seen for one
    token begins anew, with an empty past, as does everybody whose motion does. No clock is read: the same
    frames and images give the same tokens.

    Parameters
    ----------
    encoder : of video; may serve several tokenizers.
    """

    def __init__(self, encoder: ConceptEncoder) -> None:
        self.health = VideoHealth()
        self._encoder = encoder
        self._tracks: OrderedDict[tuple[str, str], _Track] = OrderedDict()

    def update(
        self, told: Sequence[ConceptTokens], frame: SkeletonFrame, rgb: NDArray[np.uint8] | None
    ) -> list[ConceptTokens]:
        """The tokens beside the motion tokens that a frame completed, as far as its image shows their people.

        Parameters
        ----------
        told : by :class:`motion_seg_ros.humocon.streaming.Tokenizer` of this frame.
        rgb : (H, W, 3), in which the skeletons' ``image_xy`` are; None if it did not come.

        Raises
        ------
        ModelError : the encoder failed; everybody begins anew.
        """
        if rgb is None:
            self.health.without_image += len(told)
            return []
        places = {person.track_id: person.image_xy for person in reversed(frame.skeletons)}
        due: dict[str, list[ConceptTokens]] = {}
        for token in told:
            due.setdefault(token.track_id, []).append(token)
        shown: dict[int, list[_Look]] = {}
        for track_id, tokens in due.items():
            track = self._track((frame.frame_id, track_id), tokens[0].start)
            crop = track.following.crop(rgb, places.get(track_id, _NOWHERE))
            if crop is None:
                self.health.outside_image += len(tokens)
            else:
                shown.setdefault(len(tokens), []).append(_Look(track, tokens, crop))
        found = [token for looks in shown.values() for token in self._encode(looks)]
        self.health.video_tokens += len(found)
        return found

    def close(self) -> None:
        """Forget everybody."""
        self._tracks.clear()

    def _track(self, key: tuple[str, str], start: int) -> _Track:
        """The track of somebody whose next token begins at ``start``."""
        track = self._tracks.get(key)
        if track is None or track.end != start:
            track = self._tracks[key] = _Track(self._encoder.state(1)[0])
        self._tracks.move_to_end(key)
        if len(self._tracks) > _MOST_TRACKS:
            self._tracks.popitem(last=False)
        return track

    def _encode(self, looks: list[_Look]) -> Iterator[ConceptTokens]:
        """Everybody with as many tokens due, in one call; each crop is seen until the next."""
        count = len(looks[0].tokens)
        video = np.stack([look.crop for look in looks])[:, None].repeat(count, axis=1)
        state = np.stack([look.track.state for look in looks])
        try:
            codes, distances, embeddings, after = self._encoder.encode(video, state)
        except ModelError:
            self.close()
            raise
        for row, look in enumerate(looks):
            look.track.state, look.track.end = after[row], look.tokens[-1].end
            for place, token in enumerate(look.tokens):
                yield replace(
                    token,
                    codebook=self._encoder.info.codebook,
                    tokens=(int(codes[row, place]),),
                    distances=(float(distances[row, place]),),
                    embedding=embeddings[row, place],
                )
