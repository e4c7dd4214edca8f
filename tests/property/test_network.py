"""Networks come from the events alone: in any order, repeated, cut anyhow, they are what a plain set says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perf.fake_records import records
from pipeline.intake.credit_rules import credits
from pipeline.intake.framer import Framer
from pipeline.intake.record_intake import Intake
from pipeline.network import journal as journals
from pipeline.network.journal import Journal
from pipeline.network.link_block import connected
from pipeline.network.member_hash import member_hashes
from pipeline.network.peer_codes import NONE, PeerCodes
from pipeline.network.peer_ranks import by_code, peer_ranks, plain_rank
from pipeline.shard import checkpoint
from schemas.frames import decode
from tests.kit.events import DAY, at, dumps, event
from tests.kit.network import Ties
from tests.kit.shards import new_shard
from tests.property.test_restore import NOW, RUBRIC, frames_of

NAMES = [f"m-{n}" for n in range(6)]
# few moments, so that changes of one connection fall into the same second, and into an erased day
DAYS = (DAY - 400, DAY - 92, DAY - 90, DAY - 89, DAY - 1, DAY, DAY)
MILLISECONDS = (0, 400, 1000, 50_000_000)
KINDS = (
    ("invitation.accepted", "inviter", {"degree": 2}),
    ("invitation.accepted", "inviter", {}),
    ("connection.removed", "peer", {}),
    ("reaction.given", "author", {}),
    ("comment.written", "author", {"words": 9}),
    ("content.shared", "author", {}),
    ("mention.made", "mentioned", {}),
    ("profile.viewed", "viewed", {}),
    ("member.erased", None, {}),
)
SEEDS = st.integers(0, 2**32)


def ties(rng, count):
    """Events that tie a few members, some twice, some members erased."""
    made = []
    for number in range(count):
        if made and rng.random() < 0.1:
            made.append(made[int(rng.integers(len(made)))])
            continue
        who, other = (NAMES[int(rng.integers(len(NAMES)))] for _ in range(2))
        kind, field, data = KINDS[int(rng.integers(len(KINDS)))]
        data = data | ({field: other} if field else {})
        time = at(int(rng.choice(DAYS)), int(rng.choice(MILLISECONDS)))
        made.append(event(f"activity.{kind}", data, id=str(number), subject=who, time=time))
    return made


def frames(events, sizes):
    """The events as frames of one partition, in batches of the given sizes in turn."""
    stream = records([dumps(one) for one in events], timestamp=NOW)
    intake, framer = Intake(7, 900_000, credits(5)), Framer(1)
    for source in (0, 1):
        framer.begin(source, 0)
    out, start, number = [], 0, 0
    while start < len(stream):
        batch = stream[start : start + sizes[number % len(sizes)]]
        out += frames_of(batch, framer, intake).values()
        start, number = start + len(batch), number + 1
    return out


def make_shard():
    return new_shard(RUBRIC, DAY)


def networks(shard):
    """{member: {connection: engaged lately}} by name."""
    names = dict(zip(member_hashes(NAMES).tolist(), NAMES, strict=True))
    found = {}
    for member in NAMES:
        place = shard.state.network.find(member)
        if place is not None:
            links = shard.state.network.links(place)
            peers = [names[h] for h in shard.state.network.codes.hashes[links.peer].tolist()]
            now = connected(links.state).tolist()
            lately = links.engaged(DAY - 90).tolist()
            mine = {p: e for p, c, e in zip(peers, now, lately, strict=True) if c}
            if mine:
                found[member] = mine
    return found


def expected(events):
    plain = Ties()
    for one in events:
        plain.add(one)
    return {name: mine for name in NAMES if (mine := plain.network(name, DAY))}


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, sizes=st.lists(st.integers(1, 20), min_size=1, max_size=4), folds=st.integers(0, 6))
def test_any_order_and_repetition_gives_the_same_networks(seed, sizes, folds):
    events = ties(np.random.default_rng(seed), 60)
    shard = make_shard()
    for offset, data in enumerate(frames(events, sizes)):
        shard.apply(decode(data), offset, NOW + offset)
        if folds and offset % folds == 0:
            for number in range(len(shard.state.network.blocks)):
                shard.state.network.fold(number, DAY - 90)
            shard.state.network.overlay.drop()
    assert networks(shard) == expected(events)


class Store:
    """A ledger in memory, of which only the networks and the stamp's replay-from are looked at."""

    def __init__(self):
        self.records = {}
        self.replay_from = 0

    def put(self, found):
        for key, value in found:
            if value is None:
                assert self.records.pop(key, None) is not None, "what is not there is not taken back"
            else:
                self.records[key] = value


