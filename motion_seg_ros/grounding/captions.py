"""Sentences that say what a person does, made from the words that data sets label motion with.

The vocabulary, ``configs/captions.yaml``, has phrases for each action; those under ``unseen`` are kept from
training, so that they measure whether words are understood that nobody taught. A phrase marks its verbs with
braces, and :func:`sentence` puts them into the form that a frame such as "a person is ..." needs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from types import MappingProxyType

import numpy as np

SIDES = {"left": "right", "right": "left"}

# What stands around a phrase, and the form of its verbs there. Bare forms are what a sentence is split into.
FRAMES = (
    ("third", "a person {}"),
    ("third", "someone {}"),
    ("third", "the person {}"),
    ("third", "he {}"),
    ("third", "she {}"),
    ("third", "a man {}"),
    ("third", "a woman {}"),
    ("third", "{}"),
    ("gerund", "a person is {}"),
    ("gerund", "someone is {}"),
    ("gerund", "a person {}"),
    ("gerund", "{}"),
    ("base", "{}"),
    ("base", "the person begins to {}"),
    ("past", "a person {}"),
    ("past", "{}"),
)

# How data sets call a way of moving, in words that follow any phrase.
_STYLES = {
    "active": ("energetically", "in an active way"),
    "angry": ("angrily", "in an angry way"),
    "childish": ("like a child", "in a childish way"),
    "chimpira": ("like a thug", "with a swagger"),
    "elderly": ("like an elderly person", "with old age"),
    "feminine": ("like a woman", "in a feminine way"),
    "giant": ("like a giant", "heavily"),
    "happy": ("happily", "in a happy mood"),
    "masculine": ("like a man", "in a masculine way"),
    "masculinity": ("like a man", "in a manly way"),
    "musical": ("to music", "rhythmically"),
    "not-confident": ("shyly", "without confidence"),
    "old": ("like an old person", "in an old way"),
    "proud": ("proudly", "in a proud way"),
    "sad": ("sadly", "in a sad mood"),
    "tired": ("tiredly", "wearily"),
}

_JOINTS = (
    "{} and then {}",
    "{}, then {}",
    "{} and {}",
    "{} before {}",
    "{}, followed by {}",
)

_VERB = re.compile(r"\{(\w+)\}")
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_IRREGULAR = """
    bear/bore become/became begin/began bend/bent bid/bade bite/bit break/broke bring/brought come/came
    creep/crept cut/cut do/did draw/drew drink/drank fight/fought flee/fled fling/flung get/got
    give/gave go/went hang/hung hew/hewed hit/hit hold/held keep/kept kneel/knelt leap/leapt leave/left
    let/let lie/lay make/made pay/paid put/put ring/rang rise/rose run/ran say/said see/saw send/sent
    shake/shook shoot/shot show/showed sink/sank sit/sat slide/slid speed/sped spin/spun spread/spread
    spring/sprang stand/stood steal/stole stride/strode strike/struck sweep/swept swing/swung take/took
    tear/tore throw/threw thrust/thrust tread/trod withdraw/withdrew wring/wrung write/wrote
