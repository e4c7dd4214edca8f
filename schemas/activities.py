"""What members do: the `data` of every event type of the contract, one TypedDict per type.

Each docstring says what the type credits; `pipeline.intake.credit_rules` is where it happens. Unknown extra fields
are ignored, and null is the same as absent.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, JsonValue, Strict
from pydantic_core import PydanticKnownError, core_schema
from typing_extensions import TypedDict

MAX_BYTES = 256
"""Most bytes of UTF-8 in any text of an event: ids, sources, members, and all texts in data."""

MAX_REGISTER_BYTES = 200
"""The same of a text that may be kept of a member: those of registers, and any seniority."""
KEPT = frozenset(
    ("industry", "team", "role", "region", "employer", "seniority", "actor_seniority", "inviter_seniority")
)
"""The fields of data with such texts."""


# JSON Schema counts characters and can't count bytes, so that has a keyword of our own; only NUL has a pattern.
def _said(most: int) -> dict[str, JsonValue]:
    return {
        "pattern": "^[^\\u0000]*$",
        "x-max-bytes": most,
        "description": f"at most {most} bytes of UTF-8",
    }


_SAID = _said(MAX_BYTES)


@dataclass(frozen=True, slots=True)
class Whole:
    """Annotates an int: a whole number within bounds. 12.0 and 1.2e1 are whole numbers too, as JSON Schema has it."""

    low: int
    high: int

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        integer = core_schema.int_schema(strict=True, ge=self.low, le=self.high)
        # nearly all are integers, which pydantic checks without a call into Python
        other = core_schema.no_info_plain_validator_function(self.check)
        return core_schema.union_schema([(integer, "int"), (other, "whole")], mode="left_to_right")

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}

    def check(self, value: Any) -> int:
        """The number that a value is; raises PydanticKnownError when it is none within the bounds."""
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int:
            raise PydanticKnownError("int_type")
        if value < self.low:
            raise PydanticKnownError("greater_than_equal", {"ge": self.low})
        if value > self.high:
            raise PydanticKnownError("less_than_equal", {"le": self.high})
        return value


Id = Annotated[str, Strict(), Field(min_length=1, max_length=MAX_BYTES, json_schema_extra=_SAID)]
Text = Annotated[str, Strict(), Field(max_length=MAX_BYTES, json_schema_extra=_SAID)]
Words = Annotated[int, Whole(0, 1_000_000)]
Degree = Annotated[int, Whole(1, 99), Field(description="1 connected, 2 a contact's contact, 3 farther")]
Flag = Annotated[bool, Strict()]
Media = Annotated[
    Annotated[bool, Strict()] | Annotated[int, Whole(0, 100_000)],
    Field(union_mode="left_to_right", description="whether there is rich media, or how many items"),
]
RegisterText = Annotated[
    str, Strict(), Field(max_length=MAX_REGISTER_BYTES, json_schema_extra=_said(MAX_REGISTER_BYTES))
]
SeniorityText = Annotated[
    str,
    Strict(),
    Field(
        max_length=MAX_REGISTER_BYTES,
        json_schema_extra=_said(MAX_REGISTER_BYTES)
        | {"description": "any text; unknown text counts as other"},
    ),
]


class SessionStarted(TypedDict):
    """The member opened the site or app. Actor: an active day."""

    surface: NotRequired[Text | None]


class Sections(TypedDict):
    """Which sections of the profile are filled in; sections that are not named stay unchanged."""

    photo: NotRequired[Flag | None]
    headline: NotRequired[Flag | None]
    summary: NotRequired[Flag | None]
    experience: NotRequired[Flag | None]
    projects: NotRequired[Flag | None]
    education: NotRequired[Flag | None]
    skills: NotRequired[Flag | None]
    certifications: NotRequired[Flag | None]
    volunteer: NotRequired[Flag | None]
    featured: NotRequired[Flag | None]


class ProfileUpdated(TypedDict):
    """The member changed their profile. Actor: registers of the named sections, and of rich media."""

    sections: Sections
    media: NotRequired[Media | None]


class MemberUpdated(TypedDict):
    """Upstream data about the member changed. Actor: registers; an empty text clears one."""

    industry: NotRequired[RegisterText | None]
    team: NotRequired[RegisterText | None]
    role: NotRequired[RegisterText | None]
    seniority: NotRequired[SeniorityText | None]
    region: NotRequired[RegisterText | None]
    employer: NotRequired[RegisterText | None]
    connections: NotRequired[Annotated[int, Whole(0, 2_000_000_000)] | None]


class PostPublished(TypedDict):
    """The member published a post. Actor: a post; with media also a post with media."""

    media: NotRequired[Media | None]


class ArticlePublished(TypedDict):
    """The member published an article. Actor: an article."""


class ReactionGiven(TypedDict):
    """The member reacted to a post. Actor: a reaction given. Author: a reaction received."""

    author: Id
    kind: NotRequired[Text | None]


class CommentWritten(TypedDict):
    """The member commented. Actor: a comment; with enough words a substantive one. Author: a comment received."""

    author: Id
    words: Words


class ContentShared(TypedDict):
    """The member shared content. Actor: a share; with words a share with insight. Author: a share received."""

    author: Id
    words: NotRequired[Words | None]


class MentionMade(TypedDict):
    """The member mentioned another member. Actor: a mention made. Mentioned: a mention received."""

    mentioned: Id


class LiveWatched(TypedDict):
    """The member watched a live video. Actor: a live video watched."""


class LiveHosted(TypedDict):
    """The member hosted a live video. Actor: a live video hosted."""


class ArticleRead(TypedDict):
    """The member read an article. Actor: an article read. Author: nothing."""

    author: NotRequired[Id | None]


class GroupJoined(TypedDict):
    """The member joined a group. Actor: the register of groups."""

    group: Id


class GroupLeft(TypedDict):
    """The member left a group. Actor: the register of groups."""

    group: Id


class GroupContributed(TypedDict):
    """The member took part in a group. Actor: a group contribution."""

    group: Id


class SearchMade(TypedDict):
    """The member searched for people. Actor: a search of its kind."""

    kind: Literal["people", "boolean", "advanced", "navigator"]


class ProfileViewed(TypedDict):
    """The member viewed a profile. Actor: a view; from degree 3 also a 3rd-degree view. Viewed: a view received."""

    viewed: Id
    degree: NotRequired[Degree | None]


class LeadSaved(TypedDict):
    """The member saved a lead. Actor: a lead saved (kind person, the default) or an account saved."""

    kind: NotRequired[Literal["person", "account"] | None]


class InvitationSent(TypedDict):
    """The member sent an invitation. Actor: an invitation; also one to a senior, in target, with a note.

    `seniority` is the recipient's. The recipient gets no credit.
    """

    recipient: Id
    seniority: NotRequired[SeniorityText | None]
    in_target: NotRequired[Flag | None]
    note: NotRequired[Flag | None]


class InvitationAccepted(TypedDict):
    """The member accepted an invitation. Actor: an accepted invitation (also one from a senior), a connection.

    Inviter: own invitation accepted, a connection. For each side the connection also counts as 2nd or 3rd
    degree (the degree before connecting), and as senior or junior by the seniority of the other side.
    """

    inviter: Id
    degree: NotRequired[Degree | None]
    actor_seniority: NotRequired[SeniorityText | None]
    inviter_seniority: NotRequired[SeniorityText | None]


class InvitationDeclined(TypedDict):
    """The member declined an invitation. Actor: nothing. Inviter: own invitation declined."""

    inviter: Id


class ConnectionRemoved(TypedDict):
    """The member removed a connection. Actor and peer: a connection removed."""

    peer: Id


class MessageSent(TypedDict):
    """The member sent a message. Actor: outreach, or a reply and a dialogue; also a follow-up.

    Recipient of a reply: a reply received and a dialogue. `seniority` is the recipient's, `actor_seniority` the
    actor's: a dialogue with a senior person also counts as a senior dialogue for the other side.
    """

    recipient: Id
    reply: NotRequired[Flag | None]
    follow_up: NotRequired[Flag | None]
    seniority: NotRequired[SeniorityText | None]
    actor_seniority: NotRequired[SeniorityText | None]


class InmailSent(TypedDict):
    """The member sent an InMail. Actor: an InMail sent. Recipient: nothing."""

    recipient: Id


class InmailAnswered(TypedDict):
    """The member answered an InMail. Actor: a reply sent. Sender of the InMail: an InMail answered."""

    sender: Id


class EndorsementGiven(TypedDict):
    """The member endorsed a skill of another member. Actor: nothing. Endorsed: an endorsement received."""

    endorsed: Id
    skill: NotRequired[Text | None]


class RecommendationGiven(TypedDict):
    """The member recommended another member. Actor: a recommendation given. Recipient: one received."""

    recipient: Id


class MemberFollowed(TypedDict):
    """The member followed another member. Actor: nothing. Followed: a new follower."""

    followed: Id


class SpamReported(TypedDict):
    """The member reported spam. Actor: nothing. Reported: a spam penalty."""

    reported: Id


class MemberErased(TypedDict):
    """The member asked to be deleted. Actor: erased everywhere, up to and including the event's day."""


