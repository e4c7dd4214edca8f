"""`pillarscore status`: how it is doing."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from agents.config.settings import Settings
    from agents.queries.status import Status

app = typer.Typer()


@app.command()
def status(
    json: Annotated[bool, typer.Option("--json", help="JSON, one object per line.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until Ctrl-C.")] = False,
    every: Annotated[
        float,
        typer.Option(min=0.2, max=3600, metavar="SECONDS", help="Refresh interval, also of the rates."),
    ] = 1.0,
) -> None:
    """Show the state on one screen: partitions and their owners, lag, rates, commits, dead letters, and
    whether every event is accounted for.

    Reads Kafka only, not the workers. Changes and starts nothing. "lag" is the age of the oldest unread
    record, by the clock of this machine.

    Example: pillarscore status --watch
    """
    import asyncio
    import sys

    import orjson

    from agents.cli._interrupt import until_interrupted
    from agents.config.settings import Settings
    from agents.screens import console as screen
    from agents.screens.status import as_json
    from agents.screens.status import screen as drawn

    settings = Settings.load()
    console = screen.console()

    def show(found: "Status") -> None:
        if json:
            sys.stdout.buffer.write(orjson.dumps(as_json(found), option=orjson.OPT_NON_STR_KEYS) + b"\n")
            sys.stdout.flush()
        else:
            console.print(drawn(found))

    if not watch:
        asyncio.run(_once(settings, show, every))
        return
    terminal = console if console.is_terminal and not json else None
    asyncio.run(until_interrupted(_watch(settings, show, every, terminal)))


async def _once(settings: "Settings", show: "Callable[[Status], None]", every: float) -> None:
    """Show the state; with workers after `every` seconds, since rates need two looks."""
    import asyncio

    from agents.local.broker import connected
    from agents.queries.status import survey

    async with survey(connected(settings, start=False)) as seen:
        found = await seen.look()
        if found.workers:
            await asyncio.sleep(every)
            found = await seen.look()
        while seen.doubtful and not found.broken:
            await asyncio.sleep(min(every, seen.patience_s))
            found = await seen.look()
        show(found)


async def _watch(
    settings: "Settings", show: "Callable[[Status], None]", every: float, terminal: "Console | None"
) -> None:
    """Show the state every so many seconds until Ctrl-C; on a terminal always in the same place."""
    import asyncio
    import contextlib

    from aiokafka.errors import KafkaError
    from rich.live import Live
    from rich.text import Text

    from agents.config.errors import UserError
    from agents.local.broker import connected
    from agents.queries.status import survey
    from agents.screens import console as screen
    from agents.screens.status import screen as drawn

    with Live(console=terminal, screen=True) if terminal else contextlib.nullcontext() as live:
        while True:
            try:
                async with survey(await asyncio.to_thread(connected, settings, start=False)) as seen:
                    while True:
                        found = await seen.look()
                        live.update(drawn(found), refresh=True) if live else show(found)
                        await asyncio.sleep(every)
            except (UserError, KafkaError, OSError) as error:
                # a Kafka that is away may come back
                if live:
                    live.update(Text(str(error)), refresh=True)
                else:
                    screen.report(str(error))
                await asyncio.sleep(every)
