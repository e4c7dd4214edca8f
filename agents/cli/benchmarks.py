"""`pillarscore benchmarks`: what the scores of a cohort look like."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from schemas.benchmarks import Benchmark

app = typer.Typer()


@app.command()
def benchmarks(
    cohort: Annotated[
        str | None,
        typer.Argument(
            help="`everyone`, all cohorts of a kind (industry), or one cohort (industry:software). "
            "Default: all cohorts."
        ),
    ] = None,
    n: Annotated[
        int, typer.Option("-n", "--n", min=1, help="Number of cohorts to show, largest first.")
    ] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, one cohort per line; ignores -n.")] = False,
) -> None:
    """Show live benchmarks from score.benchmarks: members, mean, median, 90th percentile, change over a week.

    A single cohort also shows deciles, bands, pillar means and the histogram. A cohort with too few members
    shows no statistics.

    Example: pillarscore benchmarks industry:software
    """
    import asyncio

    from agents.config.settings import Settings
    from agents.local.broker import connected
    from agents.queries import benchmarks as published
    from agents.screens import benchmarks as drawn
    from agents.screens import console
    from agents.topics.creation import ensure

    one = _is_one(cohort)
    settings = connected(Settings.load(), report=console.report)

    async def read() -> "list[Benchmark]":
        await ensure(settings)
        return list((await published.benchmarks(settings)).values())

    chosen = _chosen(cohort, asyncio.run(read()))
    if as_json:
        for benchmark in chosen:
            typer.echo(benchmark.model_dump_json())
        return
    if not chosen:
        console.report("No benchmarks yet: a worker publishes them once there are scores")
        return
    if one:
        for part in drawn.detail(chosen[0]):
            console.console().print(part)
        return
    console.console().print(drawn.table(chosen[:n]))
    if len(chosen) > n:
        console.report(f"and {len(chosen) - n:,} more: show more with -n")


def _is_one(cohort: str | None) -> bool:
    """Whether it is the name of one cohort, not of a kind; raises UserError when there can be none of that name."""
    from agents.config.errors import UserError
    from agents.screens.visible import identity
    from pipeline.cohorts.kinds import KINDS, kind_of

    if cohort is None or cohort in KINDS:
        return False
    try:
        kind_of(cohort)
    except ValueError as error:
        raise UserError(f"{identity(cohort)}: {error}") from None
    return True


def _chosen(cohort: str | None, found: "Sequence[Benchmark]") -> "list[Benchmark]":
    """The benchmarks asked for, the largest cohort first; raises UserError when `cohort` has none."""
    from agents.config.errors import UserError
    from agents.screens import benchmarks as drawn
    from agents.screens.visible import identity
    from pipeline.cohorts.kinds import EVERYONE

    chosen = [b for b in found if cohort in (None, b.cohort, b.kind)]
    chosen.sort(key=lambda b: (b.cohort != EVERYONE, -(b.size or 0), b.cohort))
    if not chosen and cohort is not None:
        near = drawn.nearest(cohort, [b.cohort for b in found])
        raise UserError(f"There is no benchmark for cohort {identity(cohort)}{near}")
    return chosen
