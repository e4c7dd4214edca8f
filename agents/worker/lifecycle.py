"""The life of a partition and of ingest, as tables of states and of what leads from one to the next.

Everything that decides in which state they are goes through `StateMachine.move`, which refuses a transition that is
not in the table. The diagrams of docs/explanation/lifecycle.md are made of these tables.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Generic, TypeVar

S = TypeVar("S", bound=StrEnum)
Transitions = Mapping[tuple[S, S], str]
"""(from, to) -> what leads there."""


class PartitionState(StrEnum):
    """Of a member partition, from assignment to revocation."""

    RESTORING = "restoring"
    CATCHING_UP = "catching up"
    LIVE = "live"
    COMMITTING = "committing"
    FENCED = "fenced"
    PARKED = "parked"
    STOPPING = "stopping"
    STOPPED = "stopped"


class IngestState(StrEnum):
    """Of the ingest role of a worker."""

    JOINING = "joining"
    READING = "reading"
    COMMITTING = "committing"
    PARKED = "parked"
    STOPPING = "stopping"
    STOPPED = "stopped"


def _from(states: Iterable[S], to: S, why: str) -> dict[tuple[S, S], str]:
    return {(state, to): why for state in states}


P = PartitionState
PARTITION: Transitions[PartitionState] = {
    (P.RESTORING, P.COMMITTING): "the ledger is read, the takeover is committed",
    (P.COMMITTING, P.CATCHING_UP): "the takeover, or what was counted so far, is committed",
    (P.CATCHING_UP, P.COMMITTING): "the commit interval is over",
    (P.CATCHING_UP, P.LIVE): "all frames are counted",
    (P.LIVE, P.COMMITTING): "the commit interval is over",
    (P.COMMITTING, P.LIVE): "committed",
    **_from((P.RESTORING, P.CATCHING_UP, P.LIVE, P.COMMITTING), P.FENCED, "another worker has the partition"),
    **_from((P.RESTORING, P.CATCHING_UP, P.LIVE, P.COMMITTING), P.PARKED, "an error"),
    (P.FENCED, P.RESTORING): "the group says that the partition is ours, or nothing for 30 s",
    (P.PARKED, P.RESTORING): "the pause is over",
    **_from(
        (P.RESTORING, P.CATCHING_UP, P.LIVE, P.COMMITTING, P.FENCED, P.PARKED),
        P.STOPPING,
        "revoked, or stopped",
    ),
    (P.STOPPING, P.COMMITTING): "the last commit",
    (P.STOPPING, P.STOPPED): "all is closed",
}

I = IngestState  # noqa: E741
INGEST: Transitions[IngestState] = {
    (I.JOINING, I.READING): "partitions are assigned",
    (I.READING, I.JOINING): "partitions are revoked",
    (I.READING, I.COMMITTING): "a second is over, or a rebalance begins",
    (I.COMMITTING, I.READING): "offsets are committed",
    **_from((I.JOINING, I.READING, I.COMMITTING), I.PARKED, "an error"),
    (I.PARKED, I.JOINING): "the pause is over",
    **_from((I.JOINING, I.READING, I.COMMITTING, I.PARKED), I.STOPPING, "the worker stops"),
    (I.STOPPING, I.COMMITTING): "the last commit",
    (I.COMMITTING, I.STOPPING): "the last offsets are committed",
    (I.STOPPING, I.STOPPED): "all is closed",
}


class ForbiddenTransition(RuntimeError):
    """The table does not have it: a fault of this program, not of what it is given."""


class StateMachine(Generic[S]):
    """state: where it is now. watch: takes every new state."""

    def __init__(
        self, transitions: Transitions[S], start: S, watch: Callable[[S], object] = lambda state: None
    ) -> None:
        self._transitions = transitions
        self._watch = watch
        self.state = start

    def move(self, to: S) -> None:
        """Go to another state, or stay; raises ForbiddenTransition."""
        if to == self.state:
            return
        if (self.state, to) not in self._transitions:
            raise ForbiddenTransition(f"there is no way from {self.state} to {to}")
        self.state = to
        self._watch(to)

    def can(self, to: S) -> bool:
        """Whether `move` would go there."""
        return to == self.state or (self.state, to) in self._transitions

    @contextmanager
    def during(self, state: S, then: S | None = None) -> Iterator[None]:
        """In this state for the time of the context, then in `then`, or where it was before.

        After an error it stays there: the handler of the error moves on.
        """
        before = self.state
        self.move(state)
        yield
        if self.state == state:
            self.move(before if then is None else then)


def mermaid(transitions: Transitions[S], start: S) -> Iterator[str]:
    """The lines of a state diagram; transitions with the same cause and target are one arrow from a note."""
    yield "stateDiagram-v2"
    names = {state: state.value.replace(" ", "_") for pair in transitions for state in pair}
    yield f"  [*] --> {names[start]}"
    for (before, after), why in transitions.items():
        yield f"  {names[before]} --> {names[after]}: {why}"
    for state in dict.fromkeys(after for _, after in transitions):
        if not any(before == state for before, _ in transitions):
            yield f"  {names[state]} --> [*]"
