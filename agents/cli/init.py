"""`pillarscore init`: the operator's files, written into a folder."""

from pathlib import Path
from typing import Annotated

import typer

from agents.cli._json import AsJson, emit

app = typer.Typer(no_args_is_help=True)


@app.command(no_args_is_help=True)
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder; it is made if there is none.")],
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that are there with another content.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write the files for operators into a folder: Compose, Kubernetes, Prometheus, Grafana, example settings.

    They are those of the installed version. Without --force, nothing is replaced: if a file is there with another
    content, the command names it and writes nothing.

    Example: pillarscore init pillarscore-ops
    """
    from dataclasses import asdict

    from agents.bundle import writing
    from agents.screens.visible import visible

    done = writing.write(folder, writing.files(), force=force)
    if as_json:
        emit(asdict(done))
        return
    for name in done.new + done.replaced:
        typer.echo(visible(str(folder / name)))
    counts = {"new": done.new, "replaced": done.replaced, "already the same": done.same}
    typer.echo(", ".join(f"{len(names)} {what}" for what, names in counts.items() if names), err=True)
    for line in writing.next_steps(folder):
        typer.echo(visible(line), err=True)
