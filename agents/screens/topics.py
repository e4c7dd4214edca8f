"""The topics as a table, and how they differ from what is required."""

from collections.abc import Sequence
from dataclasses import asdict

import orjson
import typer
from rich.console import Console
from rich.table import Table

from agents.topics.creation import Found
from agents.topics.requirements import Difference

DAY_MS = 86_400_000


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
    console = Console()
    if listed:
        console.print(_topics(listed))
    for one in changed:
        console.print(f"Changed: {one.topic} {one.setting}={one.fix} (was {one.found})", soft_wrap=True)
    if not differences:
        console.print("All topics are as required.")
        return
    console.print(_differences(differences))
    if fixing:
        console.print("These can't be changed safely: the last column says why, and what to do.")
    elif any(one.fix for one in differences):
        console.print("'pillarscore topics --fix' changes those marked fix.")
    if refused := sum(one.refused for one in differences):
        console.print(f"No worker starts while {refused} of these {'is' if refused == 1 else 'are'} refused.")


def _topics(listed: Sequence[Found]) -> Table:
    table = Table("topic", "partitions", "retention", "", "purpose", box=None, pad_edge=False)
    for found in listed:
        kept = found.topic.policy
        if kept == "delete":
            kept = f"{int(found.topic.configs['retention.ms']) // DAY_MS} days"
        new = "created" if found.made else ""
        table.add_row(found.name, str(found.partitions), kept, new, found.topic.why)
    return table


def _differences(differences: Sequence[Difference]) -> Table:
    table = Table("topic", "setting", "found", "required", "", "", "why", box=None, pad_edge=False)
    for one in differences:
        level = "refused" if one.refused else "warning"
        table.add_row(
            one.topic, one.setting, one.found, one.required, level, "fix" if one.fix else "", one.why
        )
    return table
