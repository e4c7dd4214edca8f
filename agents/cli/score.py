"""`pillarscore score`: scores from files."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from agents.cli._day_range import DayRange, day_range
from agents.cli._json import AsJson
from agents.cli._options import AsOf, Files, RejectedFile, RubricFile
from agents.config.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from agents.config.settings import Settings
    from agents.files.inputs import Inputs
    from agents.offline.engine import Offline, ScoreTable
    from agents.screens.scores_export import Form, Part
    from pipeline.rubric.model import Rubric
    from schemas.frames import Frame

app = typer.Typer()
Format = Literal["table", "json", "ndjson", "csv", "parquet"]
TABLE_ROWS = 20
COLUMNS = ("csv", "parquet")
Top = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help=f"Only the best N (of each day). Default: all; {TABLE_ROWS} in a table."
    ),
]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="DATE",
        help="Instead of --as-of: scores as of each day from this one on, with a column as_of, as csv or parquet.",
    ),
]
To = Annotated[
    str | None, typer.Option("--to", metavar="DATE", help="The last of these days. Default: today.")
]
FormatOption = Annotated[
    Format | None,
    typer.Option(
        help="ndjson: records as in member.scores; csv, parquet: one column per component. "
        "Default: from the name of --out, otherwise a table."
    ),
]
NumbersOption = Annotated[
    Literal["decimal", "float"] | None,
    typer.Option(
        help="How csv and parquet have points: exact decimals (the default), or floating point for programs "
        "that do not take decimals."
    ),
]
_EVENTS = {"read", "scored", "duplicate", "outside_window", "erased", "after_day", "dead_lettered"}
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


class _Scores:
    """The scores of each day, best first, at most `most` of a day.

    count: of how many members and days there are scores, so far; last: those of the last day so far.
    """

    def __init__(self, run: "Offline", *, components: bool, most: int | None) -> None:
        self.run = run
        self.components = components
        self.most = most
        self.count = 0
        self.last: ScoreTable | None = None

    def __iter__(self) -> "Iterator[Part]":
        for table in self.run.each_day(self.components):
            self.count += len(table)
            self.last = table
            yield table, table.best_first()[: self.most]


@app.command(no_args_is_help=True)
def score(
    files: Files,
    as_of: AsOf = None,
    since: From = None,
    until: To = None,
    format: FormatOption = None,
    numbers: NumbersOption = None,
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
    after the day of the scores do not count. A summary of all events goes to stderr, with file and line of
    invalid ones. Parquet is the fastest to read: convert NDJSON with `pillarscore convert parquet`.

    Example: pillarscore convert collegemsg samples/collegemsg.txt.gz | pillarscore score - --as-of 2004-06-14
    """
    import numpy as np

    from agents.config import rubric_file
    from agents.config.clock import zone
    from agents.config.settings import Settings
    from agents.files.inputs import Inputs
    from agents.files.text_files import writer
    from agents.screens import console
    from agents.screens.scores_export import Form

    settings = Settings.load()
    chosen = rubric_file.load(rubric or settings.rubric)
    days = day_range(settings, as_of, since, until)
    form = _form(out, format, as_json=as_json)
    if form not in COLUMNS and (days.several or numbers):
        option = "--from" if days.several else "--numbers"
        raise UserError(f"{option} is for csv and parquet: give --out FILE.parquet, or --format csv")
    inputs, newest = Inputs(files), _Newest()
    with writer(out) as write:
        run = _read(settings, chosen, days, inputs=inputs, newest=newest, rejected=rejected)
        most = top or (TABLE_ROWS if form == "table" else None)
        columns = Form(chosen, days.last, days.first if days.several else None, numbers or "decimal")
        scores = _Scores(run, components=form in COLUMNS, most=most)
        for piece in _pieces(form, scores, columns):
            write(piece)
    _report(scores, days)
    if not scores.count and not days.several and as_of is None and newest.ms is not None:
        last = zone(settings.zone).of(np.array(newest.ms))
        console.report(console.too_old(int(last)))


def _read(
    settings: "Settings",
    rubric: "Rubric",
    days: DayRange,
    *,
    inputs: "Inputs",
    newest: "_Newest",
    rejected: Path | None,
) -> "Offline":
    """The events of the files, counted for all days; UserError when one of the files has none."""
    from agents.config.clock import clock
    from agents.files.rejected import rejected_file
    from agents.offline.engine import AsLive, Offline
    from agents.screens import console

    now = clock(settings)
    with rejected_file(rejected) as sink, console.reading("scoring", inputs) as advance:
        run = Offline(
            settings,
            rubric,
            days.last,
            as_live=AsLive(now.latest_ms(days.last), now_ms=now.now_ms()),
            rejected=sink,
            on_rows=newest.see,
            earlier={day: now.latest_ms(day) for day in range(days.first, days.last)},
        )
        run.read(inputs, advance)
    run.files.require_events()
    return run


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


def _report(scores: _Scores, days: DayRange) -> None:
    """How many scores there are, and what became of the events."""
    from agents.screens import console

    run = scores.run
    name = f"{run.rubric.name} {run.rubric.version}"
    assert scores.last is not None
    about = console.about(scores.last, name)
    if days.several:
        about = console.about_days(scores.count, (days.first, days.last), name)
    console.report(f"{about}; {console.account(run.account)}")
    for line in console.letters(run.dead):
        console.report(line)


def _pieces(format: Format, scores: _Scores, columns: "Form") -> Iterator[bytes]:
    """The result in the format asked for, in pieces of text."""
    from io import StringIO

    import orjson

    from agents.screens import console, scores_export
    from pipeline.common import days
    from pipeline.common.units import Day

    if format in COLUMNS:
        make = scores_export.csv if format == "csv" else scores_export.parquet
        yield from make(scores, columns)
        return
    run, ((table, rows),) = scores.run, scores
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
        "events": run.account.model_dump(include=_EVENTS),
        "dead_letters": {reason: dead.count for reason, dead in sorted(run.dead.items())},
    }
    yield orjson.dumps(head)[:-1] + b',"members":['
    for at, record in enumerate(records):
        yield (b",\n" if at else b"\n") + record
    yield b"\n]}\n"
