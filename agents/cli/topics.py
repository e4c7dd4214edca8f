"""`pillarscore topics`: make the topics and show them."""

import typer

app = typer.Typer()


@app.command()
def topics() -> None:
    """Create missing topics, check existing ones, and list them all.

    Starts the local broker unless PILLARSCORE_BROKER names another Kafka.
    """
    import asyncio

    from rich.console import Console
    from rich.table import Table

    from agents.config.settings import Settings
    from agents.local.broker import connected
    from agents.topics.creation import ensure

    settings = connected(Settings.load(), report=lambda line: typer.echo(line, err=True))
    table = Table("topic", "partitions", "retention", "", "purpose", box=None, pad_edge=False)
    for found in asyncio.run(ensure(settings)):
        kept = found.topic.policy
        if kept == "delete":
            kept = f"{int(found.topic.configs['retention.ms']) // 86_400_000} days"
        new = "created" if found.made else ""
        table.add_row(found.name, str(found.partitions), kept, new, found.topic.why)
    Console().print(table)
