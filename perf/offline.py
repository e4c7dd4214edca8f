"""Scores from files: events/s and memory for NDJSON, gzip and Parquet, each in its own process on one core.

    python -m perf.offline [--events 1000000] [--members 100000]

Clock and CPU run from before the first byte is read until every member is scored; imports are left out.
"""

import argparse
import gzip
import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from agents.config import rubric_file
from agents.config.settings import Settings
from agents.files.inputs import Inputs
from agents.files.ndjson import Lines
from agents.files.parquet import Writer
from agents.offline.engine import Offline
from perf.workload import events
from pipeline.common import days

UNTIL = date(2026, 11, 20)
_COLUMNS = (
    ("file", 9),
    ("MB", 6),
    ("events/s", 11),
    ("CPU us/event", 15),
    ("RSS MB before", 15),
    ("peak", 6),
    ("tiles", 7),
    ("ids", 5),
)


def _line(*values: object) -> None:
    print(
        "".join(f"{value:>{width}}" for value, (_, width) in zip(values, _COLUMNS, strict=True)), flush=True
    )


def _peak() -> str:
    """Most MB of memory so far. Not getrusage, which begins with what the parent had."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return f"{int(status['VmHWM'].split()[0]) / 1e3:.0f}"


def make(folder: Path, count: int, members: int) -> list[Path]:
    """The same events as NDJSON, gzip and Parquet."""
    paths = [folder / f"events.{end}" for end in ("ndjson", "ndjson.gz", "parquet")]
    with paths[0].open("wb") as plain, gzip.open(paths[1], "wb", compresslevel=6) as zipped:
        for _, value in events(count, members, UNTIL):
            plain.write(value + b"\n")
            zipped.write(value + b"\n")
    for _ in Writer(paths[2]).write(Lines(paths[:1])):
        pass
    return paths


def measure(path: Path) -> None:
    """Score the file on the core this process is bound to, and print a line."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    settings = Settings.load()
    run = Offline(settings, rubric_file.load(settings.rubric), days.number(UNTIL))
    before = _peak()
    start, cpu = time.perf_counter(), time.process_time()
    run.read(Inputs([path]))
    run.standings()
    taken, cpu = time.perf_counter() - start, time.process_time() - cpu
    count = run.counters.read
    tiles, ids = run.nbytes()
    _line(
        path.suffix[1:],
        f"{path.stat().st_size / 1e6:.0f}",
        f"{count / taken:,.0f}",
        f"{cpu / count * 1e6:.2f}",
        before,
        _peak(),
        f"{tiles / 1e6:.0f}",
        f"{ids / 1e6:.0f}",
    )


def main() -> None:
    """Make the files, and measure each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3, help="per file, alternating")
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.file:
        measure(given.file)
        return
    with tempfile.TemporaryDirectory() as folder:
        paths = make(Path(folder), given.events, given.members)
        print(f"{given.events:,} events of up to {given.members:,} members, one core")
        _line(*(name for name, _ in _COLUMNS))
        for _ in range(given.runs):
            for path in paths:
                subprocess.run([sys.executable, "-m", "perf.offline", "--file", str(path)], check=True)


if __name__ == "__main__":
    main()
