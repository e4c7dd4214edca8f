"""The whole audit: looks for everything among all members, and works out what it earns."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np

from pipeline.abuse.exchanges import Table
from pipeline.abuse.fans import Fans, fans
from pipeline.abuse.findings import (
    FoundBurst,
    FoundFans,
    FoundFlood,
    FoundPod,
    Partner,
    PodMember,
    Report,
    Suspect,
)
from pipeline.abuse.own_activity import OWN, SENT, Burst, Flood, activity
from pipeline.abuse.pods import Pod, inside, pods, within
from pipeline.common.days import calendar
from pipeline.common.units import Day
from pipeline.reports.population import People
from pipeline.rubric.model import Rubric
from pipeline.scoring.member import Member, batch
from pipeline.scoring.scorer import Scorer
from schemas.scores import RubricName
from schemas.signals import DISTINCT, Signal

EARNED = 200
"""Hundredths of a point that a burst earns at least to be reported: what earns nothing buys nothing."""

Tiles = dict[tuple[Signal, int], int]


@dataclass(slots=True)
class _Own:
    """What a member was found to do: a burst, a flood, or both."""

    burst: Burst | None
    flood: Flood | None


def audit(rubric: Rubric, day: Day, people: Iterable[People], *, table: Table) -> Report:
    """Look for pods, bursts and floods.

    people: everybody who has a score as of `day`. table: who has credited whom in the window.
    """
    found_pods, found_fans = pods(table), [*fans(table)]
    wanted = {table.names[one] for pod in found_pods for one in pod.members}
    wanted |= {table.names[one.member] for one in found_fans}
    known: dict[str, Member] = {}
    own: dict[str, _Own] = {}
    members = 0
    for some in people:
        members += len(some.names)
        rows = {row for row, name in enumerate(some.names) if name in wanted}
        for row, burst, flood in activity(len(some.names), some.pairs, day):
            own[some.names[row]] = _Own(burst, flood)
            rows.add(row)
        known |= {some.names[row]: Member.of(day, some.pairs, some.numbers, row=row) for row in sorted(rows)}
    judge = _Judge(rubric, day, table=table, known=known)
    bursts = [judge.burst(name, one.burst) for name, one in own.items() if one.burst]
    floods = [judge.flood(name, one.flood) for name, one in own.items() if one.flood]
    return Report(
        as_of=calendar(day),
        rubric=RubricName(name=rubric.name, version=str(rubric.version)),
        members=members,
        pods=tuple(judge.pods(found_pods)),
        bursts=_by_points(one for one in bursts if one.score - one.without >= EARNED),
        floods=_by_points(floods),
        fans=_by_points(judge.fans(one) for one in found_fans),
    )


def partners(report: Report, table: Table, member: str, *, most: int = 10) -> list[Partner]:
    """With whom a member exchanges most engagement."""
    if member not in table.names:
        return []
    engaged = table.engagement()
    me = table.names.index(member)
    together = {
        one.member
        for pod in report.pods
        if any(one.member == member for one in pod.members)
        for one in pod.members
    }
    given, received = engaged.only(engaged.giver == me), engaged.only(engaged.receiver == me)
    found = []
    for other in np.unique(np.concatenate([given.receiver, received.giver])).tolist():
        to, back = given.only(given.receiver == other), received.only(received.giver == other)
        name = table.names[other]
        found.append(
            Partner(
                member=name,
                given=int(to.count.sum()),
                given_days=len(np.unique(to.day)),
                received=int(back.count.sum()),
                received_days=len(np.unique(back.day)),
                pod=name in together,
            )
        )
    return sorted(found, key=lambda one: (-one.given - one.received, one.member))[:most]


Kind = TypeVar("Kind", bound=Suspect)


def _by_points(found: Iterable[Kind]) -> tuple[Kind, ...]:
    return tuple(sorted(found, key=lambda one: (one.without - one.score, one.member)))


class _Judge:
    """Scores members with and without something; known: what is counted of those who are named."""

    def __init__(self, rubric: Rubric, day: Day, *, table: Table, known: Mapping[str, Member]) -> None:
        self._scorer = Scorer(rubric, day)
        self._day = day
        self._table = table
        self._known = known

    def pods(self, found: Sequence[Pod]) -> Iterator[FoundPod]:
        """The pods with their evidence."""
        table, pod_of = self._table, within(found, self._table)
        given, received = inside(found, table)
        order = np.argsort(pod_of, kind="stable")
        starts = np.searchsorted(pod_of[order], np.arange(len(found) + 1))
        for at, pod in enumerate(found):
            mine = table.only(order[starts[at] : starts[at + 1]])
            members = [
                PodMember(
                    **self._suspect(table.names[one], self._exchanged(mine, one)).model_dump(),
                    given_inside=round(float(given[one]), 4),
                    received_inside=round(float(received[one]), 4),
                )
                for one in pod.members
            ]
            engaged = mine.engagement()
            yield FoundPod(
                members=_by_points(members),
                together=round(pod.together, 4),
                engagements=int(engaged.count.sum()),
                days=len(np.unique(engaged.day)),
            )

    def burst(self, name: str, burst: Burst) -> FoundBurst:
        days = set(burst.days)
        done = {tile: n for tile, n in self._of(name).tiles.items() if tile[0] in OWN and tile[1] in days}
        return FoundBurst(
            **self._suspect(name, done).model_dump(),
            days=tuple(calendar(Day(day)) for day in burst.days),
            done=burst.done,
            of=burst.of,
            usual=burst.usual,
        )

    def flood(self, name: str, flood: Flood) -> FoundFlood:
        sent = {tile: n for tile, n in self._of(name).tiles.items() if tile[0] in SENT}
        return FoundFlood(
            **self._suspect(name, sent).model_dump(),
            week_up_to=calendar(Day(flood.last)),
            in_week=flood.week,
            sent=flood.sent,
            answered=flood.answered,
        )

    def fans(self, found: Fans) -> FoundFans:
        table = self._table
        of_fans = table.only((table.receiver == found.member) & np.isin(table.giver, found.fans))
        name = table.names[found.member]
        return FoundFans(
            **self._suspect(name, self._exchanged(of_fans, found.member)).model_dump(),
            fans=tuple(sorted(table.names[one] for one in found.fans)),
            received=found.received,
            of_fans=found.of_fans,
        )

    def _of(self, name: str) -> Member:
        return self._known.get(name) or Member()

    def _suspect(self, name: str, less: Tiles) -> Suspect:
        member = self._of(name)
        rest = member.plus({tile: -count for tile, count in less.items()})
        score, without = self._scorer.points(*batch(self._day, [member, rest])).score.tolist()
        return Suspect(member=name, score=score, without=without)

    def _exchanged(self, exchanges: Table, member: int) -> Tiles:
        """What a member was credited by exchanges; who is counted once a day is counted so here too."""
        found: Tiles = defaultdict(int)
        met: set[tuple[Signal, int, int]] = set()
        mine = exchanges.only((exchanges.giver == member) | (exchanges.receiver == member))
        rows: Sequence[Sequence[int]] = np.stack(
            [mine.giver, mine.receiver, mine.day, mine.kind, mine.count], axis=1
        ).tolist()
        for giver, receiver, day, kind, count in rows:
            gives = giver == member
            mask = exchanges.kinds[kind][0 if gives else 1]
            other = receiver if gives else giver
            for signal in _signals(mask):
                if signal not in DISTINCT:
                    found[signal, day] += count
                elif (signal, other, day) not in met:
                    met.add((signal, other, day))
                    found[signal, day] += 1
        return found


@cache
def _signals(mask: int) -> tuple[Signal, ...]:
    return tuple(signal for signal in Signal if mask >> signal & 1)
