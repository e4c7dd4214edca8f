"""What somebody who wants a high score can do: alone, and with accounts that help.

An action is one or a few events, as upstream would report them, and credits what the credit rules say. Alone means
that no other account has to do anything: nobody accepts, answers or reacts. What the platform lets happen only after
somebody else has acted (a reply, an accepted invitation, a follow-up with a new connection) needs a helper.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from pipeline.intake.credit_rules import CREDITS, GROUP_PREFIX, Rule
from schemas.registers import Register
from schemas.signals import Signal

SELF, HELPER = "self", "helper"
_MOST_WORDS = 1_000_000
_SECTIONS = ("photo", "headline", "summary", "experience", "projects", "education", "skills")
_MORE_SECTIONS = ("certifications", "volunteer", "featured")
NO_GAIN = frozenset(
    f"activity.{name}"
    for name in (
        *("member.updated", "member.erased", "group.left", "connection.removed"),
        *("invitation.declined", "spam.reported"),
    )
)
"""Types of events by which nobody can raise a score; upstream alone knows the size of a network."""


@dataclass(frozen=True, slots=True)
class Step:
    """An event of an action: who does it, its type without `activity.`, and its data."""

    by: str
    type: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Action:
    """Something to do.

    steps: its events; their number is its cost. once: can be done once with each helper, as an invitation can be
    accepted once; all actions with the same word share that. lasting: on whatever day it is done, it counts in full.
    """

    name: str
    steps: tuple[Step, ...] = field(compare=False)
    once: str = ""
    lasting: bool = False

    @property
    def cost(self) -> int:
        """Events."""
        return len(self.steps)

    @property
    def needs_helper(self) -> bool:
        """Whether another account has to do something."""
        return bool(self.once) or any(step.by == HELPER for step in self.steps)

    def credits(self, table: Mapping[str, Rule] = CREDITS) -> tuple[dict[Signal, int], dict[Register, int]]:
        """How often each signal is credited to the one who wants the score, and what is added to registers."""
        signals: dict[Signal, int] = {}
        registers: dict[Register, int] = {}
        for step in self.steps:
            actor, _, counterpart, changed = table[f"activity.{step.type}"](step.data)
            mask = actor if step.by == SELF else counterpart
            for signal in Signal:
                if mask >> signal & 1:
                    signals[signal] = signals.get(signal, 0) + 1
            for name, value in (changed or {}).items() if step.by == SELF else ():
                if name.startswith(GROUP_PREFIX):
                    registers[Register.GROUPS] = registers.get(Register.GROUPS, 0) + 1
                elif isinstance(value, int):
                    registers[Register[name.upper()]] = value
        return signals, registers


def _own(name: str, type_: str, lasting: bool = False, **data: Any) -> Action:
    return Action(name, (Step(SELF, type_, data),), lasting=lasting)


def _received(name: str, type_: str, once: str = "", **data: Any) -> Action:
    return Action(name, (Step(HELPER, type_, data),), once)


ALONE: tuple[Action, ...] = (
    _own(
        "fill in the profile",
        "profile.updated",
        lasting=True,
        sections=dict.fromkeys((*_SECTIONS, *_MORE_SECTIONS), True),
        media=100_000,
    ),
    _own("join a group", "group.joined", lasting=True, group="any"),
    _own("log in", "session.started"),
    _own("post with a picture", "post.published", media=True),
    _own("publish an article", "article.published"),
    _own("react", "reaction.given", author="anybody"),
    _own("comment in a sentence", "comment.written", author="anybody", words=_MOST_WORDS),
    _own("share with a sentence", "content.shared", author="anybody", words=_MOST_WORDS),
    _own("mention somebody", "mention.made", mentioned="anybody"),
    _own("watch a live video", "live.watched"),
    _own("host a live video", "live.hosted"),
    _own("read an article", "article.read", author="anybody"),
    _own("contribute to a group", "group.contributed", group="any"),
    *(
        _own(f"search ({kind})", "search.made", kind=kind)
        for kind in ("people", "boolean", "advanced", "navigator")
    ),
    _own("view a profile of the 3rd degree", "profile.viewed", viewed="anybody", degree=3),
    _own("save a lead", "lead.saved", kind="person"),
    _own("save an account", "lead.saved", kind="account"),
    _own(
        "invite a senior person with a note",
        "invitation.sent",
        recipient="anybody",
        seniority="vp",
        in_target=True,
        note=True,
    ),
    _own("write a message", "message.sent", recipient="anybody"),
    _own("write an InMail", "inmail.sent", recipient="anybody"),
    _own("recommend somebody", "recommendation.given", recipient="anybody"),
)
_INVITE = {"seniority": "vp", "in_target": True, "note": True}
_CONNECTIONS = tuple(
    action
    for degree, seniority in product((2, 3), ("vp", "junior"))
    for action in (
        Action(
            f"invite a helper ({seniority}, degree {degree}), who accepts",
            (
                Step(SELF, "invitation.sent", {"recipient": "helper", **_INVITE}),
                Step(
                    HELPER,
                    "invitation.accepted",
                    {"inviter": "self", "degree": degree, "actor_seniority": seniority},
                ),
            ),
            once="connection",
        ),
        Action(
            f"accept an invitation of a helper ({seniority}, degree {degree})",
            (
                Step(HELPER, "invitation.sent", {"recipient": "self"}),
                Step(
                    SELF,
                    "invitation.accepted",
                    {"inviter": "helper", "degree": degree, "inviter_seniority": seniority},
                ),
            ),
            once="connection",
        ),
    )
)
WITH_HELPERS: tuple[Action, ...] = (
    *_CONNECTIONS,
    Action(
        "write to a new connection",
        (Step(SELF, "message.sent", {"recipient": "helper", "follow_up": True}),),
        "follow-up",
    ),
    Action(
        "write to a helper, who replies",
        (
            Step(SELF, "message.sent", {"recipient": "helper"}),
            Step(HELPER, "message.sent", {"recipient": "self", "reply": True, "actor_seniority": "vp"}),
        ),
    ),
    Action(
        "reply to a helper, who has written",
        (
            Step(HELPER, "message.sent", {"recipient": "self"}),
            Step(SELF, "message.sent", {"recipient": "helper", "reply": True, "seniority": "vp"}),
        ),
    ),
    Action(
        "write an InMail to a helper, who answers",
        (
            Step(SELF, "inmail.sent", {"recipient": "helper"}),
            Step(HELPER, "inmail.answered", {"sender": "self"}),
        ),
    ),
    _received("get a reaction", "reaction.given", author="self"),
    _received("get a comment", "comment.written", author="self", words=1),
    _received("get a share", "content.shared", author="self"),
    _received("get a mention", "mention.made", mentioned="self"),
    _received("get a profile view", "profile.viewed", viewed="self"),
    _received("get an endorsement", "endorsement.given", endorsed="self"),
    _received("get a recommendation", "recommendation.given", "recommendation", recipient="self"),
    _received("get a follower", "member.followed", "follower", followed="self"),
)


def possible(helpers: int) -> tuple[Action, ...]:
    """What can be done with that many accounts that help."""
    return (*ALONE, *WITH_HELPERS) if helpers else ALONE
