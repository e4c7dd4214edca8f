"""The signals: what can be counted for a member on a day.

A credit is a set of signals, carried in a frame as a 64-bit mask (bit n = signal n), and a tile
counts one signal on one day. So the numbers below are a wire and storage contract: never change or
reuse one, only add at the end. `docs/reference/factors.md` is generated from this and the rubric.
"""

from enum import IntEnum


class Signal(IntEnum):
    """A countable activity of a member; the value is its bit and tile number (0..62)."""

    SESSION = 0
    POST = 1
    POST_MEDIA = 2
    ARTICLE = 3
    REACTION_GIVEN = 4
    REACTION_RECEIVED = 5
    COMMENT = 6
    COMMENT_SUBSTANTIVE = 7
    COMMENT_RECEIVED = 8
    SHARE = 9
    SHARE_INSIGHT = 10
    SHARE_RECEIVED = 11
    MENTION_MADE = 12
    MENTION_RECEIVED = 13
    LIVE_WATCHED = 14
    LIVE_HOSTED = 15
    ARTICLE_READ = 16
    GROUP_CONTRIBUTION = 17
    SEARCH_PEOPLE = 18
    SEARCH_BOOLEAN = 19
    SEARCH_ADVANCED = 20
    SEARCH_NAVIGATOR = 21
    PROFILE_VIEW = 22
    PROFILE_VIEW_3RD = 23
    PROFILE_VIEW_RECEIVED = 24
    LEAD_SAVED = 25
    ACCOUNT_SAVED = 26
    INVITATION_SENT = 27
    INVITATION_SENIOR = 28
    INVITATION_IN_TARGET = 29
    INVITATION_NOTE = 30
    INVITATION_ACCEPTED = 31  # this member accepted somebody's invitation
    INVITATION_ACCEPTED_SENIOR = 32
    OWN_INVITATION_ACCEPTED = 33  # somebody accepted this member's invitation
    OWN_INVITATION_DECLINED = 34
    CONNECTION = 35
    CONNECTION_2ND = 36
    CONNECTION_3RD = 37
    CONNECTION_SENIOR = 38
    CONNECTION_JUNIOR = 39
    CONNECTION_REMOVED = 40
    OUTREACH = 41  # a message that is no reply
    REPLY_SENT = 42
    REPLY_RECEIVED = 43
    DIALOGUE = 44  # one turn of a two-way conversation, credited to both sides
    DIALOGUE_SENIOR = 45
    FOLLOW_UP = 46
    INMAIL_SENT = 47
    INMAIL_ANSWERED = 48
    ENDORSEMENT_RECEIVED = 49
    RECOMMENDATION_GIVEN = 50
    RECOMMENDATION_RECEIVED = 51
    FOLLOWER = 52
    SPAM_REPORTED = 53
    # Of the following at most one of each member on the other side is counted a day.
    REACTOR = 54  # a member who reacted
    COMMENTER = 55
    SHARER = 56
    ENDORSER = 57
    SPAM_REPORTER = 58
    DECLINER = 59  # a member who declined an invitation
    DIALOGUE_PARTNER = 60


DISTINCT = (
    Signal.REACTOR,
    Signal.COMMENTER,
    Signal.SHARER,
    Signal.ENDORSER,
    Signal.SPAM_REPORTER,
    Signal.DECLINER,
    Signal.DIALOGUE_PARTNER,
)
"""Signals that count each counterpart once a day. A credit has one of them at most."""

FROM_OTHERS = (
    Signal.REACTION_RECEIVED,
    Signal.COMMENT_RECEIVED,
    Signal.SHARE_RECEIVED,
    Signal.MENTION_RECEIVED,
    Signal.PROFILE_VIEW_RECEIVED,
    Signal.OWN_INVITATION_ACCEPTED,
    Signal.OWN_INVITATION_DECLINED,
    Signal.CONNECTION,
    Signal.CONNECTION_2ND,
    Signal.CONNECTION_3RD,
    Signal.CONNECTION_SENIOR,
    Signal.CONNECTION_JUNIOR,
    Signal.CONNECTION_REMOVED,
    Signal.REPLY_RECEIVED,
    Signal.DIALOGUE,
    Signal.DIALOGUE_SENIOR,
    Signal.INMAIL_ANSWERED,
    Signal.ENDORSEMENT_RECEIVED,
    Signal.RECOMMENDATION_RECEIVED,
    Signal.FOLLOWER,
    Signal.SPAM_REPORTED,
    *DISTINCT,
)
"""Signals that an event of somebody else may credit. Each of the others shows that the member was active."""

ERASE_BIT = 63
"""Not a signal: a credit with this bit erases the member up to and including the event's day."""


def mask(*signals: Signal) -> int:
    """The credit of these signals: one bit each, an unsigned 64-bit integer."""
    bits = 0
    for signal in signals:
        bits |= 1 << signal
    return bits
