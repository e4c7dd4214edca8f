"""The page of life cycles, made of the tables that decide them."""

from collections.abc import Iterator

from agents.worker.lifecycle import (
    INGEST,
    PARTITION,
    IngestState,
    PartitionState,
    S,
    Transitions,
    mermaid,
)

ABOUT_PARTITION = {
    PartitionState.RESTORING: "reads its ledger, and fences whoever had the partition before",
    PartitionState.CATCHING_UP: "counts the frames since the newest stamp and emits scores; `/ready` is not ok yet",
    PartitionState.LIVE: "counts frames as they come",
    PartitionState.COMMITTING: "commits what was counted and emitted, with a stamp, in one transaction",
    PartitionState.FENCED: "another worker has the transactional id: nothing can be written",
    PartitionState.PARKED: "waits after an error, for 1 to 30 s, or for 60 s when it can't go on from its state",
    PartitionState.STOPPING: "counts nothing more, and commits what was counted if it was live",
    PartitionState.STOPPED: "has let go of the partition",
}
ABOUT_INGEST = {
    IngestState.JOINING: "connects, and waits for partitions of `activity.events`",
    IngestState.READING: "reads events and writes frames",
    IngestState.COMMITTING: "waits until all frames are acknowledged, then commits offsets",
    IngestState.PARKED: "waits after an error, for 1 s, or for 15 s when the topic is not the one it was",
    IngestState.STOPPING: "commits what was read, and leaves the group",
    IngestState.STOPPED: "has ended",
}


def _part(
    title: str, about: dict[S, str], transitions: Transitions[S], *, start: S, why: str
) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield why
    yield ""
    yield "```mermaid"
    yield from mermaid(transitions, start)
    yield "```"
    yield ""
    yield "| State | A worker in it |"
    yield "| --- | --- |"
    yield from (f"| {state.value} | {text} |" for state, text in about.items())
    yield ""


def render() -> str:
    """The page."""
    lines = [
        "# Life cycles",
        "",
        "Made by `make docs` from `agents/worker/lifecycle.py`; don't edit. A transition that is not shown is",
        "refused, and ends the session with an error.",
        "",
        *_part(
            "A member partition",
            ABOUT_PARTITION,
            PARTITION,
            start=PartitionState.RESTORING,
            why="From the moment the group assigns it to a worker until it is revoked or the worker stops.",
        ),
        *_part(
            "Ingest",
            ABOUT_INGEST,
            INGEST,
            start=IngestState.JOINING,
            why="Of each worker with the ingest role, over all its source partitions.",
        ),
    ]
    return "\n".join(lines).rstrip() + "\n"
