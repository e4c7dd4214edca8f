"""Ids of one source say nothing about another: nobody makes another source's event a duplicate."""

import asyncio
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.config.settings import Settings
from agents.files.ndjson import Lines
from agents.offline.engine import Offline
from perf.fake_records import FakeRecord
from pipeline.intake.credit_rules import credits
from pipeline.intake.record_intake import Intake, event_id
from tests.kit.events import DAY, dumps, event, random_events
from tests.kit.rubrics import SSI
from tests.worker.test_worker import new_world, scores_of, stamps_of


def forged(one: dict) -> dict:
    """An event of another source with the same id, subject and time, which credits nobody anything."""
    return event(
        "activity.member.updated",
        {},
        id=one["id"],
        subject=one["subject"],
        time=one["time"],
        source="/mallory",
    )


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.sampled_from(["before", "between", "after"]))
def test_the_same_ids_of_another_source_change_no_score(seed, when):
    """Live: all ids of 150 events are published by another source too, which sees them as they come or before."""
    made = list(random_events(seed, 150, members=20))
    theirs = [dumps(one) for one in made]
    mine = [dumps(forged(one)) for one in made]
    both = [value for pair in zip(mine, theirs, strict=True) for value in pair]
    order = {"before": mine + theirs, "between": both, "after": theirs + mine}[when]
    alone, attacked = asyncio.run(_counted(theirs)), asyncio.run(_counted(order))
    assert scores_of(attacked) == scores_of(alone)
    assert sum(stamp.counters.duplicate for stamp in stamps_of(attacked)) == 0


async def _counted(values):
    world = new_world()
    world.publish(values)
    worker = world.worker()
    await world.run(lambda: world.counted(worker))
    conflicting = worker.context.metrics.ingest.conflicting.collect()[0].samples
    assert not conflicting, "no id is taken for one that is used again"
    await world.kill()
    return world


def test_nor_in_files(tmp_path: Path) -> None:
    made = list(random_events(3, 300, members=20))
    found = []
    for lines in (made, [one for real in made for one in (forged(real), real)]):
        path = tmp_path / "events.ndjson"
        path.write_bytes(b"".join(dumps(one) + b"\n" for one in lines))
        engine = Offline(Settings(), SSI, DAY)
        engine.read(Lines([path]))
        assert engine.counters.duplicate == 0
        scores = engine.standings()
        found.append(dict(zip(scores.members, scores.score.tolist(), strict=True)))
    assert found[0] == found[1]


def test_source_id_and_subject_can_not_be_shifted_into_one_another() -> None:
    parts = [("/a", "b", "c"), ("/ab", "", "c"), ("/a", "bc", ""), ("/", "ab", "c"), ("/a\x01b", "", "c")]
    ids = {event_id(event("activity.post.published", source=s, id=i, subject=m), 0) for s, i, m in parts}
    assert len(ids) == len(parts)


def test_ids_are_hashed_as_ever() -> None:
    """Or those in the ledger of the version before would not be recognised: see docs/explanation/upgrades.md."""
    made = event("activity.reaction.given", {"author": "m-00002"}, id="r-1", source="/web")
    rows = Intake(7, 900_000, credits(5)).rows([FakeRecord(dumps(made))], np.zeros(1, np.int64), "t")
    assert rows.id.tolist() == [0x39E0059166E7D91F, 0xBAFC34E7E2525CF4]
