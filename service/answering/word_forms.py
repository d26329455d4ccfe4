"""Forms of English words: stop words, numbers in words, irregular forms, and a light stemmer."""

from functools import lru_cache
from typing import Final

_MIN_STEM = 3
_LONG_STEM = 5

STOP_WORDS: Final = frozenset(
    # Articles, pronouns, prepositions and auxiliaries, and the words that make a sentence a question.
    """
        a an the this that these those such same other another each every any all both either neither some none
        i me my we us our you your he him his she her hers it its they them their theirs itself themselves
        himself herself who whom whose which what when where why how whatever whoever and or but nor so yet if
        then than as because while although though whether unless until of at by for with about against between
        into through during before after above below to from up down in out on off over under again further per
        via upon within without toward towards among amid regarding concerning is am are was were be been being
        do does did doing done have has had having will would shall should can could may might must ought cannot
        not no there here just also only very too more most less least much many few lot quite rather ever still
        already please tell give show explain describe me know let s t re ve ll d m don mr mrs ms dr
    """.split()
)

NUMBER_WORDS: Final = {
    **{
        word: str(value)
        for value, word in enumerate(
            """
                zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
                sixteen seventeen eighteen nineteen twenty
            """.split()
        )
    },
    **{
        word: str(value)
        for value, word in enumerate(
            """
                first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
                fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth
            """.split(),
            start=1,
        )
    },
    **dict(
        zip(
            ["thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "dozen"],
            ["30", "40", "50", "60", "70", "80", "90", "12"],
            strict=True,
        )
    ),
}

DEMONYM_ENDINGS: Final = frozenset(
    (
        "",
        "a",
        "e",
        "es",
        "i",
        "n",
        "s",
        "o",
        "y",
        "an",
        "ia",
        "ian",
        "ean",
        "ese",
        "ish",
        "ans",
        "ians",
        "is",
        "istan",
        "stan",
    )
)

_IRREGULAR: Final = {
    form: base
    for base, forms in {
        "meet": "met meeting meetings",
        "hold": "held holding",
        "say": "said saying",
        "speak": "spoke spoken speaking speech",
        "tell": "told",
        "take": "took taken taking",
        "give": "gave given giving",
        "get": "got gotten",
        "make": "made making",
        "go": "went gone",
        "come": "came coming",
        "begin": "began begun beginning",
        "win": "won winning winner winners",
        "lose": "lost losing loss losses",
        "buy": "bought",
        "acquire": "acquisition acquisitions",
        "sell": "sold sale sales",
        "build": "built building",
        "send": "sent sending",
        "lend": "lent lending lender",
        "spend": "spent spending",
        "lead": "led leading leader leaders leadership",
        "leave": "left leaving",
        "find": "found finding findings",
        "think": "thought",
        "bring": "brought",
        "write": "wrote written writing",
        "rise": "rose risen rising",
        "fall": "fell fallen falling",
        "grow": "grew grown growth growing",
        "choose": "chose chosen choice",
        "break": "broke broken",
        "strike": "struck striking strikes",
        "sign": "signed signing signature",
        "die": "died dying death deaths dead",
        "kill": "killed killing",
        "pay": "paid payment payments",
        "run": "ran running",
        "see": "saw seen",
        "show": "showed shown",
        "know": "knew known",
        "become": "became",
        "agree": "agreed agreement agreements agreeing",
        "support": "supported supporting supportive",
        "visit": "visited visiting visits visitor visitors",
        "invite": "invited inviting invitation invites",
        "man": "men",
        "woman": "women",
        "child": "children",
        "person": "people persons",
        "french": "france",
        "british": "britain uk",
        "dutch": "netherlands",
        "spanish": "spain",
        "polish": "poland",
        "greek": "greece",
        "turkish": "turkey turkiye",
        "swiss": "switzerland",
        "swedish": "sweden",
        "danish": "denmark",
        "american": "us usa america",
        "russian": "russia",
    }.items()
    for form in forms.split()
}

_ENDINGS: Final = (
    ("ational", "ate"),
    ("ization", "ize"),
    ("isation", "ize"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ations", ""),
    ("ation", ""),
    ("ities", ""),
    ("ments", ""),
    ("ions", ""),
    ("ment", ""),
    ("ness", ""),
    ("isms", ""),
    ("ism", ""),
    ("ists", ""),
    ("ising", "ize"),
    ("ised", "ize"),
    ("ies", ""),
    ("ied", ""),
    ("ity", ""),
    ("ion", ""),
    ("ing", ""),
    ("ers", ""),
    ("ors", ""),
    ("ist", ""),
    ("ous", ""),
    ("ive", ""),
    ("ful", ""),
    ("ial", ""),
    ("ed", ""),
    ("er", ""),
    ("or", ""),
    ("ly", ""),
    ("es", ""),
    ("al", ""),
    ("s", ""),
    ("e", ""),
    ("y", ""),
)
_DOUBLED = frozenset("bdgmnprt")


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """Return a key that most forms of a word share: `invited`, `invites` and `invitation` give `invit`.

    Light on purpose: forms that a reader would not take for the same word should stay apart.
    """
    base = _IRREGULAR.get(word, word)
    for ending, instead in _ENDINGS:
        if base.endswith(ending) and len(base) - len(ending) >= _MIN_STEM and not base.endswith("ss"):
            return _trimmed(base.removesuffix(ending) + instead)
    return base


def _trimmed(base: str) -> str:
    if len(base) > _MIN_STEM and base[-1] == base[-2] and base[-1] in _DOUBLED:
        return base[:-1]
    base = base.removesuffix("e") if len(base) > _MIN_STEM else base
    # "cooperate" and "cooperation", "emphasise" and "emphasize" lose the same letters.
    return base[:-2] if len(base) > _LONG_STEM and base.endswith(("at", "iz", "is")) else base
