"""The rubric: what counts for how much, as a checked and versioned value read from TOML.

A rubric is data that people change often and under pressure, so whatever is wrong with one is reported in a
line that names the line of the file and what to do.
"""

import hashlib
import re
import tomllib
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StrictInt, StringConstraints, ValidationError, field_validator, model_validator

from pipeline.common.points import as_points
from pipeline.common.rubric_id import RubricId
from pipeline.common.suggestions import nearest
from pipeline.rubric import components as kinds
from pipeline.rubric.components import PILLARS, Component, Penalty, Pillar, RubricPart
from pipeline.rubric.field_types import Line, PointsField, RegisterName, SignalName, Slug, shown
from pipeline.rubric.toml_lines import Path, line_of, line_of_keys, statements

MAX_TEXT = 1 << 18
"""Characters a rubric may have."""
MAX_PARTS = 200
"""Points on a line of a rubric; its keys have four parts at most."""
PILLAR_MAX = 2_500
"""Hundredths of a point in a pillar."""
GENERAL = "average"
"""The target for members whose role has none of its own."""

RoleName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class RubricError(ValueError):
    """A rubric that can't be used; the message is one line with the line number and what to do."""


class _Misplaced(ValueError):
    """What a check of the whole found wrong, at `path`."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path


class Bands(RubricPart):
    """Where the bands begin, in points, and by how much a score must fall below to leave one."""

    middle: PointsField = 4_000
    high: PointsField = 7_001
    top: PointsField = 9_000
    margin: PointsField = 200

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if not 0 < self.middle < self.high < self.top:
            raise ValueError("bands must increase: middle < high < top")
        if self.margin >= self.middle:
            raise ValueError("'margin' must be less than 'middle', or nobody could leave a band")
        return self


class Trend(RubricPart):
    """How a trend is judged: the mean of the last half of `days` against the half before."""

    days: Annotated[StrictInt, Field(ge=2, le=90, multiple_of=2)] = 28
    known: Annotated[StrictInt, Field(ge=1, le=45)] = 7
    change: PointsField = Field(default=200, gt=0)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.known > self.days // 2:
            raise ValueError(f"'known' must be at most half of 'days': {self.days // 2}")
        return self


class Target(RubricPart):
    """What a score should be for a role, in points: at least `low`; more than `high` is not asked for."""

    low: PointsField
    high: PointsField

    @model_validator(mode="before")
    @classmethod
    def _one_or_two(cls, given: Any) -> Any:
        if isinstance(given, dict):
            return given
        ends = given if isinstance(given, (list, tuple)) else [given, given]
        if len(ends) != 2:
            raise ValueError("give a target as a number, such as 75, or as two, such as [60, 65]")
        return {"low": ends[0], "high": ends[1]}

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError("a target is [low, high]: put the lower number first")
        return self

    def __str__(self) -> str:
        return as_points(self.low) + (f" to {as_points(self.high)}" if self.high > self.low else "")


class Step(RubricPart):
    """Something a member could do next; its gain is computed, never written down.

    `signals` are added `every` day or week for `weeks` weeks up to today; `registers` are added once.
    """

    text: Line
    signals: dict[SignalName, Annotated[StrictInt, Field(ge=1, le=1_000)]] = Field(
        default_factory=dict, max_length=63
    )
    registers: dict[RegisterName, Annotated[StrictInt, Field(ge=1, le=1_000_000)]] = Field(
        default_factory=dict, max_length=19
    )
    every: Literal["day", "week"] = "week"
    weeks: Annotated[StrictInt, Field(ge=1, le=kinds.WEEKS)] = 4

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not self.signals and not self.registers:
            raise ValueError("a step needs 'signals' or 'registers' to add")
        return self


class Rubric(RubricPart):
    """A whole rubric. The order of the components is the order of the columns of a score's parts."""

    name: Slug
    version: Annotated[StrictInt, Field(ge=1, le=1_000_000)]
    title: Line | None = None
    bands: Bands = Bands()
    trend: Trend = Trend()
    targets: Annotated[dict[RoleName, Target], Field(default_factory=dict, max_length=100)]
    components: Annotated[tuple[Component, ...], Field(alias="component", max_length=100)]
    steps: Annotated[tuple[Step, ...], Field(alias="step", max_length=100)] = ()

    @field_validator("components")
    @classmethod
    def _unique(cls, components: tuple[Component, ...]) -> tuple[Component, ...]:
        seen: set[str] = set()
        for at, component in enumerate(components):
            if component.name in seen:
                raise _Misplaced(
                    ("component", at, "name"), f"two components are called '{component.name}': rename one"
                )
            seen.add(component.name)
        return components

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        for pillar in PILLARS:
            places = [at for at, component in enumerate(self.components) if _pillar(component) is pillar]
            if not places:
                raise _Misplaced(
                    (), f"pillar '{pillar}' has no components: add some with 25.00 points in total"
                )
            total = sum(self.components[at].max for at in places)
            if total != PILLAR_MAX:
                change = f"add {as_points(PILLAR_MAX - total)} to" if total < PILLAR_MAX else ""
                raise _Misplaced(
                    ("component", places[-1], "max"),
                    f"the maxima of pillar '{pillar}' add up to {as_points(total)}, not 25.00: "
                    + (change or f"take {as_points(total - PILLAR_MAX)} off")
                    + " one of its components",
                )
        return self

    def of_pillar(self, pillar: Pillar) -> tuple[int, ...]:
        """The places of the components of `pillar`."""
        return tuple(at for at, component in enumerate(self.components) if _pillar(component) is pillar)

    @cached_property
    def penalties(self) -> tuple[int, ...]:
        """The places of the penalties, which belong to no pillar."""
        return tuple(at for at, component in enumerate(self.components) if isinstance(component, Penalty))

    def target(self, role: str | None) -> tuple[str, Target] | None:
        """The name and target for a role as members state theirs; that of `average` for any other, or None.

        The words of a target's name are looked for in the role, whatever their case and what is between them:
        `digital_media` is in "Head of Digital Media". The name with the most letters wins.
        """
        stated = _words(role or "")
        found = [name for name in self.targets if name != GENERAL and _words(name) in stated]
        name = max(found, key=lambda name: (len(name), name), default=GENERAL)
        return (name, self.targets[name]) if name in self.targets else None

    @property
    def id(self) -> RubricId:
        """Name and version, as records have them."""
        return RubricId(self.name, str(self.version))

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with anything in the rubric (but not with its comments)."""
        return hashlib.blake2b(self.model_dump_json(by_alias=True).encode(), digest_size=8).hexdigest()

    @classmethod
    def parse(cls, text: str) -> "Rubric":
        """Read a rubric from the text of a TOML file; raises RubricError, and nothing else, for any text."""
        text = text.removeprefix("\ufeff")
        if len(text) > MAX_TEXT:
            raise RubricError(f"the rubric has {len(text):,} characters: the maximum is {MAX_TEXT:,}")
        for line, one in enumerate(text.split("\n"), 1):
            # a key of thousands of parts takes time and memory by the square of them
            if one.count(".") > MAX_PARTS and not one.lstrip().startswith("#"):
                raise RubricError(f"line {line}: a key has more than {MAX_PARTS} parts")
        try:
            data = tomllib.loads(text, parse_float=_decimal)
        except (ValueError, RecursionError) as error:
            raise RubricError(f"the rubric is not valid TOML: {_invalid(error, text)}") from None
        if (place := _too_large(data)) is not None:
            raise RubricError(f"line {line_of(line_of_keys(text), place)}: a number has more than 64 bits")
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise RubricError(_first(error, text, data)) from None


def _decimal(text: str) -> Decimal | str:
    """A number with a point or an exponent, exactly; the text itself where the exponent is beyond all numbers."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def _too_large(data: Any) -> Path | None:
    """Where a whole number is that TOML has no place for, the first of them; None for nowhere."""
    left: list[tuple[Path, Any]] = [((), data)]
    while left:
        path, value = left.pop()
        if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
            return path
        if isinstance(value, dict):
            left += [((*path, key), one) for key, one in reversed(value.items())]
        elif isinstance(value, list):
            left += [((*path, at), one) for at, one in reversed([*enumerate(value)])]
    return None


