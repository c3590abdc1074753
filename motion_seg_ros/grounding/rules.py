"""A sentence to its sub-actions in order of time, by rules (derived; no model, English only).

What is read: "then", "next", "finally", "followed by", "until", arrows, lists and new sentences put one
thing after another; "before", "after", "once", "when", "having" and "preceded by" say the order whatever the
place in the sentence; commas and "and" part two actions where a verb follows; "twice" and "three times"
repeat one. Two things at once ("waves while walking", "walks, waving") stay one sub-action, because masks
exclude one another. Subjects and question frames ("tell me when he ...") are taken off, "it" becomes what it
stands for, and what is denied ("without waving") is not looked for.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from motion_seg_ros.grounding.words import (
    ACTION_NOUNS,
    ADVERBS,
    AUXILIARIES,
    BODY,
    DETERMINERS,
    FOREIGN,
    FUNCTION_WORDS,
    NEGATIONS,
    PEOPLE,
    PREPOSITIONS,
    PRONOUNS,
    WORD,
    base_forms,
    content,
    verb,
)

MAX_WORDS = 256
"""Words of a text that are read."""

MAX_REPEATS = 4
"""Repetitions that become sub-actions of their own; more are one long action."""

_TOKEN = re.compile(rf"{WORD.pattern}|,")
_SENTENCE = re.compile(r"[.!?;:\n]+(?:\s+|$)|[;\n]|\s*(?:->|→|⇒|=>|»)\s*")
_LIST_MARK = re.compile(r"^\s*(?:\d{1,2}[.)]|[-*•])\s+", re.MULTILINE)
_CODE = re.compile(r"[{}<>=\\|`$#^~]|\(\)|\w\(|\w\.\w+\(|</|//|::")
_FRAME = re.compile(
    r"^(?:please\s+)?(?:can|could|would)?\s*(?:you\s+)?(?:please\s+)?"
    r"(?:(?:tell|show|let|inform|notify|alert|warn)\s+me(?:\s+know)?|find(?:\s+me)?|locate|detect|search\s+for|look\s+for"
    r"|watch\s+for|wait\s+for|i\s+want\s+to\s+know)\s+"
    r"(?:(?:all\s+)?(?:the\s+)?(?:moments?|times?|parts?|spans?|segments?|places?|point)\s+)?"
    r"(?:when(?:ever)?|where|if|whether|how|in\s+which|at\s+which|as\s+soon\s+as|that)?\s*",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"^(?:when|where|at\s+what\s+time|how\s+often|how\s+many\s+times)\s+(?:did|does|do|was|were|is|has|have|will)\s+"
    r"|^(?:did|does|do|has|have|was|were|is)\s+(?=(?:he|she|they|it|somebody|someone|anybody|anyone|the|a|an)\b)",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"[\s,]*\b(?:please\s+)?(?:tell|show|let|inform|notify|alert|warn)\s+me(?:\s+know)?(?:\s+please)?\s*$",
    re.IGNORECASE,
)
_SEQUENCE = (
    *(
        ("and", "then"),
        ("but", "then"),
        ("followed", "by"),
        ("after", "that"),
        ("after", "this"),
        ("after", "which"),
    ),
    *(("after", "it"), ("before", "finally"), ("before", "then"), ("then",), ("afterwards",), ("afterward",)),
    *(
        ("thereafter",),
        ("subsequently",),
        ("eventually",),
        ("finally",),
        ("lastly",),
        ("until",),
        ("till",),
        ("later",),
    ),
    ("next",),
)
_REVERSED = (("preceded", "by"), ("before", "that"), ("before", "this"), ("before", "which"))
_TOGETHER = (
    ("at", "the", "same", "time", "as"),
    ("at", "the", "same", "time"),
    ("simultaneously",),
    ("while",),
    ("whilst",),
)
_BEGIN = {"start", "starts", "started", "begin", "begins", "began", "proceeds", "continues"}
_END = {"end", "ends", "ended", "finish", "finishes", "finished"}
_COUNTS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
_OBJECTS = {"it", "them", "him", "somebody", "someone", "something", "themselves", "himself", "herself"}
_VAGUE = {"several", "many", "multiple", "few", "some", "numerous"}

Tokens = list[str]


@dataclass
class Reading:
    """What the rules make of a text.

    Attributes
    ----------
    actions : sub-actions in order of time; empty where there is nothing to look for.
    notes : a sentence for each choice that the text left open.
    """

    actions: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _claims: dict[tuple[frozenset[str], frozenset[str]], int] = field(default_factory=dict)
    _statement: int = 0

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def read(text: str) -> Reading:
    """The sub-actions of any text; never fails."""
    reading = Reading()
    if reason := refusal(text):
        reading.note(reason)
        return reading
    text = _plain(text)
    words = WORD.findall(text)
    if len(words) > MAX_WORDS:
        reading.note(f"the text has {len(words)} words: the first {MAX_WORDS} are read")
        text = text[: [match.end() for match in WORD.finditer(text)][MAX_WORDS - 1]]
    for sentence in _SENTENCE.split(_LIST_MARK.sub("\n", text)):
        asked = _CLOSING.sub("", _FRAME.sub("", sentence.strip(), count=1))
        tokens = _TOKEN.findall(_QUESTION.sub("", asked, count=1))
        reading._statement += 1
        for action in _ordered(_trim(tokens), reading):
            reading.actions.append(" ".join(action).replace(" ,", ","))
    if not reading.actions:
        reading.note("the text names no action")
    return reading


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text)
    text = re.sub(r"\s*[—–]+\s*", ", ", text).replace("&", " and ").replace("_", " ")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)


def refusal(text: str) -> str:
    """Why no sub-action can be read in a text (empty, code, not English), or ""."""
    text = _plain(text)
    words = WORD.findall(text)
    if not text.strip():
        return "the text is empty"
    if not words:
        return "the text has no words"
    if len(_CODE.findall(text.replace("->", "").replace("=>", ""))) > max(1, len(words) // 10):
        return "the text looks like code, not like a sentence"
    letters = [character for character in text if character.isalpha()]
    if sum(character > "ɏ" for character in letters) > 0.3 * len(letters):
        return "the text is not in English"
    lower = [word.lower() for word in words]
    strange = sum(word in FOREIGN for word in lower)
    known = sum(word in FUNCTION_WORDS or bool(verb(word)) for word in lower)
    if strange > known:
        return "the text is not in English"
    return ""


# -- order -----------------------------------------------------------------------------------------------


def _ordered(tokens: Tokens, reading: Reading) -> list[Tokens]:
    """Sub-actions of one sentence or of a part of it, in order of time."""
    tokens = _trim(tokens)
    if not tokens:
        return []
    lower = [token.lower() for token in tokens]
    first = lower[0]
    if first in ("after", "once", "when", "having", "before", "while", "whilst", "as") and len(tokens) > 1:
        border = _end_of_clause(tokens, _length_of_subordinator(lower))
        if border:
            inner, outer = tokens[_length_of_subordinator(lower) : border], tokens[border:]
            if first in ("while", "whilst") or (first == "as" and lower[1] != "soon"):
                return _joined(outer, inner, reading)
            if first == "before":
                return _claimed(_ordered(outer, reading), _ordered(inner, reading), reading)
            return _claimed(_ordered(inner, reading), _ordered(outer, reading), reading)
        if first in ("after", "once", "when", "having", "while", "before", "as"):
            tokens, lower = tokens[1:], lower[1:]
    aside = _aside(tokens, lower)
    if aside:
        before = _ordered(tokens[:aside], reading)
        reading._statement += 1
        return before + _ordered(tokens[aside:], reading)
    for place in range(1, len(lower)):
        for words in (*_SEQUENCE, *_REVERSED):
            if tuple(lower[place : place + len(words)]) == words and _is_cut(tokens, place, len(words)):
                left = _ordered(tokens[:place], reading)
                right = _ordered(tokens[place + len(words) :], reading)
                return right + left if words in _REVERSED else left + right
    return _around(tokens, lower, reading)


def _aside(tokens: Tokens, lower: Tokens) -> int:
    """Where a second statement with an order of its own begins: "... and, after waving, sits", or 0."""
    for place in range(1, len(lower) - 1):
        if lower[place] in ("after", "before", "once", "when", "while") and "," in lower[place + 2 :]:
            linked = lower[place - 1] == "and" or lower[place - 2 : place] == ["and", ","]
            comma = lower.index(",", place + 2)
            if linked and lower[comma + 1 : comma + 2] not in (["and"], ["then"], []):
                return place
        ordered = {"before", "after"} & set(lower[1:place]) and {"before", "after"} & set(lower[place + 1 :])
        if ordered and lower[place] == "and" and lower[place + 1] in PRONOUNS:
            return place
    return 0


def _is_cut(tokens: Tokens, place: int, length: int) -> bool:
    """Whether a word of sequence at a place parts two clauses: "next to" and "later" at the end do not."""
    rest = tokens[place + length :]
    return bool(rest) and not (tokens[place].lower() == "next" and rest[0].lower() == "to")


def _around(tokens: Tokens, lower: Tokens, reading: Reading) -> list[Tokens]:
    """The main clause with what is said to come before and after it."""
    places = [
        place
        for place in range(1, len(lower))
        if lower[place] in ("before", "after", "once", "when") and _begins_action(tokens[place + 1 :])
    ]
    if not places:
        return _listed(tokens, reading)
    result = _listed(tokens[: places[0]], reading)
    for place, end in zip(places, [*places[1:], len(tokens)], strict=True):
        clause = _listed(tokens[place + 1 : end], reading)
        if lower[place] == "before":
            result = _claimed(result, clause, reading)
        else:
            result = _claimed(clause, result, reading)
    return result


def _claimed(first: list[Tokens], second: list[Tokens], reading: Reading) -> list[Tokens]:
    """Both in the order that a "before" or "after" says, unless another statement has said the contrary."""
    if not first or not second:
        return first + second
    one, other = content(" ".join(first[-1])), content(" ".join(second[0]))
    if one != other and reading._claims.get((other, one), reading._statement) != reading._statement:
        reading.note(
            f'the order contradicts itself: "{" ".join(first[-1])}" before "{" ".join(second[0])}" '
            "is left out, because the contrary was said first"
        )
        return []
    reading._claims.setdefault((one, other), reading._statement)
    return first + second


def _length_of_subordinator(lower: Tokens) -> int:
    return 3 if lower[:3] == ["as", "soon", "as"] else 1


def _end_of_clause(tokens: Tokens, start: int) -> int:
    """Where the main clause begins after a leading "after ...": behind a comma, at a subject or a verb."""
    seen = False
    for place in range(start, len(tokens)):
        word = tokens[place].lower()
        if word == "," and seen and not _continues_list(tokens, place):
            return place + 1
        if seen and word in PRONOUNS and word not in ("it", "one", "who"):
            return place
        if seen and word in DETERMINERS and _person_follows(tokens, place):
            return place
        if seen and place > start + 1 and _finite(word) and tokens[start].lower().endswith("ing"):
            return place
        seen = seen or bool(verb(word)) or word.endswith("ing")
    return 0


def _continues_list(tokens: Tokens, place: int) -> bool:
    """Whether a comma in a leading clause parts items: "after walking, sitting and waving he ..."."""
    following = [token.lower() for token in tokens[place + 1 : place + 3]]
    return bool(following) and following[0].endswith("ing") and bool(verb(following[0]))


def _person_follows(tokens: Tokens, place: int) -> bool:
    return any(token.lower() in PEOPLE for token in tokens[place + 1 : place + 4])


def _finite(word: str) -> bool:
    return bool(verb(word)) and word.endswith("s") and word not in PREPOSITIONS


# -- lists -----------------------------------------------------------------------------------------------


def _listed(tokens: Tokens, reading: Reading) -> list[Tokens]:
    """Split at commas and at "and" where an action begins behind them; tie together what is done at once."""
    tokens = _trim(tokens)
    lower = [token.lower() for token in tokens]
    for words in _TOGETHER:
        for place in range(1, len(lower)):
            if tuple(lower[place : place + len(words)]) == words and tokens[place + len(words) :]:
                return _joined(tokens[:place], tokens[place + len(words) :], reading)
    for place in range(1, len(lower) - 1):
        if lower[place] == "as" and lower[place + 1] in PRONOUNS - {"it"}:
            return _joined(tokens[:place], tokens[place + 1 :], reading)
    parts: list[Tokens] = [[]]
    for place, word in enumerate(lower):
        if word in (",", "and", "but", "plus") and parts[-1]:
            behind = place + 1
            while behind < len(lower) and lower[behind] in (",", "and", "but"):
                behind += 1
            if _begins_action(tokens[behind:], after=parts[-1]):
                participle = word == "," and behind == place + 1 and _participle(tokens[behind:], parts[-1])
                if participle and "and" not in lower[behind:]:
                    return [
                        *_listed_parts(parts[:-1], reading),
                        *_joined(parts[-1], tokens[behind:], reading),
                    ]
                parts.append([])
                continue
        if not parts[-1] and word in (",", "and", "but", "plus"):
            continue
        parts[-1].append(tokens[place])
    return _listed_parts(parts, reading)


def _listed_parts(parts: list[Tokens], reading: Reading) -> list[Tokens]:
    result: list[Tokens] = []
    for part in parts:
        result += _leaf(part, result, reading)
    return result


def _participle(tokens: Tokens, before: Tokens) -> bool:
    """Whether "waving" follows a clause whose own verb is no "-ing" form."""
    if not tokens[0].lower().endswith("ing"):
        return False
    head = next((token.lower() for token in _bare(before)), "")
    return not head.endswith("ing") and bool(verb(head) or head.endswith(("s", "ed")))


def _joined(main: Tokens, other: Tokens, reading: Reading) -> list[Tokens]:
    """Two things at once: the last of the main clause takes the other one with it."""
    first, second = _listed(main, reading), _listed(other, reading)
    if not first or not second:
        return first or second
    both = [*first[-1], "while", *second[0]]
    reading.note(f'"{" ".join(both)}" happens at once and is one sub-action')
    return [*first[:-1], both, *second[1:]]


def _begins_action(tokens: Tokens, after: Tokens | None = None) -> bool:
    """Whether words open a clause of their own: (adverbs) (subject) verb, or "a kick"."""
    place = 0
    lower = [token.lower() for token in tokens]
    while place < len(lower) and (_adverb(lower[place]) or lower[place] in NEGATIONS - {"without"}):
        place += 1
    if place >= len(lower):
        return False
    word = lower[place]
    if word == "without" or word in AUXILIARIES - {"can", "will", "may", "might"}:
        return True
    if word in PRONOUNS:
        return any(_verbish(w) or w in AUXILIARIES for w in lower[place + 1 : place + 4])
    if word in DETERMINERS or word.isdigit() or word in _COUNTS:
        return _action_noun(lower[place + 1 : place + 4]) or (
            _person_follows(tokens, place) and len(lower) > place + 2
        )
    if _verbish(word):
        return True
    return after is not None and _alike(word, lower[place + 1 :], after)


def _action_noun(words: Tokens) -> bool:
    """Whether a noun phrase that begins so names an action: "short run", not "table and waves"."""
    for word in words:
        if set(base_forms(word)) & ACTION_NOUNS:
            return True
        if word in PREPOSITIONS or word in (",", "and"):
            break
    return False


def _alike(word: str, rest: Tokens, after: Tokens) -> bool:
    """Whether an unknown word is a verb by its ending and its place: "lobs a ball", "glorps and blicks"."""
    ending = next((ending for ending in ("s", "ed") if word.endswith(ending) and len(word) > 3), "")
    if not ending or word.endswith("ss") or word in FUNCTION_WORDS or word in BODY or rest[:1] == ["of"]:
        return False
    if rest[:1] and (rest[0] in DETERMINERS or rest[0] in _OBJECTS):
        return True
    clause = _bare(after)
    alone = len(clause) == 1 and clause[0].lower().endswith(ending) and clause[0].lower() not in BODY
    # "cups and plates on the table" are two things, "with the right hand and hunkers down" is not.
    plural = clause[-1:] and clause[-1].lower().endswith("s") and clause[-1].lower() not in PREPOSITIONS
    return alone or (bool(rest) and rest[0] not in ("and", ",") and not plural)


def _verbish(word: str) -> bool:
    if word in PREPOSITIONS or word in PEOPLE or word in BODY:
        return False
    return bool(verb(word)) or (
        word.endswith("ing") and len(word) > 5 and word not in ("something", "nothing")
    )


def _adverb(word: str) -> bool:
    return word in ADVERBS or (word.endswith("ly") and len(word) > 4)


# -- one sub-action --------------------------------------------------------------------------------------


def _leaf(tokens: Tokens, before: list[Tokens], reading: Reading) -> list[Tokens]:
    """One clause as none, one or, repeated, several sub-actions."""
    words = _bare(tokens)
    lower = [word.lower() for word in words]
    denial = next((place for place, word in enumerate(lower) if word in NEGATIONS), None)
    if denial is not None:
        reading.note(f'"{" ".join(words[denial:])}" is denied and not looked for')
        while denial and (lower[denial - 1] in AUXILIARIES or lower[denial - 1] in ("do", "does")):
            denial -= 1
        words, lower = words[:denial], lower[:denial]
    while len(lower) > 1 and lower[-1] in ("is", "was", "are", "were"):
        words, lower = words[:-1], lower[:-1]
    if lower[:2] in (["there", "is"], ["there", "are"], ["there", "was"]):
        words, lower = words[2:], lower[2:]
    again = lower[-1:] == ["again"]
    if again:
        words, lower = words[:-1], lower[:-1]
    if before and (
        lower[:1] in (["repeat"], ["repeats"], ["repeating"]) or lower[:2] in (["does", "it"], ["do", "it"])
    ):
        words, lower = list(before[-1]), [word.lower() for word in before[-1]]
    words, count = _repeated(words, reading)
    words = _resolved(words, before)
    words = _trim(words)
    if not content(" ".join(words)):
        return []
    if words[0].lower() in PREPOSITIONS and not any(_verbish(word.lower()) for word in words):
        reading.note(f'"{" ".join(words)}" names no action')
        return []
    return [words] * count


def _bare(tokens: Tokens) -> Tokens:
    """Without leading adverbs, subject and auxiliaries: "the man then slowly starts to walk" -> "walk"."""
    words = _trim(tokens)
    for _ in range(len(words)):
        lower = [word.lower() for word in words]
        cut = 0
        if not lower:
            break
        if len(lower) > 1 and (
            lower[0] in ADVERBS | AUXILIARIES | PRONOUNS or lower[0] in ("and", "but", ",")
        ):
            cut = 1
        elif (
            lower[0] in _BEGIN
            and lower[1:2]
            and (lower[1] in ("to", "by", "with") or lower[1].endswith("ing"))
        ):
            cut = 2 if lower[1] in ("to", "by", "with") else 1
        elif lower[0] in _END and lower[1:2] and lower[1] in ("by", "with"):
            cut = 2
        elif lower[0] == "to" and lower[1:2] and verb(lower[1]):
            cut = 1
        else:
            cut = _subject(words, lower)
        if not cut:
            break
        words = words[cut:]
    return words


def _subject(words: Tokens, lower: Tokens) -> int:
    """How many words a leading person takes: "the old man" 3, "Anna" 1, "the left arm" 0."""
    begins = lower[0] in DETERMINERS or lower[0] in PEOPLE or lower[0] in _COUNTS
    for place in range(min(5, len(lower) - 1) if begins else 0):
        if lower[place] in PEOPLE:
            # "a person in a red shirt walks": what is said of a person goes up to the verb.
            for end in range(place + 1, min(place + 9, len(lower))):
                if (
                    _finite(lower[end])
                    or lower[end] in AUXILIARIES
                    or (end == place + 1 and _verbish(lower[end]))
                ):
                    return end
                if lower[end] in ("who", "that"):
                    return end + 1
            return place + 1
        if _verbish(lower[place]) or lower[place] in PREPOSITIONS:
            break
    named = (
        words[0][0].isupper()
        and words[0][1:].islower()
        and not verb(lower[0])
        and lower[0] not in FUNCTION_WORDS
    )
    return int(named and len(lower) > 1 and _finite(lower[1]))


def _repeated(words: Tokens, reading: Reading) -> tuple[Tokens, int]:
    """Without its number of times, and that number."""
    lower = [word.lower() for word in words]
    for place, word in enumerate(lower):
        count, length = 0, 1
        if word in ("twice", "thrice"):
            count = 2 if word == "twice" else 3
        elif lower[place + 1 : place + 2] == ["times"] and (word in _COUNTS or word.isdigit()):
            count, length = _COUNTS.get(word) or int(word[:4]), 2
        elif lower[place + 1 : place + 2] == ["times"] and word in _VAGUE:
            count, length = 0, 2
        elif word in ("repeatedly",):
            count = 0
        else:
            continue
        rest = words[:place] + words[place + length :]
        if rest and rest[-1].lower() in ("a", "a few"):
            rest = rest[:-1]
        if 1 <= count <= MAX_REPEATS:
            return rest, count
        reading.note(f'"{" ".join(words)}" is looked for as one long action')
        return rest, 1
    return words, 1


def _resolved(words: Tokens, before: list[Tokens]) -> Tokens:
    """With "it" and "them" replaced by the thing that was named last."""
    if not before or not {"it", "them"} & {word.lower() for word in words}:
        return words
    for clause in reversed(before):
        thing = _thing(clause)
        if thing:
            return [part for word in words for part in (thing if word.lower() in ("it", "them") else [word])]
    return words


def _thing(words: Tokens) -> Tokens:
    lower = [word.lower() for word in words]
    for place, word in enumerate(lower):
        if word in DETERMINERS:
            end = place + 1
            while end < len(lower) and lower[end] not in PREPOSITIONS | {","} and not _adverb(lower[end]):
                end += 1
            return words[place:end] if end > place + 1 else []
    return []


def _trim(tokens: Tokens) -> Tokens:
    """Without commas and conjunctions at both ends."""
    begin, end = 0, len(tokens)
    while begin < end and tokens[begin].lower() in (",", "and", "but", "then", "or"):
        begin += 1
    while end > begin and tokens[end - 1].lower() in (",", "and", "but", "then", "or"):
        end -= 1
    return tokens[begin:end]
