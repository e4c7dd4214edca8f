"""The day's turn takes a share of the process while events come in, and all of it when none do."""

from agents.worker.background_share import SHARE, BackgroundShare


def at(monkeypatch, now: float) -> None:
    monkeypatch.setattr("agents.worker.background_share.time.monotonic", lambda: now)


def test_a_block_waits_for_its_share(monkeypatch):
    pace = BackgroundShare()
    at(monkeypatch, 100.0)
    pace.counted()
    assert pace.due()
    pace.took(0.3)
    assert not pace.due()
    at(monkeypatch, 100 + 0.3 * (1 / SHARE - 1) + 0.001)
    assert pace.due()


def test_without_events_it_goes_on_at_once(monkeypatch):
    pace = BackgroundShare()
    at(monkeypatch, 100.0)
    pace.counted()
    pace.took(60)
    at(monkeypatch, 101.5)
    assert pace.due()
    pace.counted()
    assert not pace.due()


def test_blocks_of_several_partitions_together_take_the_share_of_one(monkeypatch):
    pace = BackgroundShare()
    at(monkeypatch, 100.0)
    pace.counted()
    pace.took(0.03)
    pace.took(0.03)
    at(monkeypatch, 100 + 0.05 * (1 / SHARE - 1))
    pace.counted()
    assert not pace.due()
    at(monkeypatch, 100 + 0.06 * (1 / SHARE - 1) + 0.001)
    pace.counted()
    assert pace.due()


def test_what_was_done_while_nothing_came_needs_not_be_made_up_for(monkeypatch):
    pace = BackgroundShare()
    at(monkeypatch, 100.0)
    for _ in range(100):
        pace.took(0.03)
    pace.counted()
    at(monkeypatch, 100 + 0.03 * (1 / SHARE - 1) + 0.001)
    pace.counted()
    assert pace.due()