def _invalid(error: Exception, text: str) -> str:
    """Why a text is not TOML, with the line."""
    if isinstance(error, tomllib.TOMLDecodeError):
        message, _, place = str(error).rpartition(" (at ")
        if place == "end of document)":
            place = f"line {text.rstrip().count(chr(10)) + 1}, the end)"
        return f"{shown(message)} (at {place}{_habit(place, text)}"
    # tomllib lets through what Python says of values that it can't take, without the line
    for line, statement in statements(text):
        try:
            tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            pass
        except RecursionError:
            return f"values are nested too deeply (at line {line})"
        except ValueError:
            return f"a number has too many digits (at line {line})"
    return "a value is too long or nested too deeply (at line 1)"


def _habit(place: str, text: str) -> str:
    """What to do where a line has what keyboards and word processors like to write."""
    line = re.match(r"line (\d+)", place)
    said = text.split("\n")[int(line[1]) - 1].partition("#")[0] if line else ""
    if quote := re.search("[\u201c\u201d\u201e\u201a\u2018\u2019\u00ab\u00bb]", said):
        return f': write straight quotes, "", not {quote[0]}'
    if comma := re.search(r"=\s*(\d+),(\d+)\s*[,}]?\s*$", said):
        return f": write a point, {comma[1]}.{comma[2]}, not a comma"
    return ""


