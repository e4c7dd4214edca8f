"""`pillarscore ledger`: what the partitions keep, and what they miss."""

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)


@app.callback()
def ledger() -> None:
    """Inspect the state that partitions keep in member.ledger."""


@app.command()
def show(
    partition: Annotated[
        int | None, typer.Option(min=0, metavar="P", help="This partition only; without: all.")
    ] = None,
    member: Annotated[
        str | None, typer.Option(metavar="ID", help="This member's state and partition.")
    ] = None,
) -> None:
    """Show as JSON the newest stamp of each partition and what records its ledger has; with --member a state too.

    A member's state is their counts by signal and day, registers, score (points in hundredths) and recorded days.
    All is as of the newest stamp: what workers have read since then is not in it. Exit code 1 when a partition has
    a problem, which its field of that name explains.

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
    with console.progress("reading the ledger") as told:
        found = asyncio.run(ledger_view.view(settings, rubric, today, partition, member, told))
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
        console.say(f"{sum(one.stop - one.start for one in lost):,} offsets marked as resolved")
    if not every and not json:
        typer.echo("No offsets are missing or lost")
    raise typer.Exit(1 if every and not resolve else 0)
