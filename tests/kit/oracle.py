"""What the score should be, written from the documents alone: nothing of the project is imported here.

From `docs/reference/events.md` and `docs/explanation/score.md` to code in the plainest way: events as
dictionaries, counts in a dictionary, a rubric as the dictionary that TOML gives, points as fractions.
Where it differs from the project, one of them is wrong.
"""

from collections import defaultdict
from datetime import datetime
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache

DAY_MS = 86_400_000
WINDOW = 90

SENIOR = {"senior", "manager", "director", "vp", "c_level", "partner", "owner", "C-Level", "Vice President"}
JUNIOR = {"intern", "junior"}


ONCE_A_DAY = {
    "reaction_received": "reactor",
    "comment_received": "commenter",
    "share_received": "sharer",
    "endorsement_received": "endorser",
    "spam_reported": "spam_reporter",
    "own_invitation_declined": "decliner",
    "dialogue": "dialogue_partner",
}
"""A signal, and the one that counts each member on the other side of it once a day."""
QUIET = 30
"""Days after an erasure on which only the member's own activity brings them back."""
FROM_OTHERS = {
    *ONCE_A_DAY,
    *ONCE_A_DAY.values(),
    *("mention_received", "profile_view_received", "own_invitation_accepted", "connection", "connection_2nd"),
    *("connection_3rd", "connection_senior", "connection_junior", "connection_removed", "reply_received"),
    *("dialogue_senior", "inmail_answered", "recommendation_received", "follower"),
}


class Facts:
    """What is known of all members as of a day, from events in any order, each counted once."""

    def __init__(self, day):
        self.day = day
        self.seen = set()
        self.met = set()  # (member, the other one, signal, day)
        self.counts = defaultdict(int)  # (member, signal, day) -> how often
        self.latest = {}  # (member, register) -> (time, value)
        self.erased = {}  # member -> last day that is forgotten

    def add(self, event):
        if (event["source"], event["id"]) in self.seen:
            return
        self.seen.add((event["source"], event["id"]))
        time = milliseconds(event["time"])
        day = time // DAY_MS
        actor = event["subject"]
        if event["type"] == "activity.member.erased":
            self.erased[actor] = max(self.erased.get(actor, day), day)
            return
        if day > self.day:
            return
        mine, other, theirs, registers = credit(event["type"], event.get("data") or {})
        if other == actor:
            mine = theirs = []
        if day > self.day - WINDOW:
            self._count(actor, other, mine, day)
            self._count(other, actor, theirs, day)
        for register, value in registers.items():
            before = self.latest.get((actor, register))
            assert before is None or before[0] != time, "two updates in one millisecond: change the seed"
            if before is None or before[0] < time:
                self.latest[actor, register] = (time, value)

    def _count(self, member, other, signals, day):
        for signal in signals:
            self.counts[member, signal, day] += 1
            once = ONCE_A_DAY.get(signal)
            if once is not None and (member, other, once, day) not in self.met:
                self.met.add((member, other, once, day))
                self.counts[member, once, day] += 1

    def members(self):
        """{member: ({(signal, day): count}, {register: value})}, without what was erased."""
        found = defaultdict(lambda: ({}, defaultdict(int)))
        returned = defaultdict(lambda: self.day + 1)
        for member, signal, day in self.counts:
            if signal not in FROM_OTHERS and day > self.erased.get(member, -1):
                returned[member] = min(returned[member], day)
        for (member, signal, day), count in self.counts.items():
            if day > self._until(member, returned[member] - 1):
                found[member][0][signal, day] = count
        for (member, register), (time, value) in self.latest.items():
            if self.day <= self._until(member, returned[member] - 1):
                continue
            if time // DAY_MS > self.erased.get(member, -1):
                known = found[member][1]
                if isinstance(register, tuple):  # ("group", name)
                    known["groups"] += value
                else:
                    known[register] = value
        return dict(found)

    def _until(self, member, before):
        """The last day of a member that counts for nothing; before: the day before they were active again."""
        if member not in self.erased:
            return -1
        erased = self.erased[member]
        return max(erased, min(erased + QUIET, before))


