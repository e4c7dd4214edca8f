"""What `ledger show` says of a ledger partition and of a member, from a shard that is filled here."""

import json

import pytest

from agents.cli import _run
from agents.queries.ledger_view import LedgerView, MemberState, member_state, partition_ledger
from perf.fake_records import records
from pipeline.common import days
from pipeline.intake.credit_rules import credits
from pipeline.intake.framer import Framer
from pipeline.intake.record_intake import Intake
from schemas.ledger import STAMP_KEY, VERSION
from tests.kit.events import DAY, dumps, event
from tests.kit.memory_ledger import MemoryLedger
from tests.kit.rubrics import SSI
from tests.kit.shards import new_shard
from tests.property.test_restore import frames_of

TODAY = days.calendar(DAY).isoformat()
YESTERDAY = days.calendar(DAY - 1).isoformat()
NOON, BEFORE = f"{TODAY}T12:00:00Z", f"{YESTERDAY}T12:00:00Z"
EVENTS = [
    event("activity.post.published", {"media": True}, id="1", subject="ada", time=BEFORE),
    event("activity.post.published", id="2", subject="ada", time=BEFORE),
    event("activity.post.published", id="3", subject="ada", time=NOON),
    event("activity.member.updated", {"role": "account executive"}, id="4", subject="ada", time=NOON),
    event("activity.group.joined", {"group": "chess"}, id="5", subject="ada", time=BEFORE),
    event("activity.session.started", id="6", subject="bob", time=BEFORE),
    event("activity.member.erased", id="7", subject="bob", time=BEFORE),
    event("activity.session.started", id="8", subject="bob", time=NOON),
]


@pytest.fixture(scope="module")
def store() -> MemoryLedger:
    """A ledger partition with a day that is over, and a frame that is in no block yet."""
    ledger = MemoryLedger(lambda day: new_shard(SSI, day), DAY - 1)
    shard, at = ledger.restore()
    intake, framer = Intake(7, 900_000, credits(5)), Framer(1)
    framer.begin(0, 0)
    found = records([dumps(one) for one in EVENTS], timestamp=days.end_ms(DAY) - 1, partitions=1)
    for part, many in ((found[:5], 1), (found[5:], 0)):
        for data in frames_of(part, framer, intake).values():
            ledger.apply(shard, data, at, days.end_ms(DAY) - 1)
            at += 1
        if many:
            shard.start_day(DAY)
            while shard.roll_block():
                pass
        shard.drain()
        ledger.commit(shard, many)
    return ledger


def state(store: MemoryLedger, name: str) -> MemberState | None:
    shard, _ = store.restore()
    return member_state(shard, 2, name)


def test_a_partition_is_its_stamp_and_records_by_kind(store: MemoryLedger) -> None:
    shown = json.loads(LedgerView(partitions=[partition_ledger(2, store.image())]).model_dump_json())
    assert shown["member"] is None
    (one,) = shown["partitions"]
    assert (one["partition"], one["as_of"], one["problem"], one["left_out"]) == (2, TODAY, None, [])
    assert one["stamp"]["version"] == 2, "no event was too late"
    assert one["stamp"]["members"] == 2
    assert one["stamp"]["counters"]["read"] == len(EVENTS)
    newest = {key: value for key, value in store.committed if value is not None}
    del newest[STAMP_KEY]
    assert {kind: kind_view["records"] for kind, kind_view in one["kinds"].items()} == {
        "block": 1,
        "frame": 1,
        "history_day": 1,
        "ids": 1,
    }
    assert one["kinds"]["block"]["bytes"] == len(newest[b"block/0"])


def test_a_partition_that_never_ran_has_nothing() -> None:
    empty = MemoryLedger(lambda day: new_shard(SSI, day), DAY)
    one = partition_ledger(0, empty.image())
    assert (one.stamp, one.stamp_offset, one.as_of, one.kinds, one.problem) == (None, None, None, {}, None)


def test_a_ledger_that_cannot_be_restored_is_shown_with_the_reason(store: MemoryLedger) -> None:
    image = store.image()
    newer = (store.committed[-1][1] or b"").replace(b'{"version":2', b'{"version":%d' % (VERSION + 1))
    image.add(len(store.committed), STAMP_KEY, newer)
    one = partition_ledger(2, image)
    assert f"has version {VERSION + 1}" in (one.problem or "")
    assert one.stamp is None
    assert one.kinds["block"].records == 1
    image.add(len(store.committed) + 1, b"what/ever", b"x")
    assert [(left.key, left.why) for left in partition_ledger(2, image).left_out] == [
        ("what/ever", "unknown key")
    ]


def test_a_member_is_counts_registers_score_and_days(store: MemoryLedger) -> None:
    found = state(store, "ada")
    assert found is not None
    shown = json.loads(found.model_dump_json())
    assert shown["member"] == "ada"
    assert (shown["partition"], shown["as_of"], shown["rolled_over"]) == (2, TODAY, True)
    assert shown["tiles"] == {"post": {YESTERDAY: 2, TODAY: 1}, "post_media": {YESTERDAY: 1}}
    assert shown["registers"]["role"] == {"value": "account executive", "time": NOON}
    assert shown["registers"]["group:chess"] == {"value": 1, "time": BEFORE}
    assert shown["erased_through"] is None
    score = shown["score"]
    assert score["rubric"] == f"ssi {SSI.version}"
    assert list(score["components"]) == [part.name for part in SSI.components]
    assert score["score"] == sum(score["pillars"].values()) > 0
    (day,) = shown["history"]
    assert (day["day"], day["score"]) == (YESTERDAY, sum(day["pillars"]))
    assert 0 < day["score"] <= score["score"]


def test_an_erased_member_shows_until_when(store: MemoryLedger) -> None:
    found = state(store, "bob")
    assert found is not None
    assert found.erased_through == days.calendar(DAY - 1)
    assert found.tiles == {"session": {days.calendar(DAY): 1}}
    assert found.history == []


def test_before_the_rollover_it_says_so(store: MemoryLedger) -> None:
    shard, _ = store.restore()
    shard.start_day(DAY + 1)
    found = member_state(shard, 2, "ada")
    assert found is not None
    assert not found.rolled_over


def test_nobody_of_that_name(store: MemoryLedger) -> None:
    assert state(store, "eve") is None


def test_without_a_broker_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PILLARSCORE_BROKER", "127.0.0.1:1")
    assert _run(["ledger", "show"]) == 2
    assert capsys.readouterr().err == (
        "pillarscore: No Kafka answers at 127.0.0.1:1: start it, or correct PILLARSCORE_BROKER\n"
    )
