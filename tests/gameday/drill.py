"""One fault: inject it, wait for its alert, follow its section of the runbook, and wait until all is well."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.gameday import runbook
from tests.gameday.runbook import Section
from tests.gameday.site import Seat, Site, within

COMMAND_S, WATCH_S = 90.0, 6.0
"""The longest that a command may take; and how long one that runs until Ctrl-C is left alone."""
SETTLE_S = 5.0
"""How long is looked for other pages once the alert is there."""
CALM_S = 180.0
"""For all alerts to end before a fault is injected."""
REFUSED = (126, 127)
"""Exit codes of a shell that finds no such program."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What breaks, and who says so.

    Args:
        name: on the command line and in the report.
        alert: that has to fire.
        about: what is done, in one line.
        inject: does it; gives the seat of the worker that the alert is about.
        within_s: the alert must be there so many seconds after that.
        over_s: it must be over so many seconds after the fix.
        steps: what an operator does at a numbered step of the fix, by a text of that step. Steps without a command
            and not named here are advice that does not apply.
        also: alerts that may page besides, each with the reason.
        restore: puts back what the fault leaves, as the usual number of workers.
        brokers: how many Kafka has.
        verify_code: exit code of `pillarscore verify` at the end: 1 where foreign records stay, which it names.
    """

    name: str
    alert: str
    about: str
    inject: Callable[[Site], Seat]
    within_s: float
    over_s: float = 120.0
    steps: Mapping[str, Callable[[Site], None]] = field(default_factory=dict)
    also: Mapping[str, str] = field(default_factory=dict)
    restore: Callable[[Site], None] = lambda site: None
    brokers: int = 1
    verify_code: int = 0


@dataclass(slots=True)
class Result:
    """What came of it. problems: empty when all was as it should be."""

    fault: Fault
    fired_s: float | None = None
    others: set[str] = field(default_factory=set)
    held_back: set[str] = field(default_factory=set)
    commands: list[tuple[str, int, float]] = field(default_factory=list)
    over_s: float | None = None
    verified: str = "-"
    problems: list[str] = field(default_factory=list)


def play(site: Site, fault: Fault, section: Section, say: Callable[[str], None]) -> Result:
    """Play it through; what is not as it should be is a problem of the result, and the site is put back."""
    result = Result(fault)
    for part in (lambda: _play(site, fault, section, result, say), lambda: fault.restore(site)):
        try:
            part()
        except (TimeoutError, RuntimeError, OSError, AssertionError, KeyError) as error:
            result.problems.append(f"{type(error).__name__}: {error}")
    return result


def _play(site: Site, fault: Fault, section: Section, result: Result, say: Callable[[str], None]) -> None:
    site.new_watch(fault.name)
    if within(lambda: not site.firing(), CALM_S) is None:
        raise TimeoutError(f"{', '.join(sorted(site.firing()))} fired before the fault")
    site.alertmanager.received.clear()
    say(f"{fault.name}: {fault.about}")
    seat = fault.inject(site)
    began = time.monotonic()
    if within(lambda: _told(site, fault.alert, "firing"), fault.within_s) is None:
        result.problems.append(f"no {fault.alert} within {fault.within_s:.0f} s")
    else:
        result.fired_s = time.monotonic() - began
        say(f"  {fault.alert} after {result.fired_s:.0f} s")
    within(lambda: False, SETTLE_S)
    result.held_back = _held_back(site)
    _follow(site, fault, section, seat, result, say)
    result.over_s = within(lambda: not site.firing(), fault.over_s)
    if result.over_s is None:
        result.problems.append(f"still firing {fault.over_s:.0f} s later: {', '.join(sorted(site.firing()))}")
    else:
        say(f"  over after {result.over_s:.0f} s")
    for command in section.checks:
        # once all is well, a command that reads something must succeed; grep may find nothing
        code, _ = _run(site, seat, command, result, say)
        if code not in (0, 1 if command.startswith("grep") else 0):
            result.problems.append(f"exit code {code} of {command!r}, though all is well")
    _verify(site, result, say)
    pages = {a["labels"]["alertname"] for to, a in list(site.alertmanager.received) if _is_page(to, a)}
    result.others = pages - {fault.alert}
    if wrong := result.others - fault.also.keys():
        result.problems.append(f"other pages: {', '.join(sorted(wrong))}")


def _told(site: Site, alert: str, status: str) -> bool:
    return any(
        a["labels"]["alertname"] == alert and a["status"] == status
        for _, a in list(site.alertmanager.received)
    )


def _is_page(receiver: str, alert: dict) -> bool:
    return receiver == "pages" and alert["status"] == "firing"


def _held_back(site: Site) -> set[str]:
    found = site.alertmanager.get("/api/v2/alerts")
    return {a["labels"]["alertname"] for a in found if a["status"]["inhibitedBy"]}


def _follow(
    site: Site, fault: Fault, section: Section, seat: Seat, result: Result, say: Callable[[str], None]
) -> None:
    """All checks, then each step of the fix: its commands, then what the operator does."""
    for command in section.checks:
        _run(site, seat, command, result, say)
    for step in section.steps:
        for command in step.commands:
            code, said = _run(site, seat, command, result, say)
            if code:
                result.problems.append(f"exit code {code} of {command!r}: {said.strip()[-300:]}")
        for quote, act in fault.steps.items():
            if quote in step.text:
                say(f"  → {quote}")
                act(site)


def _run(site: Site, seat: Seat, command: str, result: Result, say: Callable[[str], None]) -> tuple[int, str]:
    values = {
        "localhost:6066": seat.address,
        "OFFSET": "0",
        "FILE...": str(site.upstream.file),
    }
    code, said, took = run(
        runbook.filled(command, values), _folder(seat), site.environment, runbook.UNTIL_STOPPED in command
    )
    result.commands.append((command, code, took))
    say(f"  $ {command.partition(' #')[0].strip()}  [{code}, {took:.1f} s]")
    if code in REFUSED:
        result.problems.append(f"there is no such program: {command!r}")
    if code == TIMED_OUT:
        result.problems.append(f"{command!r} did not end in {COMMAND_S:.0f} s")
    return code, said


TIMED_OUT = 124


def _folder(seat: Seat) -> Path:
    """The folder that the worker sees, which may have a disk of its own."""
    own = Path(f"/proc/{seat.pid}/root{seat.folder}") if seat.pid is not None else seat.folder
    return own if own.is_dir() else seat.folder


def run(command: str, folder: Path, environment: Mapping[str, str], watch: bool) -> tuple[int, str, float]:
    """(exit code, output, seconds) of a line of shell; one that runs until Ctrl-C gets that after a while."""
    import os

    began = time.monotonic()
    with subprocess.Popen(
        ["bash", "-c", command],
        cwd=folder,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            out, _ = process.communicate(timeout=WATCH_S if watch else COMMAND_S)
            code = process.returncode
        except subprocess.TimeoutExpired:
            code = TIMED_OUT
            if watch:
                os.killpg(process.pid, signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(WATCH_S)
                    code = 0
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            out, _ = process.communicate(timeout=COMMAND_S)
    return code, out.decode(errors="replace"), time.monotonic() - began


def _verify(site: Site, result: Result, say: Callable[[str], None]) -> None:
    """Every score is the one that follows from the files; raises TimeoutError when not all is counted."""
    with site.upstream.paused():
        site.wait_counted()
        command = f"pillarscore verify {site.upstream.file} --days 0"
        code, said, _ = run(command, site.folder, site.environment, False)
    lines = [line for line in said.splitlines() if "differences" in line]
    result.verified = "; ".join(lines) or said.strip()[-200:]
    say(f"  verify: {result.verified}")
    differ = [line for line in lines if " 0 differences" not in line]
    if code != result.fault.verify_code or differ or len(lines) != 2:
        result.problems.append(f"verify: {said.strip()[-500:]}")
