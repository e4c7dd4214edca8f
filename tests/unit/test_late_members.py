"""Late events about one member: seen within an hour, and not longer."""

import pytest
from prometheus_client import CollectorRegistry

from agents.metrics import late_members
from agents.metrics.late_members import BURST, HALF_S, LateMembers


class Now:
    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def test_a_member_is_reported_once_when_the_burst_is_reached() -> None:
    registry = CollectorRegistry()
    found = LateMembers(registry, Now())
    assert registry.get_sample_value("pillarscore_member_late_events") == 0
    assert found.add({"ada": BURST - 1, "ben": 3}) == []
    assert found.add({"ada": 1}) == ["ada"]
    assert found.add({"ada": 50}) == []
    assert registry.get_sample_value("pillarscore_member_late_events") == BURST + 50


def test_after_an_hour_it_is_forgotten() -> None:
    now = Now()
    found = LateMembers(CollectorRegistry(), now)
    found.add({"ada": 60})
    now.seconds += HALF_S
    assert found.add({"ada": 60}) == ["ada"], "within the hour"
    now.seconds += HALF_S
    assert found.most() == 60
    now.seconds += 10 * HALF_S
    assert found.most() == 0
    assert found.add({"ada": BURST}) == ["ada"], "again"


def test_members_without_end_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_members, "MOST", 100)
    found = LateMembers(CollectorRegistry(), Now())
    for number in range(1000):
        found.add({f"m-{number}": 1})
    assert len(found._young) + len(found._old) <= 200