STEPS = ("frame", "frame", "frame", "save", "sweep", "half", "die")


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, size=st.integers(1, 4))
def test_networks_killed_at_any_moment_are_those_that_never_were(seed, size):
    """half: a sweep that ends after its first block, and then the worker dies."""
    rng = np.random.default_rng(seed)
    events = ties(rng, 80)
    with pytest.MonkeyPatch.context() as patch:
        for module in ("link_block", "graph", "journal"):
            patch.setattr(f"pipeline.network.{module}.OWNERS", 2)
        patch.setattr(journals, "PIECE", 3)
        patch.setattr(journals, "CHUNK", 4)
        _killed(frames(events, [size]), rng, expected(events))


def _killed(log, rng, wanted):
    store, shard, at_ = Store(), make_shard(), 0
    journal, erased = Journal(shard.state.network), {}

    def frame():
        nonlocal at_
        if at_ < len(log):
            shard.apply(decode(log[at_]), at_, NOW + at_)
            at_ += 1

    def save():
        nonlocal erased
        store.put(journal.save())
        store.replay_from = at_
        erased = dict(zip(shard.state.index.names, shard.state.erased.tolist(), strict=False))

    def sweep(todo, refreshed):
        for number in todo:
            shard.state.network.fold(number, DAY - 90)
            store.put(journal.write(number, refreshed))
            frame()
            if rng.random() < 0.5:
                save()

    while at_ < len(log):
        match str(rng.choice(STEPS)):
            case "frame":
                frame()
            case "save":
                save()
            case "sweep":
                journal.begin()
                sweep(range(len(shard.state.network.blocks)), journal.round + 1)
                store.put(journal.finish())
            case died:
                if died == "half":
                    journal.begin()
                    sweep(range(len(shard.state.network.blocks))[:1], journal.round + 1)
                shard = make_shard()
                for name, last in erased.items():
                    index = shard.state.index.get_or_add(name)
                    shard.resize()
                    shard.state.erased[index] = last
                journal = checkpoint.restored_networks(shard, store.records)
                for offset in range(store.replay_from, at_):
                    shard.apply(decode(log[offset]), offset, NOW + offset)
                if died == "half":  # the sweep goes on
                    left = [n for n, done in enumerate(journal.refreshed) if done < journal.round]
                    sweep(left, journal.round)
                    store.put(journal.finish())
    assert networks(shard) == wanted


@given(
    own=st.none() | st.integers(0, 12),
    peers=st.lists(st.tuples(st.none() | st.integers(0, 12), st.booleans()), max_size=12),
)
def test_a_place_is_that_of_a_sort(own, peers):
    links = journals.LinkColumns.of_days(
        np.array([0, len(peers)]),
        np.arange(len(peers), dtype=np.uint32),
        np.full(len(peers), 2, np.uint32),
        day=np.array([DAY if engaged else DAY - 90 for _, engaged in peers], np.uint16),
    )
    scores = np.array([-1 if score is None else score for score, _ in peers], np.int16)
    found = peer_ranks(links, np.array([-1 if own is None else own]), scores, floor=DAY - 90)
    plain = plain_rank(own, peers)
    assert plain["connections"] == found.connections[0]
    assert plain["scored"] == found.scored[0]
    if plain["scored"]:
        assert plain["average"] == found.average()[0]
        assert plain["engaging"] == found.engaging()[0]
    if own is not None:
        assert plain["place"] == found.halves()[0]
        assert plain["top"] == found.top()[0]


@given(batches=st.lists(st.lists(st.integers(1, 40)), max_size=20), bits=st.sampled_from([0, 7, 58]))
def test_codes_stand_for_what_they_did(batches, bits):
    """bits: shifts the hashes so that they meet in the table, or all wrap around its end."""
    codes, assigned = PeerCodes(), {}
    for batch in batches:
        hashes = np.array([(n << bits | 4095) & (1 << 64) - 1 for n in batch], np.uint64)
        for one, code in zip(hashes.tolist(), codes.add(hashes).tolist(), strict=True):
            assert assigned.setdefault(one, code) == code
    assert sorted(assigned.values()) == list(range(len(codes)))
    assert codes.find(np.array([5], np.uint64))[0] == NONE
    scores = by_code(np.arange(len(codes), dtype=np.uint32), np.arange(len(codes)), len(codes) + 1)
    assert scores.tolist() == [*range(len(codes)), -1]
