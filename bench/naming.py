"""How often the words of an action are the nearest of all, for motion that an encoder was not trained on.

    python bench/naming.py FILE... [--keep style=elderly,masculine] [--weights DIR]

Each labelled span of the files is compared with one sentence for each action that occurs in them; printed is
the share of spans that are nearest to their own, the mean over six choices of sentences: taught ones, and
ones that were never taught.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.grounding.captions import Action, find_action, sentence
from motion_seg_ros.grounding.encoder import MotionTextEncoder
from motion_seg_ros.grounding.motion_text import pool, unit
from motion_seg_ros.grounding.text_data import read_recordings

Array = NDArray[np.float64]

TRIED = 6


def spans_of(
    encoder: MotionTextEncoder, path: Path, keep: dict[str, list[str]]
) -> Iterator[tuple[Action, Array]]:
    """(action, unit vector) of every span of a file that there are words for."""
    for one in read_recordings(path, keep=keep):
        features = encoder.frame_features(one.joints, one.fps)
        frames = np.minimum((features.times * one.fps / 1e9).astype(int), len(one.labels) - 1)
        cuts = np.flatnonzero(np.diff(one.labels)) + 1
        for first, last in zip([0, *cuts], [*cuts, len(one.labels)], strict=True):
            action = find_action(one.names[one.labels[first]]) if one.labels[first] >= 0 else None
            inside = (frames >= first) & (frames < last)
            if action is not None and inside.any():
                pooled, _ = pool(features.values, features.attention, inside[None].astype(float))
                yield action, unit(pooled)[0]


def top1(encoder: MotionTextEncoder, spans: list[tuple[Action, Array]], unseen: bool) -> float:
    actions = sorted({(action.name, action.side): action for action, _ in spans}.items())
    truth = np.array([[key for key, _ in actions].index((one.name, one.side)) for one, _ in spans])
    vectors = np.array([vector for _, vector in spans])
    shares = []
    for number in range(TRIED):
        words = [action.unseen if unseen else action.phrases for _, action in actions]
        texts = encoder.embed_text([sentence(phrases[number % len(phrases)]) for phrases in words])
        shares.append(np.mean((vectors @ texts.T).argmax(axis=1) == truth))
    return float(np.mean(shares))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--keep", default="", metavar="NAME=VALUE,...", help="clips of a collection")
    parser.add_argument("--weights", type=Path, metavar="DIR", help="default: those that ship")
    options = parser.parse_args()
    name, _, values = options.keep.partition("=")
    keep = {name: values.split(",")} if name else {}
    encoder = MotionTextEncoder(options.weights)
    spans = [span for path in options.files for span in spans_of(encoder, path, keep)]
    count = len({(action.name, action.side) for action, _ in spans})
    print(f"{len(spans)} spans of {count} actions")
    print(f"words that were taught {top1(encoder, spans, False):.3f}")
    print(f"words that were not {top1(encoder, spans, True):.3f}")


if __name__ == "__main__":
    main()
