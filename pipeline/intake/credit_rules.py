"""What an event credits: type and data to signals of the actor and of the counterpart, and registers.

Mapping is stateless: all that a credit depends on is in the event. The caller must drop both credits where the
counterpart is the actor: what a member does with themselves counts for nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from schemas.registers import SECTIONS
from schemas.seniority import JUNIOR, SENIOR, level
from schemas.signals import ERASE_BIT, Signal, mask

S = Signal

Data: TypeAlias = Mapping[str, Any] | None
Registers: TypeAlias = dict[str, int | str]
Credit: TypeAlias = tuple[int, str | None, int, Registers | None]
"""(signals of the actor, counterpart or None, signals of the counterpart, register updates or None).

The counterpart is the member on the other side, who may be credited nothing.

Signals are bits of a 64-bit mask. Registers are named as in `Register`, in lower case, or `group:NAME`
with 1 for joined and 0 for left; an empty text clears a register.
"""
Rule: TypeAlias = Callable[[Data], Credit]
Level: TypeAlias = Callable[[str | None], str]
"""What level of seniority a text means."""

SUBSTANTIVE_WORDS = 5
"""Words from which on a comment is substantive; shorter ones are mostly thanks and congratulations."""

GROUP_PREFIX = "group:"

_SECTION_NAMES = tuple(section.name.lower() for section in SECTIONS)
_TEXT_NAMES = ("industry", "team", "role", "region", "employer")

__all__ = ["CREDITS", "JUNIOR", "SENIOR", "SUBSTANTIVE_WORDS", "Credit", "Registers", "Rule", "credits"]


def _always(actor: int) -> Rule:
    """The actor gets `actor`, whatever the data."""
    credit: Credit = (actor, None, 0, None)
    return lambda data: credit


def _both(actor: int, field: str, counterpart: int) -> Rule:
    """The actor gets `actor`, the member named in `field` gets `counterpart`."""
    return lambda data: (actor, data[field], counterpart, None)  # type: ignore[index]


_NOTHING: Credit = (0, None, 0, None)


def _profile_updated(data: Data) -> Credit:
    assert data is not None
    sections = data["sections"]
    registers: Registers = {
        name: int(sections[name]) for name in _SECTION_NAMES if sections.get(name) is not None
    }
    if data.get("media") is not None:
        registers["media"] = int(data["media"])
    return 0, None, 0, registers or None


def _member_updated(level: Level) -> Rule:
    def rule(data: Data) -> Credit:
        if not data:
            return _NOTHING
        registers: Registers = {name: data[name] for name in _TEXT_NAMES if data.get(name) is not None}
        seniority = data.get("seniority")
        if seniority is not None:
            registers["seniority"] = level(seniority) if seniority else ""
        if data.get("connections") is not None:
            registers["connections"] = data["connections"]
        return 0, None, 0, registers or None

    return rule


_POST: Credit = (mask(S.POST), None, 0, None)
_POST_MEDIA: Credit = (mask(S.POST, S.POST_MEDIA), None, 0, None)


def _post_published(data: Data) -> Credit:
    return _POST_MEDIA if data and data.get("media") else _POST


def _comment_written(substantive_words: int) -> Rule:
    short, long = mask(S.COMMENT), mask(S.COMMENT, S.COMMENT_SUBSTANTIVE)
    received = mask(S.COMMENT_RECEIVED, S.COMMENTER)

    def rule(data: Data) -> Credit:
        return long if data["words"] >= substantive_words else short, data["author"], received, None  # type: ignore[index]

    return rule


_SHARE, _INSIGHT = mask(S.SHARE), mask(S.SHARE, S.SHARE_INSIGHT)
_SHARED = mask(S.SHARE_RECEIVED, S.SHARER)


def _content_shared(data: Data) -> Credit:
    assert data is not None
    return _INSIGHT if data.get("words") else _SHARE, data["author"], _SHARED, None


_READ = mask(S.ARTICLE_READ)


def _article_read(data: Data) -> Credit:
    return _READ, data.get("author") if data else None, 0, None


def _group(value: int) -> Rule:
    return lambda data: (0, None, 0, {GROUP_PREFIX + data["group"]: value})  # type: ignore[index]


_SEARCHES: dict[str, Credit] = {
    "people": (mask(S.SEARCH_PEOPLE), None, 0, None),
    "boolean": (mask(S.SEARCH_BOOLEAN), None, 0, None),
    "advanced": (mask(S.SEARCH_ADVANCED), None, 0, None),
    "navigator": (mask(S.SEARCH_NAVIGATOR), None, 0, None),
}
_LEAD: Credit = (mask(S.LEAD_SAVED), None, 0, None)
_ACCOUNT: Credit = (mask(S.ACCOUNT_SAVED), None, 0, None)

_VIEW, _VIEW_3RD = mask(S.PROFILE_VIEW), mask(S.PROFILE_VIEW, S.PROFILE_VIEW_3RD)
_VIEWED = mask(S.PROFILE_VIEW_RECEIVED)


def _profile_viewed(data: Data) -> Credit:
    assert data is not None
    return _VIEW_3RD if (data.get("degree") or 0) >= 3 else _VIEW, data["viewed"], _VIEWED, None


_INVITED = mask(S.INVITATION_SENT)
_INVITED_SENIOR, _INVITED_TARGET = mask(S.INVITATION_SENIOR), mask(S.INVITATION_IN_TARGET)
_INVITED_NOTE = mask(S.INVITATION_NOTE)


def _invitation_sent(level: Level) -> Rule:
    def rule(data: Data) -> Credit:
        assert data is not None
        actor = _INVITED
        if level(data.get("seniority")) in SENIOR:
            actor |= _INVITED_SENIOR
        if data.get("in_target"):
            actor |= _INVITED_TARGET
        if data.get("note"):
            actor |= _INVITED_NOTE
        return actor, data["recipient"], 0, None

    return rule


_CONNECTION_SENIOR, _CONNECTION_JUNIOR = mask(S.CONNECTION_SENIOR), mask(S.CONNECTION_JUNIOR)
_ACCEPTED, _ACCEPTED_SENIOR = mask(S.INVITATION_ACCEPTED), mask(S.INVITATION_ACCEPTED_SENIOR)
_OWN_ACCEPTED = mask(S.OWN_INVITATION_ACCEPTED)


def _connection(degree: int | None) -> int:
    if degree is None or degree < 2:
        return mask(S.CONNECTION)
    return mask(S.CONNECTION, S.CONNECTION_2ND if degree == 2 else S.CONNECTION_3RD)


_CONNECTIONS = {degree: _connection(degree) for degree in (None, *range(1, 100))}


def _invitation_accepted(level: Level) -> Rule:
    def with_(text: str | None) -> int:
        if text is None:
            return 0
        other = level(text)
        return _CONNECTION_SENIOR if other in SENIOR else _CONNECTION_JUNIOR if other in JUNIOR else 0

    def rule(data: Data) -> Credit:
        assert data is not None
        connection = _CONNECTIONS[data.get("degree")]
        inviter = with_(data.get("inviter_seniority"))
        actor = _ACCEPTED | connection | inviter
        if inviter == _CONNECTION_SENIOR:
            actor |= _ACCEPTED_SENIOR
        credited = _OWN_ACCEPTED | connection | with_(data.get("actor_seniority"))
        return actor, data["inviter"], credited, None

    return rule


_OUTREACH, _FOLLOW_UP = mask(S.OUTREACH), mask(S.FOLLOW_UP)
_REPLY = mask(S.REPLY_SENT, S.DIALOGUE, S.DIALOGUE_PARTNER)
_REPLIED = mask(S.REPLY_RECEIVED, S.DIALOGUE, S.DIALOGUE_PARTNER)
_SENIOR_DIALOGUE = mask(S.DIALOGUE_SENIOR)


def _message_sent(level: Level) -> Rule:
    def with_(text: str | None) -> int:
        return _SENIOR_DIALOGUE if level(text) in SENIOR else 0

    def rule(data: Data) -> Credit:
        assert data is not None
        follow_up = _FOLLOW_UP if data.get("follow_up") else 0
        if not data.get("reply"):
            return _OUTREACH | follow_up, data["recipient"], 0, None
        # each side has talked with the other one
        actor = _REPLY | with_(data.get("seniority")) | follow_up
        return actor, data["recipient"], _REPLIED | with_(data.get("actor_seniority")), None

    return rule


def credits(substantive_words: int = SUBSTANTIVE_WORDS, level: Level = level) -> dict[str, Rule]:
    """The rule of every event type, with a comment substantive from `substantive_words` words on.

    level: what seniority a text means.

    A rule takes the `data` of a valid event (None where it was absent) and returns a Credit. The types
    are those of `schemas.events.DATA`.
    """
    return {
        "activity.session.started": _always(mask(S.SESSION)),
        "activity.profile.updated": _profile_updated,
        "activity.member.updated": _member_updated(level),
        "activity.post.published": _post_published,
        "activity.article.published": _always(mask(S.ARTICLE)),
        "activity.reaction.given": _both(
            mask(S.REACTION_GIVEN), "author", mask(S.REACTION_RECEIVED, S.REACTOR)
        ),
        "activity.comment.written": _comment_written(substantive_words),
        "activity.content.shared": _content_shared,
        "activity.mention.made": _both(mask(S.MENTION_MADE), "mentioned", mask(S.MENTION_RECEIVED)),
        "activity.live.watched": _always(mask(S.LIVE_WATCHED)),
        "activity.live.hosted": _always(mask(S.LIVE_HOSTED)),
        "activity.article.read": _article_read,
        "activity.group.joined": _group(1),
        "activity.group.left": _group(0),
        "activity.group.contributed": _always(mask(S.GROUP_CONTRIBUTION)),
        "activity.search.made": lambda data: _SEARCHES[data["kind"]],
        "activity.profile.viewed": _profile_viewed,
        "activity.lead.saved": lambda data: _ACCOUNT if data and data.get("kind") == "account" else _LEAD,
        "activity.invitation.sent": _invitation_sent(level),
        "activity.invitation.accepted": _invitation_accepted(level),
        "activity.invitation.declined": _both(0, "inviter", mask(S.OWN_INVITATION_DECLINED, S.DECLINER)),
        "activity.connection.removed": _both(mask(S.CONNECTION_REMOVED), "peer", mask(S.CONNECTION_REMOVED)),
        "activity.message.sent": _message_sent(level),
        "activity.inmail.sent": _both(mask(S.INMAIL_SENT), "recipient", 0),
        "activity.inmail.answered": _both(mask(S.REPLY_SENT), "sender", mask(S.INMAIL_ANSWERED)),
        "activity.endorsement.given": _both(0, "endorsed", mask(S.ENDORSEMENT_RECEIVED, S.ENDORSER)),
        "activity.recommendation.given": _both(
            mask(S.RECOMMENDATION_GIVEN), "recipient", mask(S.RECOMMENDATION_RECEIVED)
        ),
        "activity.member.followed": _both(0, "followed", mask(S.FOLLOWER)),
        "activity.spam.reported": _both(0, "reported", mask(S.SPAM_REPORTED, S.SPAM_REPORTER)),
        "activity.member.erased": _always(1 << ERASE_BIT),
    }


CREDITS = credits()
"""The rules with the default threshold."""
