"""The words that the rule parser knows, and what the forms of one word have in common."""

from __future__ import annotations

import re
from functools import lru_cache

WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


VERBS = _words(
    """
    advance aim amble answer applaud approach balance bang bash bat beckon begin bend bite blink block
    blow bob boot bounce bow bowl box breathe brush bump call carry cartwheel catch celebrate check
    cheer chew chuck circle clap clean climb cling close clutch collapse comb come conduct continue cook
    cough crawl creep cross crouch cry curtsy cut cycle dance dangle dash deny dig direct do dodge doze
    drag draw dress dribble drink drip drive drop drum duck eat embrace enter exercise exhale exit
    express extend fall fasten fidget fight flail flap flex flinch fling flip fold follow freeze gallop
    gaze gesture get give glance glide go golf grab grasp greet guard guide gulp halt hammer hang haul
    heave hit hobble hoist hold hop hug hum hunch hunker hunt hurl hurry inhale jab jerk jog jump keep
    kick kiss kneel knock laugh lay lean leap leave lick lie lift limp lob look lower lug lunge lurch
    make march massage meditate mop mount move nod nudge open pace paint pass pat pause perch perform
    phone pick pinch pitch pivot place plank play plod plop pluck point poke polish pose pound pour
    prance pray press proceed prod propel pull punch punt push put race raise reach read receive recline
    relax release remove repeat reply respond rest retreat return ride ring rise rock roll rotate row
    rub ruffle run rush salute saunter saw scramble scratch scream screw scurry search seize serve set
    shake shiver shoot shout shove show shrug shuffle sidestep signal sing sip sit skate ski skip slap
    slash sleep slide sling slip slump smack snap snatch sneak sneeze sniff spear spin sprawl spread
    spring sprint squat squeeze stab stack stagger stamp stand start stay steer step stir stomp stoop
    stop straighten stretch stride strike stroke stroll strum stumble surf swallow swat sway sweep swim
    swing swivel take talk tap text throw thrust thump tickle tie tilt tiptoe topple toss totter touch
    tow travel tread tremble trip trot trudge tug tumble turn twirl twist type undress unfold vacuum
    vault veer volley waggle wait wake walk wander wash watch wave whack whisper whistle wiggle wink
    wipe wobble worship write yank yawn yell
    """
)

ACTION_NOUNS = _words(
    """
    block bounce bow cartwheel clap crouch dance dash dodge fall flip hop jog jump kick leap lunge march
    nod pause pull punch push roll run salute shrug skip slap slash somersault spin sprint squat step
    stretch stroll stumble swing throw turn twirl twist walk wave
    """
)

_IRREGULAR = {
    form: base
    for base, forms in {
        **{"begin": "began begun", "bend": "bent", "blow": "blew blown", "catch": "caught", "come": "came"},
        **{
            "creep": "crept",
            "dig": "dug",
            "do": "does did done",
            "draw": "drew drawn",
            "drink": "drank drunk",
        },
        **{"drive": "drove driven", "eat": "ate eaten", "fall": "fell fallen", "fight": "fought"},
        **{"freeze": "froze frozen", "get": "got gotten", "give": "gave given", "go": "goes went gone"},
        **{"hold": "held", "kneel": "knelt", "lay": "laid", "leap": "leapt", "lie": "lying"},
        **{
            "make": "made",
            "ride": "rode ridden",
            "rise": "rose risen",
            "run": "ran",
            "shake": "shook shaken",
        },
        **{
            "shoot": "shot",
            "sing": "sang sung",
            "sit": "sat",
            "sleep": "slept",
            "slide": "slid",
            "spin": "spun",
        },
        **{"stand": "stood", "strike": "struck", "sweep": "swept", "swim": "swam swum", "swing": "swung"},
        **{
            "take": "took taken",
            "throw": "threw thrown",
            "tie": "tying",
            "wake": "woke woken",
            "write": "wrote written",
        },
    }.items()
    for form in forms.split()
}

# Parts of the body are never verbs here, whatever they end in.
BODY = _words(
    """
    ankle ankles arm arms back calf cheek chest chin ear ears elbow elbows eye eyes face feet finger
    fingers foot forehead hair hand hands head heel heels hip hips knee knees leg legs mouth neck nose
    palm palms shoulder shoulders side sides stomach thigh thighs thumb thumbs toe toes torso waist
    wrist wrists
    """
)
PRONOUNS = _words("he she they it we you i someone somebody anyone anybody everyone everybody one who")
PEOPLE = _words(
    """
    actor athlete boy character child dancer figure girl guy human individual kid lady man men patient
    people performer person persons player robot skeleton student subject user woman women worker
    """
)
DETERMINERS = _words("a an the this that these those his her their its my your our some both another")
AUXILIARIES = _words("is are was were am be been being has have had will would shall can could may might did")
ADVERBS = _words(
    """
    again afterwards afterward also eventually first firstly finally immediately last lastly later
    meanwhile next now once second secondly just simply so soon subsequently then third thirdly
    thereafter too still suddenly
    """
)
PREPOSITIONS = _words(
    """
    about above across against ahead along among around at away back backward backwards behind below
    beside between beyond by down downwards for forward forwards from in inside into left near of off on
    onto out outside over past right round sideways through to toward towards under up upward upwards
    upon with without
    """
)
NEGATIONS = _words("not never no nor without cannot don't doesn't didn't isn't wasn't won't can't")

# Words that carry no content of their own: a sub-action need not share them with the sentence.
FUNCTION_WORDS = (
    PRONOUNS
    | DETERMINERS
    | AUXILIARIES
    | ADVERBS
    | (PREPOSITIONS - {"left", "right"})
    | NEGATIONS
    | PEOPLE
    | _words(
        """
    and or but as while when until till before after during if than because him them himself herself
    themselves itself there here what where which time times twice thrice two three four
    """
    )
)

# The commonest words of languages that are written like English; "die" and "man" are English too.
FOREIGN = _words(
    """
    aber dann danach das dem den der eine einen er ich ist mit nach nicht sich sie und zwei del después
    despues ella hombre las los luego mano persona su una y avec dans elle ensuite et homme il les main
    puis sur une alla braccio dopo gli mano poi uomo depois entao então homem mão não uma daarna een en
    het hij niet zij han hon jest med och potem sedan się
    """
)


@lru_cache(maxsize=4096)
def base_forms(word: str) -> tuple[str, ...]:
    """What a lower-case word may be a form of, itself first: "waving" -> waving, wave, wav."""
    forms = [word]
    if word in _IRREGULAR:
        forms.append(_IRREGULAR[word])
    if word.endswith("ies") or word.endswith("ied"):
        forms.append(word[:-3] + "y")
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 2:
            stem = word[: -len(ending)]
            forms += [stem, stem + "e"]
            if len(stem) > 2 and stem[-1] == stem[-2]:
                forms.append(stem[:-1])
    return tuple(dict.fromkeys(forms))


def verb(word: str) -> str:
    """The base form of a known verb, or ""."""
    return next((form for form in base_forms(word) if form in VERBS), "")


def stem(word: str) -> str:
    """One key for the forms of a word: "waves", "waving" and "waved" have the same."""
    word = word.lower().replace("’", "'")
    return verb(word) or min(base_forms(word), key=len).rstrip("e")


def content(text: str) -> frozenset[str]:
    """The stems of what a text speaks of."""
    words = (word.lower() for word in WORD.findall(text))
    return frozenset(stem(word) for word in words if word not in FUNCTION_WORDS)
