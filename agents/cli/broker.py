"""`pillarscore broker`: the local broker."""

import typer

from agents.cli._json import AsJson, emit

app = typer.Typer(no_args_is_help=True)


@app.callback()
def broker() -> None:
    """Start, stop or check the local broker: a real Kafka, on this machine only.

    Without PILLARSCORE_BROKER, other commands start it when they need it, and stop it again when they end. One that
    is started here stays until `pillarscore broker stop`.

    Example: export PILLARSCORE_BROKER_PORT=9092; pillarscore broker start
    """


@app.command()
def start(as_json: AsJson = False) -> None:
    """Start the broker if it is not running, wait until it answers, and print its address."""
    from agents.config.settings import Settings
    from agents.local.broker import Broker

    address = Broker.of(Settings.load(), report=_report).start()
    emit({"address": address}) if as_json else typer.echo(address)


@app.command()
def stop(as_json: AsJson = False) -> None:
    """Stop the broker cleanly; its data is kept."""
    from agents.config.settings import Settings
    from agents.local.broker import Broker

    stopped = Broker.of(Settings.load(), report=_report).stop()
    said = "The local broker has stopped." if stopped else "The local broker is not running."
    emit({"stopped": stopped}) if as_json else typer.echo(said)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show address, pid and log; exit code 1 if the broker is not running or does not answer."""
    from agents.config.settings import Settings
    from agents.local.broker import Broker

    local = Broker.of(Settings.load())
    now = local.status()
    if as_json:
        pid = None if now.process is None else now.process.pid
        emit({"pid": pid, "answers": now.answers, "address": now.address or None, "log": str(local.log)})
    elif now.process is None:
        typer.echo("The local broker is not running.")
    else:
        how = "answers" if now.answers else "does not answer"
        typer.echo(f"The local broker (pid {now.process.pid}) {how} at {now.address}; log: {local.log}")
    raise typer.Exit(0 if now.answers else 1)


def _report(line: str) -> None:
    typer.echo(line, err=True)
