"""`pillarscore broker`: the local broker."""

import typer

app = typer.Typer(no_args_is_help=True)


@app.callback()
def broker() -> None:
    """Start, stop or check the local broker: a real Kafka, on this machine only.

    Without PILLARSCORE_BROKER, other commands start it when they need it, and stop it again when they end. One that
    is started here stays until `pillarscore broker stop`.

    Example: export PILLARSCORE_BROKER_PORT=9092; pillarscore broker start
    """


@app.command()
def start() -> None:
    """Start the broker if it is not running, wait until it answers, and print its address."""
    from agents.config.settings import Settings
    from agents.local.broker import Broker

    typer.echo(Broker.of(Settings.load(), report=_report).start())


@app.command()
def stop() -> None:
    """Stop the broker cleanly; its data is kept."""
    from agents.config.settings import Settings
    from agents.local.broker import Broker

    stopped = Broker.of(Settings.load(), report=_report).stop()
    typer.echo("The local broker has stopped." if stopped else "The local broker is not running.")


@app.command()
def status() -> None:
    """Show address, pid and log; exit code 1 if the broker is not running or does not answer."""
    from agents.config.settings import Settings
    from agents.local.broker import Broker

    local = Broker.of(Settings.load())
    now = local.status()
    if now.process is None:
        typer.echo("The local broker is not running.")
    else:
        how = "answers" if now.answers else "does not answer"
        typer.echo(f"The local broker (pid {now.process.pid}) {how} at {now.address}; log: {local.log}")
    raise typer.Exit(0 if now.answers else 1)


def _report(line: str) -> None:
    typer.echo(line, err=True)
