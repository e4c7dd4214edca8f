"""`pillarscore run`: everything at once, on this machine."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    import asyncio

    from agents.config.settings import Settings
    from agents.local.stack import Stack
    from agents.publish.kept_copies import KeptCopies

app = typer.Typer()
TOP = 10


@app.command()
def run(
    once: Annotated[
        bool,
        typer.Option(
            "--once", help="Exit when the sample is scored: code 0 if live and offline scores agree."
        ),
    ] = False,
    sample: Annotated[
        Literal["network", "collegemsg"] | None,
        typer.Option(
            help="network: a simulated one with all kinds of events; collegemsg: real messages of 2004. "
            "Default: the one played before, or network.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Start a broker and a worker, play a bundled sample, show the top scores, and serve until Ctrl-C.

    The sample's times are shifted by whole days, so that it ends yesterday; its last four weeks are played day by
    day, so that scores have a history and a trend. State is kept: a second run continues from it and does not play
    the sample again. PILLARSCORE_BROKER=host:port uses that Kafka instead.

    Example: pillarscore run --once
    """
    import asyncio

    from agents.config.settings import Settings

    raise typer.Exit(asyncio.run(_supervised(Settings.load(), once, sample)))


async def _supervised(settings: "Settings", once: bool, name: str | None) -> int:
    """Run all of it until it is done, a signal comes, or a part dies; the exit code."""
    import asyncio
    import signal

    from agents.local.stack import Stack
    from agents.screens import console

    stack = Stack(settings, console.report)
    serving = asyncio.Event()
    work = asyncio.create_task(_work(stack, serving, once=once, name=name))
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()

    def end() -> None:
        asked.set()
        work.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    death = asyncio.create_task(stack.death())
    try:
        await asyncio.wait({work, death}, return_when=asyncio.FIRST_COMPLETED)
        if death.done() and not work.done():
            console.report(f"pillarscore: {death.result()}")
            return 1
        if work.cancelled() and asked.is_set():
            return 0 if serving.is_set() else 130
        return work.result()
    finally:
        # a second Ctrl-C must not break off the stopping, which takes its time but has an end
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, lambda: None)
        for task in (work, death):
            task.cancel()
        await asyncio.wait({work, death})
        await stack.stop()


async def _work(stack: "Stack", serving: "asyncio.Event", *, once: bool, name: str | None) -> int:
    """What there is to see; 1 when live and offline scores differ."""
    import asyncio

    from agents.config import rubric_file
    from agents.queries import published_scores
    from agents.queries.commit_progress import counted
    from agents.screens import console

    rubric = rubric_file.load(stack.settings.rubric)
    settings = await stack.connect()
    kept = await _played(stack, name)
    with console.progress("scoring") as advance:
        counters = await counted(settings, kept.targets(), None, on_progress=advance)
    assert counters is not None
    scores = published_scores.score_table(await published_scores.newest(settings))
    console.console().print(console.table(scores, scores.best_first()[:TOP]))
    console.report(console.about(scores, f"{rubric.name} {rubric.version}"))
    console.report(console.account(counters))
    if once:
        return await _verified(settings, [part.file for part in kept.parts])
    console.report(f"Pages: {stack.url}/metrics, {stack.url}/ready; worker log: {stack.log}")
    console.report("Serving; Ctrl-C stops everything started here")
    serving.set()
    await asyncio.Event().wait()
    return 0


async def _played(stack: "Stack", name: str | None) -> "KeptCopies":
    """Start the worker, and play it the sample if that was not done before; what was played."""
    import asyncio

    from agents.cli import _sample
    from agents.config.clock import clock
    from agents.config.errors import UserError
    from agents.publish import sample
    from agents.publish.kept_copies import played
    from agents.screens import console

    kept = await played(stack.settings)
    part = sample.find(kept)
    if part is not None:
        if name not in (None, before := sample.name_of(part)):
            raise UserError(
                f"The sample {before} was played here before: choose another PILLARSCORE_PREFIX for {name}"
            )
        await stack.start(None)
        console.report("The sample was already published in an earlier run: continuing from the kept state")
        return kept
    name = name or sample.DEFAULT
    console.report(f"Preparing the sample {name} …")
    part = await asyncio.to_thread(sample.prepare, kept, name)
    plan = await asyncio.to_thread(sample.stages, part, clock(stack.settings).zone)
    # a day that is set, or that has begun, can't be another one
    day_by_day = stack.settings.as_of is None and await _sample.nothing_counted(stack.settings)
    await stack.start(plan[0].day if day_by_day else None)
    console.report(f"Publishing the sample {name}. {part.about}")
    with console.progress("publishing") as advance:
        await _sample.play(stack, part, plan, day_by_day=day_by_day, on_progress=advance)
    return await played(stack.settings)


async def _verified(settings: "Settings", paths: list) -> int:
    """Report whether live and offline scores agree; 1 when they don't."""
    from agents.config import rubric_file
    from agents.config.clock import clock
    from agents.files.ndjson import Lines
    from agents.offline.verification import differences
    from agents.queries import published_scores
    from agents.screens import console

    live = await published_scores.newest(settings)
    rubric, today = rubric_file.load(settings.rubric), clock(settings).today()
    recorded = await published_scores.recorded(settings, rubric)
    found = list(
        differences(
            settings, rubric, live, read=lambda run: run.read(Lines(paths)), today=today, recorded=recorded
        )
    )
    if found:
        console.console().print(console.difference_table(found[:TOP]))
    console.report(f"Live against offline: {len(live):,} members, {len(found):,} differences")
    return 1 if found else 0
