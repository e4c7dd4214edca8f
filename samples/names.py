"""Made-up names of members."""

import random
from collections.abc import Iterator

FIRST = (
    *(
        "ada",
        "amir",
        "anna",
        "ben",
        "carla",
        "chen",
        "dana",
        "diego",
        "elif",
        "emma",
        "farid",
        "fatima",
        "george",
    ),
    *(
        "grace",
        "hana",
        "hugo",
        "ines",
        "ivan",
        "jana",
        "jonas",
        "kofi",
        "lea",
        "liam",
        "lucia",
        "maria",
        "mei",
    ),
    *(
        "milan",
        "nadia",
        "noah",
        "nora",
        "omar",
        "paula",
        "petra",
        "priya",
        "rafael",
        "rosa",
        "sam",
        "sara",
        "tariq",
    ),
    *("theo", "tomas", "uma", "vera", "viktor", "wei", "yara", "yusuf", "zoe"),
)
LAST = (
    *(
        "adler",
        "baker",
        "costa",
        "cruz",
        "diaz",
        "dubois",
        "evans",
        "fischer",
        "garcia",
        "haas",
        "ito",
        "jansen",
    ),
    *(
        "kaya",
        "keller",
        "kim",
        "kovac",
        "lang",
        "lindt",
        "lopez",
        "mensah",
        "moreau",
        "novak",
        "okafor",
        "park",
    ),
    *(
        "patel",
        "petit",
        "quinn",
        "reyes",
        "rossi",
        "sato",
        "silva",
        "singh",
        "smith",
        "stone",
        "tran",
        "vogel",
    ),
    *("wagner", "weber", "wong", "zhang"),
)


def names(seed: int) -> Iterator[str]:
    """`first.last`, each once, in an order that depends on the seed."""
    made = [f"{first}.{last}" for first in FIRST for last in LAST]
    random.Random(seed).shuffle(made)
    return iter(made)