def _words(text: str) -> str:
    """The words of a text in lower case, each between two spaces."""
    words = "".join(c if c.isalnum() else " " for c in text.casefold()).split()
    return f" {' '.join(words)} "


def _pillar(component: Component) -> Pillar | None:
    return None if isinstance(component, Penalty) else component.pillar


_TAGS = {"volume", "rhythm", "rate", "register", "penalty"}
_KEYS = sorted(
    {
        field.alias or name
        for part in (
            *(kinds.Volume, kinds.Rhythm, kinds.Rate, kinds.Registers, Penalty, kinds.Use, kinds.Section),
            *(Bands, Trend, Target, Step, Rubric),
        )
        for name, field in part.model_fields.items()
    }
)


def _first(error: ValidationError, text: str, data: dict[str, Any]) -> str:
    """The first of the errors, by line, as one line."""
    lines = line_of_keys(text)
    found: dict[tuple[int, bool, str], None] = {}  # each once, in order
    for detail in error.errors(include_url=False):
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, _Misplaced):
            path, message = cause.path, str(cause)
        else:
            path = _plain(detail["loc"])
            if detail["type"] == "union_tag_invalid":
                path += ("kind",)
            message = _said(path, detail)
        # A misspelt key is also a missing one, a wrong item also too few: name the cause.
        consequence = detail["type"] in ("missing", "too_short")
        found[line_of(lines, path), consequence, _whose(path, data) + message] = None
    line, _, message = min(found, key=lambda item: item[:2])
    others = len(found) - 1
    return f"line {line}: {message}" + (f" (and {others} more)" if others else "")


def _plain(loc: tuple[int | str, ...]) -> Path:
    """pydantic's place as a path in the file: without its tag for the kind, nor its mark of a key."""
    if len(loc) > 2 and loc[0] == "component" and loc[2] in _TAGS:
        loc = loc[:2] + loc[3:]
    if len(loc) == 3 and loc[0] == "targets":
        loc = loc[:2]  # its two ends are not named in the file
    return tuple(part for part in loc if part != "[key]")


def _whose(path: Path, data: dict[str, Any]) -> str:
    """Which component or step it is about, by the name it gives itself."""
    if len(path) < 2 or path[0] not in ("component", "step"):
        return ""
    try:
        itself = data[path[0]][path[1]]
        name = itself["name" if path[0] == "component" else "text"]
    except (KeyError, IndexError, TypeError):
        return ""
    return f"{path[0]} '{shown(name)}': "


def _said(path: Path, detail: Any) -> str:
    """What is wrong and what to do, in plain words."""
    kind, given = detail["type"], detail["input"]
    inside = path[2:] if path[0] in ("component", "step") and len(path) > 2 else path
    key = shown(".".join(str(part) for part in inside))
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    if kind == "extra_forbidden":
        return f"unknown key '{shown(path[-1])}'{nearest(shown(path[-1]), _KEYS) or ': remove it'}"
    if kind == "missing":
        return f"'{key}' is missing: add it"
    if kind == "union_tag_not_found":
        return f"'kind' is missing: add one of {', '.join(sorted(_TAGS))}"
    if kind == "union_tag_invalid":
        tag = shown(detail["ctx"]["tag"])
        return f"unknown kind '{tag}'{nearest(tag, _TAGS) or ': use one of ' + ', '.join(sorted(_TAGS))}"
    message = detail["msg"][0].lower() + detail["msg"][1:]
    value = given if isinstance(given, (int, str, Decimal)) else type(given).__name__
    return f"'{key}' is {shown(value)!r}, but {message}"
