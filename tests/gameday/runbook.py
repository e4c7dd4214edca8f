"""The runbook as something that can be followed: its sections, their commands, and their numbered steps."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.kit.dashboards import ROOT

RUNBOOK = ROOT / "docs" / "runbook.md"
PLACEHOLDERS = {
    "localhost:6066": "the address of the worker that the alert is about",
    "OFFSET": "the offset that the message names",
    "FILE...": "the files with all events that were published",
}
"""What differs from the text when a command is run, and what stands there instead. Everything else is run as it is
written: in a folder with `worker.log` (of that worker) and `.pillarscore`, with the usual names of Kafka's tools."""
UNTIL_STOPPED = "--watch"
"""A command with this runs until Ctrl-C, which comes after a few seconds."""
_BLOCK = re.compile(r"^[ \t]*```sh\n(.*?)^[ \t]*```", re.MULTILINE | re.DOTALL)
_LINKED = re.compile(r"\[commands\]\(#(\w+)\)")


@dataclass(frozen=True, slots=True)
class Step:
    """A numbered step of a fix: its text, and its commands; first those that it links to as `[commands](#…)`."""

    text: str
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """What to do about an alert. checks: the commands before the fix."""

    alert: str
    checks: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def commands(self) -> tuple[str, ...]:
        """All commands."""
        return (*self.checks, *(command for step in self.steps for command in step.commands))


def sections(text: str) -> dict[str, Section]:
    """The sections by the name of their alert."""
    parts = re.split(r"^## (Pillarscore\w+)$", text, flags=re.MULTILINE)
    bodies = dict(zip(parts[1::2], parts[2::2], strict=True))
    own = {name: _steps(_fix(body)) for name, body in bodies.items()}
    anchors = {name.lower(): name for name in bodies}

    def linked(step: Step) -> Step:
        of = (anchors[anchor] for anchor in _LINKED.findall(step.text))
        more = tuple(command for name in of for other in own[name] for command in other.commands)
        return Step(step.text, more + step.commands)

    return {
        name: Section(name, _commands(body.partition("**Fix:**")[0]), tuple(map(linked, own[name])))
        for name, body in bodies.items()
    }


def load() -> dict[str, Section]:
    """The sections of docs/runbook.md."""
    return sections(RUNBOOK.read_text(encoding="utf-8"))


def filled(command: str, values: Mapping[str, str]) -> str:
    """A command with its placeholders filled in; KeyError for one without a value."""
    for name in PLACEHOLDERS:
        if name in command:
            command = command.replace(name, values[name])
    return command


def _fix(body: str) -> str:
    return re.split(r"^\*\*Over\b", body.partition("**Fix:**")[2], flags=re.MULTILINE)[0]


def _commands(text: str) -> tuple[str, ...]:
    lines = [
        line.strip() for block in _BLOCK.findall(text) for line in block.replace("\\\n", " ").splitlines()
    ]
    return tuple(line for line in lines if line and not line.startswith("#"))


def _steps(fix: str) -> tuple[Step, ...]:
    parts = re.split(r"^\d+\. ", fix, flags=re.MULTILINE)[1:]
    return tuple(Step(" ".join(_BLOCK.sub("", part).split()), _commands(part)) for part in parts)
