"""Field types of a rubric: signals and registers by name, points as exact hundredths.

A rubric is written by people, so a name that is nearly right is answered with the right one.
"""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, StringConstraints

from pipeline.common.points import as_points
from pipeline.common.suggestions import nearest
from schemas.registers import TEXTS, Register
from schemas.signals import Signal

_SIGNALS = {signal.name.lower(): signal for signal in Signal}
_REGISTERS = {register.name.lower(): register for register in Register}


_SHOWN = 60
_HUNDREDTH = Decimal("0.01")
_LARGEST = 9
"""Digits before the point up to which a number of points is looked at."""


def shown(value: Any) -> str:
    """A value of the file for a message: on one line, cut when it is long."""
    try:
        text = " ".join(str(value).split())
    except RecursionError:
        text = type(value).__name__
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _signal(value: Any) -> Any:
    if isinstance(value, Signal):
        return value
    if not isinstance(value, str) or value not in _SIGNALS:
        hint = nearest(shown(value), _SIGNALS) or "; see schemas/signals.py for the names (in lower case)"
        raise ValueError(f"unknown signal '{shown(value)}'{hint}")
    return _SIGNALS[value]


def _register(value: Any) -> Any:
    if not isinstance(value, Register):
        if not isinstance(value, str) or value not in _REGISTERS:
            hint = nearest(shown(value), _REGISTERS) or "; see schemas/registers.py"
            raise ValueError(f"unknown register '{shown(value)}'{hint}")
        value = _REGISTERS[value]
    if value in TEXTS:
        raise ValueError(f"register '{value.name.lower()}' is a text; a component needs a numeric register")
    return value


def _hundredths(value: Any) -> Any:
    # Decimal from TOML (see Rubric.parse): binary floating point would not be what the file says.
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        raise ValueError("give points as a number with at most two decimals, such as 3.5")
    try:
        points = Decimal(value)
    except InvalidOperation:
        raise ValueError("give points as a number with at most two decimals, such as 3.5") from None
    # an exponent is looked at before it is worked with: 1e999999999 would fill the memory
    if points.is_finite() and points and points.adjusted() >= _LARGEST:
        raise ValueError(f"{shown(value)} points: that is too large")
    if not points.is_finite() or points != (exact := points.quantize(_HUNDREDTH)):
        raise ValueError(f"{shown(value)} points: give at most two decimals")
    return int(exact * 100)


def _lower(value: Signal | Register) -> str:
    return value.name.lower()


SignalName = Annotated[Signal, BeforeValidator(_signal), PlainSerializer(_lower, return_type=str)]
RegisterName = Annotated[Register, BeforeValidator(_register), PlainSerializer(_lower, return_type=str)]
PointsField = Annotated[
    int,
    BeforeValidator(_hundredths),
    Field(ge=0, le=10_000),
    PlainSerializer(as_points, return_type=str),
]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
