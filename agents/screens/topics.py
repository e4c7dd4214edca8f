"""The topics as a table, and how they differ from what is required."""

from collections.abc import Sequence
from dataclasses import asdict

import orjson
import typer
from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from agents.screens import console as screen
from agents.screens.fitting import Fitting, needed
from agents.topics.creation import Found
from agents.topics.requirements import Difference

DAY_MS = 86_400_000
MORE = 4
"""Characters that reasons need in a table, beside the least."""


def as_json(
    listed: Sequence[Found], differences: Sequence[Difference], changed: Sequence[Difference], *, fixing: bool
) -> None:
    """Print everything as one object."""
    topics = [
        {
            "topic": one.name,
            "partitions": one.partitions,
            "configs": one.topic.configs,
            "created": one.made,
            "purpose": one.topic.why,
        }
        for one in listed
    ]
    found = {"topics": topics, "differences": [asdict(one) for one in differences]}
    if fixing:
        found["changed"] = [asdict(one) for one in changed]
    typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())


def as_tables(
    listed: Sequence[Found], differences: Sequence[Difference], changed: Sequence[Difference], *, fixing: bool
) -> None:
    """Print the topics, what was changed, and what differs."""
    console = screen.console()
    if listed:
        console.print(_topics(listed))
    for one in changed:
        console.print(f"Changed: {one.topic} {one.setting}={one.fix} (was {one.found})", soft_wrap=True)
    if not differences:
        console.print("All topics are as required.")
        return
    console.print(_Differences(differences))
    if fixing:
        console.print("These can't be changed safely: the last column says why, and what to do.")
    elif any(one.fix for one in differences):
        console.print("'pillarscore topics --fix' changes those marked fix.")
    if refused := sum(one.refused for one in differences):
        console.print(f"No worker starts while {refused} of these {'is' if refused == 1 else 'are'} refused.")


def _topics(listed: Sequence[Found]) -> Fitting:
    table = Table(box=None, pad_edge=False)
    for name in ("topic", "partitions", "retention"):
        table.add_column(name, no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("purpose")
    for found in listed:
        kept = found.topic.policy
        if kept == "delete":
            kept = f"{int(found.topic.configs['retention.ms']) // DAY_MS} days"
        new = "created" if found.made else ""
        table.add_row(found.name, str(found.partitions), kept, new, found.topic.why)
    return Fitting(table, (*(() if any(one.made for one in listed) else ("",)), "purpose", "partitions"))


class _Differences:
    """A row for each difference where there is room, otherwise two lines."""

    def __init__(self, differences: Sequence[Difference]) -> None:
        self.differences = differences

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """For this width."""
        table = _table(self.differences)
        if needed(console, options, table.columns) + MORE <= options.max_width:
            yield table
            return
        for one in self.differences:
            level, fix = _marks(one)
            said = f"{one.topic}: {one.setting}={one.found}, but needs {one.required}"
            yield Text(f"{level}  {said}{f' ({fix})' if fix else ''}")
            yield Padding(Text(one.why), (0, 0, 0, len(level) + 2))


def _table(differences: Sequence[Difference]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("topic", "setting", "found", "required", "", ""):
        table.add_column(name, no_wrap=True)
    table.add_column("why")
    for one in differences:
        table.add_row(one.topic, one.setting, one.found, one.required, *_marks(one), one.why)
    return table


def _marks(one: Difference) -> tuple[str, str]:
    return "refused" if one.refused else "warning", "fix" if one.fix else ""
