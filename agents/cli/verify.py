"""`pillarscore verify`: live scores against the offline ones."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli._json import AsJson, emit
from agents.cli._options import RejectedFile, RubricFile
from agents.config.errors import UserError

if TYPE_CHECKING:
    from agents.config.settings import Settings
    from agents.offline.engine import Offline
    from agents.offline.verification import Difference, Lookback
    from agents.queries.ledger_check import Checked
    from pipeline.reports.recorded_history import RecordedHistory
    from pipeline.rubric.model import Rubric
    from schemas.scores import Score

app = typer.Typer()
Days = Annotated[
    int,
    typer.Option(
        "--days",
        min=0,
        max=90,
        metavar="N",
        help="Also recompute up to N of the last recorded days from the files; each takes as long as today's scores.",
    ),
]


@dataclass(frozen=True, slots=True)
class _Live:
    """What the workers have emitted.

    files: the events that they counted; recorded: the days of `member.history`; checked: the scores against the
    ledger; refused: by id (`event_id`) why events were dead letters for what a file does not say.
    """

    files: list[Path]
    scores: "dict[str, Score]"
    recorded: "RecordedHistory"
    checked: "Checked"
    refused: dict[int, list[str]]


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
    last: Days = 7,
    rubric: RubricFile = None,
    rejected: RejectedFile = None,
    as_json: AsJson = False,
) -> None:
    """Compare the scores in member.scores with scores computed from the published files, and with the scores in
    member.ledger.

    Compares score and pillars of every member, each record as of its own day; and band, trend, changes and
    weakest pillar with the values derived from the score and the days in member.history. Exit code 1 if
    anything differs or a member is missing on either side. The files must contain everything that the workers
    have counted.

    Events that are dead letters because their time was ahead when they were read, because they came too late, or
    because their source was not allowed to publish them, are left out of the files, unless they were sent again
    since.

    Recorded days are compared with the files too, but differences there are only reported: a recorded day is
    never changed, even if late events arrive.

    Example: pillarscore publish events.ndjson --until now; pillarscore verify
    """
    import asyncio

    from agents.config import rubric_file
    from agents.config.settings import Settings
    from agents.files.ndjson import Lines
    from agents.local.broker import connected
    from agents.screens import console

    settings = Settings.load()
    chosen = rubric_file.load(rubric or settings.rubric)
    Lines(files or [])  # fails early on a file that can't be read
    settings = connected(settings, report=console.report)
    live = asyncio.run(_read_live(settings, chosen, files or [], wait))
    found, past = _compare(settings, chosen, live, last=last, rejected=rejected, named=bool(files))
    if as_json:
        emit(_as_json(live, found, past, limit))
    else:
        _report(live, found, past, limit)
    raise typer.Exit(1 if found or live.checked.differences or live.checked.problems else 0)


async def _read_live(settings: "Settings", rubric: "Rubric", files: list[Path], wait: float) -> _Live:
    """What the workers have emitted, once they have counted the kept copies, if no files are given."""
    from agents.config.clock import clock
    from agents.dead_letters.refused import refused
    from agents.queries import published_scores
    from agents.queries.ledger_check import check
    from agents.screens import console
    from agents.topics.creation import ensure

    scores: dict[str, Score] = {}

    async def newest() -> "dict[str, Score]":
        scores.update(await published_scores.newest(settings, left_out=console.report))
        return scores

    await ensure(settings)
    files = files or await _counted_copies(settings, wait)
    with console.progress("restoring from the ledger") as advance:
        checked = await check(settings, rubric, clock(settings).today(), scores=newest, on_progress=advance)
    recorded = await published_scores.recorded(settings, rubric)
    return _Live(files, scores, recorded, checked, await refused(settings))


async def _counted_copies(settings: "Settings", wait: float) -> list[Path]:
    """The copies that `publish` kept; raises UserError when there are none, or not all are counted in `wait` s."""
    from agents.publish.kept_copies import played
    from agents.queries.commit_progress import counted
    from agents.screens import console

    kept = await played(settings)
    files = [part.file for part in kept.parts]
    if not files:
        raise UserError("No events were published from here: give the published FILE")
    with console.progress("waiting for the workers") as advance:
        if not await counted(settings, kept.targets(), wait, on_progress=advance):
            raise UserError(f"The published events are not counted after {wait:g} s: is a worker running?")
    return files


def _compare(
    settings: "Settings",
    rubric: "Rubric",
    live: _Live,
    *,
    last: int,
    rejected: Path | None,
    named: bool,
) -> "tuple[list[Difference], Lookback]":
    """The scores, and up to `last` recorded days, against what the files give.

    rejected: where the lines that are no events are written; named: whether the user has named the files,
    so that there must be events in them.
    """
    from agents.config.clock import clock
    from agents.files.ndjson import Lines
    from agents.files.rejected import rejected_file
    from agents.offline.engine import AsLive, Offline
    from agents.offline.verification import Horizon, differences, look_back
    from agents.screens import console

    def read(run: "Offline") -> None:
        lines = Lines(live.files)
        with console.reading("scoring the files", lines) as advance:
            run.read(lines, advance)
        if named:
            run.files.require_events()

    horizon = Horizon(clock(settings).latest_ms, live.refused)
    today = clock(settings).today()
    if rejected is not None:
        with rejected_file(rejected) as sink:
            as_live = AsLive(horizon.latest_ms(today), live.refused)
            read(Offline(settings, rubric, today, rejected=sink, as_live=as_live))
    found = list(
        differences(
            settings, rubric, live.scores, read=read, today=today, recorded=live.recorded, horizon=horizon
        )
    )
    return found, look_back(settings, rubric, read, recorded=live.recorded, most=last, horizon=horizon)


def _as_json(live: _Live, found: "list[Difference]", past: "Lookback", limit: int) -> "dict[str, object]":
    """All that was compared; at most `limit` differences of each kind."""
    from dataclasses import asdict

    checked = live.checked
    return {
        "files": {
            "members": len(live.scores),
            "differences": len(found),
            "shown": [asdict(one) for one in found[:limit]],
        },
        "ledger": {
            "members": checked.members,
            "differences": len(checked.differences),
            "shown": [asdict(one) for one in checked.differences[:limit]],
            "rescored_meanwhile": checked.newer,
            "problems": list(checked.problems),
        },
        "days": {"days": past.days, "records": past.records, "differ_from_files": past.changed},
    }


def _report(live: _Live, found: "list[Difference]", past: "Lookback", limit: int) -> None:
    """Print all that differs, at most `limit` of each kind, and a line for each comparison."""
    from agents.screens import console
    from agents.screens.visible import visible

    if found and limit:
        console.console().print(console.difference_table(found[:limit]))
    if past.days:
        typer.echo(
            f"last {past.days:,} days, {past.records:,} records: {past.changed:,} differ from the files "
            "(late events or another rubric)"
        )
    more = f" ({limit:,} shown)" if len(found) > limit else ""
    checked = live.checked
    for line in checked.problems:
        typer.echo(visible(line))
    if checked.differences and limit:
        console.console().print(console.difference_table(checked.differences[:limit]))
    again = f", {checked.newer:,} rescored in the meantime" if checked.newer else ""
    typer.echo(
        f"ledger against member.scores: {checked.members:,} members, {len(checked.differences):,} differences{again}"
    )
    typer.echo(f"{len(live.scores):,} members, {len(found):,} differences{more}")
