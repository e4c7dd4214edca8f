"""What a score record says beside the points follows from the recorded days, whenever it is sent."""

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.common import days
from pipeline.common.rubric_id import RubricId
from pipeline.reports.recorded_history import RecordedHistory
from pipeline.scoring.bands import BANDS, UNKNOWN, band, trend
from schemas.frames import decode
from schemas.history import Day
from schemas.scores import Score
from tests.kit.events import DAY
from tests.kit.rubrics import SSI
from tests.property.test_restore import NOW, RUBRIC, ingest, make_shard, stream

BY = SSI.id


def listen(recorded, records):
    """What `published.recorded` does with the records of the topic."""
    for key, value in records:
        if value is None:
            name = key.decode()
            recorded.take_back(name[11:], days.number(days.calendar(0).fromisoformat(name[:10])))
            continue
        day = Day.model_validate_json(value)
        points = [day.score, *day.pillars.model_dump().values()]
        points[1:] = [getattr(day.pillars, name) for name in ("brand", "find", "engage", "relate")]
        recorded.add(
            day.member, days.number(day.day), points, rubric=RubricId(day.rubric.name, day.rubric.version)
        )


def said(value):
    """(what a record says, the score it is about)."""
    score = Score.model_validate_json(value)
    change = orjson.loads(value)["change"]
    hundredths = [None if change[of] is None else round(change[of] * 100) for of in ("day", "week")]
    return (score.band, score.trend, *hundredths, score.weakest), score


def follows(recorded, score):
    pillars = [getattr(score.pillars, name) for name in ("brand", "find", "engage", "relate")]
    one = recorded.expected(score.member, days.number(score.as_of), score.score, pillars=pillars)
    return (one.band, one.trend, one.day, one.week, one.weakest)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    turns=st.dictionaries(st.integers(0, 25), st.integers(1, 40), min_size=1, max_size=6),
    rolls=st.lists(st.integers(0, 3), min_size=1, max_size=9),
)
def test_every_record_follows_from_the_days_recorded_so_far(seed, turns, rolls):
    """Frames come in while a turn is under way too: some members are scored before their block has turned."""
    for log in ingest(stream(seed, 120), [9], []):
        shard, recorded, newest = make_shard(), RecordedHistory(RUBRIC), {}

        def flush(shard=shard, recorded=recorded, newest=newest):
            emission = shard.drain()
            listen(recorded, emission.history)
            for key, value in emission.scores:
                newest[key] = value
                if value is not None:
                    what, score = said(value)
                    assert what == follows(recorded, score)

        for at, data in enumerate(log.frames):
            if at in turns:
                shard.start_day(shard.day + turns[at])
            for _ in range(rolls[at % len(rolls)]):
                shard.roll_block()
                flush()
            shard.apply(decode(data), at, NOW + at)
            flush()
        while shard.roll_block():
            flush()
        # at the end of a turn everybody's newest record has all days that are over in it
        for value in newest.values():
            if value is not None:
                what, score = said(value)
                assert what == follows(recorded, score)
                assert days.number(score.as_of) == shard.day


known = st.integers(0, 10_000)
histories = st.lists(st.tuples(st.integers(1, 120), known), min_size=1, max_size=40)


@given(histories, known, st.integers(1, 3))
def test_expected_is_that_of_the_whole_history(steps, score, ahead):
    """Days with gaps, also longer than what is kept; against the plain functions over all days."""
    recorded, line, day = RecordedHistory(SSI), {}, DAY
    for step, points in steps:
        day += step if step < 100 or len(line) % 7 == 0 else 1
        line[day] = points
        recorded.add("m", day, [points, 0, 0, 0, points], rubric=BY)
    today = day + ahead
    one = recorded.expected("m", today, score, pillars=[3, 1, 2, 1])
    whole = [line.get(on, UNKNOWN) for on in range(DAY, today)] + [score]
    assert one.band == band(whole, SSI.bands)
    assert one.trend == trend(whole[-SSI.trend.days :], SSI.trend)
    for back, change in ((1, one.day), (7, one.week)):
        assert change == (score - line[today - back] if today - back in line else None)
    assert one.weakest == "find"
    kept = recorded.last_days(90)
    for on in kept:
        assert dict(recorded.on(on)) == ({"m": [line[on], 0, 0, 0, line[on]]} if on in line else {})
    assert set(line) - set(kept) == {on for on in line if on <= day - 90}


@given(st.lists(known, min_size=2, max_size=60), st.data())
def test_days_taken_back_count_no_more(points, data):
    recorded = RecordedHistory(SSI)
    for at, score in enumerate(points):
        recorded.add("m", DAY + at, [score, 0, 0, 0, 0], rubric=BY)
    last = data.draw(st.integers(0, len(points) - 1))
    for at in range(last + 1):
        recorded.take_back("m", DAY + at)
    left = [UNKNOWN] * (last + 1) + points[last + 1 :]
    one = recorded.expected("m", DAY + len(points), 5_000, pillars=[0, 0, 0, 0])
    assert one.band == band([*left, 5_000], SSI.bands)
    assert one.day == (None if left[-1] == UNKNOWN else 5_000 - left[-1])


def test_a_band_by_another_rubric_is_not_told():
    recorded = RecordedHistory(SSI)
    recorded.add("m", DAY, [4_000, 0, 0, 0, 0], rubric=RubricId(SSI.name, "0"))
    assert recorded.expected("m", DAY + 1, 3_900, pillars=[0, 0, 0, 0]).band is None
    assert recorded.expected("n", DAY + 1, 3_900, pillars=[0, 0, 0, 0]).band == BANDS[0]
