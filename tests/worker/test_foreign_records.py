"""Records that no worker wrote, of every kind, in every topic of ours: no worker ends in a loop or with a traceback.

The ledger and the scores are restored from, or the partition waits and says why and what can be done.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import orjson
import pytest
from structlog.testing import capture_logs

from agents.ports import Log
from agents.queries.ledger_repair import lines, look, write
from agents.worker.lifecycle import PartitionState
from schemas.distributions import head_key
from schemas.ledger import STAMP_KEY
from tests.kit.rubrics import SSI
from tests.kit.simulated.world import SimWorker, World
from tests.worker.test_worker import new_world, scores_of, some_events

Record = tuple[bytes | None, bytes | None]
T = TypeVar("T")


class Case(NamedTuple):
    """What is written where. refused: whether the partition has to wait for somebody."""

    topic: str
    what: str
    record: Callable[[World], Record]
    refused: bool = False


def _own(world: World, topic: str, begin: bytes) -> tuple[bytes, bytes]:
    """A record of partition 0 as a worker has written it last, of those whose key begins so."""
    found = [
        (record.key, record.value)
        for record in world.log.parts[world.settings.topic(topic), 0].records
        if record.value is not None and (record.key or b"").startswith(begin)
    ]
    return found[-1]


def _garbage(topic: str, begin: bytes, value: bytes | None) -> Callable[[World], Record]:
    return lambda world: (_own(world, topic, begin)[0], value)


def _changed(topic: str, begin: bytes, **fields: object) -> Callable[[World], Record]:
    def made(world: World) -> Record:
        key, value = _own(world, topic, begin)
        return key, orjson.dumps(orjson.loads(value) | fields)

    return made


def _older(topic: str, begin: bytes) -> Callable[[World], Record]:
    """A record that a worker has written, once more: it was right then."""

    def made(world: World) -> Record:
        records = world.log.parts[world.settings.topic(topic), 0].records
        return next((r.key, r.value) for r in records if r.value and (r.key or b"").startswith(begin))

    return made


LEDGER_KINDS = (b"block/", b"history/", b"frame/", b"ids/", b"network/")


def _cases() -> Iterable[Case]:
    for topic in (
        "ledger",
        "frames",
        "scores",
        "distributions",
        "benchmarks",
        "networks",
        "bands",
        "history",
    ):
        yield Case(topic, "unknown key", lambda world: (b"hello", b"world"))
        yield Case(topic, "no key", lambda world: (None, b"{}"))
        yield Case(topic, "nothing", lambda world: (None, None))
        yield Case(topic, "bytes", lambda world: (b"\xff\xfe", b"\xff\x00\xfe"))
    for begin in LEDGER_KINDS:
        for name, value in (("garbage", b"garbage"), ("empty", b""), ("null", None), ("json", b'{"v":99}')):
            yield Case("ledger", f"{begin.decode()} {name}", _garbage("ledger", begin, value))
        yield Case("ledger", f"{begin.decode()} older", _older("ledger", begin))
    for name, value in (("garbage", b"garbage"), ("null", None), ("list", b"[]")):
        yield Case("ledger", f"stamp {name}", _garbage("ledger", STAMP_KEY, value))
    yield Case("ledger", "stamp cut", _garbage("ledger", STAMP_KEY, b'{"version":2'), refused=True)
    yield Case("ledger", "stamp newer", _changed("ledger", STAMP_KEY, version=99), refused=True)
    yield Case("ledger", "stamp forged", _changed("ledger", STAMP_KEY, members=10**6), refused=True)
    yield Case("ledger", "stamp older", _older("ledger", STAMP_KEY), refused=True)
    yield Case("scores", "newer revision", _changed("scores", b"m-", revision=10**9))
    yield Case("scores", "no revision", _changed("scores", b"m-", revision="x"))
    yield Case("scores", "negative", _changed("scores", b"m-", revision=-5))
    yield Case("scores", "huge", _changed("scores", b"m-", revision=2**62))
    yield Case("scores", "garbage", _garbage("scores", b"m-", b"garbage"))
    yield Case("scores", "null", _garbage("scores", b"m-", None))
    for name, value in (("garbage", b"garbage"), ("list", b"[]"), ("other", b'{"cohort":1}')):
        yield Case("benchmarks", f"everyone {name}", _garbage("benchmarks", b"everyone", value))
    yield Case("benchmarks", "another kind", lambda world: (b"planet:mars", b"{}"))
    yield Case("distributions", "head", lambda world: (head_key(0), b"{}"))
    for name, value in (("newer", b'{"version":99}'), ("arrow", b"\xff\xff\xff\xff\x10\x00\x00\x00")):
        yield Case("frames", name, lambda world, value=value: (None, value))


CASES = list(_cases())


def _name(case: Case) -> str:
    return f"{case.topic} {case.what}"


def _problems(worker: SimWorker) -> list[str]:
    return [f"{one.kind} {one.text}" for one in worker.context.health.problems()]


async def _running() -> World:
    """A world that has worked for a while, into a second day."""
    world = new_world(cohort_minimum=1, block_cycle_s=1.0)
    world.publish(some_events(1, 200))
    worker = world.worker()
    await world.run(lambda: world.counted(worker) and b"everyone" in world.log.newest("benchmarks"))
    world.clock.jump(7 * 3600)  # into the next day, so that there is a history
    world.publish(some_events(2, 50))
    await world.run(lambda: world.counted(worker))
    await world.run_for(3)
    return world


def _write(world: World, case: Case) -> None:
    key, value = case.record(world)
    world.log.append(world.settings.topic(case.topic), 0, value, key)


def _raised(logs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What was logged with a traceback."""
    return [line for line in logs if line.get("exc_info")]


