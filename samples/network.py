"""A simulated network: three employers, their teams, and 120 days of what everybody does with everybody.

    python -m samples.network FILE.ndjson

Each member lives by the weekly rates of a persona, times a factor of their own. Everything that has another side
has a member of the network there, so whoever is invited, answered or commented is scored too. The same events for
the same seed.
"""

import argparse
import json
import random
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from samples.life import DAYS, Event, Life, Rates
from samples.names import names
from samples.personas import AVERAGE, EXECUTIVE, HR, MARKETER, RECRUITER, SELLER, SOCIAL_MEDIA, TOP, times

SEED = 2026
SOURCE = "/samples/network"
CLOSE = 0.4
"""How much of what a member does is with their own team and those they met."""

STAR: Rates = times(
    TOP, 3.5, login=7, accrate=0.75, replyrate=0.75, inmailrate=0.5, followup=0.6, got_share=10
) | {
    **{
        "endorsed": 14,
        "recommended": 5,
        "recommend": 3,
        "article": 7,
        "post": 14,
        "live": 7,
        "group": 14,
        "follower": 60,
    },
}
LURKER: Rates = {"login": 4, "view": 5, "read": 2, "react": 0.2, "accept": 0.1}
SPAMMER: Rates = times(SELLER, 0.2, login=5.5) | {
    **{
        "invite": 120,
        "accrate": 0.06,
        "note": 0,
        "target": 0.2,
        "outreach": 60,
        "replyrate": 0.02,
        "followup": 0,
    },
    "spam": 0.4,
}


@dataclass(frozen=True, slots=True)
class Kind:
    """How somebody lives: rates, how much attention they get, and what their profile shows."""

    rates: Rates
    attention: float
    sections: int
    media: int
    connections: int
    steady: bool = False
    """Whether activity neither rises nor falls."""


KINDS = {
    "average": Kind(AVERAGE, 1, 7, 1, 350),
    "seller": Kind(SELLER, 6, 10, 3, 900),
    "top": Kind(TOP, 10, 10, 3, 1500),
    "star": Kind(STAR, 60, 10, 3, 2500, steady=True),
    "recruiter": Kind(RECRUITER, 5, 9, 2, 2500),
    "hr": Kind(HR, 3, 9, 1, 900),
    "marketer": Kind(MARKETER, 6, 10, 3, 1000),
    "social-media": Kind(SOCIAL_MEDIA, 18, 10, 3, 3000),
    "executive": Kind(EXECUTIVE, 14, 8, 2, 5000),
    "lurker": Kind(LURKER, 0.3, 5, 0, 120),
    "spammer": Kind(SPAMMER, 0.5, 8, 1, 4000),
}


@dataclass(frozen=True, slots=True)
class Team:
    """One team of each employer: role, and who is in it, by kind."""

    name: str
    role: str
    kinds: Sequence[str]


TEAMS = (
    Team("sales-north", "sales", ("top", *["seller"] * 3, *["average"] * 3, "lurker")),
    Team("sales-south", "sales", (*["seller"] * 3, *["average"] * 3, "lurker")),
    Team("recruiting", "recruiter", (*["recruiter"] * 3, *["average"] * 2)),
    Team("people", "hr", (*["hr"] * 4, *["average"] * 2)),
    Team("marketing", "marketing", ("social-media", *["marketer"] * 4, "average", "lurker")),
    Team("engineering", "engineering", (*["average"] * 7, *["lurker"] * 4)),
    Team("leadership", "ceo", ("executive", "executive", "average")),
)
EMPLOYERS = (
    {"employer": "Alder", "industry": "software", "region": "north"},
    {"employer": "Birch", "industry": "finance", "region": "south"},
    {"employer": "Cedar", "industry": "health", "region": "west"},
)
NOWHERE = {"employer": "none", "industry": "other", "region": "east"}
LEVELS = ("director", "senior", "senior", "mid", "mid", "entry")
"""Of the members of a team in turn; leadership is `cxo`."""


class Member(Life):
    """A member of the network, at a desk of a team."""

    def __init__(
        self, name: str, rng: random.Random, *, kind: Kind, place: dict[str, str], network: "Network"
    ) -> None:
        super().__init__(name, rng)
        self.kind, self.place = kind, place
        self.met: list[str] = []
        self._network = network

    def contact(self) -> str:
        """Somebody close, or anybody; those who get more attention more often."""
        close = self._network.teams[self.place["team"]]
        if self.happens(CLOSE) and (near := [name for name in (*close, *self.met) if name != self.name]):
            return self.rng.choice(near)
        while (name := self._network.anybody(self.rng, active=False)) == self.name:
            pass
        return name

    def event(self, day: int, kind: str, subject: str | None = None, /, **data: Any) -> None:
        """As of every life; who was accepted is met from then on."""
        super().event(day, kind, subject, **data)
        self.events[-1]["source"] = SOURCE
        if kind == "invitation.accepted":
            self.met.append(data["inviter"] if subject is None else subject)

    def join(self, day: int) -> None:
        """The profile, the desk and the groups."""
        kind = self.kind
        self.introduce(day, (kind.sections, kind.media, kind.connections, 0, self.place["role"]))
        self.events[-1]["data"] |= self.place
        for group in self.rng.sample(range(12), min(5, kind.media + 1)):
            self.event(day, "group.joined", group=f"group-{group}")

    def _receive(self, day: int, rates: Rates, share: float) -> None:
        """What others do that no rate of theirs says; what is given is received anyway."""
        for name, kind, key in GIVEN:
            for _ in self._many(rates, name, share):
                self.event(day, kind, self._network.other(self.rng, self.name), **{key: self.name})


