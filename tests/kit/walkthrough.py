"""A page with commands and what they print: run as a reader would, and compared.

Commands are in `sh` blocks; the block behind one, without a language, is what they print. In it ` …` stands for any
lines, and `…` within a line for any text. What differs each time (days, times, ports, seconds) is not compared.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_BLOCKS = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?)?"), "DAY"),
    (re.compile(r"127\.0\.0\.1:\d+"), "ADDRESS"),
    (re.compile(r"shifted by \+[\d,]+ days"), "SHIFT"),
    (re.compile(r'("(?:seconds|members|frames|partition)": )[\d.]+'), r"\1N"),
    (re.compile(r"\x1b\[[0-9;?]*[A-Za-z]"), ""),
)


@dataclass(frozen=True, slots=True)
class Step:
    """Commands, and the lines that the page shows of what they print; None when it shows none."""

    commands: str
    shown: Sequence[str] | None


def steps(page: str) -> Iterator[Step]:
    """The steps of a page in Markdown, in order."""
    blocks = _BLOCKS.findall(page)
    for number, (language, text) in enumerate(blocks):
        if language == "sh":
            follows = blocks[number + 1] if number + 1 < len(blocks) else ("sh", "")
            yield Step(text, follows[1].splitlines() if follows[0] == "" else None)


def same(line: str) -> str:
    """A line without what differs each time, and without blanks at its end."""
    for pattern, text in _VARYING:
        line = pattern.sub(text, line)
    return line.rstrip()


def first_difference(shown: Sequence[str], printed: Sequence[str]) -> str | None:
    """The first line that the page shows and that was not printed where it should be; None when there is none."""
    at, anywhere = 0, False
    for line in shown:
        if line.strip() == "…":
            anywhere = True
            continue
        wanted = re.compile(".*".join(map(re.escape, same(line).split("…"))))
        while at < len(printed) and wanted.fullmatch(same(printed[at])) is None and anywhere:
            at += 1
        if at == len(printed) or wanted.fullmatch(same(printed[at])) is None:
            return line
        at, anywhere = at + 1, False
    return None if anywhere or at == len(printed) else f"(nothing), but {printed[at]!r} was printed"
