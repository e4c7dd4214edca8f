"""Whole workers in one process, on a simulated log: whatever happens to them, every event counts once."""

import asyncio
from collections import Counter
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.config.settings import Settings
from agents.kafka.record_batch import UnreadableRecord
from agents.worker.lifecycle import IngestState, PartitionState
from pipeline.common import days
from pipeline.intake.record_intake import Intake
from schemas.ledger import STAMP_KEY, Stamp
from schemas.letters import DeadLetter
from tests.kit.events import DAY, at, dumps, event, random_events
from tests.kit.rubrics import SSI
from tests.kit.simulated.world import SimWorker, World

START_MS = days.end_ms(DAY) - 6 * 3_600_000
"""Six hours before the end of the last day of what is generated."""


def new_world(**more) -> World:
    given_ = {
        "frame_partitions": 2,
        "event_partitions": 2,
        "block_cycle_s": 2.0,
        "benchmark_ms": 2000.0,
        "sources": Path("open"),  # erasures too
    }
    return World(Settings(**(given_ | more)), SSI, START_MS)


def some_events(seed: int, count: int) -> list[bytes]:
    """Good ones, and one in ten that is none."""
    made = [dumps(event) for event in random_events(seed, count, members=25)]
    return [value if n % 10 else b"{broken" for n, value in enumerate(made)]


def scores_of(world: World) -> dict[str, tuple]:
    """What readers see, without what depends on when it was scored."""
    found = {}
    for value in world.log.newest("scores").values():
        score = orjson.loads(value)
        found[score["member"]] = (score["score"], score["pillars"], score["as_of"])
    return found


def stamps_of(world: World) -> list[Stamp]:
    topic = world.settings.topic("ledger")
    found = []
    for partition in range(world.settings.frame_partitions):
        stamps = [r.value for r in world.log.parts[topic, partition].records if r.key == STAMP_KEY]
        found.append(Stamp.model_validate_json(stamps[-1]))
    return found


def letters_of(world: World) -> Counter:
    """How often each offset of each source partition is among the dead letters."""
    topic = world.settings.topic("dead-letters")
    records = [r for (name, _), part in world.log.parts.items() if name == topic for r in part.records]
    found = [DeadLetter.from_record(r.key, r.value, r.headers) for r in records]
    return Counter((letter.partition, letter.offset, letter.reason) for letter in found)


def latencies(worker: SimWorker) -> dict[str, float]:
    """How many events the latency metrics have of each stage."""
    [family] = [
        f for f in worker.context.metrics.registry.collect() if f.name == "pillarscore_event_latency_seconds"
    ]
    counts = [sample for sample in family.samples if sample.name.endswith("_count")]
    found: dict[str, float] = {}
    for sample in counts:
        found[sample.labels["stage"]] = found.get(sample.labels["stage"], 0.0) + sample.value
    return found


async def undisturbed(values: list[bytes], **more) -> World:
    world = new_world(**more)
    world.publish(values)
    worker = world.worker()
    await world.run(lambda: world.counted(worker))
    await world.kill()
    return world


def check(world: World, expected: World, count: int) -> None:
    assert scores_of(world) == scores_of(expected)
    stamps = stamps_of(world)
    counters = [stamp.counters for stamp in stamps]
    assert sum(c.read for c in counters) == count, "every event was read once"
    wanted = [stamp.counters for stamp in stamps_of(expected)]
    for name in ("admitted", "duplicate", "dead_lettered", "outside_window"):
        assert sum(getattr(c, name) for c in counters) == sum(getattr(c, name) for c in wanted), name
    # which of an event and an erasure is counted first depends on which source is read first
    assert sum(c.scored + c.erased for c in counters) == sum(c.scored + c.erased for c in wanted)
    letters = letters_of(world)
    assert letters == letters_of(expected)
    assert all(not stamp.missing and not stamp.lost for stamp in stamps)


async def test_what_is_published_is_scored():
    values = some_events(1, 300)
    world = await undisturbed(values)
    assert len(scores_of(world)) > 20
    assert sum(letters_of(world).values()) >= 30
    assert set(letters_of(world).values()) == {1}


