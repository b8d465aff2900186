"""The comparison of an addressee's name, which a clinic typed, with the names in the NPI registry.

There are two questions. `is_same_name` is strict: its answer is printed on certificates. `may_be_same_person` is
lenient: a warning about another name must not appear for a nickname or for half of a double name."""

import re

from chalicelib.domain.providers import DEGREES, SUFFIXES, is_same_spelling, name_key
from chalicelib.domain.registry.entries import PersonName

_SHORTEST_STEM = 3
"""The number of letters that a short form such as `Ben` must have to count as the beginning of a name."""

_PARTICLES = "de del la las los da di dos van von der den el al bin st san santa y e mc mac"
_NO_NAMES = frozenset([*SUFFIXES, *DEGREES, "c", *_PARTICLES.split()])
"""Suffixes, degrees (`c` is the end of `PA-C`) and particles, which two different last names may share."""

_NICKNAMES = tuple(
    frozenset(group.split())
    for group in (
        "abigail abby gail",
        "alexander alexandra alex sandy sasha lex",
        "amanda mandy",
        "andrew andy drew",
        "anthony tony",
        "barbara barb babs",
        "catherine katherine kathryn cathy kathy kate katie kitty",
        "charles chuck charlie",
        "christina christine kristina kristine tina",
        "christopher kit topher",
        "cynthia cindy",
        "deborah debra debbie deb",
        "dorothy dot dottie",
        "edward ed ted ned eddie",
        "elizabeth liz beth betty betsy eliza lisa bess",
        "eugene gene",
        "francis francisco frank paco pancho",
        "frederick fred rick",
        "geoffrey jeffrey jeff",
        "gerald gerard jerry gerry",
        "guillermo william bill billy will memo liam",
        "harold henry hal hank harry",
        "james jim jimmy jamie",
        "jesus chuy",
        "john jonathan jack johnny jon",
        "jose joseph joe joey pepe",
        "lawrence laurence larry",
        "leonard len lenny leo",
        "margaret maggie meg peggy peg marge rita",
        "mary maria molly polly",
        "michael mike mick mickey miguel",
        "nancy ann anne anna annie nan",
        "nathan nathaniel nate",
        "nicole nikki",
        "patricia pat patty trish tricia",
        "pamela pam",
        "rebecca becky",
        "richard rick rich dick ricardo",
        "robert bob bobby rob roberto",
        "ronald ron",
        "sarah sally sadie",
        "stephen steven steve esteban",
        "susan suzanne sue suzy",
        "theodore theodora ted teddy theo",
        "theresa teresa terry tess",
        "thomas tom tommy",
        "virginia ginny ginger",
        "zachary zack",
    )
)
"""Given names that one person may use for another. Names that begin alike, such as `Dan` or `Danny` and `Daniel`, need
no row."""

_PET_ENDING = re.compile(r"(?:(?<=(.))\1|(?<=c)k)?(?:ie|ey|y|i)$")
"""The ending of a pet form, with the letter that it doubles: `Danny` comes from `Dan`, `Vicky` from `Vic`."""


def is_same_name(first_name: str, last_name: str, registered: PersonName) -> bool:
    """Return True if the name is spelled as in the registry, apart from case, accents, punctuation and a suffix.

    The middle name may be missing, written out, or an initial."""
    first, middle = registered.first, registered.middle
    given = dict.fromkeys((first, f"{first} {middle}", f"{first} {middle[:1]}"))
    return any(is_same_spelling((first_name, last_name), (name, registered.last)) for name in given)


def may_be_same_person(first_name: str, last_name: str, registered: tuple[PersonName, ...]) -> bool:
    """Return True if the name may belong to the person who has the names `registered` in the registry.

    A last name may be half of a double name. A first name may be a nickname, an initial, or a middle name. The first
    and last name may come from two of the person's names, because some people keep a former last name at work."""
    known_as = [word for name in registered for word in _given(f"{name.first} {name.middle}")]
    is_given = any(_may_be_same(typed, known) for typed in _given(first_name) for known in known_as)
    return is_given and any(_shares_last_name(last_name, name.last) for name in registered)


def _given(names: str) -> list[str]:
    """Return the words of first and middle names, spelled alike: without accents, marks and capitals."""
    return name_key(names, "").split()


def _shares_last_name(one: str, other: str) -> bool:
    if is_same_spelling(("", one), ("", other)):
        return True
    words, others = (set(name_key("", name).split()) - _NO_NAMES for name in (one, other))
    return not words.isdisjoint(others)


def _may_be_same(one: str, other: str) -> bool:
    """Return True if two given names are the same, or one may stand for the other."""
    short, long = sorted((one, other), key=len)
    if one == other or (len(short) == 1 and long.startswith(short)):
        return True
    if _is_short_form(one, other) or _is_short_form(other, one):
        return True
    return any({one, other} <= group for group in _NICKNAMES)


def _is_short_form(short: str, name: str) -> bool:
    """Return True if a name begins with the short form, or with the form from which a pet form comes."""
    return any(len(stem) >= _SHORTEST_STEM and name.startswith(stem) for stem in (short, _PET_ENDING.sub("", short)))
