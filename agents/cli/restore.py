"""`pillarscore restore`: a backup into Kafka."""

from pathlib import Path
from typing import Annotated

import typer

from agents.cli._json import AsJson, emit

app = typer.Typer()


@app.command(no_args_is_help=True)
def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a complete backup.")],
    same_offsets: Annotated[
        bool,
        typer.Option(
            "--same-offsets",
            help="activity.events is a copy with the same offsets: compare it instead of writing the events.",
        ),
    ] = False,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Delete all topics of this prefix except activity.events first."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Restore a backup into an empty Kafka, or under another PILLARSCORE_PREFIX; workers continue from there.

    Writes the events of the backup to activity.events, unless it is the topic of the backup itself. All scores are
    emitted again. Workers must not run, and refuse to start until it is complete. If interrupted, run it again.

    Example: PILLARSCORE_BROKER=new-kafka:9092 pillarscore restore /backups/2026-11-26
    """
    import asyncio

    from agents.backup.manifest import Manifest
    from agents.backup.restoring import Target
    from agents.backup.restoring import restore as write
    from agents.config import rubric_file
    from agents.config.errors import UserError
    from agents.config.settings import Settings
    from agents.local.broker import connected
    from agents.screens import console

    settings = Settings.load()
    rubric = rubric_file.load(settings.rubric)
    there = Manifest.complete_in(folder).topics["ledger"].partitions
    if there != settings.frame_partitions:
        raise UserError(
            f"The backup has {there} partitions: set PILLARSCORE_FRAME_PARTITIONS={there}; 'pillarscore repartition' "
            "changes the number afterwards"
        )
    settings = connected(settings, report=console.report)
    target = Target(settings, rubric, folder, replaces=replace, same_offsets=same_offsets)
    made = asyncio.run(write(target, console.report))
    if as_json:
        emit(
            {"backup_of": made.created.isoformat(), "events": sum(file.records for file in made.of("events"))}
        )
        return
    typer.echo(
        f"The backup of {made.created:%Y-%m-%d %H:%M} UTC is restored: start the workers, which emit all scores again"
    )
