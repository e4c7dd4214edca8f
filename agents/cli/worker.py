"""`pillarscore worker`: counts and scores."""

from typing import Annotated, Literal

import typer

from agents.cli._options import AsOf, date_of

app = typer.Typer()


@app.command()
def worker(
    role: Annotated[
        Literal["ingest", "score", "all"],
        typer.Option(help="ingest: events to frames; score: frames to scores; all: both."),
    ] = "all",
    as_of: AsOf = None,
    web_port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            metavar="PORT",
            help="Port of /metrics, /live and /ready. Default: PILLARSCORE_WEB_PORT, otherwise 6066 or the next free "
            "port.",
        ),
    ] = None,
    with_stdin: Annotated[
        bool, typer.Option(hidden=True, help="Obey standard input (agents.local.orders).")
    ] = False,
) -> None:
    """Run a worker until Ctrl-C or SIGTERM; several workers share the work.

    Creates missing topics. Without PILLARSCORE_BROKER, starts the local broker, and stops it at the end. Serves
    /metrics, /live and /ready. Logs go to stderr. Exit code 3 when it can't go on by itself, such as after Kafka has
    refused its consumer group: start it again then.

    Example: pillarscore worker --role score --web-port 6067
    """
    import asyncio
    import sys

    import structlog
    import uvloop

    from agents.config import logging_setup, rubric_file
    from agents.config.clock import clock
    from agents.config.errors import WorkerEnded
    from agents.config.settings import Settings
    from agents.local.broker import connected
    from agents.local.orders import Orders
    from agents.local.ports import reserve_web_port
    from agents.screens import console
    from agents.topics.creation import differences, ensure
    from agents.worker.worker import Worker

    given = {} if web_port is None else {"web_port": web_port}
    settings = Settings.load(**given)
    rubric = rubric_file.load(settings.rubric)
    time = clock(settings, date_of(as_of))
    settings, held = reserve_web_port(settings, console.report)
    settings = connected(settings, report=console.report)
    logging_setup.configure(settings)

    async def work() -> str | None:
        await ensure(settings)
        for one in await differences(settings):  # what is refused, `ensure` has refused
            structlog.get_logger().warning(
                "a topic is not as required: see 'pillarscore topics'",
                topic=one.topic,
                setting=one.setting,
                found=one.found,
                required=one.required,
                why=one.why,
            )
        running = Worker(settings, rubric, time, role=role)
        if with_stdin:
            orders = Orders(sys.stdin.fileno(), time, running.stop)
            asyncio.get_running_loop().add_reader(sys.stdin, orders.take)
        held.close()
        await running.run()
        return running.ended

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if ended := runner.run(work()):
            raise WorkerEnded(ended)
