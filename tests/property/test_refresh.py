"""A refresh of networks: the same in any pieces, of the scores a shard has put out, and taken at a pace."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.config.clock import Clock
from agents.worker.background_budget import SHARE, YIELD_S, BackgroundBudget
from agents.worker.score_census import CensusReader
from pipeline.common import days
from pipeline.common.rubric_id import RubricId
from pipeline.network import journal as journals
from pipeline.network import sweep as refresh
from pipeline.network.journal import Journal
from pipeline.network.member_hash import member_hashes
from pipeline.network.peer_ranks import UNKNOWN, plain_rank
from pipeline.network.sweep import RecordContext, Sweep, sweep_block
from pipeline.shard import distribution_feed
from schemas.frames import decode
from schemas.links import BLOCK as BLOCK_PREFIX
from schemas.links import LinkBlock
from schemas.network import NetworkStanding
from schemas.scores import Score
from tests.kit.events import DAY
from tests.kit.simulated.clock import SimClock
from tests.property.test_network import NAMES, NOW, SEEDS, expected, frames, make_shard, ties
from tests.property.test_restore import ingest as ingested
from tests.property.test_restore import stream


@settings(max_examples=60, deadline=None)
@given(
    seed=SEEDS,
    links=st.sampled_from([1, 3, 1_000]),
    piece=st.sampled_from([1, 4, 1_000]),
    owners=st.sampled_from([2, 4, 1_000]),
)
def test_a_refresh_in_pieces_says_of_everybody_what_a_sort_says(seed, links, piece, owners):
    rng = np.random.default_rng(seed)
    events = ties(rng, 80)
    wanted = expected(events)
    scores = {name: int(rng.integers(0, 30)) for name in NAMES if rng.random() < 0.8}
    with pytest.MonkeyPatch.context() as patch:
        for module in ("link_block", "graph", "journal", "sweep"):
            patch.setattr(f"pipeline.network.{module}.OWNERS", owners)
        patch.setattr(refresh, "AT_ONCE", links)
        patch.setattr(journals, "PIECE", piece)
        shard = make_shard()
        for offset, data in enumerate(frames(events, [20])):
            shard.apply(decode(data), offset, NOW + offset)
        network = shard.state.network
        network.gather()
        network.look_up(shard.state.index.names, 0, len(shard.state.index.names))
        by_code = np.full(len(network.codes), UNKNOWN, np.int16)
        codes = network.codes.find(member_hashes(list(scores)))
        known = codes < len(by_code)
        by_code[codes[known]] = np.array(list(scores.values()))[known]
        sweep = Sweep([*range(len(network.blocks))], DAY, True, 1, by_code)
        telling, entries = RecordContext(shard.state.index.names, 1, 7, RubricId("r", "1")), Journal(network)
        out, kept = [], {}
        for number in sweep.left:
            for records, ledger in sweep_block(sweep, entries, number, context=telling):
                out += records
                kept.update(ledger)
    found = {key.decode(): NetworkStanding.model_validate_json(value) for key, value in out}
    assert len(found) == len(out) == sweep.members
    assert set(found) == set(wanted)
    for name, peers in wanted.items():
        plain = plain_rank(scores.get(name), [(scores.get(peer), lately) for peer, lately in peers.items()])
        record = found[name]
        got = (record.connections, record.scored, record.rank and 2 * record.rank.place)
        assert got == (plain["connections"], plain["scored"], plain["place"] if plain["scored"] else None)
        assert record.average is None or round(record.average * 100) == plain["average"]
    blocks = [LinkBlock.load(data) for key, data in kept.items() if key.startswith(BLOCK_PREFIX)]
    assert sum(len(one.peer) for one in blocks) == sum(map(len, network.blocks))
    assert max(len(one.peer) for one in blocks) <= piece


steps = st.sampled_from(["frame", "frame", "drain", "turn", "roll"])


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, plan=st.lists(steps, min_size=20, max_size=60))
def test_a_shard_says_of_its_scores_what_their_records_say(seed, plan):
    log = ingested(stream(seed, 200), [7, 20], [])[0]
    todo, shard, put_out = iter(log.frames), make_shard(), {}

    def drain():
        for key, value in shard.drain().scores:
            put_out[key.decode()] = value and Score.model_validate_json(value)

    def check(everybody):
        score, day = distribution_feed.emitted_scores(shard, len(shard.state.index.names))
        for name, points, as_of in zip(shard.state.index.names, score.tolist(), day.tolist(), strict=True):
            record = put_out.get(name)
            assert points == (UNKNOWN if record is None else record.score)
            if record is not None and (everybody or as_of == shard.day):
                assert days.number(record.as_of) == as_of == shard.day

    for step in plan:
        match step:
            case "frame":
                if (data := next(todo, None)) is not None:
                    shard.apply(decode(data), shard.frame + 1, NOW)
            case "drain":
                drain()
            case "turn":
                shard.start_day(shard.day + 1)
            case "roll":
                shard.roll_block()
        check(everybody=False)
    while shard.roll_block():
        pass
    drain()
    check(everybody=True)


async def test_of_its_own_partitions_a_worker_reads_nothing_and_takes_what_is_new():
    shards = [make_shard(), make_shard()]
    settings_ = SimpleNamespace(frame_partitions=2)  # no broker: to read anything would fail
    clock = Clock()
    reading = CensusReader(None, clock, settings_, budget=BackgroundBudget(clock), own=shards.__getitem__)
    assert len((await reading.take()).hash) == 0
    for seed, events in enumerate((ties(np.random.default_rng(1), 30), ties(np.random.default_rng(2), 60))):
        for shard in shards:
            for data in frames(events, [20]):
                shard.apply(decode(data), shard.frame + 1, NOW + seed)
            shard.drain()
        census = await reading.take()
        found = sorted(zip(census.hash.tolist(), census.score.tolist(), strict=True))
        wanted = []
        for shard in shards:
            members = shard.scored()
            hashes = member_hashes([shard.state.index.names[i] for i in members.tolist()]).tolist()
            wanted += zip(hashes, shard.points(members).score.tolist(), strict=True)
        assert found == sorted(wanted)
        assert set(census.day.tolist()) == {DAY}


async def test_what_prepares_takes_its_share_while_events_come_and_goes_on_at_once_otherwise():
    clock, slept = SimClock(0), []
    clock.jump(100)

    async def sleep(seconds):
        slept.append(seconds)
        clock.jump(seconds)

    clock.sleep = sleep
    budget = BackgroundBudget(clock)
    await budget.yield_after(0.1)
    assert not any(slept)
    clock.jump(0.1 / SHARE)  # by then that has been its share
    budget.counted()
    await budget.yield_after(0.01)
    assert sum(slept) == pytest.approx(0.01 * (1 / SHARE - 1) + YIELD_S)
