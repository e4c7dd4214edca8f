"""`pillarscore publish`: files of events to Kafka."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli._json import AsJson, emit
from agents.cli._options import NdjsonFiles

if TYPE_CHECKING:
    from agents.config.settings import Settings
    from agents.files.event_check import EventCheck
    from agents.files.ndjson import Lines
    from agents.publish.time_shift import Shift

app = typer.Typer()


@app.command(no_args_is_help=True)
def publish(
    files: NdjsonFiles,
    rate: Annotated[
        float | None,
        typer.Option(min=0.1, metavar="N", help="At most N events per second. Default: no limit."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Shift all times so that the last event is at TIME: RFC 3339 or `now`."
        ),
    ] = None,
    whole_days: Annotated[
        bool,
        typer.Option(
            "--whole-days",
            help="With --until: shift by whole days only, so end up to a day earlier.",
        ),
    ] = False,
    keep: Annotated[
        bool, typer.Option(help="Keep a copy of the events in the state folder, for `verify`.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Publish files of events to activity.events, with the member as key.

    Lines are sent unchanged, invalid ones too: the workers make dead letters of them. A warning says how many, and
    why. Ctrl-C stops cleanly.

    Example: pillarscore publish events.ndjson.gz --until now --rate 1000
    """
    import asyncio

    from agents.config.settings import Settings
    from agents.files.ndjson import Lines
    from agents.local.broker import connected
    from agents.publish.paced import move_of
    from agents.screens import console

    settings = Settings.load()
    lines = Lines(files)
    shift = move_of(files, until, whole_days)
    settings = connected(settings, report=console.report)
    if shift is not None:
        console.report(str(shift))
    sent = asyncio.run(_send(settings, lines, shift, rate=rate, keep_as=_name(files) if keep else None))
    if as_json:
        emit({"published": sent, "topic": settings.topic("events")})


async def _send(
    settings: "Settings", lines: "Lines", shift: "Shift | None", *, rate: float | None, keep_as: str | None
) -> int:
    """Send all lines; how many Kafka has acknowledged. keep_as: the name of their kept copy, None to keep none."""
    from agents.files.event_check import EventCheck
    from agents.publish.kept_copies import keeping, played
    from agents.publish.paced import play
    from agents.publish.publisher import publisher
    from agents.screens import console, event_check
    from agents.topics.creation import ensure

    check = EventCheck(settings)
    await ensure(settings)
    part = None if keep_as is None else (await played(settings)).new(keep_as)
    sender = None
    try:
        with console.reading("publishing", lines) as advance, keeping(part) as keeper:
            async with publisher(settings) as sender:
                warn = _Warning(check)

                def progress(events: int) -> None:
                    advance(events)
                    warn.once()

                await play(
                    sender, lines, shift=shift, rate=rate, keeper=keeper, check=check, on_progress=progress
                )
        return sender.acknowledged
    finally:
        if part is not None and sender is not None:
            part.events, part.next, part.last = sender.acknowledged, sender.next, sender.last
            part.about = str(shift or "")
            part.save()
        if sender is not None:
            console.report(f"{sender.acknowledged:,} events published to {settings.topic('events')}")
            for line in event_check.warnings(check):
                console.report(line)


class _Warning:
    """Says once, and at once, that something is sent that will be refused: standard input may never end."""

    def __init__(self, check: "EventCheck") -> None:
        self._check = check
        self._said = False

    def once(self) -> None:
        """Look, and say it."""
        from agents.screens import console

        if not self._said and self._check.refused:
            self._said = True
            (where, message), *_ = next(iter(self._check.refused.values())).first
            console.report(f"warning: {where} will be refused, and more may be: {message}")


def _name(files: list[Path]) -> str:
    """A name for what is sent, of the first file's letters."""
    stem = files[0].name.split(".")[0]
    return "".join(c for c in stem if c.isalnum() or c in "-_")[:40] or "stdin"
