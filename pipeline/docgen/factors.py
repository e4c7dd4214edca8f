"""The reference page of factors: what counts, where it comes from, and for how much.

Made from the credit rules, the signals and a rubric, so that it can't say anything else than they do.
`agents/docgen/write.py` writes it; a test compares the committed page with it.
"""

from collections.abc import Iterable, Mapping

from pipeline.common.points import as_points
from pipeline.intake.credit_rules import CREDITS, GROUP_PREFIX, Data
from pipeline.reports.explain import rule
from pipeline.rubric.components import PILLARS, Component, Pillar, Rate, Registers, Rhythm, Use
from pipeline.rubric.model import GENERAL, Rubric, Step
from schemas.examples import DATA_EXAMPLES
from schemas.registers import Register
from schemas.signals import Signal

TITLES = {
    Pillar.BRAND: "Brand: establish your professional brand",
    Pillar.FIND: "Find: find the right people",
    Pillar.ENGAGE: "Engage: engage with insights",
    Pillar.RELATE: "Relate: build relationships",
}

_HEAD = (
    "| factor | named in | events | signals or registers (weight, most a day) | component | max | rule |\n"
    "|---|---|---|---|---|---|---|"
)


def credited() -> dict[str, list[str]]:
    """The event types that credit each signal or register by name; a counterpart's are marked so."""
    found: dict[str, list[str]] = {}

    def add(name: str, event: str) -> None:
        events = found.setdefault(name, [])
        if event not in events:
            events.append(event)

    for event_type, datas in DATA_EXAMPLES.items():
        short = event_type.removeprefix("activity.")
        for data in (variant for one in datas for variant in _variants(one)):
            actor, _, received, registers = CREDITS[event_type](data)
            for signal in Signal:
                if actor >> signal & 1:
                    add(signal.name.lower(), short)
                if received >> signal & 1:
                    add(signal.name.lower(), f"{short} (counterpart)")
            for name in registers or {}:
                add("groups" if name.startswith(GROUP_PREFIX) else name, short)
    return found


def _variants(data: Data) -> list[Data]:
    """An example, and where it has a degree the same with every other."""
    if not data or "degree" not in data:
        return [data]
    return [data, *({**data, "degree": degree} for degree in (1, 2, 3))]


def render(rubric: Rubric) -> str:
    """The page, as Markdown that ends with a newline."""
    events = credited()
    parts = [_introduction(rubric)]
    for pillar in PILLARS:
        components = [rubric.components[at] for at in rubric.of_pillar(pillar)]
        total = as_points(sum(component.max for component in components))
        parts.append(_table(f"{TITLES[pillar]} ({total})", components, events))
    penalties = [rubric.components[at] for at in rubric.penalties]
    if penalties:
        parts.append(
            _table("Penalties (taken off the whole score, which never falls below 0)", penalties, events)
        )
    parts += [_unused(rubric, events), _levels(rubric), _steps(rubric.steps)]
    return "\n".join(part for part in parts if part)


def _introduction(rubric: Rubric) -> str:
    return f"""# Factors

Made by `make docs` from `pipeline/intake/credit_rules.py` and `rubrics/{rubric.name}.toml`; don't edit.

Every factor of the rubric `{rubric.name}` (version {rubric.version}): the events that feed it, the signals
they add to, the component that turns them into points, and our defaults. Letters name the public articles
that name the factor: A is AuthoredUp's guide to LinkedIn's Social Selling Index, B to D are three further
guides, E a Dutch guide with the exact list of factors. An event marked *counterpart* credits the other
member: the author of the post that got the reaction, say. How the rules compute is told in
[how the score works](../explanation/score.md).
"""


def _table(title: str, components: Iterable[Component], events: Mapping[str, list[str]]) -> str:
    rows = [f"## {title}", "", _HEAD]
    for component in components:
        # In the order of first mention, each event once.
        feeding = dict.fromkeys(event for name in _sources(component) for event in events.get(name, []))
        rows.append(
            f"| {component.factor} | {' '.join(component.articles)} | {', '.join(feeding)} "
            f"| {_shown(component)} | `{component.name}` "
            f"| {as_points(component.max)} | {component.kind}: {rule(component)} |"
        )
    return "\n".join([*rows, ""])


def _sources(component: Component) -> list[str]:
    """The names of the signals and registers that a component reads."""
    match component:
        case Rhythm():
            return _names(component.signals)
        case Registers():
            return _names(component.registers)
        case Rate():
            return _names([*component.successes, *(component.trials or ()), component.trials_register])
        case _:
            return _names(component.signals)


def _shown(component: Component) -> str:
    """What a component reads, with weights, caps and targets."""
    match component:
        case Rhythm():
            return ", ".join(f"`{name}`" for name in _names(component.signals))
        case Registers():
            return ", ".join(
                f"`{name}` ×{section.weight}" + (f", full at {section.target}" if section.target > 1 else "")
                for name, section in zip(
                    _names(component.registers), component.registers.values(), strict=True
                )
            )
        case Rate():
            registers = [f"`{name}` (register)" for name in _names([component.trials_register])]
            trials = _used(component.trials) if component.trials is not None else registers[0]
            return f"{_used(component.successes)} of {trials}"
        case _:
            return _used(component.signals)


def _names(of: Iterable[Signal | Register | None]) -> list[str]:
    return [one.name.lower() for one in of if one is not None]


def _used(uses: Mapping[Signal, Use]) -> str:
    return ", ".join(f"`{signal.name.lower()}` ×{use.weight} ≤{use.cap}" for signal, use in uses.items())


def _unused(rubric: Rubric, events: Mapping[str, list[str]]) -> str:
    used = {name for component in rubric.components for name in _sources(component)}
    rows = [
        f"- `{name}`, from {', '.join(events.get(name, ['no event']))}"
        for name in _names([*Signal, *Register])
        if name not in used
    ]
    if not rows:
        return ""
    why = "Another rubric may use them, or cohorts be made by them."
    return "\n".join(["## Kept, but without points in this rubric", "", why, "", *rows, ""])


def _levels(rubric: Rubric) -> str:
    bands, trend = rubric.bands, rubric.trend
    half, change = trend.days // 2, as_points(trend.change)
    text = f"""## Bands, trend, targets

- Bands: low, middle from {as_points(bands.middle)}, high from {as_points(bands.high)}, top from
  {as_points(bands.top)}; a band is left only {as_points(bands.margin)} below where it begins.
- Trend: improving or declining when the mean of the last {half} days is {change} or more above or below
  that of the {half} days before; each half needs {trend.known} days with a score, or there is not enough
  information.
"""
    if rubric.targets:
        shown = ", ".join(f"`{role}` {target}" for role, target in rubric.targets.items())
        text += (
            f"- Targets by role, shown beside the score and no part of it: {shown}.\n"
            f"  One is for a member when its words are in the member's role; `{GENERAL}` is for all others.\n"
        )
    return text


def _steps(steps: Iterable[Step]) -> str:
    rows = []
    for step in steps:
        often = f" every {step.every} for {step.weeks} weeks" if step.signals else ""
        added = [
            f"`{name}` +{n}" for name, n in zip(_names(step.signals), step.signals.values(), strict=True)
        ]
        known = [
            f"`{name}` +{n}" for name, n in zip(_names(step.registers), step.registers.values(), strict=True)
        ]
        rows.append(f"| {step.text} | {', '.join(added + known)}{often} |")
    if not rows:
        return ""
    head = [
        "## Steps",
        "",
        "What `explain` tries out to say what would gain most.",
        "",
        "| step | adds |",
        "|---|---|",
    ]
    return "\n".join([*head, *rows, ""])
