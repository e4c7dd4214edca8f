"""What an audit has found, and what scores cost, for the terminal."""

from collections.abc import Iterable, Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from agents.screens.visible import identity
from pipeline.abuse.findings import FoundBurst, FoundFans, FoundFlood, FoundPod, Partner, Report, Suspect
from pipeline.abuse.plans import Plan, Price
from pipeline.common.points import as_points

NOTHING = "Nothing was found"
_FANS = 5
"""Of one member that are named on the screen; JSON has all."""


def prices(found: Sequence[Price]) -> Table:
    """What scores cost: a line for each length and number of helpers, a column for each target."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("days", justify="right")
    shown.add_column("helpers", justify="right")
    shown.add_column("at most", justify="right")
    for plan in found[0].plans if found else ():
        shown.add_column(f"{plan.target} points")
    for price in found:
        row = [str(price.length), str(price.helpers), as_points(price.bound)]
        shown.add_row(*row, *(cost(plan) for plan in price.plans))
    return shown


def cost(plan: Plan) -> str:
    """What a target costs: `29 events (at least 13)`."""
    if plan.at_least is None:
        return "out of reach"
    if plan.events is None:
        return f"none found (at least {plan.at_least:,})"
    return f"{plan.events:,} events (at least {plan.at_least:,})"


def plans(found: Iterable[Price]) -> Iterator[RenderableType]:
    """Every plan that is known, action by action."""
    for price in found:
        for plan in price.plans:
            if plan.events is None or plan.score is None:
                continue
            helped = f" with {price.helpers} helpers" if price.helpers else " alone"
            yield Text(
                f"{plan.target} points in {price.length} days{helped}: {plan.events:,} events, score "
                f"{as_points(plan.score)} on a {plan.last}",
                "bold",
            )
            shown = Table(box=None, pad_edge=False)
            shown.add_column("times", justify="right")
            shown.add_column("on days", justify="right")
            shown.add_column("action")
            for line in plan.lines:
                shown.add_row(f"{line.times:,}", f"{len(line.days_before):,}", line.action)
            yield shown


def report(found: Report, *, most: int) -> Iterator[RenderableType]:
    """All that was found, at most so many of each kind."""
    parts: list[tuple[str, Sequence[object], Table]] = [
        ("Pods", found.pods, _pods(found.pods[:most])),
        ("Bursts", found.bursts, _bursts(found.bursts[:most])),
        ("Floods that are not answered", found.floods, _floods(found.floods[:most])),
        ("Members lifted by fans", found.fans, _fans(found.fans[:most])),
    ]
    if not found.named:
        yield Text(NOTHING)
    for title, every, shown in parts:
        if every:
            more = f", {most:,} shown" if len(every) > most else ""
            yield Text(f"{title}: {len(every):,}{more}", "bold")
            yield shown


def partners(found: Sequence[Partner]) -> Table:
    """With whom a member exchanges engagement."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("with", overflow="fold")
    for name in ("given", "on days", "received", "on days"):
        shown.add_column(name, justify="right")
    shown.add_column("")
    for one in found:
        counts = (one.given, one.given_days, one.received, one.received_days)
        shown.add_row(Text(identity(one.member)), *(f"{n:,}" for n in counts), "same pod" if one.pod else "")
    return shown


def _table(*columns: str) -> Table:
    """Of members: the columns, then the points."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("member", overflow="fold")
    for name in (*columns, "score", "without"):
        shown.add_column(name, justify="right", no_wrap=True)
    return shown


def _row(shown: Table, one: Suspect, *cells: str) -> None:
    shown.add_row(Text(identity(one.member)), *cells, as_points(one.score), as_points(one.without))


def _pods(found: Iterable[FoundPod]) -> Table:
    shown = _table("gives inside", "gets from it", "together", "engagements", "days")
    for at, pod in enumerate(found):
        if at:
            shown.add_section()
        for number, one in enumerate(pod.members):
            whole = (f"{pod.together:.0%}", f"{pod.engagements:,}", f"{pod.days:,}")
            cells = (f"{one.given_inside:.0%}", f"{one.received_inside:.0%}")
            _row(shown, one, *cells, *(whole if not number else ("", "", "")))
    return shown


def _bursts(found: Iterable[FoundBurst]) -> Table:
    shown = _table("days", "from", "to", "done", "of all", "usual a day")
    for one in found:
        first, last = one.days[0].isoformat(), one.days[-1].isoformat()
        counts = (f"{one.done:,}", f"{one.of:,}", "–" if one.usual is None else f"{one.usual:,}")
        _row(shown, one, f"{len(one.days):,}", first, last, *counts)
    return shown


def _floods(found: Iterable[FoundFlood]) -> Table:
    shown = _table("in a week", "up to", "sent", "answered")
    for one in found:
        _row(shown, one, f"{one.in_week:,}", one.week_up_to.isoformat(), f"{one.sent:,}", f"{one.answered:,}")
    return shown


def _fans(found: Iterable[FoundFans]) -> Table:
    shown = _table("fans", "engagement", "of fans")
    for one in found:
        _row(shown, one, f"{len(one.fans):,}", f"{one.received:,}", f"{one.of_fans:,}")
        named = ", ".join(map(identity, one.fans[:_FANS]))
        more = f" and {len(one.fans) - _FANS:,} more" if len(one.fans) > _FANS else ""
        shown.add_row(Text(f"  {named}{more}", "dim"))
    return shown
