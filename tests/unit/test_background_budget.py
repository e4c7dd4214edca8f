"""Background work takes a share of the process while events come in, and all of it when none do."""

from agents.worker.background_budget import SHARE, BackgroundBudget
from tests.kit.simulated.clock import SimClock


def at(clock: SimClock, now: float) -> None:
    clock.jump(now - clock.monotonic())


def test_a_block_waits_for_its_share():
    clock = SimClock(0)
    budget = BackgroundBudget(clock)
    at(clock, 100.0)
    budget.counted()
    assert budget.due()
    budget.spent(0.3)
    assert not budget.due()
    at(clock, 100 + 0.3 * (1 / SHARE - 1) + 0.001)
    assert budget.due()


def test_without_events_it_goes_on_at_once():
    clock = SimClock(0)
    budget = BackgroundBudget(clock)
    at(clock, 100.0)
    budget.counted()
    budget.spent(60)
    at(clock, 101.5)
    assert budget.due()
    budget.counted()
    assert not budget.due()


def test_blocks_of_several_partitions_together_take_the_share_of_one():
    clock = SimClock(0)
    budget = BackgroundBudget(clock)
    at(clock, 100.0)
    budget.counted()
    budget.spent(0.03)
    budget.spent(0.03)
    at(clock, 100 + 0.05 * (1 / SHARE - 1))
    budget.counted()
    assert not budget.due()
    at(clock, 100 + 0.06 * (1 / SHARE - 1) + 0.001)
    budget.counted()
    assert budget.due()


def test_what_was_done_while_nothing_came_needs_not_be_made_up_for():
    clock = SimClock(0)
    budget = BackgroundBudget(clock)
    at(clock, 100.0)
    for _ in range(100):
        budget.spent(0.03)
    budget.counted()
    at(clock, 100 + 0.03 * (1 / SHARE - 1) + 0.001)
    budget.counted()
    assert budget.due()
