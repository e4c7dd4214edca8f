"""`pillarscore dead-letters`: look at the events that could not be counted, mend them, send them again."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli._options import moment

if TYPE_CHECKING:
    from agents.dead_letters.store import Wanted

app = typer.Typer(
    no_args_is_help=True, help="Look at the events that could not be counted, mend them, and send them again."
)

Reasons = Annotated[
    list[str] | None, typer.Option("--reason", metavar="CODE", help="Only of this reason; may be repeated.")
]
Types = Annotated[
    list[str] | None,
    typer.Option(
        "--type", metavar="TYPE", help="Only of this event type, or of those that begin as in activity.post.*"
    ),
]
Since = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Only those written since: RFC 3339, a date, or 90m, 2h, 3d ago."),
]
Until = Annotated[
    str | None, typer.Option(metavar="TIME", help="Only those written before; given like --since.")
]


@app.command("list")
def list_letters(
    reason: Reasons = None,
    type: Types = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="Show the newest N; 0: all.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="JSON, a line for each letter, values too.")] = False,
) -> None:
    """Count the dead letters by reason, and show the newest.

    Example: pillarscore dead-letters list --reason bad_time --since 2h
    """
    import asyncio
    import sys

    import orjson

    from agents.config.settings import Settings
    from agents.dead_letters.redrive import remembered
    from agents.dead_letters.store import letters
    from agents.local.broker import connected
    from agents.screens import console as screen
    from agents.screens import dead_letters

    wanted = _wanted((), reason, type, since, until)
    settings = connected(Settings.load(), start=False)

    async def work() -> None:
        newest = dead_letters.Newest(limit)
        async with letters(settings) as box:
            async for found in box.read(wanted):
                newest.add(found)
        memory = await remembered(settings)
        if json:
            for found in newest.ordered():
                line = orjson.dumps(dead_letters.as_json(found, memory)) + b"\n"
                sys.stdout.buffer.write(line)
            return
        console = screen.console()
        total = newest.count.total()
        if not total:
            screen.say("There is no such dead letter" if wanted.filters else "There are no dead letters")
            return
        console.print(dead_letters.reasons(newest))
        console.print()
        console.print(dead_letters.listing(newest.ordered(), memory))
        if total > len(newest.letters):
            screen.say(f"The newest {len(newest.letters):,} of {total:,}; --limit 0 shows all")

    asyncio.run(work())


@app.command()
def show(
    letter: Annotated[str, typer.Argument(metavar="PARTITION:OFFSET", help="Where it is, as list says.")],
    full: Annotated[bool, typer.Option("--full", help="All of the value, however long it is.")] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="Only the value, byte for byte, as for a file to edit.")
    ] = False,
) -> None:
    """Show a dead letter: why it is one, where it came from, and its value, laid out but otherwise untouched.

    Example: pillarscore dead-letters show 0:123
    """
    import asyncio
    import sys

    from agents.config.settings import Settings
    from agents.dead_letters.redrive import remembered
    from agents.dead_letters.store import letters, places
    from agents.local.broker import connected
    from agents.screens import dead_letters

    wanted = _wanted(places([letter]))
    settings = connected(Settings.load(), start=False)

    async def work() -> None:
        async with letters(settings) as box:
            (found,) = [one async for one in box.read(wanted)]
        if raw:
            sys.stdout.buffer.write(found.letter.value or b"")
            return
        most = 1 << 30 if full else 1 << 14
        for line in dead_letters.details(found, await remembered(settings), most):
            typer.echo(line)

    asyncio.run(work())


@app.command()
def replay(
    letter: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PARTITION:OFFSET...]", help="Which letters; without: by the options."),
    ] = None,
    reason: Reasons = None,
    type: Types = None,
    since: Since = None,
    until: Until = None,
    every: Annotated[bool, typer.Option("--all", help="All letters that there are.")] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="PATH=VALUE", help="Set a field, as in data.words=12; JSON or text; repeatable."
        ),
    ] = None,
    value: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Send what is in this file instead; for one letter.")
    ] = None,
    edit: Annotated[
        bool, typer.Option("--edit", help="Open the event in $VISUAL or $EDITOR first; for one letter.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Send; without, only say what would be sent.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Send also what would be a dead letter again.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Send also what was sent again before.")] = False,
) -> None:
    """Send dead letters to activity.events again, as they are or mended; without --yes it only says what
    it would do.

    Every event is judged first, by the code and the settings that ingest judges by. One that would fail
    again is held back, and so is one that was sent before, whoever sent it. Exit code 1 when any would fail.

    Example: pillarscore dead-letters replay 0:123 --set time=2026-11-20T08:30:00Z --yes
    """
    import asyncio

    from agents.cli import _redrive
    from agents.config.errors import UserError
    from agents.config.settings import Settings
    from agents.dead_letters import edits
    from agents.dead_letters.store import places
    from agents.local.broker import connected
    from agents.screens import console as screen

    wanted = _wanted(places(letter or ()), reason, type, since, until)
    if not (wanted.places or wanted.filters or every):
        raise UserError("Say which letters: PARTITION:OFFSET, --reason, --type, --since, --until, or --all")
    if (value is not None) + edit + bool(set_) > 1:
        raise UserError("Give one of --set, --value and --edit")
    if (value is not None or edit) and len(wanted.places) != 1:
        raise UserError(f"{'--edit' if edit else '--value'} is for one letter: name its PARTITION:OFFSET")
    change = None
    if set_:
        change = edits.setting(set_)
    elif value is not None:
        change = edits.replacing(edits.from_file(value))
    elif edit:
        change = edits.editing
    settings = connected(Settings.load(), start=False)
    run = _redrive.Run(settings, change, yes=yes, force=force, again=again)
    asyncio.run(run.work(wanted))
    run.show(screen.console())
    raise typer.Exit(1 if run.failing and not force else 0)


def _wanted(
    places: tuple[tuple[int, int], ...],
    reason: list[str] | None = None,
    type: list[str] | None = None,
    since: str | None = None,
    until: str | None = None,
) -> "Wanted":
    from agents.config.errors import UserError
    from agents.dead_letters.store import Wanted
    from schemas.reasons import REASONS

    for code in reason or ():
        if code not in (*REASONS, "unreadable"):
            raise UserError(f"--reason {code}: give one of {', '.join(REASONS)}")
    return Wanted(
        places, tuple(reason or ()), tuple(type or ()), moment("--since", since), moment("--until", until)
    )
