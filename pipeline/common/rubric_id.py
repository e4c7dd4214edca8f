"""Which rubric something is by, as records have it."""

from typing import NamedTuple


class RubricId(NamedTuple):
    """Name and version of a rubric; equal to the tuple of both.

    >>> RubricId("ssi", "1") == ("ssi", "1")
    True
    """

    name: str
    version: str
