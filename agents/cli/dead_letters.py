"""`pillarscore dead-letters`: look at the events that could not be counted, fix them, redrive them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli._json import AsJson, emit
from agents.cli._options import moment

if TYPE_CHECKING:
    from agents.cli._redrive import Change
    from agents.dead_letters.store import Wanted

app = typer.Typer(
    no_args_is_help=True, help="Inspect events that could not be counted, fix them, and redrive them."
)

Reasons = Annotated[
    list[str] | None,
    typer.Option("--reason", metavar="CODE", help="Only letters with this reason; repeatable."),
]
Types = Annotated[
    list[str] | None,
    typer.Option(
        "--type", metavar="TYPE", help="Only this event type; activity.post.* matches a prefix; repeatable."
    ),
]
Sources = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        metavar="SOURCE",
        help="Only events of this source; /crm/* matches a prefix, '' events without one; repeatable.",
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Only letters written since TIME: RFC 3339, a date, or an age (90m, 2h, 3d).",
    ),
]
Again = Annotated[bool, typer.Option("--again", help="Also send letters that were already redriven.")]
Until = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Only letters written before TIME; same formats as --since."),
]


@app.command("list")
def list_letters(
    reason: Reasons = None,
    type: Types = None,
    source: Sources = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="Show the newest N; 0 shows all.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="JSON, one letter per line, with its value.")] = False,
) -> None:
    """Count the dead letters by reason and by source, and show the newest.

    Example: pillarscore dead-letters list --reason bad_time --source '/crm/*' --since 2h
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

    wanted = _wanted((), reason=reason, type=type, source=source, since=since, until=until)
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
        total = newest.total
        if not total:
            console.print("none match" if wanted.filters else "none")
            return
        console.print(dead_letters.reasons(newest))
        console.print()
        console.print(dead_letters.sources(newest))
        console.print()
        console.print(dead_letters.listing(newest.ordered(), memory))
        if total > len(newest.letters):
            screen.report(f"The newest {len(newest.letters):,} of {total:,}; --limit 0 shows all")

    asyncio.run(work())


@app.command()
def show(
    letter: Annotated[
        str, typer.Argument(metavar="PARTITION:OFFSET", help="The letter, as shown by `list`.")
    ],
    full: Annotated[bool, typer.Option("--full", help="Show the whole value, however long.")] = False,
    raw: Annotated[
        bool,
        typer.Option("--raw", help="Print only the value, byte for byte, for example to edit it in a file."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show a dead letter: its reason, origin and value. JSON is indented, otherwise the value is unchanged.

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
        if as_json:
            emit(dead_letters.as_json(found, await remembered(settings)))
            return
        max_chars = 1 << 30 if full else 1 << 14
        for line in dead_letters.details(found, await remembered(settings), max_chars):
            typer.echo(line)

    asyncio.run(work())


@app.command()
def replay(
    letter: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PARTITION:OFFSET...]", help="The letters to redrive; or use the options."),
    ] = None,
    reason: Reasons = None,
    type: Types = None,
    source: Sources = None,
    since: Since = None,
    until: Until = None,
    every: Annotated[bool, typer.Option("--all", help="Select all letters.")] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PATH=VALUE",
            help="Set a field, such as data.words=12; JSON or text; repeatable.",
        ),
    ] = None,
    value: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Send the content of this file instead; one letter only."),
    ] = None,
    edit: Annotated[
        bool, typer.Option("--edit", help="Edit the event in $VISUAL or $EDITOR first; one letter only.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Send. Without --yes: a dry run.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also send events that would become dead letters again.")
    ] = False,
    again: Again = False,
    as_json: AsJson = False,
) -> None:
    """Redrive dead letters: send their events to activity.events again, unchanged or fixed. Without --yes it
    is a dry run.

    Every event is validated first, with the code of ingest and the settings of this shell. Events that would
    fail again are not sent, nor are letters that were already redriven, by anybody. Exit code 1 if any was
    held back because it would fail again.

    Example: pillarscore dead-letters replay 0:123 --set time=2026-11-20T08:30:00Z --yes
    """
    import asyncio

    from agents.cli import _redrive
    from agents.config.settings import Settings
    from agents.dead_letters.store import places
    from agents.local.broker import connected
    from agents.screens import console as screen

    wanted = _wanted(places(letter or ()), reason=reason, type=type, source=source, since=since, until=until)
    _require_choice(wanted, every)
    change = _change(wanted, set_ or [], value, edit)
    settings = connected(Settings.load(), start=False)
    run = _redrive.Run(settings, change, yes=yes, force=force, again=again)
    asyncio.run(run.work(wanted))
    emit(run.as_json()) if as_json else run.show(screen.console())
    raise typer.Exit(1 if run.held_back else 0)


def _require_choice(wanted: "Wanted", every: bool) -> None:
    """Raise UserError when neither letters nor --all are given."""
    from agents.config.errors import UserError

    if not (wanted.places or wanted.filters or every):
        raise UserError(
            "Select letters: PARTITION:OFFSET, --reason, --type, --source, --since, --until, or --all"
        )


def _change(wanted: "Wanted", fields: list[str], value: Path | None, edit: bool) -> "Change | None":
    """What --set, --value or --edit makes of an event before it is sent; None: it is sent unchanged."""
    from agents.config.errors import UserError
    from agents.dead_letters import edits

    if (value is not None) + edit + bool(fields) > 1:
        raise UserError("Give only one of --set, --value and --edit")
    if (value is not None or edit) and len(wanted.places) != 1:
        raise UserError(f"{'--edit' if edit else '--value'} is for one letter: name its PARTITION:OFFSET")
    if fields:
        return edits.setting(fields)
    if value is not None:
        return edits.replacing(edits.from_file(value))
    return edits.editing if edit else None


def _wanted(
    letter_ids: tuple[tuple[int, int], ...],
    *,
    reason: list[str] | None = None,
    type: list[str] | None = None,
    source: list[str] | None = None,
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
        letter_ids,
        tuple(reason or ()),
        types=tuple(type or ()),
        sources=tuple(source or ()),
        since=moment("--since", since),
        until=moment("--until", until),
    )