def milliseconds(text):
    moment = datetime.fromisoformat(text)
    days = moment.toordinal() - datetime(1970, 1, 1).toordinal()
    seconds = (
        moment.hour * 3600 + moment.minute * 60 + moment.second - int(moment.utcoffset().total_seconds())
    )
    return days * DAY_MS + seconds * 1000 + moment.microsecond // 1000


def credit(kind, data):
    """(signals of the actor, counterpart, signals of the counterpart, registers of the actor)."""
    get = data.get
    match kind.removeprefix("activity."):
        case "session.started":
            return ["session"], None, [], {}
        case "profile.updated":
            known = {name: int(value) for name, value in data["sections"].items() if value is not None}
            if get("media") is not None:
                known["media"] = int(data["media"])
            return [], None, [], known
        case "member.updated":
            return [], None, [], {"connections": get("connections")} if get("connections") is not None else {}
        case "post.published":
            return ["post"] + ["post_media"] * bool(get("media")), None, [], {}
        case "article.published":
            return ["article"], None, [], {}
        case "reaction.given":
            return ["reaction_given"], data["author"], ["reaction_received"], {}
        case "comment.written":
            substantive = ["comment_substantive"] if data["words"] >= 5 else []
            return ["comment", *substantive], data["author"], ["comment_received"], {}
        case "content.shared":
            insight = ["share_insight"] if (get("words") or 0) > 0 else []
            return ["share", *insight], data["author"], ["share_received"], {}
        case "mention.made":
            return ["mention_made"], data["mentioned"], ["mention_received"], {}
        case "live.watched":
            return ["live_watched"], None, [], {}
        case "live.hosted":
            return ["live_hosted"], None, [], {}
        case "article.read":
            return ["article_read"], get("author"), [], {}
        case "group.joined":
            return [], None, [], {("group", data["group"]): 1}
        case "group.left":
            return [], None, [], {("group", data["group"]): 0}
        case "group.contributed":
            return ["group_contribution"], None, [], {}
        case "search.made":
            return ["search_" + data["kind"]], None, [], {}
        case "profile.viewed":
            third = ["profile_view_3rd"] if (get("degree") or 0) >= 3 else []
            return ["profile_view", *third], data["viewed"], ["profile_view_received"], {}
        case "lead.saved":
            return ["account_saved" if get("kind") == "account" else "lead_saved"], None, [], {}
        case "invitation.sent":
            mine = ["invitation_sent"]
            mine += ["invitation_senior"] * (get("seniority") in SENIOR)
            mine += ["invitation_in_target"] * bool(get("in_target"))
            mine += ["invitation_note"] * bool(get("note"))
            return mine, data["recipient"], [], {}
        case "invitation.accepted":
            degree = get("degree") or 0
            new = ["connection"]
            new += ["connection_2nd"] * (degree == 2) + ["connection_3rd"] * (degree >= 3)
            mine = ["invitation_accepted", *new, *standing(get("inviter_seniority"))]
            mine += ["invitation_accepted_senior"] * (get("inviter_seniority") in SENIOR)
            theirs = ["own_invitation_accepted", *new, *standing(get("actor_seniority"))]
            return mine, data["inviter"], theirs, {}
        case "invitation.declined":
            return [], data["inviter"], ["own_invitation_declined"], {}
        case "connection.removed":
            return ["connection_removed"], data["peer"], ["connection_removed"], {}
        case "message.sent":
            follow = ["follow_up"] * bool(get("follow_up"))
            if not get("reply"):
                return ["outreach", *follow], data["recipient"], [], {}
            senior = ["dialogue_senior"] * (get("seniority") in SENIOR)
            mine = ["reply_sent", "dialogue", *senior, *follow]
            senior = ["dialogue_senior"] * (get("actor_seniority") in SENIOR)
            return mine, data["recipient"], ["reply_received", "dialogue", *senior], {}
        case "inmail.sent":
            return ["inmail_sent"], data["recipient"], [], {}
        case "inmail.answered":
            return ["reply_sent"], data["sender"], ["inmail_answered"], {}
        case "endorsement.given":
            return [], data["endorsed"], ["endorsement_received"], {}
        case "recommendation.given":
            return ["recommendation_given"], data["recipient"], ["recommendation_received"], {}
        case "member.followed":
            return [], data["followed"], ["follower"], {}
        case "spam.reported":
            return [], data["reported"], ["spam_reported"], {}
    raise ValueError(kind)


