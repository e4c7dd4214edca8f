"""A member's rank among their own connections: many members at once, in whole numbers.

Who counts are the connections that have a score, and for the rank the member too. `plain_rank` gives
the same for one member, to be read; tests compare the two.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pipeline.cohorts.rank import rank_among
from pipeline.network.link_block import LinkColumns, connected
from pipeline.network.peer_codes import NONE

UNKNOWN = -1
"""In place of a score: there is none."""


@dataclass(slots=True)
class PeerRanks:
    """Of n members, int64[n] each.

    connections: how many they have; scored: of these, with a score; above, level: of these, with a greater
    or the same score as the member; total: the sum of their scores in hundredths; engaged: how many of
    them engaged with the member recently; own: the member's score, UNKNOWN without.
    """

    connections: np.ndarray
    scored: np.ndarray
    above: np.ndarray
    level: np.ndarray
    total: np.ndarray
    engaged: np.ndarray
    own: np.ndarray

    def halves(self) -> np.ndarray:
        """int64[n]: twice the rank (`pipeline.cohorts.rank_records`), the mean of those that the tied share."""
        return 2 * self.above + self.level + 2

    def top(self) -> np.ndarray:
        """int64[n]: the top share in hundredths of a percent, as `pipeline.cohorts.rank_records.rank`."""
        return -(-10_000 * (self.halves() - 1) // (2 * (self.scored + 1)))

    def average(self) -> np.ndarray:
        """int64[n]: the mean score of the connections in hundredths, rounded up at a half; 0 without any."""
        n = np.maximum(self.scored, 1)
        return (2 * self.total + n) // (2 * n)

    def engaging(self) -> np.ndarray:
        """int64[n]: the share of the connections that engaged, in hundredths of a percent, likewise."""
        n = np.maximum(self.scored, 1)
        return (20_000 * self.engaged + n) // (2 * n)


def peer_ranks(links: LinkColumns, own: np.ndarray, scores: np.ndarray, *, floor: int) -> PeerRanks:
    """The ranks of the owners of a block.

    own: int[n], the scores of its owners; scores: int16, by code; floor: engagement up to that day is over.
    """
    n = links.owners
    at = np.flatnonzero(connected(links.state))
    owner = np.repeat(np.arange(n, dtype=np.int32), np.diff(links.start))[at]
    connections = np.bincount(owner, minlength=n)
    score = scores[links.peer[at]]
    there = np.flatnonzero(score > UNKNOWN)
    if len(there) < len(at):
        at, owner, score = at[there], owner[there], score[there]
    mine = own.astype(score.dtype)[owner]
    return PeerRanks(
        connections,
        np.bincount(owner, minlength=n),
        np.bincount(owner[score > mine], minlength=n),
        np.bincount(owner[score == mine], minlength=n),
        np.bincount(owner, score, n).astype(np.int64),  # whole numbers below 2^53, so exact
        np.bincount(owner[links.engaged(floor)[at]], minlength=n),
        own.astype(np.int64),
    )


def by_code(codes: np.ndarray, scores: np.ndarray, size: int) -> np.ndarray:
    """int16[size]: the scores by code, UNKNOWN without; codes uint32[n], NONE for unknown members."""
    table = np.full(size, UNKNOWN, np.int16)
    known = codes != NONE
    table[codes[known]] = scores[known]
    return table


def plain_rank(own: int | None, peers: Iterable[tuple[int | None, bool]]) -> dict[str, int | None]:
    """One member's rank (its halves), in the plainest way; peers: their scores, and whether they engaged."""
    connections = list(peers)
    scores = [score for score, _ in connections if score is not None]
    engaged = sum(engages for score, engages in connections if score is not None)
    n = len(scores)
    found: dict[str, int | None] = {
        "connections": len(connections),
        "scored": n,
        "average": (2 * sum(scores) + n) // (2 * n) if n else None,
        "engaging": (20_000 * engaged + n) // (2 * n) if n else None,
        "place": None,
        "top": None,
    }
    if own is not None:
        ranked = rank_among([*scores, own], own)
        found["place"], found["top"] = ranked.halves, ranked.top
    return found
