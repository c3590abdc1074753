"""The words of training and the batches in which motions meet them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion_seg_ros.grounding.captions import (
    Action,
    captions,
    composed,
    find_action,
    general_captions,
    with_style,
)
from motion_seg_ros.grounding.encoder import STRIDE
from motion_seg_ros.grounding.sentence_inputs import Embed, sentence_inputs
from motion_seg_ros.grounding.text_config import TextTrainingConfig
from motion_seg_ros.grounding.text_data import Motions, Span, sequence
from motion_seg_ros.semantics.sentences import DIMENSION

Array = NDArray[np.float32]
Bool = NDArray[np.bool_]

# A feature sees about this many steps to each side; nearer to a cut it sees the other action too.
_MARGIN = 3
# What is left of an action at a sequence's end may be too little to tell.
_SHORTEST = 5


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """What can be said of the actions of training, embedded.

    Attributes
    ----------
    actions : A, the ones that occur and their mirrors.
    vectors : for each action (n, SENTENCE_INPUTS) of sentences that are true of it alone.
    general : for each action (n, SENTENCE_INPUTS) of sentences that are true of either side; n may be 0.
    pairs : (P, 2) actions, one after another, and pair_vectors (P, SENTENCE_INPUTS) of one sentence for both.
    same_name : (A, A) one action, on whichever side.
    told_apart : (A, A) labels of one source tell them apart.
    """

    actions: tuple[Action, ...]
    vectors: tuple[Array, ...]
    general: tuple[Array, ...]
    pairs: NDArray[np.int64]
    pair_vectors: Array
    same_name: Bool
    told_apart: Bool

    def index(self, action: Action) -> int:
        return self.actions.index(action)


def words_of(spans: Sequence[Span], embed: Embed, each: int, pairs: int, rng: np.random.Generator) -> Words:
    """Sentences for the actions of spans: about ``each`` for an action, and ``pairs`` for two of them."""
    found = {}
    for span in spans:
        for action in (span.action, span.action.mirror()):
            found[action.name, action.side] = action
    actions = tuple(found[key] for key in sorted(found))
    place = {key: index for index, key in enumerate(sorted(found))}
    styles: list[set[str]] = [set() for _ in actions]
    together: dict[str, set[int]] = {}
    for span in spans:
        for action in (span.action, span.action.mirror()):
            number = place[action.name, action.side]
            styles[number].add(span.style)
            together.setdefault(span.source, set()).add(number)
    vectors, general = [], []
    for action, manners in zip(actions, styles, strict=True):
        sentences = _some(captions(action), each, rng)
        for style in sorted(manners - {""}):
            sentences += [with_style(text, style, rng) for text in _some(captions(action), 3, rng)]
        vectors.append(sentence_inputs(sentences, embed))
        general.append(sentence_inputs(_some(general_captions(action), each // 4, rng), embed))
    told = np.zeros((len(actions), len(actions)), bool)
    for numbers in together.values():
        chosen = sorted(numbers)
        told[np.ix_(chosen, chosen)] = True
    names = np.array([action.name for action in actions])
    chosen_pairs = rng.integers(len(actions), size=(pairs, 2))
    told_pairs = [
        composed([_one(actions[a].phrases, rng), _one(actions[b].phrases, rng)], rng) for a, b in chosen_pairs
    ]
    return Words(
        actions,
        tuple(vectors),
        tuple(general),
        chosen_pairs,
        sentence_inputs(told_pairs, embed),
        names[:, None] == names[None],
        told,
    )


def _some(sentences: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    """At most ``count`` of the sentences, evenly over the phrases that they are made of."""
    if not sentences:
        return []
    order = rng.permutation(len(sentences))
    return [sentences[number] for number in order[:count]]


def _one(phrases: Sequence[str], rng: np.random.Generator) -> str:
    return phrases[int(rng.integers(len(phrases)))]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Sequences of spans, what each span is, and one sentence for each action and for some pairs.

    Attributes
    ----------
    motion : (B, T, INPUTS). rows : (M,) the sequence of each motion. masks : (M, L) its steps in it.
    steps : (B, L) the action at each step, -1 near cuts and where nothing is.
    texts : (C, SENTENCE_INPUTS) sentences.
    positive, counted : (M, C) what belongs together, and what is known not to.
    step_counted : (A, A) the same for the action of a step and the first A sentences.
    """

    motion: Array
    rows: NDArray[np.int64]
    masks: Array
    steps: NDArray[np.int64]
    texts: Array
    positive: Bool
    counted: Bool
    step_counted: Bool


