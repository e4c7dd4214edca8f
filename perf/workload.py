"""The events of the throughput measurement: two days of a network, the same bytes for the same arguments.

Half of the activity is by a few busy members (Zipf 1.2), half is spread evenly; counterparts likewise.
The mix of types follows what feeds see: reactions, sessions and views far ahead of articles.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from schemas.seniority import LEVELS

_HEAD = (
    '{"specversion":"1.0","id":"%016x","source":"/web/feed","type":"activity.%s","subject":"m-%08d","time":"%s",'
    '"datacontenttype":"application/json","data":{%s}}'
)
MIX: dict[str, tuple[int, str]] = {
    "reaction.given": (24, '"author":"m-%08d","kind":"like"'),
    "session.started": (15, '"surface":"web"'),
    "profile.viewed": (15, '"viewed":"m-%08d","degree":2'),
    "search.made": (8, '"kind":"people"'),
    "comment.written": (8, '"author":"m-%08d","words":12'),
    "message.sent": (7, '"recipient":"m-%08d","reply":true'),
    "article.read": (5, '"author":"m-%08d"'),
    "invitation.sent": (4, '"recipient":"m-%08d","seniority":"manager","note":true'),
    "post.published": (4, '"media":true'),
    "invitation.accepted": (3, '"inviter":"m-%08d","degree":2'),
    "content.shared": (3, '"author":"m-%08d","words":9'),
    "member.followed": (2, '"followed":"m-%08d"'),
    "endorsement.given": (1, '"endorsed":"m-%08d"'),
    "article.published": (1, ""),
}


COHORTS = {"industry": 150, "team": 4_000, "role": 500, "seniority": 7, "region": 342}
"""Values of each register, nearly 5,000 in all."""


def registers(members: int, day: date) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) of one event for each member, who is in a cohort of each kind from then on."""
    stamp = datetime.combine(day, time(), UTC).isoformat()
    levels = LEVELS
    for n in range(members):
        # by different strides, so that kinds cut across each other
        texts = {
            "industry": f"industry {n % COHORTS['industry']}",
            "team": f"team {n * 7 % COHORTS['team']}",
            "role": f"role {n * 11 % COHORTS['role']}",
            "seniority": levels[n % len(levels)],
            "region": f"region {n * 13 % COHORTS['region']}",
        }
        data = ",".join(f'"{name}":"{text}"' for name, text in texts.items())
        value = _HEAD % ((1 << 63) + n, "member.updated", n, stamp, data)
        yield b"m-%08d" % n, value.encode()


def _members(rng: np.random.Generator, count: int, members: int) -> np.ndarray:
    return np.where(rng.random(count) < 0.5, rng.zipf(1.2, count) % members, rng.integers(0, members, count))


def events(
    count: int, members: int, until: date, *, days: int = 2, seed: int = 7
) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) of `count` events, times ascending over the `days` days that end with `until`, UTC."""
    rng = np.random.default_rng(seed)
    names = list(MIX)
    weights = np.array([MIX[name][0] for name in names], float)
    kinds = rng.choice(len(names), count, p=weights / weights.sum())
    who, other = _members(rng, count, members), _members(rng, count, members)
    base = datetime.combine(until - timedelta(days - 1), time(), UTC)
    seconds = np.sort(rng.integers(0, days * 86_400, count))
    ids = rng.integers(0, 1 << 63, count)
    stamps: dict[int, str] = {}
    for i in range(count):
        second = int(seconds[i])
        stamp = stamps.get(second)
        if stamp is None:
            stamps.clear()
            stamp = stamps[second] = (base + timedelta(seconds=second)).isoformat()
        data = MIX[names[kinds[i]]][1]
        if "%" in data:
            data %= int(other[i])
        value = _HEAD % (int(ids[i]), names[kinds[i]], int(who[i]), stamp, data)
        yield b"m-%08d" % who[i], value.encode()
