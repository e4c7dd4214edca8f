"""Golden members: who a rubric is expected to give which score, as a checked value read from TOML.

A member is described by how often a week something is done, spread evenly over the window, and by single days. So a
file of them is short, the same on every machine, and can be read and changed by people.
"""

import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import Field, StrictInt, ValidationError, model_validator

from pipeline.common.tile_keys import WINDOW
from pipeline.common.units import Day
from pipeline.rubric.components import Count, RubricPart
from pipeline.rubric.field_types import Line, PointsField, RegisterName, SignalName, Slug
from pipeline.rubric.model import RubricError
from pipeline.rubric.toml_lines import line_of, line_of_keys
from pipeline.scoring.member import Member
from schemas.registers import Register
from schemas.signals import Signal

Rate = Annotated[Decimal, Field(gt=0, le=1_000)]


class OneDay(RubricPart):
    """What was done on one day, `age` days before the as-of day."""

    age: Annotated[StrictInt, Field(ge=0, lt=WINDOW)]
    signals: Annotated[dict[SignalName, Count], Field(min_length=1)]


class GoldenMember(RubricPart):
    """Somebody, and the lowest and highest score expected of them, in points.

    weekly: how often a week; registers: what is known; on: single days.
    """

    name: Slug
    about: Line
    score: tuple[PointsField, PointsField]
    weekly: dict[SignalName, Rate] = Field(default_factory=dict)
    registers: dict[RegisterName, StrictInt] = Field(default_factory=dict)
    on: tuple[OneDay, ...] = ()

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.score[0] > self.score[1]:
            raise ValueError("'score' is [lowest, highest]: put the lower number first")
        return self

    def member(self, day: Day) -> Member:
        """As of a day."""
        tiles: dict[tuple[Signal, int], int] = {}
        done = [(signal, age, 1) for signal, rate in self.weekly.items() for age in _ages(rate)]
        done += [(signal, one.age, count) for one in self.on for signal, count in one.signals.items()]
        for signal, age, count in done:
            tiles[signal, day - age] = tiles.get((signal, day - age), 0) + count
        known: Mapping[Register, int] = self.registers
        return Member(tiles, known)


def _ages(rate: Decimal) -> Iterator[int]:
    """How many days ago what is done so often a week is done, spread evenly over the window."""
    times = int(rate * WINDOW / 7 + Decimal("0.5"))
    for number in range(times):
        yield (2 * number + 1) * WINDOW // (2 * times)


class Golden(RubricPart):
    """A file of golden members. never_lower: signals of which more must not lower a score on that day."""

    never_lower: tuple[SignalName, ...] = ()
    members: Annotated[tuple[GoldenMember, ...], Field(alias="member", min_length=1, max_length=1_000)]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of a TOML file; raises RubricError, one line with the line of the file."""
        try:
            data = tomllib.loads(text, parse_float=Decimal)
        except (ValueError, ArithmeticError, RecursionError) as error:
            raise RubricError(f"not valid TOML: {' '.join(str(error).split())}") from None
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise RubricError(_said(error, text)) from None


def _said(error: ValidationError, text: str) -> str:
    """The first of the errors, with its line and the member it is about."""
    lines = line_of_keys(text)
    found: list[tuple[bool, int, str]] = []
    for detail in error.errors(include_url=False):
        path = tuple(part for part in detail["loc"] if part != "[key]")
        cause: Any = detail.get("ctx", {}).get("error")
        message = str(cause) if cause is not None else detail["msg"][0].lower() + detail["msg"][1:]
        # a member with a mistake is also one too few: name the cause
        consequence = detail["type"] in ("missing", "too_short")
        found.append((consequence, line_of(lines, path), f"{'.'.join(map(str, path))}: {message}"))
    _, line, message = min(found)
    return f"line {line}: {message}"
