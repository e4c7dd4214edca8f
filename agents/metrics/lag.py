"""Lag: how far a reader is behind the end of a partition, in messages and in time."""

from typing import NamedTuple


class Lag(NamedTuple):
    """messages: not yet read; seconds: the age of the oldest of them, 0 when there is none.

    While Kafka does not answer, nobody knows whether there is one: then seconds goes on from the last answer.
    """

    messages: int
    seconds: float
