"""Draws the events of a simulated member by weekly rates; `samples.personas` says who there is."""

import math
import random
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeAlias

END = date(2026, 11, 26)
"""The last day, and the as-of day of what is measured."""
DAYS = 120
START = END - timedelta(days=DAYS - 1)
CONTACTS = 150
"""Members on the other side of everything."""
BUSY = (1.25, 1.25, 1.25, 1.2, 1.05, 0.5, 0.5)
"""How much of a week's activity falls on each weekday from Monday, 1 for a seventh."""
SENIORITIES = ("vp", "director", "mid", "manager", "junior", "mid")
SECTIONS = (
    *("photo", "headline", "summary", "experience", "education"),
    *("skills", "featured", "certifications", "projects", "volunteer"),
)

Event: TypeAlias = dict[str, Any]
Rates: TypeAlias = Mapping[str, Any]
"""Events a week by activity, and shares such as `replyrate`, that of messages that are answered."""


class Life:
    """Draws the events of one member."""

    def __init__(self, name: str, rng: random.Random) -> None:
        self.name = name
        self.rng = rng
        self.events: list[Event] = []

    def happens(self, share: float) -> bool:
        """True in so many of all cases."""
        return self.rng.random() < share

    def contact(self) -> str:
        """Any of the members on the other side."""
        return f"contact-{self.rng.randrange(CONTACTS):03d}"

    def later(self, day: int, most: int) -> int:
        """That day or one of the next ones, before the end."""
        return min(DAYS - 1, day + self.rng.randrange(most))

    def event(self, day: int, kind: str, subject: str | None = None, /, **data: Any) -> None:
        """Something that happens between 7 and 21 o'clock; by the member unless a subject is given."""
        moment = datetime.combine(START + timedelta(days=day), time(), UTC)
        moment += timedelta(seconds=self.rng.randrange(7 * 3600, 21 * 3600))
        made = {
            "specversion": "1.0",
            "id": f"{self.name}-{len(self.events)}",
            "source": "/personas",
            "type": f"activity.{kind}",
            "subject": subject or self.name,
            "time": moment.isoformat(),
        }
        self.events.append(made | ({"data": data} if data else {}))

    def introduce(self, day: int, profile: tuple[int, int, int, int, str]) -> None:
        """The profile, the groups, and what upstream knows."""
        sections, media, connections, groups, role = profile
        self.event(day, "profile.updated", sections=dict.fromkeys(SECTIONS[:sections], True), media=media)
        self.event(day, "member.updated", role=role, connections=connections)
        for number in range(groups):
            self.event(day, "group.joined", group=f"group-{number}")

    def day(self, day: int, rates: Rates, away: bool) -> None:
        """A day by weekly rates."""
        weekday = (START + timedelta(days=day)).weekday()
        share = BUSY[weekday] / 7
        logins = rates.get("login", 0)
        if not away and self.happens(_present(logins, weekday)):
            self.event(day, "session.started")
            # the week's activity falls on the days on which there is any
            present = max(0.15, min(1.0, logins / 7 * BUSY[weekday])) if logins else 1.0
            self._do(day, rates, share / present)
        self._receive(day, rates, share)

    def _many(self, rates: Rates, name: str, share: float) -> range:
        return range(poisson(self.rng, rates.get(name, 0) * share))

    def _do(self, day: int, rates: Rates, share: float) -> None:
        get, event, contact = rates.get, self.event, self.contact
        for _ in self._many(rates, "post", share):
            event(day, "post.published", media=self.happens(0.6))
        for _ in self._many(rates, "article", share):
            event(day, "article.published")
        for _ in self._many(rates, "react", share):
            event(day, "reaction.given", author=contact())
        for _ in self._many(rates, "comment", share):
            substantive = self.happens(get("substantive", 0.6))
            words = self.rng.randrange(8, 40) if substantive else self.rng.randrange(1, 4)
            event(day, "comment.written", author=contact(), words=words)
        for _ in self._many(rates, "share", share):
            words = 20 if self.happens(get("insight", 0.6)) else 0
            event(day, "content.shared", author=contact(), words=words)
        for _ in self._many(rates, "mention", share):
            event(day, "mention.made", mentioned=contact())
        for _ in self._many(rates, "live", share):
            event(day, "live.watched")
        for _ in self._many(rates, "read", share):
            event(day, "article.read", author=contact())
        for _ in self._many(rates, "group", share):
            event(day, "group.contributed", group="group-1")
        self._find(day, rates, share)
        self._talk(day, rates, share)

    def _find(self, day: int, rates: Rates, share: float) -> None:
        get, event, contact, rng = rates.get, self.event, self.contact, self.rng
        kinds = ["people", "boolean", "advanced", "navigator"]
        for _ in self._many(rates, "search", share):
            event(day, "search.made", kind=rng.choices(kinds, get("searches", (8, 1, 1, 0)))[0])
        for _ in self._many(rates, "view", share):
            degree = rng.choices([1, 2, 3], get("degrees", (4, 4, 2)))[0]
            event(day, "profile.viewed", viewed=contact(), degree=degree)
        for _ in self._many(rates, "lead", share):
            event(day, "lead.saved")
        for _ in self._many(rates, "account", share):
            event(day, "lead.saved", kind="account")
        for _ in self._many(rates, "invite", share):
            other, senior = contact(), rng.choice(SENIORITIES)
            quality = {"in_target": self.happens(get("target", 0.5)), "note": self.happens(get("note", 0.4))}
            event(day, "invitation.sent", recipient=other, seniority=senior, **quality)
            if self.happens(get("accrate", 0.4)):
                met = {"degree": rng.choice([2, 2, 3]), "actor_seniority": rng.choice(SENIORITIES)}
                event(self.later(day, 4), "invitation.accepted", other, inviter=self.name, **met)
            elif self.happens(0.2):
                event(day, "invitation.declined", other, inviter=self.name)
        for _ in self._many(rates, "accept", share):
            met = {"degree": rng.choice([2, 2, 3]), "inviter_seniority": rng.choice(SENIORITIES)}
            event(day, "invitation.accepted", inviter=contact(), **met)

    def _talk(self, day: int, rates: Rates, share: float) -> None:
        get, event, contact = rates.get, self.event, self.contact
        for _ in self._many(rates, "outreach", share):
            other = contact()
            event(day, "message.sent", recipient=other, follow_up=self.happens(get("followup", 0.2)))
            if self.happens(get("replyrate", 0.4)):
                event(self.later(day, 3), "message.sent", other, recipient=self.name, reply=True)
        for _ in self._many(rates, "dialogue", share):
            other, senior = contact(), self.rng.choice(("vp", "mid", "mid", "manager"))
            event(day, "message.sent", recipient=other, reply=True, seniority=senior)
            if self.happens(0.5):
                event(self.later(day, 2), "message.sent", other, recipient=self.name, reply=True)
        for _ in self._many(rates, "inmail", share):
            other = contact()
            event(day, "inmail.sent", recipient=other)
            if self.happens(get("inmailrate", 0.2)):
                event(self.later(day, 4), "inmail.answered", other, sender=self.name)
        for _ in self._many(rates, "recommend", share):
            event(day, "recommendation.given", recipient=contact())

    def _receive(self, day: int, rates: Rates, share: float) -> None:
        for name, kind, data in RECEIVED:
            for _ in self._many(rates, name, share):
                named = {key: self.name if value is None else value for key, value in data.items()}
                self.event(day, kind, self.contact(), **named)


RECEIVED: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("got_react", "reaction.given", {"author": None}),
    ("got_comment", "comment.written", {"author": None, "words": 9}),
    ("got_share", "content.shared", {"author": None}),
    ("got_view", "profile.viewed", {"viewed": None, "degree": 2}),
    ("endorsed", "endorsement.given", {"endorsed": None}),
    ("recommended", "recommendation.given", {"recipient": None}),
    ("follower", "member.followed", {"followed": None}),
    ("got_mention", "mention.made", {"mentioned": None}),
    ("spam", "spam.reported", {"reported": None}),
)
"""What others do, with the member in the place of None."""


def _present(logins: float, weekday: int) -> float:
    """How likely a login is on a weekday, of so many a week: working days come first."""
    if weekday < 5:
        return min(1.0, logins / 5)
    return max(0.0, (logins - 5) / 2)


def poisson(rng: random.Random, mean: float) -> int:
    """How often something happens that happens `mean` times on average."""
    if mean <= 0:
        return 0
    if mean > 30:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    count, product, least = 0, rng.random(), math.exp(-mean)
    while product > least:
        count, product = count + 1, product * rng.random()
    return count
