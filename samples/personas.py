"""Twenty simulated members with 120 days of events, by weekly rates: who a rubric is calibrated on.

    python -m samples.personas SEED FILE.ndjson

The same events for the same seed. Each persona draws numbers of its own, so one can be changed without the others.
"""

import argparse
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from samples.life import DAYS, START, Event, Life, Rates

AVERAGE: Rates = {
    **{"login": 3, "post": 0.5, "react": 5, "comment": 1, "substantive": 0.5, "share": 0.3, "read": 2},
    **{"group": 0.1, "search": 2, "view": 6, "invite": 1, "accrate": 0.5, "note": 0.3, "target": 0.4},
    **{"accept": 1, "outreach": 1.5, "replyrate": 0.55, "dialogue": 1.5, "followup": 0.15, "mention": 0.2},
    **{"live": 0.1, "got_react": 4, "got_comment": 0.6, "got_share": 0.1, "got_view": 5, "endorsed": 0.25},
    **{"recommended": 0.03, "recommend": 0.04, "follower": 0.5},
}
SELLER: Rates = {
    **{"login": 5.4, "post": 2.5, "article": 1, "react": 25, "comment": 8, "substantive": 0.85},
    **{"share": 2.5, "insight": 0.9, "mention": 2, "live": 1, "read": 5, "group": 2, "search": 25},
    **{"searches": (5, 5, 5, 10), "view": 50, "degrees": (1, 4, 5), "lead": 6, "account": 2, "invite": 10},
    **{"accrate": 0.4, "note": 0.9, "target": 0.9, "accept": 4, "outreach": 10, "replyrate": 0.4},
    **{"dialogue": 8, "followup": 0.4, "inmail": 5, "inmailrate": 0.22, "recommend": 0.25},
    **{"recommended": 0.25, "endorsed": 2, "got_react": 40, "got_comment": 8, "got_share": 2},
    **{"got_view": 40, "follower": 8, "got_mention": 1},
}
RECRUITER: Rates = {
    **{"login": 5.2, "post": 2, "article": 0.1, "react": 12, "comment": 3, "share": 1.5, "mention": 1},
    **{"live": 0.3, "read": 2, "group": 0.7, "search": 60, "searches": (10, 20, 15, 15), "view": 150},
    **{"degrees": (1, 4, 5), "lead": 10, "account": 0.5, "invite": 25, "accrate": 0.45, "note": 0.8},
    **{"target": 0.9, "accept": 8, "outreach": 18, "replyrate": 0.4, "dialogue": 15, "followup": 0.35},
    **{"inmail": 20, "inmailrate": 0.25, "recommend": 0.1, "recommended": 0.08, "endorsed": 1},
    **{"got_react": 25, "got_comment": 6, "got_share": 1.5, "got_view": 60, "follower": 6},
    **{"got_mention": 0.5},
}
HR: Rates = {
    **{"login": 4.5, "post": 1, "article": 0.15, "react": 12, "comment": 3, "substantive": 0.65},
    **{"share": 1.2, "mention": 0.7, "live": 0.3, "read": 3, "group": 0.6, "search": 8},
    **{"searches": (6, 2, 2, 0), "view": 25, "degrees": (3, 4, 3), "lead": 0.5, "invite": 4, "accrate": 0.5},
    **{"note": 0.6, "target": 0.7, "accept": 4, "outreach": 5, "replyrate": 0.5, "dialogue": 5},
    **{"followup": 0.3, "recommend": 0.15, "recommended": 0.1, "endorsed": 1, "got_react": 18},
    **{"got_comment": 4, "got_share": 0.7, "got_view": 25, "follower": 3, "got_mention": 0.4, "inmail": 1},
    **{"inmailrate": 0.25},
}
MARKETER: Rates = {
    **{"login": 5, "post": 3, "article": 0.5, "react": 20, "comment": 5, "substantive": 0.7, "share": 3},
    **{"insight": 0.7, "mention": 2, "live": 0.5, "read": 5, "group": 0.8, "search": 4, "view": 15},
    **{"searches": (8, 1, 1, 0), "degrees": (4, 4, 2), "lead": 0.2, "invite": 2.5, "accrate": 0.45},
    **{"note": 0.5, "target": 0.6, "accept": 3, "outreach": 3, "replyrate": 0.45, "dialogue": 3},
    **{"followup": 0.25, "recommend": 0.1, "recommended": 0.08, "endorsed": 1, "got_react": 50},
    **{"got_comment": 9, "got_share": 3, "got_view": 25, "follower": 8, "got_mention": 1},
}
SOCIAL_MEDIA: Rates = {
    **{"login": 6.2, "post": 5, "article": 1, "react": 45, "comment": 14, "substantive": 0.75, "share": 5},
    **{"insight": 0.7, "mention": 5, "live": 1.2, "read": 6, "group": 2, "search": 10, "view": 35},
    **{"searches": (5, 3, 2, 0), "degrees": (2, 4, 4), "lead": 1.5, "account": 0.5, "invite": 8},
    **{"accrate": 0.5, "note": 0.7, "target": 0.8, "accept": 7, "outreach": 7, "replyrate": 0.5},
    **{"dialogue": 9, "followup": 0.35, "recommend": 0.3, "recommended": 0.25, "endorsed": 2},
    **{"got_react": 150, "got_comment": 30, "got_share": 8, "got_view": 90, "follower": 30},
    **{"got_mention": 4, "inmail": 1, "inmailrate": 0.3},
}
EXECUTIVE: Rates = {
    **{"login": 2, "post": 2, "accept": 2, "got_react": 120, "got_comment": 20, "got_share": 6},
    **{"got_view": 70, "follower": 25, "got_mention": 3, "endorsed": 1.5, "recommended": 0.05},
    **{"read": 0.5, "dialogue": 0.5},
}
SHARES = {
    *("login", "substantive", "insight", "note", "target", "accrate", "replyrate", "followup", "inmailrate"),
    *("searches", "degrees"),
}
"""Of the rates: what is no number of events."""


