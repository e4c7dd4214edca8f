"""Where commands get the members from: files of events, or the live state."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agents.cli._options import date_of
from agents.config.errors import UserError

if TYPE_CHECKING:
    from agents.config.settings import Settings
    from pipeline.reports.population import Known, Population
    from pipeline.rubric.model import Rubric
    from schemas.network import NetworkStanding
    from schemas.scores import Rank


@dataclass(slots=True)
class Members:
    """The members; account: where they are from, and what became of the events.

    ranks, network: of a member, in their cohorts and among their connections; week_ago: the same members a
    week before, if it was asked for and they are from files.
    """

    population: "Population"
    account: str
    ranks: "Callable[[str], dict[str, Rank | None] | None]"
    network: "Callable[[str], NetworkStanding | None]"
    week_ago: "Population | None" = None

    def find(self, name: str) -> "Known":
        """A member; raises UserError, with the names that are like it, when nothing is known of one."""
        from agents.screens.console import printable

        known = self.population.find(name)
        if known is None:
            near = self.population.like(name)
            hint = f"; did you mean {' or '.join(map(printable, near))}?" if near else ""
            raise UserError(
                f"No activity of member {printable(name)} counts on that day{hint} ({self.account})"
            )
        return known


def members(
    settings: "Settings",
    rubric: "Rubric",
    files: Sequence[Path],
    as_of: str | None,
    member: str | None = None,
    week: bool = False,
) -> Members:
    """The members of `files`, or without any those of the live state: all, or the partition of `member`.

    week: those of the files as of a week before, too; the live state has its own history.
    """
    from agents.config.clock import clock
    from agents.files.inputs import Inputs
    from agents.offline.engine import Offline, read_into
    from agents.queries import member_network, member_ranks
    from agents.screens import console

    if not files:
        if as_of is not None:
            raise UserError("--as-of needs FILE: the live state is as of the workers' current day")
        return _live(settings, rubric, member)
    day = clock(settings, date_of(as_of)).today()
    latest_ms = clock(settings).latest_ms
    runs = [
        Offline(settings, rubric, of, networks=member is not None, latest_ms=latest_ms(of))
        for of in ((day, day - 7) if week else (day,))
    ]
    lines = Inputs(files)
    with console.reading("reading", lines) as told:
        read_into(runs, lines, told)
    now, account = runs[0].population, console.account(runs[0].counters)
    return Members(
        now,
        account,
        lambda name: member_ranks.in_file(now, name, settings),
        lambda name: member_network.in_file(now, name, settings),
        runs[1].population if week else None,
    )


def _live(settings: "Settings", rubric: "Rubric", member: str | None) -> Members:
    import asyncio

    from agents.config.clock import clock
    from agents.kafka.topics import ensure
    from agents.local.broker import connected
    from agents.queries import live_state, member_network, member_ranks
    from agents.screens import console

    settings = connected(settings, say=console.say)

    async def read() -> "Population":
        await ensure(settings)
        with console.progress("reading the live state") as told:
            today = clock(settings).today()
            return await live_state.population(settings, rubric, today, console.say, member, told)

    population = asyncio.run(read())

    def ranks(name: str) -> "dict[str, Rank | None] | None":
        return asyncio.run(member_ranks.live(settings, rubric, population, name))

    def network(name: str) -> "NetworkStanding | None":
        return asyncio.run(member_network.live(settings, rubric, population, name))

    return Members(population, "the live state", ranks, network)
