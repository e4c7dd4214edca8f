"""Where commands get the members from: files of events, or the live state."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agents.cli._options import date_of
from agents.config.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from agents.config.settings import Settings
    from pipeline.reports.population import Known, Population
    from pipeline.rubric.model import Rubric
    from schemas.frames import Frame
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
        from agents.screens.visible import identity

        known = self.population.find(name)
        if known is None:
            near = self.population.like(name)
            hint = f"; did you mean {' or '.join(map(identity, near))}?" if near else ""
            raise UserError(
                f"No activity of member {identity(name)} counts on that day{hint} ({self.account})"
            )
        return known


def members(
    settings: "Settings",
    rubric: "Rubric",
    files: Sequence[Path],
    *,
    as_of: str | None,
    member: str | None = None,
    week: bool = False,
    rejected: Path | None = None,
    on_rows: "Callable[[Frame, np.ndarray], object] | None" = None,
) -> Members:
    """The members of `files`, or without any those of the live state: all, or the partition of `member`.

    week: those of the files as of a week before, too; the live state has its own history. rejected: where to write
    the lines of the files that are no events. on_rows: gets the rows of the files (`FileShard`); live there are none.
    """
    from agents.config.clock import clock
    from agents.files.inputs import Inputs
    from agents.files.rejected import rejected_file
    from agents.offline.engine import AsLive, Offline, read_into
    from agents.queries import member_network, member_ranks
    from agents.screens import console

    if not files:
        if as_of is not None:
            raise UserError("--as-of needs FILE: the live state is as of the workers' current day")
        if rejected is not None:
            raise UserError("--rejected needs FILE: the dead letters of the live state are in a topic")
        return _live(settings, rubric, member)
    day, now = clock(settings, date_of(as_of)).today(), clock(settings)
    lines = Inputs(files)
    with rejected_file(rejected) as sink, console.reading("reading", lines) as advance:
        runs = [
            Offline(
                settings,
                rubric,
                of,
                networks=member is not None,
                as_live=AsLive(now.latest_ms(of), now_ms=now.now_ms()),
                rejected=to,
                on_rows=on_rows,
            )
            for of, to in (((day, sink), (day - 7, None)) if week else ((day, sink),))
        ]
        read_into(runs, lines, advance)
    runs[0].files.require_events()
    found, account = runs[0].population, console.account(runs[0].account)
    return Members(
        found,
        account,
        lambda name: member_ranks.in_file(found, name, settings),
        lambda name: member_network.in_file(found, name, settings),
        runs[1].population if week else None,
    )


def _live(settings: "Settings", rubric: "Rubric", member: str | None) -> Members:
    import asyncio

    from agents.config.clock import clock
    from agents.local.broker import connected
    from agents.queries import live_state, member_network, member_ranks
    from agents.screens import console
    from agents.topics.creation import ensure

    settings = connected(settings, report=console.report)

    async def read() -> "Population":
        await ensure(settings)
        with console.progress("reading the live state") as advance:
            today = clock(settings).today()
            return await live_state.population(
                settings, rubric, today, report=console.report, member=member, on_progress=advance
            )

    population = asyncio.run(read())

    def ranks(name: str) -> "dict[str, Rank | None] | None":
        return asyncio.run(member_ranks.live(settings, rubric, population, member=name))

    def network(name: str) -> "NetworkStanding | None":
        return asyncio.run(member_network.live(settings, rubric, population, member=name))

    return Members(population, "the live state", ranks, network)
