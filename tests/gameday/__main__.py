"""`make gameday`: play all faults, or `--only NAME`; a report at the end, and exit code 1 if one failed."""

import argparse
import logging
import shutil
import signal
import sys
import time
from pathlib import Path
from tempfile import mkdtemp

from rich.console import Console
from rich.table import Table

from agents.config.errors import UserError
from tests.gameday import pace, runbook
from tests.gameday.drill import Result, play
from tests.gameday.faults import FAULTS
from tests.gameday.site import Nodes, opened
from tests.kit.cluster import launch


def main() -> int:
    """From the command line."""
    parser = argparse.ArgumentParser(prog="make gameday", description=__doc__)
    names = [fault.name for fault in FAULTS]
    parser.add_argument("--only", nargs="*", choices=names, default=names, help="only these faults")
    parser.add_argument("--keep", action="store_true", help="keep the folder with all logs")
    given = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # of our own clients, while Kafka is away
    folder = Path(mkdtemp(prefix="gameday-"))
    results: list[Result] = []
    began = time.monotonic()
    try:
        for count in sorted({fault.brokers for fault in FAULTS}):
            chosen = [fault for fault in FAULTS if fault.brokers == count and fault.name in given.only]
            if chosen:
                results += _play_all(folder / f"brokers-{count}", count, chosen)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        if given.keep or any(result.problems for result in results):
            print(f"Logs and data: {folder}", flush=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    _report(results, time.monotonic() - began)
    return int(any(result.problems for result in results) or len(results) < len(given.only))


def _play_all(folder: Path, count: int, chosen: list) -> list[Result]:
    sections = runbook.load()
    with opened(folder, lambda kafka: Nodes(launch(kafka, count))) as site:
        return [play(site, fault, sections[fault.alert], _say) for fault in chosen]


def _say(line: str) -> None:
    print(line, flush=True)


def _seconds(given: float | None) -> str:
    return "–" if given is None else f"{given:.0f} s"


def _report(results: list[Result], took: float) -> None:
    table = Table(title=f"Game day: windows 1/{pace.FACTOR}, at least {pace.LEAST_S} s")
    for heading in (
        "fault",
        "alert",
        "after",
        "other pages",
        "held back",
        "commands",
        "over after",
        "result",
    ):
        table.add_column(heading, overflow="fold")
    for one in results:
        table.add_row(
            one.fault.name,
            one.fault.alert.removeprefix("Pillarscore"),
            _seconds(one.fired_s),
            _names(one.others),
            _names(one.held_back),
            str(len(one.commands)),
            _seconds(one.over_s),
            "failed" if one.problems else "passed",
        )
    Console(width=160).print(table)
    for one in results:
        print(f"{one.fault.name}: verify: {one.verified}")
        for problem in one.problems:
            print(f"{one.fault.name}: FAILED: {problem}")
    print(f"{sum(not r.problems for r in results)} of {len(results)} passed in {took / 60:.0f} min")


def _names(alerts: set[str]) -> str:
    return ", ".join(sorted(name.removeprefix("Pillarscore") for name in alerts)) or "none"


if __name__ == "__main__":
    # an exception, so that all that was started is stopped
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(main())
