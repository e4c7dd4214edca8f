"""`pillarscore top`: the best of the live scores."""

from typing import Annotated

import typer

from agents.cli._json import AsJson

app = typer.Typer()


@app.command()
def top(
    n: Annotated[int, typer.Option("-n", "--n", min=1, help="Number of members.")] = 20,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="The scores by the shadow rubric, from member.scores.shadow.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the members with the highest live scores, from member.scores.

    JSON: a record per line, as it is in member.scores.

    Example: pillarscore top --n 5
    """
    import asyncio

    from agents.config.settings import Settings
    from agents.local.broker import connected
    from agents.queries import published_scores
    from agents.screens import console
    from agents.topics.creation import ensure

    settings = connected(Settings.load(), report=console.report)

    async def work() -> None:
        await ensure(settings)
        scores = await published_scores.newest(
            settings, "shadow" if shadow else "scores", left_out=console.report
        )
        table = published_scores.score_table(scores)
        if as_json:
            for row in table.best_first()[:n]:
                typer.echo(scores[table.members[row]].model_dump_json())
            return
        console.console().print(console.table(table, table.best_first()[:n]))
        rubrics = sorted({f"{score.rubric.name} {score.rubric.version}" for score in scores.values()})
        console.report(console.about(table, " and ".join(rubrics)) if scores else "No member has a score yet")

    asyncio.run(work())
