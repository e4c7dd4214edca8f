"""`pillarscore verify`: live scores against the offline ones."""

from pathlib import Path
from typing import Annotated

import typer

from agents.cli._options import RejectedFile, RubricFile

app = typer.Typer()


@app.command()
def verify(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE...]", help="The published files. Default: the copies that `publish` kept."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="Show at most N differences.")] = 20,
    wait: Annotated[
        float,
        typer.Option(
            min=0, metavar="SECONDS", help="How long to wait for the workers to count the kept copies."
        ),
    ] = 30,
    last: Annotated[
        int,
        typer.Option(
            "--days",
            min=0,
            max=90,
            metavar="N",
            help="Also recompute up to N of the last recorded days from the files; each takes as long as "
            "today's scores.",
        ),
    ] = 7,
    rubric: RubricFile = None,
    rejected: RejectedFile = None,
) -> None:
    """Compare the scores in member.scores with scores computed from the published files, and with the scores in
    member.ledger.

    Compares score and pillars of every member, each record as of its own day; and band, trend, changes and
    weakest pillar with the values derived from the score and the days in member.history. Exit code 1 if
    anything differs or a member is missing on either side. The files must contain everything that the workers
    have counted.

    Events that are dead letters because their time was ahead when they were read are left out of the files,
    unless they were sent again since.

    Recorded days are compared with the files too, but differences there are only reported: a recorded day is
    never changed, even if late events arrive.

    Example: pillarscore publish events.ndjson --until now; pillarscore verify
    """
    import asyncio

    from agents.config import rubric_file
    from agents.config.clock import clock
    from agents.config.errors import UserError
    from agents.config.settings import Settings
    from agents.dead_letters.refused import ahead
    from agents.files.ndjson import Lines
    from agents.files.rejected import rejected_file
    from agents.kafka.topics import ensure
    from agents.local.broker import connected
    from agents.offline.engine import Offline
    from agents.offline.verification import Horizon, differences, look_back
    from agents.publish.kept_copies import played
    from agents.queries import published_scores
    from agents.queries.commit_progress import counted
    from agents.queries.ledger_check import Checked, check
    from agents.screens import console
    from agents.screens.visible import visible
    from pipeline.reports.recorded_history import RecordedHistory
    from schemas.scores import Score

    settings = Settings.load()
    chosen = rubric_file.load(rubric or settings.rubric)
    paths = list(files or ())
    Lines(paths)  # says now what can't be read
    settings = connected(settings, say=console.say)

    scores: dict[str, Score] = {}

    async def newest() -> dict[str, Score]:
        scores.update(await published_scores.newest(settings, left_out=console.say))
        return scores

    async def live() -> tuple[RecordedHistory, Checked, dict[int, int]]:
        await ensure(settings)
        if not paths:
            kept = await played(settings)
            paths.extend(part.file for part in kept.parts)
            if not paths:
                raise UserError("No events were published from here: give the published FILE")
            with console.progress("waiting for the workers") as told:
                if not await counted(settings, kept.targets(), wait, told):
                    raise UserError(
                        f"The published events are not counted after {wait:g} s: is a worker running?"
                    )
        with console.progress("restoring from the ledger") as told:
            checked = await check(settings, chosen, clock(settings).today(), newest, told)
        return await published_scores.recorded(settings, chosen), checked, await ahead(settings)

    def read(run: Offline) -> None:
        lines = Lines(paths)
        with console.reading("scoring the files", lines) as told:
            run.read(lines, told)
        if files:
            run.files.require_events()

    recorded, checked, refused = asyncio.run(live())
    horizon = Horizon(clock(settings).latest_ms, refused)
    if rejected is not None:
        with rejected_file(rejected) as sink:
            today = clock(settings).today()
            read(
                Offline(
                    settings,
                    chosen,
                    today,
                    latest_ms=horizon.latest_ms(today),
                    refused=refused,
                    rejected=sink,
                )
            )
    found = list(differences(settings, chosen, scores, read, clock(settings).today(), recorded, horizon))
    said = look_back(settings, chosen, read, recorded, last, horizon)
    if found and limit:
        console.console().print(console.difference_table(found[:limit]))
    if said.days:
        typer.echo(
            f"last {said.days:,} days, {said.records:,} records: {said.changed:,} differ from the files "
            "(late events or another rubric)"
        )
    more = f" ({limit:,} shown)" if len(found) > limit else ""
    for line in checked.problems:
        typer.echo(visible(line))
    if checked.differences and limit:
        console.console().print(console.difference_table(checked.differences[:limit]))
    again = f", {checked.newer:,} rescored in the meantime" if checked.newer else ""
    typer.echo(
        f"ledger against member.scores: {checked.members:,} members, {len(checked.differences):,} differences{again}"
    )
    typer.echo(f"{len(scores):,} members, {len(found):,} differences{more}")
    raise typer.Exit(1 if found or checked.differences or checked.problems else 0)
