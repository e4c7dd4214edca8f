"""The day's turn takes a share of the process while events come in, and all of it when none do."""

from agents.pace import SHARE, Pace


def at(monkeypatch, now: float) -> None:
    monkeypatch.setattr("agents.pace.time.monotonic", lambda: now)


def test_a_block_waits_for_its_share(monkeypatch):
    pace = Pace()
    at(monkeypatch, 100.0)
    pace.counted()
    assert pace.due()
    pace.took(0.3)
    assert not pace.due()
    at(monkeypatch, 100 + 0.3 * (1 / SHARE - 1) + 0.001)
    assert pace.due()


def test_without_events_it_goes_on_at_once(monkeypatch):
    pace = Pace()
    at(monkeypatch, 100.0)
    pace.counted()
    pace.took(60)
    at(monkeypatch, 101.5)
    assert pace.due()
    pace.counted()
    assert not pace.due()
