"""An explanation as a tree for the terminal: score, pillars, components, signals, next steps."""

from collections.abc import Sequence

from rich.text import Text
from rich.tree import Tree

from agents.screens.visible import identity, visible
from pipeline.common.days import calendar
from pipeline.common.points import as_points
from pipeline.reports.advice import TOP
from pipeline.reports.explain import ComponentReport, Explanation, PillarReport, Source, TargetReport
from pipeline.rubric.components import PILLARS
from pipeline.rubric.model import GENERAL
from schemas.network import NetworkStanding
from schemas.scores import Rank

BAR = 20
"""Cells of a bar for a whole pillar."""


def tree(member: str, explanation: Explanation, max_steps: int = 10, *, everything: bool = False) -> Tree:
    """The explanation of a member's score, with at most so many next steps.

    everything: also the components for which nothing counts; otherwise they are only named.
    """
    title = f"{as_points(explanation.score)}  {identity(member)}"
    about = f"as of {calendar(explanation.day)} by {explanation.rubric} {explanation.version}"
    top = Tree(Text.assemble((title, "bold"), f", {about}"), guide_style="dim")
    if explanation.target is not None:
        top.add(Text(_target(explanation.target)))
    for cohort, rank in (explanation.ranks or {}).items():
        top.add(Text(_rank(cohort, rank)))
    if explanation.network is not None:
        top.add(Text(_network(explanation.network)))
    for pillar in explanation.pillars:
        branch = top.add(_pillar(pillar, pillar.name == explanation.weakest))
        _add_all(branch, pillar.components, everything)
    for penalty in explanation.penalties:
        if everything or _counts(penalty):
            _add(top, penalty)
    if explanation.before_floor < explanation.score:
        full = as_points(explanation.before_floor)
        top.add(Text(f"{full:>5} in all, but a score never falls below 0: gains count once this is above 0"))
    if explanation.stop:
        stops = top.add(Text("What to stop, and what it costs now", "bold"))
        for stop in explanation.stop:
            stops.add(Text(f"{as_points(-stop.costs):>6}  {visible(stop.text)}"))
    if explanation.next_steps:
        steps = top.add(Text("Next steps and their gain", "bold"))
        for step in explanation.next_steps[:max_steps]:
            steps.add(Text(f"{'+' + as_points(step.gain):>6}  {visible(step.text)}"))
        if len(explanation.next_steps) > 1:
            many = min(TOP, len(explanation.next_steps))
            steps.add(Text(f"{'+' + as_points(explanation.together):>6}  the first {many} of them together"))
        if len(explanation.next_steps) > max_steps:
            steps.add(Text(f"and {len(explanation.next_steps) - max_steps} more: shown by --json", "dim"))
    return top


def _target(target: TargetReport) -> str:
    """`target 60.00 to 65.00 (marketing, for role Head of Marketing): 3.20 below target`."""
    span = as_points(target.low) + (f" to {as_points(target.high)}" if target.high > target.low else "")
    if target.role is None:
        whose = f"{target.name}, role unknown"
    elif target.name == GENERAL:
        whose = f"{target.name}, no target for role {identity(target.role)}"
    else:
        whose = f"{target.name}, for role {identity(target.role)}"
    reached = f"{as_points(target.missing)} below target" if target.missing else "reached"
    return f"target {span} ({whose}): {reached}"


def _rank(cohort: str, rank: Rank | None) -> str:
    """`industry:software: rank 32.5 of 1,000 (top 3.25 %)`."""
    if rank is None:
        return f"{identity(cohort)}: too few members for a rank"
    active = "" if rank.active is None else f", {rank.active:,} of them active"
    return f"{identity(cohort)}: rank {rank.place:,.10g} of {rank.of:,} (top {_percent(rank.top)} %){active}"


def _percent(top: float) -> str:
    """Whole percents, with two decimals below 10, where they matter."""
    return f"{top:.0f}" if top >= 10 else f"{top:.2f}"


def _network(network: NetworkStanding) -> str:
    """`own network: rank 1 of 58 (top 0.87 %); 61 connections, average 43.21, 36.20 % engage`."""
    many = f"{network.connections:,} connection{'' if network.connections == 1 else 's'}"
    if network.scored < network.connections:
        many += f", {network.scored:,} with a score"
    if network.average is not None:
        many += f", average {network.average:.2f}"
    if network.engaging is not None:
        many += f", {network.engaging:.2f} % engage"
    if network.rank is not None:
        return f"{_rank('own network', network.rank)}; {many}"
    few = ": too few for a rank" if network.average is None else ""
    return f"own network: {many}{few}"


def _of(points: int, max_points: int, name: str) -> str:
    return f"{as_points(points):>5} of {as_points(max_points)}  {name}"


def _pillar(pillar: PillarReport, weakest: bool) -> Text:
    """`12.50 of 25.00  engage  ██████████░░░░░░░░░░  weakest`."""
    filled = round(BAR * max(0, pillar.points) / pillar.max) if pillar.max else 0
    width = max(len(name) for name in PILLARS)
    return Text.assemble(
        (_of(pillar.points, pillar.max, f"{pillar.name:{width}}"), "bold"),
        ("  " + "█" * filled, "cyan"),
        ("░" * (BAR - filled), "dim"),
        ("  weakest" if weakest else "", "yellow"),
    )


def _counts(component: ComponentReport) -> bool:
    """Whether there is anything to show of a component."""
    return component.full != 0 or any(source.count for source in component.sources)


def _add_all(branch: Tree, components: Sequence[ComponentReport], everything: bool) -> None:
    for component in components:
        if everything or _counts(component):
            _add(branch, component)
    silent = [component.name for component in components if not _counts(component)]
    if silent and not everything:
        branch.add(Text(f"nothing counts yet for {', '.join(silent)}", "dim"))


def _add(branch: Tree, component: ComponentReport) -> None:
    rule = f": {component.measured}; {component.rule}"
    faint = "" if component.points else "dim"
    node = branch.add(
        Text.assemble((_of(component.full, component.max, component.name), faint), (rule, "dim"))
    )
    for source in component.sources:
        if source.count:
            node.add(Text(_source(source)))


def _source(source: Source) -> str:
    """`1.20  post: 12 times, 8 counted (over the cap of 2 on 3 days), weight 2`."""
    text = f"{as_points(source.points):>5}  {source.name}"
    if source.role == "register":
        return f"{text}: {source.count:,}" + (
            f", counted up to {source.cap}" if source.cap and source.cap > 1 else ""
        )
    times = f"{source.count:,} time{'' if source.count == 1 else 's'}"
    if source.role.startswith("active"):
        periods = source.role.removeprefix("active ").removesuffix("s" if source.counted == 1 else "")
        return f"{text}: {times}, {source.counted} active {periods}"
    role = f" ({source.role})" if source.role != "signal" else ""
    capped = ""
    if source.days_capped:
        days = "1 day" if source.days_capped == 1 else f"{source.days_capped} days"
        capped = f", {source.counted:,} counted (over the cap of {source.cap} on {days})"
    if source.weeks_capped:
        weeks = "1 week" if source.weeks_capped == 1 else f"{source.weeks_capped} weeks"
        also = capped.removesuffix(")") + " and" if capped else f", {source.counted:,} counted (over"
        capped = f"{also} the cap of {source.week_cap} in {weeks})"
    weight = f", weight {source.weight}" if source.weight != 1 else ""
    return f"{text}{role}: {times}{capped}{weight}"
