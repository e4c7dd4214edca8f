"""`pillarscore benchmarks`: what the scores of a cohort look like."""

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def benchmarks(
    cohort: Annotated[
        str | None,
        typer.Argument(help="`everyone`, a kind (industry), or kind and value (industry:software)."),
    ] = None,
    n: Annotated[int, typer.Option("-n", "--n", min=1, help="How many cohorts, the largest first.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, one a line, all of them.")] = False,
) -> None:
    """Show live benchmarks, from score.benchmarks: members, mean, median, best tenth, change in a week.

    Of a single cohort also deciles, bands, pillars and the histogram. One with too few members shows only
    that.

    Example: pillarscore benchmarks industry:software
    """
    import asyncio

    from agents.config.errors import UserError
    from agents.config.settings import Settings
    from agents.kafka.topics import ensure
    from agents.local.broker import connected
    from agents.queries import benchmarks as published
    from agents.screens import benchmarks as drawn
    from agents.screens import console
    from pipeline.cohorts.membership import EVERYONE, KINDS, kind_of

    if cohort is not None and cohort not in KINDS:
        try:
            kind_of(cohort)
        except ValueError as error:
            raise UserError(f"{console.printable(cohort)}: {error}") from None
    settings = connected(Settings.load(), say=console.say)

    async def read() -> list:
        await ensure(settings)
        return list((await published.benchmarks(settings)).values())

    found = asyncio.run(read())
    one = cohort is not None and cohort not in KINDS
    chosen = [b for b in found if cohort in (None, b.cohort, b.kind)]
    chosen.sort(key=lambda b: (b.cohort != EVERYONE, -(b.size or 0), b.cohort))
    if not chosen and cohort is not None:
        near = drawn.nearest(cohort, [b.cohort for b in found])
        raise UserError(f"There is no benchmark of {console.printable(cohort)}{near}")
    if as_json:
        for benchmark in chosen:
            typer.echo(benchmark.model_dump_json())
        return
    if not chosen:
        console.say("There is no benchmark yet: they are made by workers from scores")
        return
    if one:
        for part in drawn.detail(chosen[0]):
            console.console().print(part)
        return
    console.console().print(drawn.table(chosen[:n]))
    if len(chosen) > n:
        console.say(f"and {len(chosen) - n:,} more: see --n")
