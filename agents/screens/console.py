"""What commands show: progress while there is a terminal to show it on, tables, and the account of events.

Results go to stdout, all else to stderr, so that a result can be piped on.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column, Table
from rich.text import Text

from agents.screens.fitting import Fitting
from agents.screens.visible import identity, visible
from pipeline.common.points import as_points

if TYPE_CHECKING:
    from agents.files.inputs import Inputs
    from agents.files.ndjson import Lines
    from agents.files.rejected import Rejected
    from agents.offline.engine import ScoreTable
    from agents.offline.verification import Difference
    from schemas.ledger import Counters

WIDTH = 110
"""Columns where there is no terminal to ask."""
_DISPOSITIONS = (
    ("scored", "scored"),
    ("duplicate", "duplicate"),
    ("outside_window", "outside the window"),
    ("erased", "erased"),
    ("after_day", "after the day"),  # only from files
    ("too_late", "too late"),  # only with a limit, and never from files alone
    ("dead_lettered", "dead letters"),
)
_SELDOM = ("after_day", "too_late")
"""Named only when there are any."""


def report(line: str) -> None:
    """A line for the user, beside the result. What is not visible in it is shown by its escape."""
    print(visible(line), file=sys.stderr, flush=True)


class _Rate(ProgressColumn):
    """Events and events per second."""

    def __init__(self) -> None:
        super().__init__(table_column=Column(no_wrap=True))

    def render(self, task: Task) -> Text:
        events = task.fields["events"]
        rate = f", {events / task.elapsed:,.0f}/s" if task.elapsed else ""
        return Text(f"{events:,} events{rate}")


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, float | None, int], None]]:
    """A bar on stderr, if that is a terminal: to be called with (events so far, done, of how many; 0: unknown)."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        _Rate(),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(what, total=None, events=0)

        def advance(events: int, done: float | None, total: int) -> None:
            bar.update(task, completed=done or 0, total=total or None, events=events)

        yield advance


@contextmanager
def reading(what: str, lines: "Lines | Inputs") -> Iterator[Callable[[int], None]]:
    """A bar for reading files, to be called with the events of each batch; at the end, notes on the files."""
    with progress(what) as advance:
        count = 0

        def more(events: int) -> None:
            nonlocal count
            count += events
            advance(count, lines.done, lines.size or 0)

        yield more
    for note in lines.notes:
        report(note)


def account(counters: "Counters", running: bool = False) -> str:
    """What became of the events, as a line: `5 events read: 4 scored, 1 duplicate, …`.

    running: what is not settled is still under way.
    """
    known = ((getattr(counters, name, 0), name, shown) for name, shown in _DISPOSITIONS)
    parts = [f"{count:,} {shown}" for count, name, shown in known if count or name not in _SELDOM]
    difference = counters.difference()
    missing = f"; {difference:,} {'in progress' if running else 'NOT ACCOUNTED FOR'}" if difference else ""
    return f"{counters.read:,} events read: {', '.join(parts)}{missing}"


def letters(dead: "Mapping[str, Rejected]") -> Iterator[str]:
    """A line per reason of dead letters, the most frequent first, each followed by the first lines where it is."""
    for reason, found in sorted(dead.items(), key=lambda item: (-item[1].count, item[0])):
        yield f"{found.count:,} × {reason}"
        for line_ref, message in found.first:
            yield f"  {line_ref}: {message}"
        if found.count > len(found.first):
            yield f"  and {found.count - len(found.first):,} more"


def table(score_table: "ScoreTable", rows: Sequence[int]) -> Fitting:
    """The chosen rows of the table, ranked as they come."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("#", justify="right", no_wrap=True)
    shown.add_column("member", overflow="fold")
    for name in ("score", "brand", "find", "engage", "relate"):
        shown.add_column(name, justify="right", no_wrap=True)
    for rank, row in enumerate(rows, 1):
        points = [int(score_table.score[row]), *score_table.pillars[row].tolist()]
        shown.add_row(str(rank), Text(identity(score_table.members[row])), *map(as_points, points))
    return Fitting(shown, ("relate", "engage", "find", "brand"))


def difference_table(found: "Sequence[Difference]") -> Table:
    """Differences between live and offline."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("member", overflow="fold")
    shown.add_column("field")
    shown.add_column("live", justify="right")
    shown.add_column("offline", justify="right")
    for one in found:
        shown.add_row(
            Text(identity(one.member)), one.field, Text(visible(one.live)), Text(visible(one.offline))
        )
    return shown


def about(score_table: "ScoreTable", rubric: str) -> str:
    """`1,107 members as of 2025-11-20 by ssi 1`."""
    from pipeline.common.days import calendar
    from pipeline.common.units import Day

    members = "1 member" if len(score_table) == 1 else f"{len(score_table):,} members"
    return f"{members} as of {calendar(Day(score_table.day))} by {rubric}"


def about_days(scores: int, days: tuple[int, int], rubric: str) -> str:
    """days: the first and the last. `33,210 scores as of 30 days from 2025-11-01 to 2025-11-30 by ssi 1`."""
    from pipeline.common.days import calendar
    from pipeline.common.units import Day

    first, last = (calendar(Day(day)) for day in days)
    count = f"{days[1] - days[0] + 1:,} day{'s' if first != last else ''}"
    return f"{scores:,} score{'s' if scores != 1 else ''} as of {count} from {first} to {last} by {rubric}"


def too_old(last: int) -> str:
    """What to do when nothing counts today as all events are before the window; last: the day of the newest."""
    from pipeline.common.days import calendar
    from pipeline.common.units import Day

    day = calendar(Day(last)).isoformat()
    return f"All events are too old to count today; the last is of {day}: give --as-of {day} for scores of that day"


def console(file: IO[str] | None = None) -> Console:
    """Where tables go: stdout, or a file."""
    out = file or sys.stdout
    return Console(file=out, width=None if out.isatty() else WIDTH, highlight=False)
