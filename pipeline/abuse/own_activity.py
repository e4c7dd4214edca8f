"""What members do of their own accord, by day: bursts of it, and floods that nobody answers.

Both are read from the members' tiles, so they are found in files and in the live state alike.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from pipeline.common.tile_keys import RING, WINDOW, Pairs
from pipeline.common.units import Day
from schemas.signals import Signal as S

DONE = (
    *(S.SESSION, S.POST, S.ARTICLE, S.REACTION_GIVEN, S.COMMENT, S.SHARE, S.MENTION_MADE, S.LIVE_WATCHED),
    *(S.LIVE_HOSTED, S.ARTICLE_READ, S.GROUP_CONTRIBUTION, S.SEARCH_PEOPLE, S.SEARCH_BOOLEAN),
    *(S.SEARCH_ADVANCED, S.SEARCH_NAVIGATOR, S.PROFILE_VIEW, S.LEAD_SAVED, S.ACCOUNT_SAVED),
    *(
        S.INVITATION_SENT,
        S.INVITATION_ACCEPTED,
        S.OUTREACH,
        S.REPLY_SENT,
        S.INMAIL_SENT,
        S.RECOMMENDATION_GIVEN,
    ),
)
"""One for each thing a member does; what else an event credits with it is left out."""
OWN = (
    *DONE,
    *(S.POST_MEDIA, S.COMMENT_SUBSTANTIVE, S.SHARE_INSIGHT, S.PROFILE_VIEW_3RD, S.INVITATION_SENIOR),
    *(S.INVITATION_IN_TARGET, S.INVITATION_NOTE, S.FOLLOW_UP),
)
"""All that a member is credited by what they do unasked."""
PUBLISHED = (S.POST, S.ARTICLE)
ADDRESSED = (
    S.REACTION_GIVEN,
    S.COMMENT,
    S.SHARE,
    S.MENTION_MADE,
    S.INVITATION_SENT,
    S.OUTREACH,
    S.INMAIL_SENT,
)
"""What goes to another member, who may answer it."""
SENT = (
    *ADDRESSED,
    *(S.COMMENT_SUBSTANTIVE, S.SHARE_INSIGHT, S.INVITATION_SENIOR, S.INVITATION_IN_TARGET, S.INVITATION_NOTE),
    S.FOLLOW_UP,
)
"""All that a member is credited by what they send."""
ANSWERED = (
    *(
        S.REACTION_RECEIVED,
        S.COMMENT_RECEIVED,
        S.SHARE_RECEIVED,
        S.MENTION_RECEIVED,
        S.OWN_INVITATION_ACCEPTED,
    ),
    *(S.REPLY_RECEIVED, S.INMAIL_ANSWERED),
)
BURST = 50
"""Things done on a day, below which it is no burst."""
BURST_POSTS = 10
"""Posts and articles of a day, below which they are none."""
TIMES = 5
"""How often the usual day of the member a burst is at least."""
SHORT = 7
"""Days of the window that bursts take up at most: the usual day is that of the others."""
FEW_DAYS = 5
"""Active days beside the SHORT busiest, below which nothing is known of the usual day; then it is taken for USUAL."""
USUAL, USUAL_POSTS = 10, 1
MOST_OF = 0.25
"""Share of all that was done in the window which the bursts are at least."""
FLOOD = 150
"""Sent to others within seven days, below which it is no flood."""
UNANSWERED = 0.1
"""Of what is sent in the window, less than this share is answered."""
_WEEK = 7


@dataclass(frozen=True, slots=True)
class Burst:
    """days: of the bursts, ascending; done: on these; of: in the whole window.

    usual: on a usual active day; None where there were too few.
    """

    days: tuple[int, ...]
    done: int
    of: int
    usual: int | None


@dataclass(frozen=True, slots=True)
class Flood:
    """The seven days up to `last` with the most that was sent; what was sent and answered in the whole window."""

    last: int
    week: int
    sent: int
    answered: int


def activity(n: int, pairs: Pairs, day: Day) -> Iterator[tuple[int, Burst | None, Flood | None]]:
    """(row, its bursts, its flood) of those of n members, with these tiles as of `day`, who have either."""
    age = (day - pairs.key.astype(np.int64)) & (RING - 1)
    inside = age < WINDOW
    row, at = pairs.row[inside], WINDOW - 1 - age[inside]
    signal, count = (pairs.key[inside] // RING).astype(np.int64), pairs.count[inside].astype(np.int64)

    def by_day(signals: tuple[S, ...]) -> np.ndarray:
        """int64[n, 90]: how often on each day, the oldest first."""
        chosen = np.isin(signal, [int(one) for one in signals])
        where = row[chosen] * WINDOW + at[chosen]
        return np.bincount(where, count[chosen], n * WINDOW).astype(np.int64).reshape(n, WINDOW)

    done, posts = by_day(DONE), by_day(PUBLISHED)
    sent, answered = by_day(ADDRESSED), by_day(ANSWERED)
    weekly = np.cumsum(np.pad(sent, ((0, 0), (_WEEK, 0))), axis=1)
    weekly = weekly[:, _WEEK:] - weekly[:, :-_WEEK]
    likely = (done.max(axis=1, initial=0) >= BURST) | (posts.max(axis=1, initial=0) >= BURST_POSTS)
    likely |= weekly.max(axis=1, initial=0) >= FLOOD
    first = day - WINDOW + 1
    for one in np.flatnonzero(likely).tolist():
        burst = _burst(done[one], posts[one], first)
        flood = _flood(weekly[one], sent[one], answered[one])
        if flood is not None:
            flood = replace(flood, last=flood.last + first)
        if burst or flood:
            yield one, burst, flood


def _burst(done: np.ndarray, posts: np.ndarray, first: int) -> Burst | None:
    usual, usual_posts = _usual(done), _usual(posts)
    high = (done >= BURST) & (done >= TIMES * (USUAL if usual is None else usual))
    high |= (posts >= BURST_POSTS) & (posts >= TIMES * (USUAL_POSTS if usual_posts is None else usual_posts))
    total, burst = int(done.sum()), int(done[high].sum())
    if not burst or burst < MOST_OF * total:
        return None
    return Burst(tuple((np.flatnonzero(high) + first).tolist()), burst, total, usual)


def _usual(counts: np.ndarray) -> int | None:
    """The median of the days with any, but for the busiest; None if these are too few."""
    active = np.sort(counts[counts > 0])[:-SHORT]
    return int(np.median(active)) if len(active) >= FEW_DAYS else None


def _flood(weekly: np.ndarray, sent: np.ndarray, answered: np.ndarray) -> Flood | None:
    """With the last day as its place in the window."""
    last, every, back = int(weekly.argmax()), int(sent.sum()), int(answered.sum())
    if weekly[last] < FLOOD or back >= UNANSWERED * every:
        return None
    return Flood(last, int(weekly[last]), every, back)
