"""Seniority: how far up a person stands, as upstream systems write it, in the few levels that we credit.

The levels follow what professional networks offer for search and advertising (unpaid, training, entry,
senior, manager, director, VP, CXO, partner, owner). Upstream spellings differ and new ones appear, so
any text is accepted: what is not known counts as `other`, and never makes an event a dead letter.
"""

from typing import Literal, get_args

Seniority = Literal[
    "intern", "junior", "mid", "other", "senior", "manager", "director", "vp", "c_level", "partner", "owner"
]
LEVELS: tuple[str, ...] = get_args(Seniority)

SENIOR = frozenset({"senior", "manager", "director", "vp", "c_level", "partner", "owner"})
"""Levels credited as senior people and decision makers; one set, so that an upstream with only the
three levels junior, other and senior is credited like one with all of them."""

JUNIOR = frozenset({"intern", "junior"})
"""Levels credited as juniors. `mid` and `other` are neither."""

_SPELLINGS = {level: level for level in LEVELS} | {
    "unpaid": "intern",
    "training": "intern",
    "in_training": "intern",
    "student": "intern",
    "trainee": "intern",
    "entry": "junior",
    "entry_level": "junior",
    "associate": "mid",
    "mid_level": "mid",
    "mid_senior": "senior",
    "lead": "senior",
    "principal": "senior",
    "experienced_manager": "manager",
    "entry_level_manager": "manager",
    "head": "director",
    "vice_president": "vp",
    "svp": "vp",
    "evp": "vp",
    "cxo": "c_level",
    "c_suite": "c_level",
    "executive": "c_level",
    "founder": "owner",
}


def level(text: str | None) -> str:
    """The level (one of `LEVELS`) that an upstream text means; `other` for None, empty and unknown text.

    Case, and the choice of blank, hyphen or underscore between words, make no difference.

    >>> level("Vice President"), level("C-Level"), level("wizard")
    ('vp', 'c_level', 'other')
    """
    if not text:
        return "other"
    known = _SPELLINGS.get(text)
    if known is not None:
        return known
    return _SPELLINGS.get(text.strip().lower().replace(" ", "_").replace("-", "_"), "other")