DATA: dict[str, type] = {
    "activity.session.started": SessionStarted,
    "activity.profile.updated": ProfileUpdated,
    "activity.member.updated": MemberUpdated,
    "activity.post.published": PostPublished,
    "activity.article.published": ArticlePublished,
    "activity.reaction.given": ReactionGiven,
    "activity.comment.written": CommentWritten,
    "activity.content.shared": ContentShared,
    "activity.mention.made": MentionMade,
    "activity.live.watched": LiveWatched,
    "activity.live.hosted": LiveHosted,
    "activity.article.read": ArticleRead,
    "activity.group.joined": GroupJoined,
    "activity.group.left": GroupLeft,
    "activity.group.contributed": GroupContributed,
    "activity.search.made": SearchMade,
    "activity.profile.viewed": ProfileViewed,
    "activity.lead.saved": LeadSaved,
    "activity.invitation.sent": InvitationSent,
    "activity.invitation.accepted": InvitationAccepted,
    "activity.invitation.declined": InvitationDeclined,
    "activity.connection.removed": ConnectionRemoved,
    "activity.message.sent": MessageSent,
    "activity.inmail.sent": InmailSent,
    "activity.inmail.answered": InmailAnswered,
    "activity.endorsement.given": EndorsementGiven,
    "activity.recommendation.given": RecommendationGiven,
    "activity.member.followed": MemberFollowed,
    "activity.spam.reported": SpamReported,
    "activity.member.erased": MemberErased,
}
"""The type of `data` for each event type, in the order in which the pages list them."""
