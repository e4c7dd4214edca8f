"""Networks on a real Kafka: everybody's place is what a plain reference says, also after a kill -9."""

import asyncio
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from aiokafka import AIOKafkaProducer

from agents.config.settings import Settings
from agents.kafka.range_reader import reader
from agents.queries import published_scores
from agents.queries.commit_progress import counted
from perf.worker_process import Worker, wait_shared
from pipeline.common import days
from schemas.network import NetworkStanding
from schemas.scores import Score
from tests.kit.events import DAY, dumps, event, member, random_events
from tests.kit.network import Ties, standing

MEMBERS = 60
TYPES = [
    f"activity.{name}"
    for name in (
        "invitation.accepted",
        "invitation.accepted",
        "connection.removed",
        "reaction.given",
        "comment.written",
        "session.started",
        "mention.made",
    )
]
LONELY = member(1000)


def _events() -> list[dict]:
    """Ties of members in all partitions, and of one whose only connection is removed later."""
    made = list(random_events(11, 3000, members=MEMBERS, types=TYPES, duplicates=0.05))
    noon = f"{days.calendar(DAY - 1).isoformat()}T12:00:00Z"
    accepted = {"id": "lonely", "subject": LONELY, "time": noon}
    return [*made, event("activity.invitation.accepted", {"inviter": member(3)}, **accepted)]


def _later() -> list[dict]:
    noon = f"{days.calendar(DAY).isoformat()}T12:00:00Z"
    return [
        *random_events(12, 500, members=MEMBERS, types=TYPES, first=DAY),
        event("activity.connection.removed", {"peer": member(3)}, id="l2", subject=LONELY, time=noon),
        event("activity.member.erased", id="e1", subject=member(5), time=noon),
    ]


async def _publish(settings: Settings, events: list[dict]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker, linger_ms=5)
    await producer.start()
    try:
        topic, count = settings.topic("events"), settings.event_partitions
        sent = [await producer.send(topic, dumps(e), partition=n % count) for n, e in enumerate(events)]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def _networks(settings: Settings) -> dict[str, NetworkStanding | None]:
    """The newest record of each member, None for one that was taken back; revisions rise."""
    found: dict[str, NetworkStanding | None] = {}
    revisions: dict[str, int] = defaultdict(int)
    for partition in range(settings.frame_partitions):
        async with reader(settings, settings.topic("networks"), partition) as r:
            async for records in r.read(*await r.bounds()):
                for record in records:
                    parsed = record.value and NetworkStanding.model_validate_json(record.value)
                    name = record.key.decode()
                    found[name] = parsed or None
                    if parsed:
                        assert parsed.member == name
                        assert parsed.revision > revisions[name]
                        revisions[name] = parsed.revision
    return found


def expected(events: list[dict], scores: dict[str, Score], names: list[str]) -> dict[str, tuple]:
    """What `_values` has to say of those of `names` that have a network."""
    plain = Ties()
    for one in events:
        plain.add(one)
    found = {}
    for name in names:
        mine = plain.network(name, DAY)
        if not mine:
            continue
        scored = {peer: engages for peer, engages in mine.items() if peer in scores}
        peers = [scores[peer].score for peer in scored]
        rank = average = None
        if len(scored) >= 5:
            average = np.mean(peers) / 100
            if name in scores:
                rank = standing(scores[name].score, peers)
        engaging = 100 * np.mean(list(scored.values())) if scored else None
        found[name] = (len(mine), len(scored), *(rank or [None] * 3), average, engaging)
    return found


def _values(parsed: NetworkStanding) -> tuple:
    rank = parsed.rank
    place = (rank.place, rank.of, rank.top) if rank else (None, None, None)
    return parsed.connections, parsed.scored, *place, parsed.average, parsed.engaging


async def _until(settings: Settings, events: list[dict], targets: dict[int, int]) -> dict:
    """Wait until every record is what the reference says of the scores; the reference."""
    assert await counted(settings, targets, within_s=60) is not None
    scores = await published_scores.newest(settings)
    wanted = expected(events, scores, [*map(member, range(MEMBERS)), LONELY])
    for _ in range(100):
        found = await _networks(settings)
        now = {name: _values(parsed) for name, parsed in found.items() if parsed is not None}
        if now == {name: pytest.approx(said, abs=0.00501) for name, said in wanted.items()}:
            break
        await asyncio.sleep(0.5)  # between looks; the comparison is what is waited for
    assert now == {name: pytest.approx(said, abs=0.00501) for name, said in wanted.items()}
    return found


@pytest.mark.slow
async def test_places_are_exact_also_after_a_kill(live: Settings, tmp_path: Path) -> None:
    environment = {
        "PILLARSCORE_BROKER": live.broker,
        "PILLARSCORE_PREFIX": live.prefix,
        "PILLARSCORE_AS_OF": days.calendar(DAY).isoformat(),
        "PILLARSCORE_SESSION_TIMEOUT_S": "6",
        "PILLARSCORE_BLOCK_CYCLE_S": "1",
        "PILLARSCORE_NETWORK_HOURS": "0.001",
    }
    first, later = _events(), _later()
    targets = {p: len(first[p :: live.event_partitions]) for p in range(live.event_partitions)}
    # the scores of a worker's own partitions it knows itself, those of the other worker's it has to read
    other = Worker(environment, tmp_path / "other.log")
    worker = Worker(environment, tmp_path / "worker.log")
    try:
        await asyncio.to_thread(wait_shared, worker, other)
        await _publish(live, first)
        found = await _until(live, first, targets)
        assert found[LONELY] is not None
        assert found[LONELY].rank is found[LONELY].average is None, "one connection is too few"
        assert any(parsed.rank for parsed in found.values() if parsed)
        worker.stop(kill=True)
        worker = Worker(environment, tmp_path / "worker.log")
        await _publish(live, later)
        for p in targets:
            targets[p] += len(later[p :: live.event_partitions])
        found = await _until(live, first + later, targets)
        assert found[LONELY] is None, "no connection is left"
        assert found[member(5)] is None, "erased"
        await asyncio.to_thread(wait_shared, worker, other)
        metrics = [*worker.metrics().items(), *other.metrics().items()]
        sides = sum(parsed.connections for parsed in found.values() if parsed)
        assert sum(v for k, v in metrics if k.startswith("pillarscore_network_connections")) == sides
        assert not any(v for k, v in metrics if k.startswith("pillarscore_failures_total"))
        ages = [v for k, v in metrics if k.startswith("pillarscore_network_age_seconds")]
        assert len(ages) == live.frame_partitions
        assert min(ages) >= 0
    finally:
        worker.stop()
        other.stop()
