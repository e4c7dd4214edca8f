"""The graph of topics and roles, from the topics that are made and the roles that a worker can have."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agents.config.settings import Settings
from agents.topics.specs import Topic, specs


@dataclass(frozen=True, slots=True)
class Role:
    """Who reads and writes which topics, by their short names; worker: a role of `pillarscore worker`."""

    name: str
    why: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    worker: bool = True


ROLES = (
    Role("upstream", "your systems, or pillarscore publish", (), ("events",), worker=False),
    Role(
        "ingest", "validates events and groups them by member into frames", ("events", "ledger"), ("frames",)
    ),
    Role(
        "score",
        "counts and scores in transactions; restores from its ledger; reads events of missing frames again",
        ("frames", "ledger", "scores", "events"),
        (
            *("scores", "shadow", "bands", "history", "networks", "dead-letters", "ledger", "distributions"),
            "frames",
        ),
    ),
    Role(
        "rank",
        "merges all scores; runs in every score worker, but only the one with partition 0 writes",
        ("distributions",),
        ("benchmarks",),
        worker=False,
    ),
    Role(
        "replay",
        "pillarscore dead-letters replay: redrives dead letters, fixed if needed",
        ("dead-letters", "replays"),
        ("events", "replays"),
        worker=False,
    ),
)


def text(settings: Settings) -> Iterator[str]:
    """The graph as lines: each role with what it reads and writes, and each topic with what it is for."""
    for role in ROLES:
        yield f"{role.name}: {role.why}"
        for short in role.reads:
            yield f"  <── {settings.topic(short)}"
        for short in role.writes:
            yield f"  ──> {settings.topic(short)}"
        yield ""
    topics = _used(settings)
    width = max(len(settings.topic(topic.short)) for topic in topics)
    for topic in topics:
        yield f"{settings.topic(topic.short):{width}}  {_size(topic):29}  {topic.why}"


def as_json(settings: Settings) -> dict[str, Any]:
    """The graph for programs, with full names of topics."""
    return {
        "roles": [
            {
                "name": role.name,
                "purpose": role.why,
                "reads": [settings.topic(short) for short in role.reads],
                "writes": [settings.topic(short) for short in role.writes],
            }
            for role in ROLES
        ],
        "topics": [
            {
                "topic": settings.topic(topic.short),
                "partitions": topic.partitions,
                "cleanup_policy": topic.policy,
                "purpose": topic.why,
            }
            for topic in _used(settings)
        ],
    }


def mermaid(settings: Settings) -> Iterator[str]:
    """The graph for Mermaid, which GitHub and many editors draw."""
    yield "flowchart LR"
    for role in ROLES:
        yield f"  {role.name}({role.name})"
    for topic in _used(settings):
        yield f"  {_node(topic.short)}[[{settings.topic(topic.short)}<br/>{_size(topic)}]]"
    for role in ROLES:
        for short in role.reads:
            yield f"  {_node(short)} --> {role.name}"
        for short in role.writes:
            yield f"  {role.name} --> {_node(short)}"


def _used(settings: Settings) -> list[Topic]:
    """The topics that a role reads or writes, in the order the data flows."""
    used = {short for role in ROLES for short in (*role.reads, *role.writes)}
    return [topic for topic in specs(settings) if topic.short in used]


def _node(short: str) -> str:
    return short.replace("-", "_") + "_topic"


def _size(topic: Topic) -> str:
    count = topic.partitions
    kept = "compacted" if topic.policy == "compact" else "limited retention"
    return f"{count} partition{'' if count == 1 else 's'}, {kept}"
