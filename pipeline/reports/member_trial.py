"""What a member's score would be with more of something: `m-42:comment=+3` tried out, not guessed.

A trial adds counts of a signal on a day, or sets a register, and scores the member before and after by the
same function as ever. A signal is added alone: a substantive comment is `comment` and `comment_substantive`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

from pydantic import BaseModel, ConfigDict

from pipeline.common import days
from pipeline.common.suggestions import nearest
from pipeline.common.tile_keys import WINDOW
from pipeline.common.units import Day
from pipeline.reports.rubric_comparison import bands_now
from pipeline.rubric.components import PILLARS
from pipeline.rubric.model import Rubric
from pipeline.scoring.bands import BANDS, Band
from pipeline.scoring.member import Member, batch
from pipeline.scoring.scorer import Scorer
from schemas.registers import TEXTS, Register
from schemas.signals import Signal

_FORM = re.compile(
    r"(?P<member>.+):(?P<name>\w+)=(?P<sign>[+-]?)(?P<value>\d{1,10})(?:@(?P<on>[\d-]+d?))?", re.S
)
_SIGNALS = {signal.name.lower(): signal for signal in Signal}
_REGISTERS = {register.name.lower(): register for register in Register}
_MAX_REGISTER = 2**31 - 1


class TrialError(ValueError):
    """A setting that can't be tried; the message is one line that says what to do."""


def _wrong(text: str, what: str) -> TrialError:
    return TrialError(f"--set {text}: {what}")


@dataclass(frozen=True, slots=True)
class Setting:
    """One change to a member, as written: more of a signal `age` days ago, or a register's new value."""

    text: str
    member: str
    of: Signal | Register
    value: int
    age: int = 0

    @classmethod
    def parse(cls, text: str, day: Day) -> Self:
        """`member:signal=+n`, with `@-3d` or `@2026-11-20` for another day, or `member:register=n`.

        `day` is the as-of day; raises TrialError.

        >>> Setting.parse("m-42:comment=+3@-2d", 20_000).age
        2
        """
        form = _FORM.fullmatch(text)
        if form is None:
            raise _wrong(text, "give member:signal=+n, such as m-42:comment=+3, or member:register=n")
        name, value = form["name"], int(form["value"])
        if name in _REGISTERS:
            return cls(text, form["member"], _known(text, form), value)
        if name not in _SIGNALS:
            hint = nearest(name, [*_SIGNALS, *_REGISTERS]) or "; see docs/reference/factors.md"
            raise _wrong(text, f"unknown signal or register '{name}'{hint}")
        if not form["sign"]:
            raise _wrong(text, f"give a change: {name}=+{value} for more, {name}=-{value} for fewer")
        more = -value if form["sign"] == "-" else value
        return cls(text, form["member"], _SIGNALS[name], more, _age(text, form["on"], day))

    def apply(self, day: Day, member: Member) -> Member:
        """The member with this change; a tile stays between 0 and what it can hold."""
        if isinstance(self.of, Signal):
            return member.plus({(self.of, day - self.age): self.value})
        return member.plus({}, {self.of: self.value - member.numbers.get(self.of, 0)})


def _known(text: str, form: re.Match[str]) -> Register:
    """The register, if it can be set like this."""
    register, name = _REGISTERS[form["name"]], form["name"]
    if register in TEXTS:
        raise _wrong(
            text, f"'{name}' is a text register and gives no points: set a numeric one, such as media=3"
        )
    if form["sign"] or form["on"]:
        raise _wrong(text, f"'{name}' is a register: give its new value, such as {name}={form['value']}")
    if int(form["value"]) > _MAX_REGISTER:
        raise _wrong(text, f"the maximum value of a register is {_MAX_REGISTER:,}")
    return register


def _age(text: str, on: str | None, day: Day) -> int:
    """How many days before `day` the setting is for."""
    if on is None:
        return 0
    if re.fullmatch(r"-\d{1,4}d", on):
        age = int(on[1:-1])
    else:
        try:
            age = day - days.number(date.fromisoformat(on))
        except ValueError:
            raise _wrong(text, f"@{on} is not a day: give @-3d or a date such as @2026-11-20") from None
    if not 0 <= age < WINDOW:
        raise _wrong(text, f"@{on} is outside the window: give a day from @-{WINDOW - 1}d to @-0d")
    return age


class PillarScore(BaseModel):
    """Points of a pillar in hundredths, the sum of its components'."""

    model_config = ConfigDict(frozen=True)

    points: int
    components: dict[str, int]


class TrialScore(BaseModel):
    """Points of a member in hundredths; the band is that of this score alone. Penalties are 0 or negative."""

    model_config = ConfigDict(frozen=True)

    score: int
    band: Band
    pillars: dict[str, PillarScore]
    penalties: dict[str, int]


class Trial(BaseModel):
    """A member's points as of `day` by one rubric, without and with the settings."""

    model_config = ConfigDict(frozen=True)

    member: str
    day: Day
    rubric: str
    version: int
    settings: tuple[str, ...]
    before: TrialScore
    after: TrialScore


def attempt(rubric: Rubric, day: Day, member: Member, *, settings: Sequence[Setting]) -> Trial:
    """Score a member without and with the settings, at least one, which must all be for this member."""
    changed = member
    for setting in settings:
        changed = setting.apply(day, changed)
    before, after = scores(rubric, day, [member, changed])
    return Trial(
        member=settings[0].member,
        day=day,
        rubric=rubric.name,
        version=rubric.version,
        settings=tuple(setting.text.removeprefix(f"{setting.member}:") for setting in settings),
        before=before,
        after=after,
    )


def scores(rubric: Rubric, day: Day, members: Sequence[Member]) -> list[TrialScore]:
    """The points of members as of `day`."""
    points = Scorer(rubric, day).points(*batch(day, members))
    columns = zip(
        points.score.tolist(),
        bands_now(points.score, rubric.bands).tolist(),
        points.pillars.tolist(),
        points.components.tolist(),
        strict=True,
    )
    return [
        TrialScore(
            score=score,
            band=BANDS[band],
            pillars={
                str(pillar): PillarScore(
                    points=earned, components=_named(rubric, components, rubric.of_pillar(pillar))
                )
                for pillar, earned in zip(PILLARS, pillars, strict=True)
            },
            penalties=_named(rubric, components, rubric.penalties),
        )
        for score, band, pillars, components in columns
    ]


def _named(rubric: Rubric, points: Sequence[int], components: Sequence[int]) -> dict[str, int]:
    return {rubric.components[at].name: points[at] for at in components}
