"""`pillarscore check`: what would be refused of events, and why; for the people who publish them, and their CI."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli._options import RejectedFile, moment
from agents.config.errors import UserError

if TYPE_CHECKING:
    from agents.config.settings import Settings
    from agents.files.event_check import EventCheck

app = typer.Typer()


@app.command(no_args_is_help=True)
def check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE...]",
            help="Event files: NDJSON (plain or compressed) or Parquet; - is standard input.",
        ),
    ] = None,
    topic: Annotated[
        bool, typer.Option("--topic", help="Check the records of activity.events instead of files.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="With --topic: only records written since TIME: RFC 3339, a date, or an age (90m, 2h, 3d).",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON instead of text.")] = False,
    rejected: RejectedFile = None,
) -> None:
    """Check events: what would become a dead letter if it was published now, and why. Sends nothing.

    The validation is that of ingest, with the settings of this shell. Exit code 1 if anything would be refused. Ids
    that are used again, and events that are too old to earn points, are reported too, but are no error.

    Example: pillarscore check events.ndjson
    """
    from agents.config.settings import Settings
    from agents.files.event_check import EventCheck
    from agents.files.rejected import rejected_file

    if bool(files) == topic:
        raise UserError("Give files of events (- is standard input), or --topic")
    if topic and rejected is not None:
        raise UserError(
            "--rejected is for files: 'pillarscore dead-letters list --json' has the letters of a topic"
        )
    if since is not None and not topic:
        raise UserError("--since is for --topic")
    started = moment("--since", since)
    settings = Settings.load()
    with rejected_file(rejected) as sink:
        found = EventCheck(settings, sink)
        if files:
            _files(files, found)
        else:
            _topic(settings, started, found)
    _show(found, json)
    raise typer.Exit(1 if found.total_refused else 0)


def _files(files: list[Path], found: "EventCheck") -> None:
    from agents.files.inputs import Inputs
    from agents.screens import console

    inputs = Inputs(files)
    with console.reading("checking", inputs) as advance:
        for batch in inputs.batches():
            found.add(batch, inputs.place)
            advance(len(batch))


def _topic(settings: "Settings", since: int | None, found: "EventCheck") -> None:
    import asyncio

    from agents.local.broker import connected
    from agents.queries.event_topic import event_records
    from agents.screens import console

    settings = connected(settings, start=False)

    async def work() -> None:
        with console.progress("checking") as advance:
            async for partition, records in event_records(settings, since):
                found.add_records(records, partition)
                advance(found.read, None, 0)

    asyncio.run(work())


def _show(found: "EventCheck", json: bool) -> None:
    import orjson

    from agents.screens import event_check

    if json:
        typer.echo(orjson.dumps(found.as_json(), option=orjson.OPT_INDENT_2).decode())
        return
    for line in event_check.lines(found):
        typer.echo(line)
