"""What differs between two rubrics, in words."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.common.points import as_points
from pipeline.rubric.components import Component, Penalty, Rate, Registers, Rhythm, Use
from pipeline.rubric.model import Rubric, Step

_WORDS = {
    "max": "maximum",
    "half": "half of the points at",
    "target": "all points at",
    "half_life": "half-life in days",
    "above": "points from, in per cent",
    "full": "all points at, in per cent",
    "prior": "prior",
    "grace": "grace in days",
    "needs_trial": "successes need a trial",
    "trials_register": "trials from the register",
    "over": "looks back over",
    "period": "counts the active",
    "pillar": "pillar",
    "kind": "kind",
    "advice": "advice",
    "factor": "factor",
    "articles": "articles",
}
_POINTS = {"max", "middle", "high", "top", "margin", "change", "low"}


def differences(before: Rubric, after: Rubric) -> Iterator[str]:
    """A line for each difference; none if the two give the same scores, bands, trends, targets and advice."""
    yield from _changed(
        "", _plain(before, "name", "version", "title"), _plain(after, "name", "version", "title")
    )
    yield from _changed("bands: ", before.bands.model_dump(), after.bands.model_dump())
    yield from _changed("trend: ", before.trend.model_dump(), after.trend.model_dump())
    yield from _changed(
        "targets: ",
        {name: str(target) for name, target in before.targets.items()},
        {name: str(target) for name, target in after.targets.items()},
    )
    yield from _components(before, after)
    yield from _steps(before, after)


def _plain(rubric: Rubric, *names: str) -> dict[str, Any]:
    return {name: getattr(rubric, name) for name in names}


def _components(before: Rubric, after: Rubric) -> Iterator[str]:
    was, now = ({part.name: part for part in one.components} for one in (before, after))
    for name, part in now.items():
        if name not in was:
            yield f"{_where(part)}: new, {part.kind}, at most {as_points(part.max)} points: {part.factor}"
        else:
            yield from _component(was[name], part)
    for name, part in was.items():
        if name not in now:
            yield f"{_where(part)}: gone, had at most {as_points(part.max)} points"
    common = [[name for name in one if name in was and name in now] for one in (was, now)]
    if common[0] != common[1]:
        yield "the components are in another order, which moves no score"


def _where(part: Component) -> str:
    return f"penalty {part.name}" if isinstance(part, Penalty) else f"{part.pillar} / {part.name}"


def _component(before: Component, after: Component) -> Iterator[str]:
    where = f"{_where(after)}: "
    fields = [name for name in _WORDS if hasattr(before, name) or hasattr(after, name)]
    sides = (
        {_WORDS[field]: _value(field, getattr(one, field, None)) for field in fields}
        for one in (before, after)
    )
    yield from _changed(where, *sides)
    yield from _changed(where, _read(before), _read(after), new="now counts", gone="no longer counts")


def _value(field: str, value: Any) -> Any:
    if value is None:
        return None
    if field in _POINTS:
        return as_points(value)
    if field == "trials_register":
        return value.name.lower()
    if field == "articles":
        return " ".join(value)
    return value


def _read(part: Component) -> dict[str, str]:
    """What a component reads, by name, with how it counts."""
    match part:
        case Rhythm():
            return {signal.name.lower(): "" for signal in part.signals}
        case Registers():
            return {
                register.name.lower(): f"weight {section.weight}, full at {section.target}"
                for register, section in part.registers.items()
            }
        case Rate():
            trials = {f"{name} as trials": how for name, how in _uses(part.trials or {}).items()}
            return {f"{name} as successes": how for name, how in _uses(part.successes).items()} | trials
        case _:
            return _uses(part.signals)


def _uses(uses: Mapping[Any, Use]) -> dict[str, str]:
    return {signal.name.lower(): f"weight {use.weight}, at most {_caps(use)}" for signal, use in uses.items()}


def _caps(use: Use) -> str:
    return f"{use.cap} a day" + ("" if use.week is None else f" and {use.week} a week")


def _steps(before: Rubric, after: Rubric) -> Iterator[str]:
    was, now = ({step.text: step for step in one.steps} for one in (before, after))
    yield from (f"step: new, {text}" for text in now if text not in was)
    yield from (f"step: gone, {text}" for text in was if text not in now)
    for text, step in now.items():
        if text in was:
            yield from _changed(f"step {text}: ", _adds(was[text]), _adds(step))


def _adds(step: Step) -> dict[str, Any]:
    added = {one.name.lower(): n for one, n in [*step.signals.items(), *step.registers.items()]}
    return {**added, "every": step.every, "weeks": step.weeks}


def _changed(
    where: str, before: Mapping[str, Any], after: Mapping[str, Any], *, new: str = "new:", gone: str = "gone:"
) -> Iterator[str]:
    """A line for each key that differs; None is as good as not there."""
    for key in [*after, *(key for key in before if key not in after)]:
        was, now = before.get(key), after.get(key)
        if was == now:
            continue
        if now is None:
            yield f"{where}{gone} {key}" + (f" ({_shown(key, was)})" if was != "" else "")
        elif was is None:
            yield f"{where}{new} {key}" + (f" ({_shown(key, now)})" if now != "" else "")
        else:
            yield f"{where}{key} {_shown(key, was)} -> {_shown(key, now)}"


def _shown(key: str, value: Any) -> str:
    return as_points(value) if key in _POINTS and isinstance(value, int) else str(value)