def times(rates: Rates, factor: float, **more: Any) -> dict[str, Any]:
    """The rates with so many times the events."""
    return {name: rate if name in SHARES else rate * factor for name, rate in rates.items()} | more


@dataclass(frozen=True, slots=True)
class Phase:
    """Days [start, stop) of the simulation with these rates; away: nothing is done, only received."""

    rates: Rates
    start: int = 0
    stop: int = DAYS
    away: bool = False


@dataclass(frozen=True, slots=True)
class Persona:
    """profile: (sections filled, media, connections, groups, role) from the day `joined` on."""

    name: str
    profile: tuple[int, int, int, int, str]
    phases: Sequence[Phase]
    joined: int = 0
    also: Callable[[Life], None] = field(default=lambda life: None)
    """What else the persona does, which rates can't say."""


def _burst_of_posts(life: Life) -> None:
    day = DAYS - 21
    life.event(day, "session.started")
    for _ in range(20):
        life.event(day, "post.published", media=True)
    for _ in range(60):
        life.event(day + life.rng.randrange(3), "reaction.given", life.contact(), author=life.name)


POD = [f"pod-{number}" for number in range(8)]


def _engage_with_each_other(life: Life) -> None:
    """What one of a pod does: a post each working day, and everything for the other seven."""
    for day in range(DAYS):
        if (START + timedelta(days=day)).weekday() >= 5:
            continue
        life.event(day, "session.started")
        life.event(day, "post.published", media=life.happens(0.5))
        for other in POD:
            if other == life.name:
                continue
            life.event(day, "reaction.given", author=other)
            if life.happens(0.6):
                life.event(day, "comment.written", author=other, words=12)
            if life.happens(0.15):
                life.event(day, "content.shared", author=other, words=8)
            if life.happens(0.1):
                life.event(day, "mention.made", mentioned=other)
            if life.happens(0.3):
                life.event(day, "message.sent", recipient=other, reply=life.happens(0.6))
            if life.happens(0.3):
                life.event(day, "profile.viewed", viewed=other, degree=1)


