"""What somebody may have meant: the nearest known name."""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for an unknown name: `; did you mean 'post'?`, or nothing when none is near.

    >>> nearest("pots", ["post", "share"])
    "; did you mean 'post'?"
    """
    found = difflib.get_close_matches(name, [word for word in known if word != name], n=1, cutoff=0.6)
    return f"; did you mean '{found[0]}'?" if found else ""
