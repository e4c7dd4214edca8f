"""`pillarscore repartition`: another number of member partitions."""

from pathlib import Path
from typing import Annotated

import typer

from agents.cli._json import AsJson, emit

app = typer.Typer()


@app.command(no_args_is_help=True)
def repartition(
    count: Annotated[int, typer.Argument(metavar="N", min=1, max=1024, help="The new number of partitions.")],
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where the backup is written that this works from.")
    ],
    as_json: AsJson = False,
) -> None:
    """Change the number of partitions of frames, scores, ledger and the other topics by member.

    All workers must be stopped. Makes a backup in DIR, then deletes these topics and writes them with N partitions;
    activity.events, dead letters and replays stay. Scores do not change, but all are emitted again: readers must
    start from the beginning. If interrupted, run the same command again.

    Example: pillarscore repartition 16 /backups/before-16
    """
    import asyncio

    from agents.backup import repartitioning
    from agents.config import rubric_file
    from agents.config.settings import Settings
    from agents.local.broker import connected
    from agents.screens import console

    settings = Settings.load()
    rubric = rubric_file.load(settings.rubric)
    settings = connected(settings, start=False)
    changed = asyncio.run(
        repartitioning.repartition(settings, rubric, count, folder=folder, report=console.report)
    )
    if as_json:
        emit({"partitions": count, "changed": changed})
    elif changed:
        typer.echo(
            f"{count} partitions: set PILLARSCORE_FRAME_PARTITIONS={count} for all workers and commands, and start "
            "the workers"
        )
    else:
        typer.echo(f"There are {count} partitions already; nothing was changed")
