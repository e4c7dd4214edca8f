"""The status as a screen for the terminal, and as JSON."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agents.kafka.consumer_groups import Group as Members
from agents.queries.next_steps import LATE_S, next_steps
from agents.queries.status import Lag, Status
from agents.screens.console import account
from agents.screens.fitting import Fitting
from agents.screens.visible import visible
from pipeline.common.days import calendar
from pipeline.common.units import Day

_BAD, _GOOD, _DIM = "bold red", "green", "dim"


def screen(status: Status) -> RenderableType:
    """Everything on one screen."""
    parts: list[RenderableType] = [_head(status), Text()]
    if status.sources:
        parts += [_sources(status), Text()]
    parts += [_partitions(status), Text(), _account(status)]
    parts += _letters(status)
    return Group(*parts)


def as_json(status: Status) -> dict[str, Any]:
    """The same for programs; days as YYYY-MM-DD, times in RFC 3339."""
    made = asdict(status) | {"events": status.events.model_dump()}
    made["at"] = datetime.fromtimestamp(made.pop("at_ms") / 1000, UTC).isoformat(timespec="milliseconds")
    made["as_of"] = _day(made.pop("day"))
    made["workers"] = status.workers
    made["memory_estimate"] = status.memory
    made["next_steps"] = next_steps(status)
    for row in made["partitions"]:
        row["as_of"] = _day(row.pop("day"))
    return made


def _day(day: Day | None) -> str | None:
    return None if day is None else calendar(day).isoformat()


def _head(status: Status) -> Text:
    at = datetime.fromtimestamp(status.at_ms / 1000, UTC)
    prefix = f" prefix {status.prefix}" if status.prefix else ""
    text = Text(f"{at:%Y-%m-%d %H:%M:%S} UTC  Kafka {status.broker}{prefix}  ")
    if status.day is not None:
        text.append(
            f"{status.members:,} members as of {_day(status.day)} by {visible(', '.join(status.rubrics))}"
        )
    text.append("\n")
    if not status.workers:
        text.append("No worker is running: start one with 'pillarscore worker'", _BAD)
    else:
        text.append(f"Workers: {visible(', '.join(status.workers))}")
    for group in (status.ingest, status.score):
        if _moving(group):
            text.append(f"; group {group.name} is rebalancing ({group.state})", "yellow")
    if status.memory:
        each = ", ".join(f"{visible(worker)} {size / 1e6:,.0f} MB" for worker, size in status.memory.items())
        text.append(f"\nMemory, estimated from the members: {each}")
    read, scored = _rate(status.read_per_s), _rate(status.scored_per_s)
    text.append(f"\n{read} events/s read, {scored} events/s scored")
    return text


def _moving(group: Members) -> bool:
    return group.state in ("PreparingRebalance", "CompletingRebalance")


def _sources(status: Status) -> Fitting:
    table = _table("events", "read by")
    _numbers(table, "end", "unread", "lag")
    for row in status.sources:
        table.add_row(
            str(row.partition),
            _owner(row.owner),
            f"{row.end:,}",
            *_lag(row.lag),
        )
    return Fitting(table, ("end",))


def _partitions(status: Status) -> Fitting:
    table = _table("members", "scored by")
    _numbers(table, "unread frames", "lag", "scored/s", "members", "last commit", "as of")
    for row in status.partitions:
        age = row.committed_age_s
        table.add_row(
            str(row.partition),
            _owner(row.owner),
            *_lag(row.lag),
            _rate(row.scored_per_s),
            f"{row.members:,}",
            Text("never", _DIM) if age is None else f"{_seconds(age)} ago",
            f"{_day(row.day) or ''}{f', {row.unrolled:,} to roll over' if row.unrolled else ''}",
        )
    return Fitting(table, ("as of", "scored/s", "last commit"))


def _table(number: str, owner: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(number, no_wrap=True)
    table.add_column(owner, overflow="fold")
    return table


def _numbers(table: Table, *names: str) -> None:
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)


def _owner(owner: str | None) -> Text:
    return Text("none", _BAD) if owner is None else Text(visible(owner))


def _lag(lag: Lag) -> tuple[str, Text]:
    if not lag.records:
        return "0", Text("")
    return f"{lag.records:,}", Text(_seconds(lag.seconds), _BAD if lag.seconds >= LATE_S else "")


def _rate(rate: float | None) -> str:
    return "?" if rate is None else f"{rate:,.0f}"


def _seconds(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min`, `5.1 h`, `3.4 d`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    for size, unit in ((86_400 * 2, "d"), (7_200, "h"), (120, "min")):
        if seconds >= size:
            one = {"d": 86_400, "h": 3_600, "min": 60}[unit]
            return f"{seconds / one:.{0 if unit == 'min' else 1}f} {unit}"
    return f"{seconds:.0f} s"


def _account(status: Status) -> Text:
    events, ended = status.events, status.events.ended()
    # in one direction partitions may have counted further than in the other: totals must not fall because of that
    text = Text(
        account(events.model_copy(update={"read": max(events.read, ended)}), running=not status.broken)
    )
    text.append("\nConservation: ")
    not_counted = [
        f"{count:,} {what}"
        for what, count in (
            ("missing", status.missing),
            ("lost", status.lost or events.lost),
            ("refused", events.refused),
        )
        if count
    ]
    if status.broken:
        text.append(f"BROKEN ({status.difference:+,})", _BAD)
    elif status.problems:
        text.append(f"not settled ({status.difference:+,}), because of problems:", _BAD)
    elif not status.settled or status.difference:
        text.append(f"not settled yet, partitions differ in progress ({status.difference:+,})")
    elif not_counted:
        text.append("every event that was counted has one outcome")
    else:
        text.append("all events accounted for", _GOOD)
    for line in status.problems:
        text.append(f"\n- {visible(line)}", _BAD)
    if not_counted:
        text.append(f"\nNot counted: {', '.join(not_counted)}", _BAD)
    if events.torn:
        text.append(
            f"\nrestores found {events.torn:,} incomplete transactions and emitted the scores again (runbook, "
            "TransactionTorn)",
            "yellow",
        )
    steps = next_steps(status)
    if steps:
        text.append("\nNext:")
    for step in steps:
        text.append(f"\n- {step}")
    return text


def _letters(status: Status) -> list[RenderableType]:
    if not status.letters:
        return [Text("Dead letters: none")]
    listed = ", ".join(f"{count:,} {visible(reason)}" for reason, count in status.letters.items())
    newest = f" (the newest {status.letters_seen:,})" if status.letters_seen < status.events.letters() else ""
    return [Text(f"Dead letters{newest}: {listed}; details: 'pillarscore dead-letters list'")]
