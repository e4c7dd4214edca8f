"""Scores of several days from one reading of the files are those of a run for each day."""

from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.config.settings import Settings
from agents.files.inputs import Inputs
from agents.offline.engine import AsLive, Offline
from pipeline.common import days
from tests.kit.events import DAY, events
from tests.kit.rubrics import SSI
from tests.property.test_files import written

NOW = days.end_ms(DAY) + 2 * days.DAY_MS
"""A while after the last of the days, so that there are events after each of them."""
# ids are drawn too: an event may have the id of one that is after some of the days, and not after others
logs = st.lists(events(first=DAY - 95, last=DAY - 80) | events(first=DAY - 8, last=DAY + 4), max_size=80)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


def scores(table):
    """The scores of a day by member: (score, pillars, components)."""
    points = np.column_stack([table.score, table.pillars, table.components.astype(np.int64)])
    return table.day, dict(zip(table.members, points.tolist(), strict=True))


def run(path, day, as_live=None, **more):
    made = Offline(Settings(), SSI, day, as_live=as_live, **more)
    made.read(Inputs([path]))
    return made


@settings(max_examples=80)
@given(logs, st.integers(1, 7), st.sampled_from(["ndjson", "parquet"]))
def test_each_day_is_as_a_run_for_it_alone(folder, log, count, kind):
    path = written(folder / "log", log, kind)
    earlier = {day: days.end_ms(day) for day in range(DAY - count + 1, DAY)}
    together = run(path, DAY, AsLive(now_ms=NOW), earlier=earlier)
    alone = [run(path, day) for day in (*earlier, DAY)]
    assert list(map(scores, together.each_day(components=True))) == [
        scores(one.standings(components=True)) for one in alone
    ]
    assert scores(together.standings()) == scores(alone[-1].standings())


@settings(max_examples=40)
@given(logs, st.sampled_from(["ndjson", "parquet"]))
def test_events_after_the_day_are_counted_as_that_and_nothing_else(folder, log, kind):
    path = written(folder / "log", log, kind)
    one, before = run(path, DAY - 3, AsLive(now_ms=NOW)), run(path, DAY - 3)
    account, counters = one.account, before.counters
    assert account.difference() == 0
    # without the present time, what is after the day is a dead letter
    ahead = account.after_day - (counters.dead_lettered - account.dead_lettered)
    assert ahead == counters.scored - account.scored
    assert ahead >= 0
    assert (account.read, account.duplicate) == (counters.read, counters.duplicate)
    assert (account.outside_window, account.erased) == (counters.outside_window, counters.erased)
    late = [line for line in log if _ms(line["time"]) >= days.end_ms(DAY - 3)]
    too_late = [line for line in late if _ms(line["time"]) > NOW + 900_000]
    assert account.dead_lettered == len(too_late) == sum(found.count for found in one.dead.values())
    again = account.duplicate + account.erased  # what is ahead of the clock by minutes may be one of these
    assert len(late) - len(too_late) - again <= account.after_day <= len(late) - len(too_late)


def _ms(time):
    return round(datetime.fromisoformat(time).timestamp() * 1000)
