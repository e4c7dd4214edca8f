"""`pillarscore topics`: make the topics, show them, and compare them with what is required."""

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def topics(
    fix: Annotated[
        bool, typer.Option("--fix", help="Change what can be changed safely, and say what can't.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Create missing topics, list all, and compare them with what is required.

    Creates nothing while a difference is refused: no worker starts then, and the exit code is 1. Starts the local
    broker unless PILLARSCORE_BROKER names another Kafka.

    Example: pillarscore topics --fix
    """
    import asyncio

    from agents.config.settings import Settings
    from agents.local.broker import connected
    from agents.screens import topics as screen
    from agents.topics import creation
    from agents.topics.requirements import Difference

    settings = connected(Settings.load(), report=lambda line: typer.echo(line, err=True))

    async def look() -> tuple[list[Difference], list[Difference], list[creation.Found]]:
        changed = await creation.fix(settings) if fix else []
        found = await creation.differences(settings)
        refused = any(one.refused for one in found)
        return changed, found, [] if refused else await creation.ensure(settings)

    changed, found, listed = asyncio.run(look())
    show = screen.as_json if as_json else screen.as_tables
    show(listed, found, changed, fixing=fix)
    return int(any(one.refused for one in found))