def _course(parts: Sequence[tuple[int, int, Span, bool]], place: int) -> tuple[int, int]:
    """Inputs before and after a part that may be called after it: what it happens in the course of."""
    name = parts[place][2].action.within
    lengths = [
        parts[other][1] - parts[other][0]
        if name and 0 <= other < len(parts) and parts[other][2].action.name == name
        else 0
        for other in (place - 1, place + 1)
    ]
    return lengths[0], lengths[1]


class Batches:
    """Draws batches; the same seed and number give the same batch."""

    def __init__(self, motions: Motions, words: Words, config: TextTrainingConfig) -> None:
        self._motions, self._words, self._config = motions, words, config
        self._mirrors = np.array([words.index(action.mirror()) for action in words.actions])
        self._by_action: list[list[Span]] = [[] for _ in words.actions]
        for span in motions.spans:
            self._by_action[words.index(span.action)].append(span)
        # An action that is seen once on one side is seen on the other one in the mirror.
        counts = np.array([len(spans) for spans in self._by_action], float)
        self._chance = np.sqrt(counts) / np.sqrt(counts).sum()
        names = [action.name for action in words.actions]
        self._around = [
            names.index(action.within) if action.within in names else -1 for action in words.actions
        ]
        walk = find_action("walk")
        self._walk = words.actions.index(walk) if walk in words.actions else -1

    def batch(self, number: int) -> Batch:
        rng = np.random.default_rng((self._config.seed, number))
        texts, general = self._sentences(rng)
        motion, rows, masks, mains, pair_rows = [], [], [], [], []
        length = self._config.frames // STRIDE
        steps = np.full((self._config.batch, length), -1)
        columns: list[int] = []
        for row in range(self._config.batch):
            pair = (
                int(rng.integers(len(self._words.pairs))) if row % 4 == 0 and len(self._words.pairs) else -1
            )
            chosen = self._chosen(pair, rng)
            drawn = sequence(
                self._motions,
                chosen,
                self._config.frames,
                self._config.disturbance,
                rng,
                self._config.longest,
            )
            motion.append(drawn.inputs)
            union = np.zeros(length, np.float32)
            seen = []
            for place, (first, last, span, flip) in enumerate(drawn.parts):
                begin, end = round(first / STRIDE), round(last / STRIDE)
                if end - begin < _SHORTEST:
                    continue
                number_of = self._words.index(span.action)
                number_of = int(self._mirrors[number_of]) if flip else number_of
                mask = np.zeros(length, np.float32)
                before, after = _course(drawn.parts, place)
                longer = rng.uniform(0, 1, 2) * (before // STRIDE, after // STRIDE)
                mask[begin - int(longer[0]) : end + int(longer[1])] = 1
                union += mask
                inner = slice(begin + _MARGIN, max(end - _MARGIN, begin + _MARGIN))
                steps[row, inner] = number_of
                moving = span.style.endswith("walking forward")
                rows.append(row)
                masks.append(self._shaken(mask, rng))
                mains.append((number_of, self._walk if moving else -1))
                seen.append(number_of)
            if pair >= 0 and len(seen) >= 2:
                wanted = self._words.pairs[pair]
                if len(seen) == 2 and sorted(seen) == sorted(wanted):
                    rows.append(row)
                    masks.append(union)
                    pair_rows.append((len(mains), pair))
                    mains.append((seen[0], seen[1]))
                    columns.append(pair)
        negatives = self._negatives(texts)
        positive, counted = self._relations(mains, general, negatives, dict(pair_rows), columns)
        all_texts = np.concatenate((texts, self._words.pair_vectors[columns]))
        return Batch(
            np.stack(motion),
            np.array(rows),
            np.stack(masks),
            steps,
            all_texts,
            positive,
            counted,
            negatives,
        )

    def _chosen(self, pair: int, rng: np.random.Generator) -> list[Span]:
        numbers = rng.choice(len(self._chance), 6, p=self._chance)
        if pair >= 0:
            numbers = self._words.pairs[pair]
        spans = []
        for number in numbers:
            around = self._around[number] if pair < 0 and rng.random() < 0.5 else -1
            wanted = (number,) if around < 0 else (around, number, around)
            for one in wanted:
                pool = self._by_action[one] or self._by_action[self._mirrors[one]]
                spans.append(pool[int(rng.integers(len(pool)))])
        return spans

    def _sentences(self, rng: np.random.Generator) -> tuple[Array, Bool]:
        """For each action a sentence between two paraphrases, or one that leaves out the side."""
        general = np.array([len(v) > 0 and rng.random() < 0.15 for v in self._words.general])
        texts = []
        for number, open_side in enumerate(general):
            pool = self._words.general[number] if open_side else self._words.vectors[number]
            a, b = pool[rng.integers(len(pool), size=2)]
            share = rng.uniform(0, 0.5)
            mixed = (1 - share) * a + share * b
            texts.append(mixed)
        return np.array(texts, np.float32), general

    def _negatives(self, texts: Array) -> Bool:
        """(A, A): motions of one action and the sentence of another that do not belong together.

        Pairs of nearly equal sentences are left out (the false-negative filter of TMR), except where the
        labels of one source tell the two apart: the sentences of left and right are nearly equal, too.
        """
        meanings = texts[:, :DIMENSION] / np.linalg.norm(texts[:, :DIMENSION], axis=1, keepdims=True)
        alike = meanings @ meanings.T > self._config.filter
        words = self._words
        open_name = np.array([not a.side and "SIDE" in a.name for a in words.actions])
        related = words.same_name & (open_name[:, None] | open_name[None])
        np.fill_diagonal(related, True)
        result: Bool = ~related & (words.told_apart | words.same_name | ~alike)
        return result

    def _relations(
        self,
        mains: list[tuple[int, int]],
        general: Bool,
        negatives: Bool,
        pair_of: dict[int, int],
        columns: list[int],
    ) -> tuple[Bool, Bool]:
        words = self._words
        count, actions = len(mains), len(words.actions)
        positive = np.zeros((count, actions + len(columns)), bool)
        counted = np.zeros_like(positive)
        sets = words.pairs[columns] if columns else np.zeros((0, 2), np.int64)
        for row, (main, other) in enumerate(mains):
            allowed = negatives[main].copy()
            if other >= 0:
                allowed &= negatives[other]
            allowed &= ~(general & words.same_name[main])
            if row in pair_of:
                for column, pair in enumerate(sets):
                    same = sorted(pair) == sorted((main, other))
                    positive[row, actions + column] = same
                    counted[row, actions + column] = not same and bool(
                        (negatives[main][pair] & negatives[other][pair]).all()
                    )
            else:
                positive[row, main] = True
                positive[row, :actions] |= general & words.same_name[main]
                for column, pair in enumerate(sets):
                    counted[row, actions + column] = bool(allowed[pair].all())
            counted[row, :actions] = allowed
        return positive, counted

    @staticmethod
    def _shaken(mask: Array, rng: np.random.Generator) -> Array:
        """The mask as an optimisation may find it: borders moved, some steps left out, soft."""
        inside = np.flatnonzero(mask)
        length = len(inside)
        first, last = inside[0], inside[-1] + 1
        cut = rng.uniform(0, 0.25, 2) * length
        result = np.zeros_like(mask)
        result[int(first + cut[0]) : max(int(np.ceil(last - cut[1])), int(first + cut[0]) + 1)] = 1
        holes = rng.random(len(mask)) < 0.1
        softened = np.where(holes, result * rng.random(len(mask)), result)
        return softened.astype(np.float32) if softened.any() else mask
