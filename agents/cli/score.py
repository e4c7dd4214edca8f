"""`pillarscore score`: scores from files."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from agents.cli._json import AsJson
from agents.cli._options import AsOf, Files, RejectedFile, RubricFile, date_of
from agents.config.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from agents.offline.engine import Offline, ScoreTable
    from schemas.frames import Frame

app = typer.Typer()
Format = Literal["table", "json", "ndjson", "csv", "parquet"]
TABLE_ROWS = 20
Top = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help=f"Only the best N. Default: all; {TABLE_ROWS} in a table."),
]
_BY_NAME: dict[str, Format] = {
    ".txt": "table",
    ".json": "json",
    ".ndjson": "ndjson",
    ".csv": "csv",
    ".parquet": "parquet",
}


class _Newest:
    """The time of the newest event, ms since 1970; None while there is none."""

    def __init__(self) -> None:
        self.ms: int | None = None

    def see(self, frame: "Frame", rows: "np.ndarray") -> None:
        """Rows of events that count."""
        if len(rows):
            newest = int(frame.time[rows].max())
            self.ms = newest if self.ms is None else max(self.ms, newest)


@app.command(no_args_is_help=True)
def score(
    files: Files,
    as_of: AsOf = None,
    format: Annotated[
        Format | None,
        typer.Option(
            help="ndjson: records as in member.scores; csv, parquet: one column per component. "
            "Default: from the name of --out, otherwise a table."
        ),
    ] = None,
    top: Top = None,
    out: Annotated[
        Path | None, typer.Option(help="Output file, gzip if it ends in .gz. Default: stdout.")
    ] = None,
    rubric: RubricFile = None,
    rejected: RejectedFile = None,
    as_json: AsJson = False,
) -> None:
    """Score the members in files of events, without a broker: the same scores as live.

    Several files are scored together, in any order; an event that is in two of them counts once. Events
    after the day of the scores are ignored. A summary of all events goes to stderr, with file and line of
    invalid ones. Parquet is the fastest to read: convert NDJSON with `pillarscore convert parquet`.

    Example: pillarscore convert collegemsg samples/collegemsg.txt.gz | pillarscore score - --as-of 2004-06-14
    """
    import numpy as np

    from agents.config import rubric_file
    from agents.config.clock import clock, zone
    from agents.config.settings import Settings
    from agents.files.inputs import Inputs
    from agents.files.rejected import rejected_file
    from agents.files.text_files import writer
    from agents.offline.engine import AsLive, Offline
    from agents.screens import console

    settings = Settings.load()
    chosen = rubric_file.load(rubric or settings.rubric)
    day = clock(settings, date_of(as_of)).today()
    form = _form(out, format, as_json=as_json)
    inputs = Inputs(files)
    with writer(out) as write:
        with rejected_file(rejected) as sink, console.reading("scoring", inputs) as advance:
            as_live, newest = AsLive(clock(settings).latest_ms(day)), _Newest()
            run = Offline(settings, chosen, day, as_live=as_live, rejected=sink, on_rows=newest.see)
            run.read(inputs, advance)
        run.files.require_events()
        table = run.standings(components=form in ("csv", "parquet"))
        rows = table.best_first()[: top or (TABLE_ROWS if form == "table" else None)]
        for piece in _pieces(form, run, table, rows):
            write(piece)
    name = f"{chosen.name} {chosen.version}"
    console.report(f"{console.about(table, name)}; {console.account(run.counters)}")
    for line in console.letters(run.dead):
        console.report(line)
    if not len(table) and as_of is None and newest.ms is not None:
        last = zone(settings.zone).of(np.array(newest.ms))
        console.report(console.too_old(int(last)))


def _form(out: Path | None, format: Format | None, *, as_json: bool) -> Format:
    """The format asked for, or that of the file; UserError when these don't go together."""
    if as_json and format not in (None, "json"):
        raise UserError(f"--json and --format {format} exclude each other: give one")
    form = "json" if as_json else format or _by_name(out)
    if form == "parquet" and out is None:
        raise UserError("Parquet can't be written to the terminal: give --out FILE too")
    return form


def _by_name(out: Path | None) -> Format:
    """The format that the name of a file asks for; UserError when its ending is of none."""
    if out is None:
        return "table"
    ending = (out.with_suffix("") if out.suffix == ".gz" else out).suffix
    if not ending:
        return "table"
    if ending not in _BY_NAME:
        known = ", ".join(_BY_NAME)
        raise UserError(f"--out {out}: the name must end in one of {known} (and .gz), or give --format")
    return _BY_NAME[ending]


def _pieces(format: Format, run: "Offline", table: "ScoreTable", rows: Sequence[int]) -> Iterator[bytes]:
    """The result in the format asked for, in pieces of text."""
    from io import StringIO

    import orjson

    from agents.screens import console, scores_export
    from pipeline.common import days
    from pipeline.common.units import Day

    if format in ("csv", "parquet"):
        make = scores_export.csv if format == "csv" else scores_export.parquet
        yield from make(table, rows, run.rubric)
        return
    if format == "table":
        text = StringIO()
        console.console(text).print(console.table(table, rows))
        yield text.getvalue().encode()
        return
    records = run.records(table, rows)
    if format == "ndjson":
        for record in records:
            yield record + b"\n"
        return
    head = {
        "as_of": days.calendar(Day(table.day)).isoformat(),
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
