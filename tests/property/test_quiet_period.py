"""After an erasure others do not bring a member back, own activity does, in any order and after restores."""

import tomllib
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.config.settings import Settings
from agents.files.ndjson import Lines
from agents.offline.engine import Offline
from perf.fake_records import records
from pipeline.common.rubric_id import RubricId
from pipeline.intake.credit_rules import CREDITS
from pipeline.network.journal import Journal
from pipeline.network.peer_ranks import UNKNOWN
from pipeline.network.sweep import RecordContext, Sweep, sweep_block
from pipeline.shard.quiet_period import DAYS
from pipeline.shard.shard import Shard
from schemas.examples import DATA_EXAMPLES
from schemas.frames import decode
from schemas.signals import FROM_OTHERS, Signal, mask
from tests.kit import oracle
from tests.kit.events import DAY, at, dumps, event, member
from tests.kit.memory_ledger import MemoryLedger
from tests.kit.rubrics import SSI, SSI_TEXT
from tests.property.test_restore import NOW, ingest, make_shard, run

ERASED = "activity.member.erased"
REACTED = "activity.reaction.given"
UPDATED = "activity.member.updated"
TOML = tomllib.loads(SSI_TEXT, parse_float=Decimal)
ADA, BEN = member(1), member(2)


def erased(day: int) -> dict:
    return event(ERASED, id=f"erased-{day}", subject=ADA, time=at(day, 1))


def reacted(day: int) -> dict:
    """Ben reacts to a post of Ada's."""
    return event(REACTED, {"author": ADA}, id=f"reacted-{day}", subject=BEN, time=at(day, 2))


def came(day: int) -> dict:
    """Ada is active herself."""
    return event("activity.session.started", id=f"came-{day}", subject=ADA, time=at(day, 3))


def updated(day: int) -> dict:
    """A system reports what it knows of Ada."""
    return event(UPDATED, {"connections": 500}, id=f"updated-{day}", subject=ADA, time=at(day, 4))


@st.composite
def streams(draw: st.DrawFn) -> list[dict]:
    """Events of two members over 45 days, in any order; each erases, comes, reacts, or is reported on."""
    kinds = {
        REACTED: lambda other: {"author": other},
        "activity.session.started": lambda other: None,
        "activity.connection.removed": lambda other: {"peer": other},
        UPDATED: lambda other: {"connections": 500},
        ERASED: lambda other: None,
    }
    made = []
    for number in range(draw(st.integers(1, 25))):
        kind, swapped = draw(st.sampled_from(sorted(kinds))), draw(st.booleans())
        who, other = (BEN, ADA) if swapped else (ADA, BEN)
        when = at(draw(st.integers(DAY - 45, DAY)), number)
        made.append(event(kind, kinds[kind](other), id=f"{number}", subject=who, time=when))
    return made


def from_files(stream: list[dict], folder: Path, day: int = DAY, quiet_days: int = DAYS) -> dict[str, int]:
    """The scores by member."""
    path = folder / "events.ndjson"
    path.write_bytes(b"".join(dumps(one) + b"\n" for one in stream))
    engine = Offline(Settings(erasure_quiet_days=quiet_days), SSI, day)
    engine.read(Lines([path]))
    found = engine.standings()
    return dict(zip(found.members, found.score.tolist(), strict=True))


def by_the_oracle(stream: list[dict], day: int = DAY) -> dict[str, int]:
    facts = oracle.Facts(day)
    for one in stream:
        facts.add(one)
    return {name: oracle.score(TOML, day, *known)[0] for name, known in facts.members().items()}


def live(shard: Shard) -> dict[str, int]:
    members = shard.scored()
    points = shard.points(members)
    return dict(zip(shard.state.index.of(members), points.score.tolist(), strict=True))


def test_others_do_not_bring_an_erased_member_back(tmp_path):
    stream = [came(DAY - 40), erased(DAY - 30), reacted(DAY - 29), reacted(DAY)]
    assert set(from_files(stream, tmp_path)) == {BEN}
    assert set(from_files(stream, tmp_path, quiet_days=0)) == {ADA, BEN}, (
        "as long as no setting says otherwise"
    )


def test_after_the_quiet_period_what_others_did_in_it_still_does_not_count(tmp_path):
    before = [came(DAY - 40), erased(DAY - 31), reacted(DAY - 20)]
    assert set(from_files(before, tmp_path)) == {BEN}
    after = from_files([*before, reacted(DAY)], tmp_path)
    assert after[ADA] == from_files([reacted(DAY)], tmp_path)[ADA]


def test_own_activity_brings_the_member_back_from_its_day_on(tmp_path):
    back = [reacted(DAY - 6), came(DAY - 5), reacted(DAY - 5), reacted(DAY - 1)]
    found = from_files([came(DAY - 40), erased(DAY - 9), *back], tmp_path)
    assert found[ADA] == from_files(back[1:], tmp_path)[ADA]