STEPS = [
    "publish",
    "run",
    "run",
    "kill",
    "kill",
    "takeover",
    "refuse",
    "unanswered",
    "lost end",
    "lossy",
    "compact",
]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32), plan=st.lists(st.sampled_from(STEPS), min_size=4, max_size=14), data=st.data()
)
def test_whatever_happens_every_event_counts_once(seed, plan, data):
    asyncio.run(_whatever_happens(seed, plan, data))


async def _whatever_happens(seed, plan, data):
    values = some_events(seed, 200)
    expected = await undisturbed(values)
    world = new_world()
    s, log = world.settings, world.log
    pieces = [values[at : at + 20] for at in range(0, len(values), 20)]
    # of each source the same offsets as without any of this
    worker = world.worker()
    for step in plan:
        match step:
            case "publish" if pieces:
                world.publish(pieces.pop(0))
            case "run":
                await world.run_for(data.draw(st.floats(0.001, 3.0)))
            case "kill":
                await world.kill()
                worker = world.worker()
            case "takeover":  # another worker gets everything while the one before still runs
                worker = world.worker()
            case "refuse":
                log.refusing.add(s.topic(data.draw(st.sampled_from(["scores", "ledger", "frames"]))))
                await world.run_for(data.draw(st.floats(0.1, 5.0)))
                log.refusing.clear()
            case "unanswered":
                log.unanswered.append(True)
            case "lost end":
                log.unanswered.append(False)
            case "lossy":
                worker.group.lossy = not worker.group.lossy
            case "compact":
                for partition in range(s.frame_partitions):
                    log.compact(s.topic("ledger"), partition)
    for piece in pieces:
        world.publish(piece)
    await world.run(lambda: world.counted(worker))
    await world.kill()
    check(world, expected, len(values))


async def test_frames_that_are_gone_are_made_again_from_their_events():
    values = some_events(3, 200)
    expected = await undisturbed(values)
    world = new_world()
    world.publish(values[:100])
    worker = world.worker()
    await world.run(lambda: world.counted(worker))
    await world.kill()
    # while no score worker runs, frames are written, and retention removes them
    world.publish(values[100:])
    world.worker("ingest")
    await world.run(lambda: sum(world.log.committed.values()) >= len(values), 60)
    await world.kill()
    frames = world.settings.topic("frames")
    for partition in range(2):
        world.log.retain(frames, partition, world.log.parts[frames, partition].end)
    worker = world.worker()
    await world.run(lambda: world.counted(worker))
    await world.kill()
    check(world, expected, len(values))


async def test_the_latency_of_every_event_that_counts_is_measured():
    world = new_world()
    worker = world.worker()
    time = at(DAY, START_MS % 86_400_000)
    posts = [
        event("activity.post.published", {}, id=f"p-{n}", time=time, subject=f"m-{n % 9}") for n in range(100)
    ]
    world.publish(map(dumps, posts))
    await world.run(lambda: world.counted(worker))
    assert latencies(worker) == {"emitted": 100, "committed": 100}
    await world.kill()


@pytest.mark.parametrize("gone", [0, 4])
async def test_the_first_frames_of_a_source_may_be_refused(gone):
    """The ones after them are taken; `gone`: what retention had removed of the topic before anything was read."""
    values = some_events(0, 200)
    worlds = []
    for refused in (False, True):
        world = new_world()
        topics = world.settings.topic("events"), world.settings.topic("frames")
        worker = world.worker()
        await world.run(worker.live)
        await world.kill()
        world.publish(values[:20])
        for partition in range(world.settings.event_partitions):
            world.log.retain(topics[0], partition, gone)
        worker = world.worker()
        if refused:
            world.log.refusing.add(topics[1])
            await world.run_for(0.5)
            world.log.refusing.clear()
        world.publish(values[20:])
        await world.run(lambda world=world, worker=worker: world.counted(worker))
        await world.kill()
        worlds.append(world)
    if not gone:
        check(worlds[1], worlds[0], len(values))
    assert scores_of(worlds[0]) == scores_of(worlds[1])
    for stamp in stamps_of(worlds[0]):
        assert not stamp.missing
        assert not stamp.lost, "what was gone before anything was read is not lost"
    for stamp in stamps_of(worlds[1]):
        # here it can't be distinguished from what was lost, so it is reported
        assert all(0 <= start < stop <= gone for ranges in stamp.lost.values() for start, stop in ranges)