BURST = times(SELLER, 6, login=7)
BURST_DAY = 75
TOP = times(
    SELLER, 1.6, login=6.5, accrate=0.5, replyrate=0.55, inmailrate=0.35, substantive=0.95, followup=0.5
) | {"note": 1, "target": 1}
JOINER = times(AVERAGE, 1, login=6, post=1, react=12, comment=3, search=10, view=25, invite=20) | {
    **{"accrate": 0.6, "accept": 3, "outreach": 4, "dialogue": 3, "got_view": 10, "got_react": 6, "read": 4}
}
QUIET: Rates = {name: rate / 2 for name, rate in SELLER.items() if name.startswith("got_")}
MEMBER = (7, 1, 350, 2, "engineer")
SELLERS = (10, 3, 900, 5, "sales")
PERSONAS: tuple[Persona, ...] = (
    Persona("average", MEMBER, [Phase(AVERAGE)]),
    Persona("seller", SELLERS, [Phase(SELLER)]),
    Persona("recruiter", (9, 2, 2500, 4, "recruiter"), [Phase(RECRUITER)]),
    Persona("hr", (9, 1, 900, 4, "hr"), [Phase(HR)]),
    Persona("marketer", (10, 3, 1000, 4, "marketing"), [Phase(MARKETER)]),
    Persona("social-media", (10, 3, 3000, 5, "digital_media"), [Phase(SOCIAL_MEDIA)]),
    Persona("top-performer", (10, 3, 1500, 6, "sales"), [Phase(TOP)]),
    Persona("executive", (8, 2, 5000, 0, "ceo"), [Phase(EXECUTIVE)]),
    Persona(
        "lurker",
        (5, 0, 120, 1, "engineer"),
        [Phase({"login": 4, "view": 5, "read": 2, "react": 0.2, "got_view": 2, "accept": 0.2})],
    ),
    Persona("new-joiner", (8, 1, 15, 2, "analyst"), [Phase(JOINER, DAYS - 7)], joined=DAYS - 7),
    Persona(
        "returning",
        (9, 1, 900, 4, "hr"),
        [
            Phase(HR, 0, 71),
            Phase({"got_react": 2, "got_view": 3}, 71, 113, away=True),
            Phase(HR, 113),
        ],
    ),
    Persona("starter", SELLERS, [Phase(AVERAGE, 0, 90), Phase(SELLER, 90)]),
    Persona("quiet-week", SELLERS, [Phase(SELLER, 0, DAYS - 7), Phase(QUIET, DAYS - 7, away=True)]),
    Persona("burst", MEMBER, [Phase(AVERAGE), Phase(BURST, BURST_DAY, BURST_DAY + 2)]),
    Persona("burst-poster", (9, 2, 500, 2, "consultant"), [], also=_burst_of_posts),
    Persona(
        "invitation-spammer",
        (8, 1, 4000, 2, "sales"),
        [
            Phase(
                {
                    **{"login": 5.5, "invite": 400, "accrate": 0.08, "note": 0, "target": 0.2, "view": 80},
                    **{"search": 20, "spam": 0.15},
                }
            )
        ],
    ),
    Persona(
        "comment-bot",
        (6, 0, 300, 2, "growth"),
        [Phase({"login": 7, "comment": 300, "substantive": 0, "react": 600, "got_react": 5, "got_view": 10})],
    ),
    Persona(
        "message-spammer",
        (8, 1, 3000, 2, "sales"),
        [
            Phase(
                {
                    **{"login": 5.5, "outreach": 400, "replyrate": 0.0, "followup": 0, "spam": 0.5},
                    **{"search": 10, "view": 30},
                }
            )
        ],
    ),
    Persona(
        "attention-only",
        (7, 1, 800, 0, "author"),
        [
            Phase(
                {
                    **{"got_react": 100, "got_comment": 20, "got_share": 5, "got_view": 60, "follower": 20},
                    **{"endorsed": 2, "recommended": 0.1, "got_mention": 3},
                },
                away=True,
            )
        ],
    ),
    *(Persona(name, (9, 2, 600, 4, "founder"), [], also=_engage_with_each_other) for name in POD),
)


def events(seed: int, personas: Sequence[Persona] = PERSONAS) -> Iterator[Event]:
    """All events of the personas, persona by persona."""
    for persona in personas:
        life = Life(persona.name, random.Random(f"{seed} {persona.name}"))
        life.introduce(persona.joined, persona.profile)
        for phase in persona.phases:
            for day in range(phase.start, phase.stop):
                life.day(day, phase.rates, phase.away)
        persona.also(life)
        yield from life.events


def main() -> None:
    """Write the events of a seed as NDJSON, in the order of their times."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("seed", type=int)
    parser.add_argument("file", type=argparse.FileType("w", encoding="utf-8"))
    given = parser.parse_args()
    for event in sorted(events(given.seed), key=lambda event: str(event["time"])):
        given.file.write(json.dumps(event, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
