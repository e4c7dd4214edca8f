"""`pillarscore topology`: who reads and writes what."""

from typing import Annotated, Literal

import typer

from agents.cli._json import AsJson, emit

app = typer.Typer()


@app.command()
def topology(
    format: Annotated[
        Literal["text", "mermaid"], typer.Option(help="mermaid: a diagram for Markdown.")
    ] = "text",
    as_json: AsJson = False,
) -> None:
    """Print the graph of roles and topics with the current settings. Needs no Kafka.

    Example: pillarscore topology --format mermaid
    """
    from agents.config.settings import Settings
    from agents.topics import topology as graph

    if as_json:
        emit(graph.as_json(Settings.load()))
        return
    lines = graph.text if format == "text" else graph.mermaid
    for line in lines(Settings.load()):
        typer.echo(line)