GIVEN = (
    ("endorsed", "endorsement.given", "endorsed"),
    ("recommended", "recommendation.given", "recipient"),
    ("follower", "member.followed", "followed"),
    ("spam", "spam.reported", "reported"),
)


class Network:
    """All members by name, and the members of each team."""

    def __init__(self, seed: int) -> None:
        self.members: dict[str, Member] = {}
        self.teams: dict[str, list[str]] = {}
        self._seed = seed
        self._free_names = names(seed)
        for where in EMPLOYERS:
            for team in TEAMS:
                for seat, kind in enumerate(team.kinds):
                    self._add(kind, team, seat=seat, where=where)
        self._add("star", TEAMS[0], seat=1, where=EMPLOYERS[0])
        self._add("spammer", Team("solo", "sales", ()), seat=3, where=NOWHERE)
        self._names = list(self.members)
        self._attention = list(accumulate(member.kind.attention for member in self.members.values()))
        self._activity = list(accumulate(member.kind.rates["login"] for member in self.members.values()))

    def _add(self, kind: str, team: Team, *, seat: int, where: dict[str, str]) -> None:
        name = next(self._free_names)
        of = f"{where['employer'].lower()}-{team.name}"
        level = "cxo" if team.role == "ceo" else LEVELS[seat % len(LEVELS)]
        place = where | {"team": of, "role": team.role, "seniority": level}
        rng = random.Random(f"{self._seed} {name}")
        self.members[name] = Member(name, rng, kind=KINDS[kind], place=place, network=self)
        self.teams.setdefault(of, []).append(name)

    def anybody(self, rng: random.Random, active: bool) -> str:
        """A member, by how much they do, or by how much attention they get."""
        weights = self._activity if active else self._attention
        return self._names[bisect(weights, rng.random() * weights[-1])]

    def other(self, rng: random.Random, name: str) -> str:
        """One of those who do something, but not `name`."""
        while (found := self.anybody(rng, active=True)) == name:
            pass
        return found


@dataclass(frozen=True, slots=True)
class Course:
    """How a member's activity goes: by day, the factor of their rates; 0 while away.

    joined: the first day. factor: at the start and at the end, and evenly between. away: days [first, last).
    """

    joined: int
    factor: tuple[float, float]
    away: tuple[int, int]

    @classmethod
    def drawn(cls, rng: random.Random) -> "Course":
        """One in eight joined late, one in three rises or falls, one in five was away for weeks."""
        own = rng.choice((0.5, 0.7, 0.85, 1, 1, 1.2, 1.4))
        end = own * rng.choice((0.15, 0.4, 1, 1, 1, 1, 1, 1, 1, 1, 1.8, 2.5))
        joined = rng.randrange(40, DAYS - 5) if rng.random() < 1 / 8 else 0
        first = rng.randrange(30, DAYS) if rng.random() < 1 / 5 else DAYS
        return cls(joined, (own, end), (first, first + rng.choice((7, 14, 21))))

    def at(self, day: int) -> float:
        """The factor on a day."""
        start, end = self.factor
        return start + (end - start) * day / DAYS

    def is_away(self, day: int) -> bool:
        """Whether nothing is done on a day."""
        return self.away[0] <= day < self.away[1]


def _live(member: Member) -> None:
    course = Course(0, (1, 1), (DAYS, DAYS)) if member.kind.steady else Course.drawn(member.rng)
    member.join(course.joined)
    for day in range(course.joined, DAYS):
        rates = times(member.kind.rates, course.at(day))
        member.day(day, rates, course.is_away(day))
        if member.kind.attention >= 5 and member.happens(0.01):
            member.event(day, "live.hosted")
        if member.met and member.happens(0.002):
            member.event(day, "connection.removed", peer=member.met.pop())
        if member.happens(0.001):
            member.event(day, "group.left", group=f"group-{member.rng.randrange(12)}")


LEAVES = "lurker"
"""Of this kind, one leaves the network for good on the day before the last."""


def events(seed: int = SEED) -> Iterator[Event]:
    """All events, in the order of their times."""
    network = Network(seed)
    for member in network.members.values():
        _live(member)
    leaver = next(member for member in network.members.values() if member.kind is KINDS[LEAVES])
    leaver.event(DAYS - 2, "member.erased")
    made = [event for member in network.members.values() for event in member.events]
    yield from sorted(made, key=lambda event: (str(event["time"]), str(event["id"])))


def main() -> None:
    """Write the events as NDJSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=argparse.FileType("w", encoding="utf-8"))
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    for event in events(given.seed):
        given.file.write(json.dumps(event, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