def standing(seniority):
    if seniority in SENIOR:
        return ["connection_senior"]
    return ["connection_junior"] if seniority in JUNIOR else []


@cache
def weight(age, half_life):
    """2 ** (-age / half_life), rounded down to 20 bits after the point."""
    if half_life is None:
        return Fraction(1)
    halvings, rest = divmod(age, half_life)
    with localcontext() as context:
        context.prec = 60
        # Irrational unless there is no rest, so sixty digits are on the right side of any multiple of 2**-20.
        fine = (
            Decimal(2) ** (20 - halvings - Decimal(rest) / half_life)
            if rest
            else Decimal(2) ** (20 - halvings)
        )
        return Fraction(int(fine), 2**20)


def score(rubric, day, counts, registers):
    """(score, {component: points}) in hundredths, by a rubric as TOML has it (points text or decimal)."""
    points = {}
    penalties = []
    for part in rubric["component"]:
        points[part["name"]] = int(Fraction(part["max"]) * 100 * share(part, day, counts, registers))
        if part["kind"] == "penalty":
            penalties.append(part["name"])
    total = sum(value for name, value in points.items() if name not in penalties)
    for name in penalties:
        points[name] = -min(points[name], total)
        total += points[name]
    return total, points


def share(part, day, counts, registers):
    def summed(uses, least_age=0):
        half_life, total = part.get("half_life"), Fraction(0)
        rooms = {}
        for (signal, on), count in sorted(counts.items(), key=lambda item: -item[0][1]):
            if signal in uses and least_age <= day - on < WINDOW:
                use, week = uses[signal], (signal, (on + 3) // 7)
                counted = min(count, use["cap"], rooms.get(week, use.get("week", 10**9)))
                rooms[week] = rooms.get(week, use.get("week", 10**9)) - counted
                total += counted * use.get("weight", 1) * weight(day - on, half_life)
        return total

    if part["kind"] in ("volume", "penalty"):
        v = summed(part["signals"])
        return v / (v + part["half"]) if "half" in part else min(Fraction(1), v / part["target"])
    if part["kind"] == "rate":
        register = max(0, registers.get(part.get("trials_register"), 0))
        trials = summed(part["trials"]) if "trials" in part else register
        above, full, prior = Fraction(part["above"], 100), Fraction(part["full"], 100), part["prior"]
        successes = summed(part["successes"])
        if part.get("needs_trial"):
            successes = min(successes, trials)
        if part.get("grace"):
            trials = max(summed(part["trials"], part["grace"]), min(successes, trials))
        rate = (successes + above * prior) / (trials + prior)
        return max(Fraction(0), min(Fraction(1), (rate - above) / (full - above)))
    if part["kind"] == "rhythm":
        # Day 4 of 1970 was the first Monday.
        length, first = (1, 0) if part["period"] == "day" else (7, 4)
        now = (day - first) // length
        active = {
            (on - first) // length
            for (signal, on), _ in counts.items()
            if signal in part["signals"] and on <= day
        }
        recent = [period for period in active if now - part["over"] < period <= now]
        return min(Fraction(1), Fraction(len(recent), part["target"]))
    if part["kind"] == "register":
        reached = total = Fraction(0)
        for name, section in part["registers"].items():
            target, weighs = section.get("target", 1), section.get("weight", 1)
            total += weighs
            reached += weighs * Fraction(max(0, min(target, registers.get(name, 0))), target)
        return reached / total
    raise ValueError(part["kind"])
