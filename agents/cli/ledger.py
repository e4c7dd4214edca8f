"""`pillarscore ledger`: what the partitions keep, and what they miss."""

from pathlib import Path
from typing import Annotated

import typer

from agents.cli._json import AsJson

app = typer.Typer(no_args_is_help=True)


@app.callback()
def ledger() -> None:
    """Inspect the state that partitions keep in member.ledger."""


@app.command()
def show(
    partition: Annotated[
        int | None, typer.Option(min=0, metavar="P", help="Only this partition; otherwise all.")
    ] = None,
    member: Annotated[
        str | None, typer.Option(metavar="ID", help="The state of this member, and its partition.")
    ] = None,
    as_json: AsJson = True,
) -> None:
    """Print the newest stamp of each partition and a summary of its ledger records, as JSON.

    With --member also the state of a member: counts by signal and day, registers, score (points in hundredths) and
    recorded days. Everything is as of the newest stamp; events read since then are not included. Exit code 1 if a
    partition could not be restored; its field `problem` says why.

    Example: pillarscore ledger show --member m-42
    """
    import asyncio

    from agents.config import rubric_file
    from agents.config.clock import clock
    from agents.config.settings import Settings
    from agents.local.broker import connected
    from agents.queries import ledger_view
    from agents.screens import console

    settings = connected(Settings.load(), start=False)
    rubric, today = rubric_file.load(settings.rubric), clock(settings).today()
    with console.progress("reading the ledger") as advance:
        found = asyncio.run(
            ledger_view.view(settings, rubric, today, partition=partition, member=member, on_progress=advance)
        )
    typer.echo(found.model_dump_json(indent=2))
    raise typer.Exit(1 if any(one.problem for one in found.partitions) else 0)


@app.command()
def losses(
    resolve: Annotated[
        bool,
        typer.Option("--resolve", help="Mark lost offsets as resolved, so that they are no longer reported."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON, one range per line.")] = False,
) -> None:
    """List source offsets whose frames were removed before they were counted. Missing: a worker reads the events
    again from activity.events. Lost: the events no longer exist there either.

    Before --resolve, publish the lost events again if you have them: events that were counted are dropped as
    duplicates. Exit code 1 if any are listed and --resolve is not given.

    Example: pillarscore ledger losses
    """
    import asyncio
    from dataclasses import asdict

    import orjson

    from agents.config.settings import Settings
    from agents.local.broker import connected
    from agents.queries import losses as found
    from agents.screens import console

    settings = connected(Settings.load(), start=False)
    every = asyncio.run(found.losses(settings))
    for one in every:
        if json:
            typer.echo(orjson.dumps(asdict(one)).decode())
        else:
            where = f"partition {one.partition}, source {one.source}"
            typer.echo(f"{where}: offsets {one.start:,} to {one.stop - 1:,} {one.state}")
    lost = [one for one in every if one.state == "lost"]
    if resolve and lost:
        asyncio.run(found.resolve(settings, lost))
        console.report(f"{sum(one.stop - one.start for one in lost):,} offsets marked as resolved")
    if not every and not json:
        typer.echo("No offsets are missing or lost")
    raise typer.Exit(1 if every and not resolve else 0)


@app.command()
def repair(
    partition: Annotated[
        int | None, typer.Option(min=0, metavar="P", help="Only this partition; otherwise all.")
    ] = None,
    skip: Annotated[
        list[int] | None,
        typer.Option(
            "--skip",
            min=0,
            metavar="OFFSET",
            help="Leave out the record at this offset; repeatable. With --partition.",
        ),
    ] = None,
    rewrite: Annotated[
        bool, typer.Option("--rewrite", help="Write the repair. Otherwise nothing is changed.")
    ] = False,
    quarantine: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="Where --rewrite keeps the records that it takes out (NDJSON, base64)."
        ),
    ] = Path("ledger-quarantine.ndjson"),
) -> None:
    """Explain what in the ledger no worker wrote, and with --rewrite repair it.

    Without --rewrite this only reads: it lists the records that every restore leaves out, and why a restore refuses a
    partition, if one does, with a proposal of records to skip. Whether to skip them is your decision: look at them
    first, since skipping what a worker wrote loses it. --rewrite keeps the records in a file, and writes the right
    ones again in one transaction. A running worker of the partition is fenced and restores. Exit code 1 if there is
    anything to repair and --rewrite is not given, or if a partition could not be repaired.

    Example: pillarscore ledger repair --partition 3 --skip 4711
    """
    import asyncio

    from agents.config import rubric_file
    from agents.config.errors import UserError
    from agents.config.settings import Settings
    from agents.local.broker import connected
    from agents.queries import ledger_repair

    if skip and partition is None:
        raise UserError("--skip needs --partition, since each partition has its own offsets")
    settings = connected(Settings.load(), start=False)
    if partition is not None and partition >= settings.frame_partitions:
        raise UserError(f"There are only partitions 0 to {settings.frame_partitions - 1}")
    chosen = range(settings.frame_partitions) if partition is None else [partition]
    work = ledger_repair.run(
        settings,
        rubric_file.load(settings.rubric),
        chosen,
        skipped=frozenset(skip or ()),
        quarantine=quarantine if rewrite else None,
        say=typer.echo,
    )
    raise typer.Exit(0 if asyncio.run(work) else 1)
