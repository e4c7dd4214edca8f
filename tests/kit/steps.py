"""The steps of the bundled rubrics as the events of somebody who takes them.

Written from the texts of the steps, without the code that works out what they gain. Whoever is on the other side is
somebody new each time, so that nobody else's score moves.
"""

from collections.abc import Iterator
from typing import Any

from pipeline.rubric.model import Step
from schemas.signals import Signal
from tests.kit.events import at, event

DAY_MS = 86_400_000
SECTIONS = (
    *("photo", "headline", "summary", "experience", "projects", "education", "skills", "certifications"),
    *("volunteer", "featured"),
)
OTHER = "the other one"
"""Stands for the member on the other side, in data or as the subject."""

# What one of a signal is done by: the type and data of an event; the subject is the member, unless said otherwise.
DONE_BY: dict[str, tuple[str, dict[str, Any] | None]] = {
    "session": ("session.started", None),
    "article": ("article.published", None),
    "recommendation_given": ("recommendation.given", {"recipient": OTHER}),
    "search_people": ("search.made", {"kind": "people"}),
    "search_advanced": ("search.made", {"kind": "advanced"}),
    "lead_saved": ("lead.saved", {"kind": "person"}),
    "account_saved": ("lead.saved", {"kind": "account"}),
    "reaction_given": ("reaction.given", {"author": OTHER}),
    "mention_made": ("mention.made", {"mentioned": OTHER}),
    "live_watched": ("live.watched", None),
    "article_read": ("article.read", None),
    "group_contribution": ("group.contributed", {"group": "g"}),
    "invitation_accepted": ("invitation.accepted", {"inviter": OTHER}),
    "own_invitation_accepted": ("invitation.accepted", {"inviter": "me", "subject": OTHER}),
}


def _event_of(signal: str, step: Step) -> tuple[str, dict[str, Any] | None] | None:
    """The event that one of a signal comes with in this step; None where another signal's event brings it."""
    text = step.text
    match signal:
        case "post":
            return "post.published", {"media": "picture or video" in text}
        case "comment":
            return "comment.written", {"author": OTHER, "words": 12 if "substantive" in text else 2}
        case "share":
            return "content.shared", {"author": OTHER, "words": 12 if "insight" in text else 0}
        case "profile_view":
            return "profile.viewed", {"viewed": OTHER, "degree": 3 if "outside your circle" in text else 1}
        case "outreach":
            return "message.sent", {"recipient": OTHER, "follow_up": "follow up" in text}
        case "reply_sent":
            who = {"seniority": "director"} if "senior person" in text else {}
            return "message.sent", {"recipient": OTHER, "reply": True, **who}
        case "invitation_sent":
            how = {"note": "with a note" in text, "in_target": "target audience" in text}
            return "invitation.sent", {"recipient": OTHER, **how}
    return DONE_BY.get(signal)


def events(
    step: Step, member: str, days: dict[tuple[Signal, int], int], known: dict[str, int], *, last: int
) -> Iterator[dict[str, Any]]:
    """What a member does who takes a step.

    days: how often the step is done on which days, by its signals; known: the member's registers by name before;
    last: the day at whose end registers are changed.
    """
    for (signal, day), count in days.items():
        found = _event_of(signal.name.lower(), step)
        if found is None:
            continue
        for number in range(count):
            other = f"{member} {step.text} {signal} {day} {number}"
            data = {name: _who(value, member, other) for name, value in (found[1] or {}).items()}
            subject = data.pop("subject", member)
            yield _made(other, found[0], subject, data or None, time=at(day, DAY_MS // 2))
    for name, more in ((register.name.lower(), n) for register, n in step.registers.items()):
        assert more == 1
        told = f"{member} {step.text}"
        if name == "groups":
            yield _made(told, "group.joined", member, {"group": "one more"}, time=at(last, DAY_MS - 1))
        else:
            data = {"sections": {name: True}} if name in SECTIONS else {"sections": {}}
            if name == "media":
                data["media"] = known.get("media", 0) + 1
            yield _made(told, "profile.updated", member, data, time=at(last, DAY_MS - 1))


def _who(value: Any, member: str, other: str) -> Any:
    return {OTHER: other, "me": member}.get(value, value) if isinstance(value, str) else value


def _made(number: str, kind: str, subject: str, data: dict[str, Any] | None, *, time: str) -> dict[str, Any]:
    return event(f"activity.{kind}", data, id=number, source="/step", subject=subject, time=time)
