"""Pods: members who have agreed to engage with one another, found by how they do it together.

Colleagues engage with one another too, each when something is worth it. A pod answers: where one of its members
engages with another, nearly all the others do so on the same day, and it is returned. So what is looked at is

1. who engages with whom and gets the same back, on several days each: a *tie*;
2. of two who are tied, whether there is somebody to whom both are tied and with whom they engage on the same days:
   then they *act together*. Of colleagues who react to a third of what is posted, every third day is the same;
3. groups of at least three, of whom each acts together with at least half of the others, and of whom more than half
   are there on the same day wherever one of them engages with another.

Each time it must be more than half with near certainty (Wilson bound), so that a few coincidences are nothing.
Two alone look like friends.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pipeline.abuse.exchanges import Table
from pipeline.common.tile_keys import WINDOW

DAYS = 3
"""Different days on which each of two members has engaged with the other, to be tied."""
TOGETHER = 0.5
"""Above which share of days members act together."""
SURE = 2.5
"""Standard errors by which the share must be above it."""
ATTACHED = 0.5
"""Of the others of a group that a member must act together with."""
SMALLEST = 3
_CROWD = 2_000
"""Tied to one member; of more the most frequent are looked at, so that the work for each is bounded."""

Links = Mapping[int, set[int]]
"""Members by index, and with whom they are linked."""


@dataclass(frozen=True, slots=True)
class Pod:
    """members: indices into the names of the table, ascending.

    together: where one engages with a member of the pod, the share of the others who do so on that day.
    """

    members: tuple[int, ...]
    together: float


def pods(table: Table) -> list[Pod]:
    """The pods of all exchanges, the largest first."""
    engaged = table.engagement()
    giver, receiver, day = _distinct(engaged)
    ties = _ties(giver, receiver, len(table.names))
    returned = np.fromiter(
        (b in ties.get(a, ()) for a, b in zip(giver.tolist(), receiver.tolist(), strict=True)),
        bool,
        len(giver),
    )
    giver, receiver, day = giver[returned], receiver[returned], day[returned]
    links = _acting_together(giver, receiver, day, ties=ties)
    found = [Pod(group, _together(group, giver, receiver, day=day)) for group in _groups(links)]
    return sorted((pod for pod in found if pod.together), key=lambda pod: (-len(pod.members), pod.members))


def _distinct(engaged: Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Who engaged with whom on which day, each once; int64[n] each, by receiver and day."""
    members = max(1, len(engaged.names))
    first = int(engaged.day.min()) if len(engaged) else 0
    days = WINDOW + 1
    key = np.unique((engaged.receiver * days + engaged.day - first) * members + engaged.giver)
    return key % members, key // (members * days), key // members % days + first


def _ties(giver: np.ndarray, receiver: np.ndarray, members: int) -> Links:
    """Who has engaged with whom on DAYS days or more, in both directions."""
    pair, days = np.unique(giver * members + receiver, return_counts=True)
    pair = pair[days >= DAYS]
    back = pair % members * members + pair // members
    found: dict[int, set[int]] = defaultdict(set)
    for one in pair[np.isin(back, pair)].tolist():
        a, b = divmod(one, members)
        if a != b:
            found[a].add(b)
    return found


def _acting_together(giver: np.ndarray, receiver: np.ndarray, day: np.ndarray, *, ties: Links) -> Links:
    """Of those who are tied, who act together. The rows are by receiver and day."""
    found: dict[int, set[int]] = defaultdict(set)
    bounds = [*np.flatnonzero(np.diff(receiver, prepend=-1)).tolist(), len(receiver)]
    for start, stop in pairwise(bounds):
        givers, at, times = np.unique(giver[start:stop], return_inverse=True, return_counts=True)
        chosen = np.argsort(-times, kind="stable")[:_CROWD]
        if len(chosen) < SMALLEST - 1:
            continue
        _, on = np.unique(day[start:stop], return_inverse=True)
        there = np.zeros((int(on.max()) + 1, len(givers)), np.float32)
        there[on, at] = 1
        there = there[:, chosen]
        both = np.triu(there.T @ there, 1)
        days = np.maximum(times[chosen][:, None], times[chosen])
        for one, other in np.argwhere(_at_least(both, days) >= TOGETHER).tolist():
            a, b = int(givers[chosen[one]]), int(givers[chosen[other]])
            if b in ties.get(a, ()):
                found[a].add(b)
                found[b].add(a)
    return found


def _at_least(times: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Wilson's lower bound of shares; of: at least 1."""
    share, z = times / of, SURE * SURE
    spread = SURE * np.sqrt(share * (1 - share) / of + z / (4 * of * of))
    return np.asarray((share + z / (2 * of) - spread) / (1 + z / of))


def _groups(links: Links) -> Iterator[tuple[int, ...]]:
    """Groups in which each is linked with at least half of the others, around the one with the most links first."""
    left = {a: set(mine) for a, mine in links.items()}
    for seed in sorted(links, key=lambda a: (-len(links[a]), a)):
        if seed not in left:
            continue
        group = _trimmed({seed, *left[seed]}, left)
        if len(group) < SMALLEST or seed not in group:
            continue
        yield tuple(sorted(group))
        for a in group:
            for b in left.pop(a):
                if b in left:
                    left[b].discard(a)


def _trimmed(group: set[int], links: Links) -> set[int]:
    """Without those who are linked with fewer than half of the others, the least linked first."""
    while group:
        linked = {a: len(links[a] & group) for a in group}
        least = min(sorted(group), key=lambda a: linked[a])
        if linked[least] >= ATTACHED * (len(group) - 1):
            break
        group = group - {least}
    return group


def _together(group: Sequence[int], giver: np.ndarray, receiver: np.ndarray, *, day: np.ndarray) -> float:
    """Of the members who engage with one of the group on a day, the share of the others who do so too.

    0 where it is not more than TOGETHER with near certainty.
    """
    within = np.isin(giver, group) & np.isin(receiver, group)
    first = int(day.min())
    _, size = np.unique(receiver[within] * (WINDOW + 1) + day[within] - first, return_counts=True)
    others = int((size * (len(group) - 2)).sum())
    together = int((size * (size - 1)).sum())
    if not others or _at_least(np.array(together / len(group)), np.array(others / len(group))) < TOGETHER:
        return 0.0
    return together / others


def within(found: Sequence[Pod], table: Table) -> np.ndarray:
    """int64[n]: for each exchange the index of the pod of which both are, -1 for none. Nobody is in two pods."""
    pod_of = np.full(len(table.names), -1, np.int64)
    for at, pod in enumerate(found):
        pod_of[list(pod.members)] = at
    giver, receiver = pod_of[table.giver], pod_of[table.receiver]
    return np.where(giver == receiver, giver, -1)


def inside(found: Sequence[Pod], table: Table) -> tuple[np.ndarray, np.ndarray]:
    """float[members] twice: of the engagement that each gives, and of that they get, the share of the pod."""
    engaged = table.engagement()
    own = within(found, engaged) >= 0
    shares = []
    for side in (engaged.giver, engaged.receiver):
        every = np.bincount(side, engaged.count, len(table.names))
        mine = np.bincount(side[own], engaged.count[own], len(table.names))
        shares.append(mine / np.maximum(every, 1))
    return shares[0], shares[1]