async def test_a_partition_that_is_stopped_while_it_restores_ends_at_once():
    world = await undisturbed(some_events(4, 200))
    world.log.latency_s = 0.05
    worker = world.worker()
    await world.run(lambda: bool(worker.runners))
    runner = worker.runners[0]
    assert runner.state in (PartitionState.RESTORING, PartitionState.COMMITTING, PartitionState.CATCHING_UP)
    stopping = asyncio.ensure_future(worker.score.stop())
    before = world.clock.monotonic()
    await world.run(stopping.done)
    assert world.clock.monotonic() - before < 1
    assert runner.state == PartitionState.STOPPED
    await world.kill()


async def test_a_worker_that_stops_commits_first_and_is_stopped_then():
    values = some_events(5, 100)
    world = new_world()
    worker = world.worker()
    await world.run(worker.live)
    world.publish(values)
    await world.run(lambda: sum(world.log.committed.values()) >= len(values), 60)
    runners = dict(worker.runners)
    stopping = asyncio.ensure_future(asyncio.gather(worker.ingest.stop(), worker.score.stop()))
    await world.run(stopping.done)
    assert {runner.state for runner in runners.values()} == {PartitionState.STOPPED}
    assert worker.ingest.state == IngestState.STOPPED
    assert sum(stamp.counters.read for stamp in stamps_of(world)) == len(values)
    await world.kill()


async def test_a_new_day_rolls_everybody_over():
    values = some_events(7, 200)
    world = new_world()
    world.publish(values)
    worker = world.worker()
    await world.run(lambda: world.counted(worker))
    world.clock.jump(7 * 3600)
    await world.run(lambda: world.counted(worker), 600)
    assert {as_of for *_, as_of in scores_of(world).values()} == {days.calendar(DAY + 1).isoformat()}
    recorded = world.log.newest("history")
    assert len(recorded) == len(scores_of(world))
    await world.kill()


async def test_no_record_stops_ingest_whatever_it_contains(monkeypatch):
    values = some_events(10, 60)
    world = new_world()
    topic = world.settings.topic("events")
    world.publish(values[:20])
    log = world.log
    for number, partition in ((0, 0), (1, 1)):
        unreadable = UnreadableRecord(
            topic, partition, log.parts[topic, partition].end, START_MS, "bad_batch", "why"
        )
        unreadable.raw = b"raw"
        log.parts[topic, partition].records.append(unreadable)
        log.parts[topic, partition].end += 1
        named = UnreadableRecord(
            *(topic, partition, log.parts[topic, partition].end, START_MS, "bad_headers", "a name"),
            *(None, values[number], (("\\xe4", b"v"),)),
        )
        log.parts[topic, partition].records.append(named)
        log.parts[topic, partition].end += 1
    huge = dumps(event("activity.post.published", {"media": "x" * (3 << 20)}, id="huge"))
    world.publish([huge, b"POISON", *values[20:]])
    rows = Intake.rows

    def failing(self, records, *more, **named):
        if any(record.value == b"POISON" for record in records):
            raise ZeroDivisionError("a fault of ours")
        return rows(self, records, *more, **named)

    monkeypatch.setattr(Intake, "rows", failing)
    worker = world.worker()
    await world.run(lambda: world.counted(worker))
    counters = [stamp.counters for stamp in stamps_of(world)]
    assert sum(c.read for c in counters) == len(values) + 6, "every record was read once"
    reasons = Counter(reason for *_, reason in letters_of(world))
    assert (reasons["bad_batch"], reasons["bad_headers"], reasons["internal_error"]) == (2, 2, 1)
    letters = world.settings.topic("dead-letters")
    found = [
        DeadLetter.from_record(r.key, r.value, r.headers)
        for (name, _), part in log.parts.items()
        if name == letters
        for r in part.records
    ]
    [cut] = [letter for letter in found if letter.value and letter.value == huge[: 1 << 20]]
    assert f"the value is cut, it has {len(huge):,} bytes, SHA-256" in cut.message
    assert {letter.value for letter in found if letter.reason == "bad_batch"} == {b"raw"}
    await world.kill()
