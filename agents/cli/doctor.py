"""`pillarscore doctor`: what is wrong, and what to do."""

from typing import Annotated, Literal

import typer

from agents.cli._json import AsJson, emit

app = typer.Typer()


@app.command()
def doctor(
    role: Annotated[
        Literal["tools", "ingest", "score", "publisher", "reader"],
        typer.Option(
            help="Whose access to check: people who use commands (tools), workers of a role, or your systems that "
            "publish events or read scores."
        ),
    ] = "tools",
    as_json: AsJson = False,
) -> int:
    """Check this machine, the settings and Kafka: what is wrong, and what to do.

    Versions, Java and Maven, the state folder and its disk, ports, the local broker; connection, certificates,
    ACLs, topics, clock, and what workers report. Changes and starts nothing. Exit code 1 if there is a problem;
    a warning is none.

    Example: pillarscore doctor --role score
    """
    import asyncio

    from agents.config.errors import UserError
    from agents.config.settings import Settings
    from agents.queries.doctor.examination import examine
    from agents.queries.doctor.finding import Finding, healthy
    from agents.screens import console as screen
    from agents.screens import doctor as drawn

    findings: list[Finding] = []
    console = screen.console()

    def show(finding: Finding) -> None:
        findings.append(finding)
        if not as_json:
            console.print(drawn.row(finding))

    async def work(settings: Settings) -> None:
        async for one in examine(settings, role):
            show(one)

    try:
        settings = Settings.load()
    except UserError as error:
        show(Finding("settings", "problem", " ".join(str(error).split())))
    else:
        asyncio.run(work(settings))
    if as_json:
        emit(drawn.as_json(findings))
    else:
        screen.report(drawn.summary(findings))
    return 0 if healthy(findings) else 1
