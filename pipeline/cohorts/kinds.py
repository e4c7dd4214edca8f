"""The kinds of cohorts and their names; imported with the settings, so nothing heavy may be imported here."""

from collections.abc import Sequence

from schemas.registers import TEXTS, Register

EVERYONE = "everyone"
KINDS = {register.name.lower(): register for register in TEXTS}
"""The registers that can be kinds of cohorts, by name."""


def kind_of(cohort: str) -> tuple[str, str]:
    """(kind, value) of a cohort's name, as `industry:software`; ValueError for a name that can't be one.

    >>> kind_of("industry:R: and D"), kind_of("everyone")
    (('industry', 'R: and D'), ('everyone', ''))
    """
    if cohort == EVERYONE:
        return EVERYONE, ""
    kind, colon, value = cohort.partition(":")
    if not colon or kind not in KINDS or not value:
        raise ValueError(f"a cohort is 'everyone', or KIND:VALUE with a KIND of {', '.join(KINDS)}")
    return kind, value


def name_of(kind: str, value: str) -> str:
    """The name of a cohort: `everyone`, or `industry:software`."""
    return EVERYONE if kind == EVERYONE else f"{kind}:{value}"


def registers_of(kinds: Sequence[str]) -> list[Register]:
    """The registers that these kinds are."""
    return [KINDS[kind] for kind in kinds]
