"""A team's report says what a plain sort of its members says, however they are spread over partitions."""

from collections import Counter
from fractions import Fraction
from statistics import median_low

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.config.settings import Settings
from agents.files.ndjson import Batch
from agents.offline.engine import Offline, read_into
from pipeline.common import days
from pipeline.reports.population import Population
from pipeline.reports.team import like, team, teams
from pipeline.rubric.model import Rubric
from pipeline.scoring.bands import BANDS, UNKNOWN, band
from schemas.frames import decode
from tests.kit.files import RUBRIC, event
from tests.property.test_restore import NOW, ingest, make_shard, stream

DAY = 20_412
SMALL = Rubric.parse(RUBRIC)
TEAMS = ("a", "b", "=c", "")

# of each member: the team, and how many posts today and eight days ago, each 2.50 points
crowds = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=5),
    st.tuples(st.sampled_from(TEAMS), st.integers(0, 4), st.integers(0, 4)),
    max_size=25,
)


class Events:
    """Events as an input, without a file."""

    def __init__(self, made):
        self.lines = [orjson.dumps(one) for one in made]

    def batches(self, number=0):
        yield Batch(list(range(number, number + len(self.lines))), self.lines)

    def place(self, number):
        return str(number)


def populations(crowd, pieces):
    """The crowd as of DAY and a week before, spread over so many shards."""
    now, then = [], []
    for piece in range(pieces):
        made = []
        for at, (name, (of, recent, old)) in enumerate(crowd.items()):
            if at % pieces != piece:
                continue
            if of:
                made.append(event("member.updated", f"{at}-m", name, _noon(DAY), team=of))
            made += [event("post.published", f"{at}-r{n}", name, _noon(DAY)) for n in range(recent)]
            made += [event("post.published", f"{at}-o{n}", name, _noon(DAY - 8)) for n in range(old)]
        runs = [Offline(Settings(), SMALL, DAY), Offline(Settings(), SMALL, DAY - 7)]
        read_into(runs, Events(made))
        now.append(runs[0]._shard)
        then.append(runs[1]._shard)
    return Population(now, DAY), Population(then, DAY - 7)


def _noon(day):
    return f"{days.calendar(day)}T12:00:00Z"


@settings(max_examples=25, deadline=None)
@given(crowds, st.integers(1, 3))
def test_the_report_is_that_of_a_plain_sort(crowd, pieces):
    now, then = populations(crowd, pieces)
    for name in ("a", "b", "=c"):
        mine = {who: (recent, old) for who, (of, recent, old) in crowd.items() if of == name}
        found = team(now, name, then)
        if not mine:
            assert found is None
            continue
        scores = {who: 250 * (recent + old) for who, (recent, old) in mine.items()}
        before = {who: 250 * old for who, (_, old) in mine.items() if old}
        order = sorted(scores, key=lambda who: (-scores[who], who))
        assert found.members == order
        assert found.score.tolist() == [scores[who] for who in order]
        places = [1 + sum(other > scores[who] for other in scores.values()) for who in order]
        assert found.rank.tolist() == places
        changes = {who: scores[who] - before[who] for who in before}
        assert [found.change(row) for row in range(len(order))] == [changes.get(who) for who in order]
        bands = [band([scores[who]], SMALL.bands) for who in order]
        assert [BANDS[at] for at in found.band] == bands

        said = found.summary(max_movers=2)
        assert (said.members, said.compared) == (len(mine), len(before))
        assert abs(said.mean - Fraction(sum(scores.values()), len(scores))) <= Fraction(1, 2)
        assert said.median == median_low(scores.values()), "as that of the team's benchmark"
        assert said.bands == dict.fromkeys(BANDS, 0) | Counter(bands)
        assert (said.risen, said.fallen) == (sum(by > 0 for by in changes.values()), 0)
        risen = sorted((-by, who) for who, by in changes.items() if by > 0)[:2]
        assert [(-one.change, one.member) for one in said.up] == risen
        assert said.down == ()
        assert said.weakest == ("brand" if not sum(scores.values()) else "find")
        assert found.summary(max_movers=0).up == ()


@settings(max_examples=25, deadline=None)
@given(crowds, st.integers(1, 3))
def test_the_list_has_every_team_and_no_average_of_a_small_one(crowd, pieces):
    now, _ = populations(crowd, pieces)
    sizes = Counter(of for of, _, _ in crowd.values() if of)
    found = teams(now, 5)
    assert [(one.team, one.members) for one in found] == sorted(sizes.items())
    for one in found:
        scores = [250 * (recent + old) for of, recent, old in crowd.values() if of == one.team]
        if len(scores) < 5:
            assert one.mean is None
        else:
            assert abs(one.mean - Fraction(sum(scores), len(scores))) <= Fraction(1, 2)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_a_live_change_is_the_one_against_the_recorded_day(seed, turns):
    """Whatever days were recorded, and also while a turn is under way."""
    shards = []
    for log in ingest(stream(seed, 300, 60), [9], []):
        shard = make_shard()
        for offset, data in enumerate(log.frames):
            shard.apply(decode(data), offset, NOW + offset)
        for index in shard.state.index.values():
            shard.state.registers.apply(index, {"team": "all"}, NOW, 1)
        for by in turns:
            while shard.roll_block():
                shard.drain()
            shard.start_day(shard.day + by)
        shard.roll_block()
        shards.append(shard)
    now = Population(shards, shards[0].day)
    found = team(now, "all", None)
    assert found.members
    for row, member in enumerate(found.members):
        past = {days.number(day.day): day.score for day in now.past(member, 90)}
        assert found.before[row] == past.get(now.day - 7, UNKNOWN)


def test_names_that_are_alike():
    assert like("emea SALES", ["EMEA sales", "EMEA sale", "b"]) == ["EMEA sales", "EMEA sale"]
    assert like("x", ["EMEA sales"]) == []