"""
_PAST = dict(pair.split("/") for pair in _IRREGULAR.split())
# More than one syllable, and yet the last consonant is doubled as in one-syllable verbs.
_DOUBLED = ("begin", "control", "propel", "pummel", "sidestep", "signal", "swivel", "travel")


@dataclass(frozen=True)
class Action:
    """One thing that people do, with the words for it.

    Attributes
    ----------
    name : of the action, without the side it is done on.
    side : "left", "right", or "" where the action has no side.
    phrases : taught.
    general : taught phrases that are true of either side.
    unseen : never taught.
    within : the action that may go on before and after it, with the whole called after this one; or "".
    """

    name: str
    side: str
    phrases: tuple[str, ...]
    general: tuple[str, ...]
    unseen: tuple[str, ...]
    within: str = ""

    def mirror(self) -> Action:
        """The same action on the other side."""
        if not self.side:
            return self
        other = SIDES[self.side]
        return vocabulary()[self.name.replace("SIDE", other).replace("OTHER", self.side)]


@lru_cache(maxsize=1)
def vocabulary() -> Mapping[str, Action]:
    """Every action by every name that a data set has for it, in small letters; sides written out."""
    import yaml

    text = resources.files("motion_seg_ros.grounding").joinpath("configs/captions.yaml").read_text("utf-8")
    found: dict[str, Action] = {}
    for name, entry in yaml.safe_load(text).items():
        for side in SIDES if "SIDE" in name else ("",):
            phrases, general, unseen = (
                _with_side(entry.get(key, ()), side) for key in ("phrases", "any", "unseen")
            )
            action = Action(name, side, phrases, general, unseen, entry.get("within", ""))
            for alias in (name, *entry["names"]):
                # A name without a side, of an action that has one, leaves open which.
                if side and "SIDE" not in alias:
                    if not entry.get("any"):
                        continue
                    either = tuple(_without_side(phrase) for phrase in entry["unseen"])
                    found[alias] = Action(name, "", tuple(entry["any"]), (), either)
                else:
                    (spelt,) = _with_side((alias,), side)
                    found[spelt] = action
    return MappingProxyType(found)


def find_action(label: str) -> Action | None:
    """The action that a data set's label means ("walk-turn-left", "clapHands", "train/walking/walking_3").

    Of "wave with the left hand while sitting" it is the waving. None for a label that the vocabulary lacks.
    """
    label = label.partition(" while ")[0]
    words = " ".join(word.lower() for word in _WORDS.findall(label.rpartition("/")[2]) if word.isalpha())
    return vocabulary().get(words)


def label_text(label: str) -> str:
    """A label in plain words, for those that the vocabulary does not have: "sitDown" to "sit down"."""
    return " ".join(word.lower() for word in _WORDS.findall(label))


def sentence(phrase: str, form: str = "third", frame: str = "a person {}") -> str:
    """A phrase in one of the :data:`FRAMES`: "{wave}" to "a person waves"."""
    return frame.format(_VERB.sub(lambda match: conjugated(match[1], form), phrase))


def captions(action: Action, *, unseen: bool = False) -> tuple[str, ...]:
    """All sentences for an action, from its own phrases; from those never taught with ``unseen``."""
    phrases = action.unseen if unseen else action.phrases
    return tuple(sentence(phrase, form, frame) for phrase in phrases for form, frame in FRAMES)


def general_captions(action: Action) -> tuple[str, ...]:
    """All sentences that are true of the action on either side."""
    return tuple(sentence(phrase, form, frame) for phrase in action.general for form, frame in FRAMES)


def with_style(text: str, style: str, rng: np.random.Generator) -> str:
    """The sentence with words for a style at its end; as it is for "normal" and for styles not known."""
    words = _STYLES.get(style)
    return f"{text} {words[rng.integers(len(words))]}" if words else text


def composed(phrases: Sequence[str], rng: np.random.Generator) -> str:
    """One sentence that tells several phrases in their order: "a person walks and then waves"."""
    text = sentence(phrases[0])
    for phrase in phrases[1:]:
        joint = _JOINTS[rng.integers(len(_JOINTS))]
        form = "gerund" if joint.endswith(("before {}", "by {}")) else "third"
        text = joint.format(text, sentence(phrase, form, "{}"))
    return text


def mirrored(text: str) -> str:
    """The sentence for the mirrored motion: left and right change places."""
    return re.sub(r"\b(left|right)\b", lambda match: SIDES[match[1]], text)


def conjugated(verb: str, form: str) -> str:
    """A verb's "base", "third" person, "gerund" or "past"; English spelling rules and their exceptions."""
    if form == "base":
        return verb
    if form == "third":
        if verb.endswith("y") and verb[-2] not in "aeiou":
            return verb[:-1] + "ies"
        return verb + ("es" if verb.endswith(("s", "sh", "ch", "x", "z", "o")) else "s")
    if form == "past":
        if verb in _PAST:
            return _PAST[verb]
        if verb.endswith("e"):
            return verb + "d"
        if verb.endswith("y") and verb[-2] not in "aeiou":
            return verb[:-1] + "ied"
        return _doubled(verb) + "ed"
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")):
        return verb[:-1] + "ing"
    return _doubled(verb) + "ing"


def _doubled(verb: str) -> str:
    short = re.fullmatch(r"(qu|[^aeiou])*[aeiou][^aeiouwxy]", verb)
    return verb + verb[-1] if short or verb in _DOUBLED else verb


def _with_side(phrases: Sequence[str], side: str) -> tuple[str, ...]:
    if not side:
        return tuple(phrases)
    return tuple(phrase.replace("SIDE", side).replace("OTHER", SIDES[side]) for phrase in phrases)


def _without_side(phrase: str) -> str:
    return re.sub(
        r"\s+", " ", phrase.replace("SIDE-handed ", "").replace("the SIDE", "one").replace("SIDE", "")
    ).strip()
