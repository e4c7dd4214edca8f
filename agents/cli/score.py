"""`pillarscore score`: scores from files."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from agents.cli._options import AsOf, Files, RubricFile, date_of

if TYPE_CHECKING:
    from agents.offline import Offline, Standings

app = typer.Typer()
Format = Literal["table", "json", "ndjson"]
TABLE_ROWS = 20


@app.command(no_args_is_help=True)
def score(
    files: Files,
    as_of: AsOf = None,
    format: Annotated[Format, typer.Option(help="ndjson: records as in member.scores.")] = "table",
    top: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help=f"Only the best N; a table has {TABLE_ROWS} by itself."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write to this file, as gzip when it ends in .gz; without: to stdout.")
    ] = None,
    rubric: RubricFile = None,
) -> None:
    """Score the members in files of events, without a broker: the same scores as live.

    Several files make one result, in any order; what is in two of them counts once. What happened after
    the day is left out. What became of the events is told on stderr, with file and line of bad ones.

    Example: pillarscore convert collegemsg samples/collegemsg.txt.gz | pillarscore score - --as-of 2004-06-14
    """
    from agents import rubrics, screen
    from agents.clock import clock
    from agents.files import writer
    from agents.ndjson import Lines
    from agents.offline import Offline
    from agents.settings import Settings

    settings = Settings.load()
    chosen = rubrics.load(rubric or settings.rubric)
    run = Offline(settings, chosen, clock(settings, date_of(as_of)).today())
    lines = Lines(files)
    with writer(out) as write:
        with screen.reading("scoring", lines) as told:
            run.read(lines, told)
        standings = run.standings()
        rows = standings.best_first()[: top or (TABLE_ROWS if format == "table" else None)]
        for piece in _pieces(format, run, standings, rows):
            write(piece)
    name = f"{chosen.name} {chosen.version}"
    screen.say(f"{screen.about(standings, name)}; {screen.account(run.counters)}")
    for line in screen.letters(run.dead):
        screen.say(line)


def _pieces(format: Format, run: "Offline", standings: "Standings", rows: Sequence[int]) -> Iterator[bytes]:
    """The result in the format asked for, in pieces of text."""
    from io import StringIO

    import orjson

    from agents import screen
    from pipeline import days

    if format == "table":
        text = StringIO()
        screen.console(text).print(screen.table(standings, rows))
        yield text.getvalue().encode()
        return
    records = run.records(standings, rows)
    if format == "ndjson":
        for record in records:
            yield record + b"\n"
        return
    head = {
        "as_of": days.calendar(standings.day).isoformat(),
        "rubric": {"name": run.rubric.name, "version": str(run.rubric.version)},
        "events": run.counters.model_dump(
            include={"read", "scored", "duplicate", "outside_window", "erased", "dead_lettered"}
        ),
        "dead_letters": {reason: dead.count for reason, dead in sorted(run.dead.items())},
    }
    yield orjson.dumps(head)[:-1] + b',"members":['
    for at, record in enumerate(records):
        yield (b",\n" if at else b"\n") + record
    yield b"\n]}\n"
