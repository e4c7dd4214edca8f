"""`pillarscore ledger`: what the partitions keep, and what they miss."""

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)


@app.callback()
def ledger() -> None:
    """Look at what the partitions of the members keep in member.ledger."""


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
        typer.Option(
            "--resolve", help="Say that what is lost is dealt with, so that it is reported no more."
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON, one object a line.")] = False,
) -> None:
    """List the source offsets whose frames are gone: missing, a worker reads them again from activity.events; or
    lost, since they are not there any more either.

    Publish lost events again first if you have them: what was counted is dropped as a duplicate. Then --resolve.
    Exit code 1 when any are listed and --resolve is not given.

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
        console.say(f"{sum(one.stop - one.start for one in lost):,} offsets are dealt with")
    if not every and not json:
        typer.echo("Nothing is missing and nothing is lost")
    raise typer.Exit(1 if every and not resolve else 0)
