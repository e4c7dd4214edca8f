"""A town: hundreds of simulated members who live among one another, teams of close colleagues, and planted pods.

    python -m perf.town SEED FILE.ndjson

The personas of `samples.personas` live among contacts who do nothing else. Here everybody is a contact of others, and
half of what they do is with a circle of acquaintances, so that engagement is returned as it is among people. A
third are in teams of close colleagues, who react to a good part of what each of them posts. So it is known who
is in a pod, and who merely looks a little like it.
"""

import argparse
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from samples.life import DAYS, START, Event, Life, Rates
from samples.personas import AVERAGE, EXECUTIVE, HR, MARKETER, RECRUITER, SELLER, SOCIAL_MEDIA, TOP

LURKER: Rates = {"login": 4, "view": 5, "read": 2, "react": 0.2, "got_view": 2, "accept": 0.2}
PEOPLE: Mapping[str, tuple[Rates, int]] = {
    "average": (AVERAGE, 38),
    "lurker": (LURKER, 14),
    "seller": (SELLER, 12),
    "recruiter": (RECRUITER, 6),
    "hr": (HR, 10),
    "marketer": (MARKETER, 8),
    "social-media": (SOCIAL_MEDIA, 3),
    "top-performer": (TOP, 4),
    "executive": (EXECUTIVE, 5),
}
"""Ordinary members: by kind their weekly rates, and how many of a hundred there are."""
CIRCLE = 25
SPREAD = (4, 6, 8, 12)
"""Sizes of teams, and of pods, in turn."""
EAGER = (0.2, 0.35, 0.5)
"""How much of what a colleague posts those of a team react to, in turn."""


@dataclass(frozen=True, slots=True)
class Planted:
    """How a pod behaves.

    answers: of what each of the others posts, how much one engages with. life: what its members do beside that.
    """

    name: str
    answers: float = 1.0
    life: Rates = field(default_factory=dict)


PODS: tuple[Planted, ...] = (
    Planted("open"),
    Planted("hidden", life=AVERAGE),
    Planted("busy", life=SELLER),
    Planted("loose", answers=0.75, life=AVERAGE),
)


@dataclass(slots=True)
class Town:
    """What happens in it; pods: the members of each; teams: those of each team of colleagues."""

    lives: dict[str, Life]
    pods: dict[str, list[str]]
    teams: list[list[str]]

    def events(self) -> Iterator[Event]:
        """All events, member by member."""
        for life in self.lives.values():
            yield from life.events

    @property
    def others(self) -> list[str]:
        """Who is in no pod."""
        planted = {name for pod in self.pods.values() for name in pod}
        return [name for name in self.lives if name not in planted]


class Neighbour(Life):
    """One of a town: half of what they do is with a circle, half with anybody."""

    def __init__(self, name: str, rng: random.Random, town: Sequence[str]) -> None:
        super().__init__(name, rng)
        others = [other for other in town if other != name]
        self.town, self.circle = others, rng.sample(others, min(CIRCLE, len(others)))

    def contact(self) -> str:
        """Somebody else of the town."""
        return self.rng.choice(self.circle if self.happens(0.5) else self.town)


def town(
    seed: int,
    members: int = 300,
    pods: Sequence[Planted] = PODS,
    *,
    days: int = DAYS,
    eager: Sequence[float] = EAGER,
) -> Town:
    """The same town for the same arguments; its last `days` days. eager: how much colleagues react, team by team."""
    rng = random.Random(f"town {seed}")
    kinds = [kind for kind, (_, share) in PEOPLE.items() for _ in range(share)]
    names = [f"{rng.choice(kinds)}-{number}" for number in range(members)]
    planted = {
        f"{pod.name}-{at}": [f"{pod.name}-{at}-{k}" for k in range(SPREAD[(seed + at) % len(SPREAD)])]
        for at, pod in enumerate(pods)
    }
    everybody = [*names, *(name for pod in planted.values() for name in pod)]
    lives: dict[str, Life] = {
        name: Neighbour(name, random.Random(f"{seed} {name}"), everybody) for name in everybody
    }
    first = DAYS - days
    for name in names:
        _live(lives[name], PEOPLE[name.rpartition("-")[0]][0], first)
    for (name, group), pod in zip(planted.items(), pods, strict=True):
        for member in group:
            if pod.life:
                _live(lives[member], pod.life, first)
        _answer(random.Random(f"{seed} {name}"), [lives[member] for member in group], pod, first=first)
    teams = _teams(rng, names)
    for at, team in enumerate(teams):
        _be_close(random.Random(f"{seed} team {at}"), [lives[name] for name in team], eager[at % len(eager)])
    return Town(lives, planted, teams)


def _live(life: Life, rates: Rates, first: int) -> None:
    life.introduce(first, (8, 1, 500, 2, "member"))
    for day in range(first, DAYS):
        life.day(day, rates, away=False)


def _teams(rng: random.Random, names: Sequence[str]) -> list[list[str]]:
    """Every third member is in a team."""
    left = rng.sample(names, len(names) // 3)
    teams = []
    while len(left) >= SPREAD[len(teams) % len(SPREAD)]:
        size = SPREAD[len(teams) % len(SPREAD)]
        teams.append(left[:size])
        left = left[size:]
    return teams


def _be_close(rng: random.Random, team: Sequence[Life], eager: float) -> None:
    """Colleagues react to what each of them posts, mostly on the same day, and sometimes comment."""
    posted = [
        (author, _day(event))
        for author in team
        for event in author.events
        if event["type"] in ("activity.post.published", "activity.article.published")
    ]
    for author, day in posted:
        for colleague in team:
            if colleague is author or rng.random() > eager:
                continue
            on = day if rng.random() < 0.8 else colleague.later(day, 3)
            colleague.event(on, "reaction.given", author=author.name)
            if rng.random() < 0.25:
                colleague.event(on, "comment.written", author=author.name, words=9)


def _answer(rng: random.Random, pod: Sequence[Life], how: Planted, *, first: int) -> None:
    """Each posts every working day, and the others engage with it on that day."""
    for day in range(first, DAYS):
        if (START + timedelta(days=day)).weekday() >= 5:
            continue
        for author in pod:
            author.event(day, "session.started")
            author.event(day, "post.published", media=rng.random() < 0.5)
            for other in pod:
                if other is author or rng.random() > how.answers:
                    continue
                other.event(day, "reaction.given", author=author.name)
                if rng.random() < 0.6:
                    other.event(day, "comment.written", author=author.name, words=12)
                if rng.random() < 0.15:
                    other.event(day, "content.shared", author=author.name, words=8)


def _day(event: Event) -> int:
    return (START.fromisoformat(event["time"][:10]) - START).days


def main() -> None:
    """Write the events of a seed as NDJSON, in the order of their times."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("seed", type=int)
    parser.add_argument("file", type=argparse.FileType("w", encoding="utf-8"))
    given = parser.parse_args()
    for event in sorted(town(given.seed).events(), key=lambda event: str(event["time"])):
        given.file.write(json.dumps(event, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
