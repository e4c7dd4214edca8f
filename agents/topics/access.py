"""What each user of a secured Kafka has to be allowed, and no more: the ACLs behind manifests and tests."""

from collections.abc import Iterator
from dataclasses import dataclass

from agents.config.settings import TOPICS, Settings
from agents.topics.topology import ROLES

READABLE = ("scores", "bands", "history", "networks", "benchmarks")
"""What is meant for readers outside."""
USERS = {
    "ingest": "workers with --role ingest",
    "score": "workers with --role score",
    "publisher": "your systems, which write events",
    "reader": "your systems, which read scores; their consumer groups begin with the user's name",
    "tools": "people: all commands, such as status, verify, publish and dead-letters replay",
}
"""The users, and who they are for."""


@dataclass(frozen=True, slots=True)
class Access:
    """Operations on a resource: topic, group or transactionalId; prefixed: on all whose names begin so."""

    resource: str
    name: str
    operations: tuple[str, ...]
    prefixed: bool = False


def access(settings: Settings, user: str) -> list[Access]:
    """What a user needs, in the order of `USERS`. Topics exist already: nobody needs Create."""
    groups = {one: f"{settings.prefix}{one}" for one in ("ingest", "score")}
    if user == "publisher":
        return list(_topics(settings, reads=(), writes=("events",), looks=()))
    if user == "reader":
        own = Access("group", f"{settings.prefix}pillarscore-reader", ("Read", "Describe"), prefixed=True)
        return [*_topics(settings, reads=READABLE, writes=(), looks=()), own]
    if user == "tools":
        ids = [
            Access("transactionalId", f"{settings.prefix}{one}", ("Write", "Describe"))
            for one in ("publish", "replay")
        ]
        ids.append(
            Access("transactionalId", f"{settings.prefix}score-", ("Write", "Describe"), prefixed=True)
        )
        return [
            *_topics(
                settings,
                reads=tuple(TOPICS),
                writes=("events", "replays", "ledger"),
                looks=tuple(TOPICS),
            ),
            *(Access("group", name, ("Describe",)) for name in groups.values()),
            *ids,
        ]
    roles = [role for role in ROLES if role.name in ((user, "rank") if user == "score" else (user,))]
    reads = tuple(short for role in roles for short in role.reads)
    writes = tuple(short for role in roles for short in role.writes)
    found = list(_topics(settings, reads=reads, writes=writes, looks=tuple(TOPICS)))
    found.append(Access("group", groups[user], ("Read", "Describe")))
    if user == "score":
        # how far ingest is, to see when frames are missing
        found.append(Access("group", groups["ingest"], ("Describe",)))
        found.append(
            Access("transactionalId", f"{settings.prefix}score-", ("Write", "Describe"), prefixed=True)
        )
        found.append(Access("transactionalId", f"{settings.prefix}rank", ("Write", "Describe")))
    return found


def _topics(
    settings: Settings, *, reads: tuple[str, ...], writes: tuple[str, ...], looks: tuple[str, ...]
) -> Iterator[Access]:
    """looks: topics whose settings are compared with what is required."""
    for short in TOPICS:
        operations = [
            *(["Read"] if short in reads else []),
            *(["Write"] if short in writes else []),
            *(["Describe"] if short in (*reads, *writes, *looks) else []),
            *(["DescribeConfigs"] if short in looks else []),
        ]
        if operations:
            yield Access("topic", settings.topic(short), tuple(operations))
