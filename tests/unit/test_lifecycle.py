"""The life of a partition and of ingest: what is not in the table is refused."""

import itertools

import pytest

from agents.docgen.lifecycle import ABOUT_INGEST, ABOUT_PARTITION
from agents.worker.lifecycle import (
    INGEST,
    PARTITION,
    ForbiddenTransition,
    IngestState,
    PartitionState,
    StateMachine,
    mermaid,
)

TABLES = [(PARTITION, PartitionState), (INGEST, IngestState)]


@pytest.mark.parametrize(("table", "states"), TABLES)
def test_every_transition_that_is_not_in_the_table_is_refused(table, states):
    for before, after in itertools.permutations(states, 2):
        machine = StateMachine(table, before)
        if (before, after) in table:
            assert machine.can(after)
            machine.move(after)
            assert machine.state == after
        else:
            assert not machine.can(after)
            with pytest.raises(ForbiddenTransition, match=f"from {before} to {after}"):
                machine.move(after)
            assert machine.state == before


@pytest.mark.parametrize(("table", "states"), TABLES)
def test_every_state_can_be_reached_and_every_life_can_end(table, states):
    for start, goal in [(next(iter(states)), state) for state in states] + [
        (s, states.STOPPED) for s in states
    ]:
        reached = {start}
        while more := {after for before, after in table if before in reached} - reached:
            reached |= more
        assert goal in reached, (start, goal)
    assert not any(before == states.STOPPED for before, _ in table), "stopped is the end"


def test_what_must_not_happen_does_not():
    for pair in [
        (PartitionState.FENCED, PartitionState.COMMITTING),  # nothing may be written
        (PartitionState.FENCED, PartitionState.LIVE),  # without reading what the other has committed
        (PartitionState.PARKED, PartitionState.LIVE),
        (PartitionState.RESTORING, PartitionState.LIVE),
        (PartitionState.STOPPING, PartitionState.LIVE),
        (PartitionState.STOPPING, PartitionState.RESTORING),
    ]:
        assert pair not in PARTITION
    assert (IngestState.PARKED, IngestState.COMMITTING) not in INGEST, "frames may not be acknowledged"


def test_during_goes_back_and_stays_after_an_error_or_when_someone_else_moved():
    machine = StateMachine(PARTITION, PartitionState.LIVE)
    with machine.during(PartitionState.COMMITTING):
        assert machine.state == PartitionState.COMMITTING
    assert machine.state == PartitionState.LIVE
    with pytest.raises(OSError, match="x"), machine.during(PartitionState.COMMITTING):
        raise OSError("x")
    assert machine.state == PartitionState.COMMITTING
    machine.move(PartitionState.PARKED)
    machine = StateMachine(PARTITION, PartitionState.LIVE)
    with machine.during(PartitionState.COMMITTING):
        machine.move(PartitionState.STOPPING)
    assert machine.state == PartitionState.STOPPING
    machine = StateMachine(PARTITION, PartitionState.RESTORING)
    with machine.during(PartitionState.COMMITTING, PartitionState.CATCHING_UP):
        pass
    assert machine.state == PartitionState.CATCHING_UP


@pytest.mark.parametrize(("table", "states"), TABLES)
def test_the_diagram_has_every_transition(table, states):
    lines = list(mermaid(table, next(iter(states))))
    assert len(lines) == 1 + 1 + len(table) + 1
    assert lines[-1] == "  stopped --> [*]"


def test_every_state_is_explained():
    assert set(ABOUT_PARTITION) == set(PartitionState)
    assert set(ABOUT_INGEST) == set(IngestState)
