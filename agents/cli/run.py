"""`pillarscore run`: everything at once, on this machine."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import asyncio

    from agents.config.settings import Settings
    from agents.local.stack import Stack

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
) -> None:
    """Start a broker and a worker, publish the bundled sample, show the top scores, and serve until Ctrl-C.

    The sample is real activity from 2004, shifted in time so that it ends now. State is kept: a second run
    continues from it and does not publish the sample again. PILLARSCORE_BROKER=host:port uses that Kafka
    instead.

    Example: pillarscore run --once
    """
    import asyncio

    from agents.config.settings import Settings

    raise typer.Exit(asyncio.run(_supervised(Settings.load(), once)))


async def _supervised(settings: "Settings", once: bool) -> int:
    """Run all of it until it is done, a signal comes, or a part dies; the exit code."""
    import asyncio
    import signal

    from agents.local.stack import Stack
    from agents.screens import console

    stack = Stack(settings, console.report)
    serving = asyncio.Event()
    work = asyncio.create_task(_work(stack, once, serving))
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


async def _work(stack: "Stack", once: bool, serving: "asyncio.Event") -> int:
    """What there is to see; 1 when live and offline scores differ."""
    import asyncio

    from agents.config import rubric_file
    from agents.publish import sample
    from agents.publish.kept_copies import played
    from agents.queries import published_scores
    from agents.queries.commit_progress import counted
    from agents.screens import console

    rubric = rubric_file.load(stack.settings.rubric)
    settings = await stack.start()
    kept = await played(settings)
    part = sample.find(kept)
    if part is not None:
        console.report("The sample was already published in an earlier run: continuing from the kept state")
    else:
        part = sample.prepare(kept)
        console.report(f"Publishing the sample {sample.SAMPLE.name}. {part.about}")
        with console.progress("publishing") as advance:
            await sample.send(settings, part, advance)
        kept = await played(settings)
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