def test_a_report_about_the_member_is_no_activity_of_theirs(tmp_path):
    reports = [erased(DAY - 9), updated(DAY - 3)]
    assert from_files(reports, tmp_path) == {}
    assert set(from_files([*reports, came(DAY)], tmp_path)) == {ADA}
    assert set(from_files(reports, tmp_path, day=DAY + 22)) == {ADA}, "the quiet period is over"


def test_on_the_day_of_the_erasure_all_is_lost(tmp_path):
    assert from_files([erased(DAY), came(DAY)], tmp_path) == {}


@given(streams(), st.integers(DAY, DAY + 2))
def test_any_order_gives_what_the_oracle_says(stream, day):
    """The stream is drawn in no order of time; the oracle decides when it has seen all of it."""
    found: dict[str, int] = {}
    for log in ingest(records([dumps(one) for one in stream], timestamp=NOW), [7], []):
        shard = run(log, keep=10**6)
        shard.start_day(day)
        found |= live(shard)
    assert found == by_the_oracle(stream, day)


@given(streams(), st.lists(st.tuples(st.integers(1, 4), st.integers(0, 2)), min_size=2, max_size=6))
def test_a_restored_shard_knows_who_is_back(stream, plan):
    """plan: after so many frames, write so many blocks, commit, and die."""
    for log in ingest(records([dumps(one) for one in stream], timestamp=NOW), [2], []):
        store = MemoryLedger(lambda day: make_shard(10**6), DAY)
        shard, _ = store.restore()
        for offset, data in enumerate(log.frames):
            store.apply(shard, data, offset, NOW + offset)
            many, blocks = plan[offset % len(plan)]
            if offset % many == 0:
                shard.drain()
                store.commit(shard, blocks)
                shard, _ = store.restore(compacted=bool(offset % 2))
        assert live(shard) == live(run(log, keep=10**6))


def test_a_hidden_member_is_withdrawn_once_and_emitted_when_back():
    """Others' events emit nothing of an erased member, not even another tombstone that has the name."""
    steps = [came(DAY - 40), erased(DAY - 9), reacted(DAY - 3), reacted(DAY - 2), came(DAY), reacted(DAY)]
    said = []
    for log in ingest(records([dumps(one) for one in steps], timestamp=NOW), [1], []):
        shard = make_shard(10**6)
        for offset, data in enumerate(log.frames):
            shard.apply(decode(data), offset, NOW + offset)
            said += [value is not None for key, value in shard.drain().scores if key == ADA.encode()]
    assert said == [True, False, True, True]


def test_a_member_who_came_back_on_a_day_that_had_not_begun_is_emitted_when_it_begins():
    """Around midnight events of a day are counted before it begins; no further event has to show the member."""
    said = []
    for log in ingest(
        records(
            [dumps(one) for one in (came(DAY - 40), erased(DAY - 9), came(DAY + 1))],
            timestamp=NOW + 86_400_000,
        ),
        [1],
        [],
    ):
        shard = make_shard(10**6)
        for offset, data in enumerate(log.frames):
            shard.apply(decode(data), offset, NOW + offset)
            said += [value is not None for key, value in shard.drain().scores if key == ADA.encode()]
        shard.start_day(DAY + 1)
        while shard.rollover.under_way:
            shard.roll_block()
            said += [value is not None for key, value in shard.drain().scores if key == ADA.encode()]
        assert live(shard).keys() == ({ADA} if said else set())
    assert said == [True, False, True]


def test_a_hidden_member_has_no_record_of_their_network():
    """Somebody accepts an invitation of the erased member: a link, but no record until the member is back."""
    accepted = event(
        "activity.invitation.accepted", {"inviter": ADA}, id="a", subject=BEN, time=at(DAY - 2, 5)
    )
    assert networks([erased(DAY - 9), accepted]) == {BEN}
    assert networks([erased(DAY - 9), accepted, came(DAY)]) == {ADA, BEN}
    assert networks([accepted]) == {ADA, BEN}


def networks(stream: list[dict]) -> set[str]:
    """Who has a record of their network."""
    found = set()
    for log in ingest(records([dumps(one) for one in stream], timestamp=NOW), [7], []):
        shard = run(log, keep=10**6)
        graph = shard.state.network
        graph.gather()
        graph.look_up(shard.state.index.names, 0, len(shard.state.index.names))
        context = RecordContext(
            shard.state.index.names, 1, 7, RubricId("r", "1"), shard.state.hidden(shard.day)
        )
        scores = np.full(len(graph.codes), UNKNOWN, np.int16)
        sweep, journal = Sweep([*range(len(graph.blocks))], shard.day, True, 1, scores), Journal(graph)
        for number in sweep.left:
            for out, _ in sweep_block(sweep, journal, number, context=context):
                found |= {key.decode() for key, value in out if value is not None}
    return found


@pytest.mark.parametrize("kind", sorted(CREDITS))
def test_others_credit_only_signals_that_do_not_show_own_activity(kind):
    others = mask(*FROM_OTHERS)
    for data in DATA_EXAMPLES.get(kind, (None,)):
        _, _, received, _ = CREDITS[kind](data)
        assert not received & ~others, [signal for signal in Signal if received & ~others >> signal & 1]
