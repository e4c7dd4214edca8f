"""Networks in the plainest way, from events as dictionaries; nothing of the project is imported here."""

from collections import defaultdict
from datetime import datetime
from fractions import Fraction
from math import ceil

_DAY_S = 86_400
_ENGAGING = {
    "activity.reaction.given": "author",
    "activity.comment.written": "author",
    "activity.content.shared": "author",
    "activity.mention.made": "mentioned",
}


class Ties:
    """Who is connected with whom, and who engaged with whom when, from events in any order."""

    def __init__(self):
        self.seen = set()
        self.changes = defaultdict(dict)  # member -> peer -> the latest (second, removed, day)
        self.engaged = defaultdict(dict)  # member -> peer -> last day
        self.erased = {}  # member -> last day

    def add(self, event):
        if (event["source"], event["id"], event["subject"]) in self.seen:
            return
        self.seen.add((event["source"], event["id"], event["subject"]))
        second = int(datetime.fromisoformat(event["time"]).timestamp() // 1)
        day, actor, data = second // _DAY_S, event["subject"], event.get("data") or {}
        if event["type"] == "activity.member.erased":
            self.erased[actor] = max(self.erased.get(actor, day), day)
            return
        removed = event["type"] == "activity.connection.removed"
        if removed or event["type"] == "activity.invitation.accepted":
            peer = data["peer" if removed else "inviter"]
            for one, other in ((actor, peer), (peer, actor)):
                if one != other:
                    known = self.changes[one].get(other, (0, False, 0))
                    self.changes[one][other] = max(known, (second, removed, day))
        elif event["type"] in _ENGAGING:
            author = data[_ENGAGING[event["type"]]]
            if author != actor:
                self.engaged[author][actor] = max(self.engaged[author].get(actor, day), day)

    def network(self, member, today):
        """{connection: whether they engaged within 90 days} of a member."""
        gone = self.erased.get(member, -1)
        return {
            peer: max(self.engaged[member].get(peer, -1), gone) > max(today - 90, gone)
            for peer, (_, removed, day) in self.changes[member].items()
            if not removed and day > gone
        }


def standing(own, peers):
    """(place, of, top) among peers' scores: the mean place of those level, and their share, rounded up."""
    above = sum(score > own for score in peers)
    level = 1 + sum(score == own for score in peers)
    of = len(peers) + 1
    return above + (level + 1) / 2, of, ceil(Fraction(10_000 * (2 * above + level), 2 * of)) / 100