@pytest.mark.parametrize("case", [case for case in CASES if not case.refused], ids=_name)
async def test_a_foreign_record_stops_nothing(case: Case) -> None:
    world = await _running()
    with capture_logs() as logs:
        _write(world, case)
        await world.run_for(5)
        await world.kill()
        worker = world.worker()
        world.publish(some_events(3, 50))
        await world.run(lambda: world.counted(worker), seconds=120)
        await world.run_for(20)
    assert not _raised(logs)
    await world.kill()


@pytest.mark.parametrize("case", [case for case in CASES if not case.refused], ids=_name)
async def test_a_foreign_record_that_comes_last_is_left_out_too(case: Case) -> None:
    world = await _running()
    expected = scores_of(world)
    await world.kill()
    _write(world, case)
    with capture_logs() as logs:
        worker = world.worker()
        await world.run(lambda: world.counted(worker), seconds=120)
        await world.run_for(20)
    assert not _raised(logs)
    if case.topic == "ledger":
        assert any(text.startswith("foreign ") for text in _problems(worker)) or "older" in case.what
    state = {}
    for runner in worker.runners.values():
        assert runner.shard is not None
        members = runner.shard.scored()
        names = runner.shard.state.index.of(members)
        state |= dict(zip(names, runner.shard.points(members).score.tolist(), strict=True))
    assert {name: round(score * 100) for name, (score, *_) in expected.items()} == state
    await world.kill()


REFUSED = [case for case in CASES if case.refused]
TWO = Case("ledger", "two records", lambda world: (b"", None), refused=True)


@pytest.mark.parametrize("case", [*REFUSED, TWO], ids=_name)
async def test_a_partition_that_is_refused_says_why_and_can_be_repaired(case: Case, tmp_path: Path) -> None:
    world = await _running()
    await world.kill()
    if case is TWO:
        _write_two(world)
    else:
        _write(world, case)
    settings, log = world.settings, cast(Log, world.log)
    with capture_logs() as logs:
        worker = world.worker()
        await world.run(lambda: any(text.startswith("state ") for text in _problems(worker)))
        await world.run(lambda: worker.runners[1].live)
        assert worker.runners[0].state == PartitionState.PARKED
        found = await _in(world, look(log, settings, SSI, partition=0))
        assert found.found.problem is not None
        assert found.proposal
        assert any("--rewrite" in line for line in lines(settings, found))
        again = await _in(world, look(log, settings, SSI, partition=0, skipped=found.proposal))
        assert again.found.problem is None
        file = tmp_path / "out.ndjson"
        await _in(world, write(log, settings, again, quarantine=file))
        assert len(file.read_bytes().splitlines()) == len(found.proposal)
        world.publish(some_events(3, 50))
        await world.run(lambda: world.counted(worker), seconds=200)
    assert not _raised(logs)
    repaired = await _in(world, look(log, settings, SSI, partition=0))
    assert not lines(settings, repaired)
    assert not repaired.found.image.breaks()
    await world.kill()


async def test_what_every_restore_leaves_out_can_be_taken_out_for_good(tmp_path: Path) -> None:
    world = await _running()
    await world.kill()
    topic = world.settings.topic("ledger")
    world.log.append(topic, 0, b"world", b"hello")
    world.log.append(topic, 0, b"garbage", _own(world, "ledger", b"block/")[0])
    settings, log = world.settings, cast(Log, world.log)
    found = await _in(world, look(log, settings, SSI, partition=0))
    assert [one.why for one in found.found.foreign] == ["unknown key", "not covered by a stamp"]
    await _in(world, write(log, settings, found, quarantine=tmp_path / "out.ndjson"))
    repaired = await _in(world, look(log, settings, SSI, partition=0))
    assert not lines(settings, repaired)
    assert repaired.changes == 0
    world.log.compact(topic, 0)
    worker = world.worker()
    await world.run(lambda: world.counted(worker))
    assert not _problems(worker)
    await world.kill()


def _write_two(world: World) -> None:
    """Two records are overwritten, and a worker's stamp, seen from the log, covers them."""
    topic = world.settings.topic("ledger")
    stamp = _own(world, "ledger", STAMP_KEY)
    keys = sorted({record.key for record in world.log.parts[topic, 0].records if record.key != STAMP_KEY})
    for key in keys[:2]:
        world.log.append(topic, 0, b"garbage", key)
    world.log.append(topic, 0, stamp[1], STAMP_KEY)


async def _in(world: World, work: Coroutine[Any, Any, T]) -> T:
    """The result of something that waits for the world's clock."""
    task = asyncio.ensure_future(work)
    await world.run(task.done)
    return task.result()
