"""Days in a time zone against the standard library, about every change of the clocks and elsewhere."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.config.clock import zone
from pipeline.common import days

NAMES = ("UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata", "Pacific/Apia", "Australia/Lord_Howe")
ZONES = {name: zone(name) for name in NAMES}
FIRST = datetime(2001, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("name", NAMES)
@given(seconds=st.integers(0, 90 * 366 * 86_400), millisecond=st.integers(0, 999))
def test_the_day_is_that_of_the_clock_on_the_wall(name, seconds, millisecond):
    moment = FIRST + timedelta(seconds=seconds, milliseconds=millisecond)
    ms = round(moment.timestamp() * 1000)
    on_the_wall = moment.astimezone(ZoneInfo(name)).date()
    assert int(ZONES[name].of(np.array([ms]))[0]) == days.number(on_the_wall)


@pytest.mark.parametrize("name", NAMES)
@given(day=st.integers(11_400, 40_000))
def test_a_day_ends_where_the_next_begins(name, day):
    end = ZONES[name].end_ms(day)
    before, after = ZONES[name].of(np.array([end - 1, end])).tolist()
    assert before <= day < after
