"""`pillarscore backup`: what can't be computed again, as files."""

from pathlib import Path
from typing import Annotated

import typer

from agents.cli._json import AsJson, emit

app = typer.Typer()


@app.command(no_args_is_help=True)
def backup(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A new folder, or that of an interrupted backup.")
    ],
    as_json: AsJson = False,
) -> None:
    """Copy the state, and the events that are not counted yet, into a folder of Parquet files.

    All workers must be stopped; events wait in Kafka meanwhile. Contains member.ledger, member.history, member.bands,
    member.networks, activity.dead-letters and activity.replays, and the rest of activity.events; everything else is
    computed from these. Each file has a checksum in manifest.json. If interrupted, run it again.

    Example: pillarscore backup /backups/2026-11-26
    """
    import asyncio

    from agents.backup.saving import save
    from agents.config.settings import Settings
    from agents.local.broker import connected
    from agents.screens import console

    settings = connected(Settings.load(), start=False)
    with console.progress("copying") as advance:
        made = asyncio.run(save(settings, folder, advance))
    records = sum(file.records for file in made.files)
    size = sum((folder / file.path).stat().st_size for file in made.files)
    events = sum(file.records for file in made.of("events"))
    if as_json:
        emit({"files": len(made.files), "records": records, "bytes": size, "events_not_counted": events})
        return
    typer.echo(
        f"{records:,} records in {len(made.files)} files, {size / 1e6:,.1f} MB; {events:,} events not counted yet"
    )
