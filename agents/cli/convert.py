"""`pillarscore convert`: other data sets as events."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from agents.cli._json import AsJson, emit
from agents.cli._options import NdjsonFiles, RejectedFile
from agents.config.errors import UserError

app = typer.Typer(no_args_is_help=True)


@app.callback()
def convert() -> None:
    """Convert other data sets to events, and events to Parquet."""


@app.command()
def collegemsg(
    file: Annotated[Path, typer.Argument(help="Lines of `sender recipient unix-time`, plain or compressed.")],
    out: Annotated[
        Path | None, typer.Option(help="Output file, gzip if it ends in .gz. Default: stdout.")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(help="Shift all times so that the last event is at this time: RFC 3339 or `now`."),
    ] = None,
    whole_days: Annotated[
        bool,
        typer.Option(
            "--whole-days",
            help="With --until: shift by whole days only, so end up to a day earlier.",
        ),
    ] = False,
    profiles: Annotated[
        bool,
        typer.Option("--profiles", help="Add a made-up team, role, region and industry for each member."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Convert the CollegeMsg messages to events (NDJSON): sessions, accepted invitations, messages.

    The data set has no teams; --profiles derives made-up ones from the member's number (samples/README.md).

    Example: pillarscore convert collegemsg samples/collegemsg.txt.gz --until now --out events.ndjson.gz
    """
    import orjson

    from agents.files.text_files import read_lines, writer
    from agents.publish import collegemsg as source
    from agents.publish.profiles import with_profiles

    end = None if until is None else _time(until)
    if whole_days and end is None:
        raise UserError("--whole-days needs --until")
    if as_json and out is None:
        raise UserError("--json needs --out FILE: without it, the events are written to stdout")
    count, members, first, last = 0, set[str](), "", ""
    events = source.convert(line.decode("utf-8", "replace") for line in read_lines(file))
    if profiles:
        events = with_profiles(events)
    try:
        with writer(out) as write:
            for event in events if end is None else source.shifted(events, end, whole_days):
                count, first, last = count + 1, first or event["time"], event["time"]
                members.add(event["subject"])
                write(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE))
    except source.BadLine as error:
        raise UserError(f"{file}, {error}") from None
    except OverflowError:
        raise UserError(f"--until {until}: an event would fall outside the years 1 to 9999") from None
    if as_json:
        emit({"events": count, "members": len(members), "first": first or None, "last": last or None})
        return
    period = f", {first} to {last}" if count else ""
    typer.echo(f"{count:,} events of {len(members):,} members{period}", err=True)


@app.command()
def parquet(
    files: NdjsonFiles,
    out: Annotated[Path, typer.Option(help="The Parquet file to write.")],
    rejected: RejectedFile = None,
    as_json: AsJson = False,
) -> None:
    """Convert events (NDJSON) to a Parquet file, which `pillarscore score` reads several times faster.

    Only the fields that scores need are kept. Invalid events are skipped and reported on stderr.

    Example: pillarscore convert parquet events.ndjson.gz --out events.parquet
    """
    from agents.files.ndjson import Lines
    from agents.files.parquet import Writer
    from agents.files.rejected import rejected_file
    from agents.screens import console

    lines = Lines(files)
    with rejected_file(rejected) as sink, console.reading("converting", lines) as advance:
        file = Writer(out, sink)
        for count in file.write(lines):
            advance(count)
    skipped = sum(one.count for one in file.dead.values())
    if as_json:
        emit({"events": file.written, "skipped": {reason: one.count for reason, one in file.dead.items()}})
        return
    typer.echo(f"{file.written:,} events written, {skipped:,} lines skipped", err=True)
    for line in console.letters(file.dead):
        console.report(line)


def _time(text: str) -> datetime:
    if text == "now":
        return datetime.now(UTC).replace(microsecond=0)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise UserError(f"--until {text}: give a time with an offset, such as 2026-11-20T08:30:00Z, or now")
    return time
