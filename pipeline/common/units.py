"""Integers of different meaning as types of their own, where they meet and are easy to mix up."""

from typing import NewType

Day = NewType("Day", int)
"""Days since 1970-01-01."""
Offset = NewType("Offset", int)
"""The position of a record in its partition of a topic."""
NO_OFFSET = Offset(-1)
"""Before the first record."""
