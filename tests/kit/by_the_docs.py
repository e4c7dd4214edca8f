"""A scorer written from the documentation alone, to show that it is complete: from events and a rubric to points.

What it does is in docs/explanation/score.md ("Exactly, from the first event on") and docs/reference/events.md. The
tables of credits' words and of seniority are read from the page itself. It shares no code with the project, and none
with the oracle, which was written with the code at hand.
"""

import re
import tomllib
import unicodedata
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
EVENTS = (DOCS / "reference" / "events.md").read_text(encoding="utf-8")
COUNTS_MEMBERS = {
    *("reactor", "commenter", "sharer", "endorser", "spam_reporter", "decliner", "dialogue_partner"),
}
PILLARS = ("brand", "find", "engage", "relate")

# ------------------------------------------------------------------------------------------------- seniority


def _rows(head):
    """The rows of the table with this head, as lists of cells."""
    lines = EVENTS[EVENTS.index(head) :].splitlines()[2:]
    for line in lines:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]


def _folded(text):
    """Steps 1 and 2."""
    decomposed = unicodedata.normalize("NFKD", text[:200].casefold())
    text = "".join(c for c in decomposed if not unicodedata.combining(c))
    text = re.sub(r"\b(?:[^\W\d_]\.){2,}", lambda found: found[0].replace(".", "") + " ", text)
    text = re.sub(r"(?<=\w)[:*_/]-?(?:innen|in)\b|(?<=\w)\(-?(?:innen|in)\)", "", text)
    text = re.sub(r"[^\W_]+['’]s\b", " ", text)
    return text.replace("@", " at ")


def _words(text):
    return tuple(re.findall(r"[^\W_]+", text))


def _forms(cell):
    """The phrases of a cell as words, in every form."""
    for phrase in cell.split(", ") if cell else ():
        for form in (re.sub(r"\(\w+\)", "", phrase), re.sub(r"\((\w+)\)", r"\1", phrase)):
            plain = form.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue")
            yield from (_words(_folded(one)) for one in (form, plain))


LEVELS, WHOLE, PHRASES, NO_LEVEL = [], {}, {}, set()
for _name, _in_title, _as_whole in _rows("| level | phrases in a title"):
    if _name == "(none)":
        NO_LEVEL.update(_forms(_in_title))
        continue
    LEVELS.append(_name)
    WHOLE[(_name,)] = WHOLE[tuple(_name.split("_"))] = _name
    WHOLE.update(dict.fromkeys(_forms(_as_whole), _name))
    PHRASES.update(dict.fromkeys(_forms(_in_title), _name))
WORDS = {name: set(listed.split(", ")) for name, listed in _rows("| words | |")}
_said = re.search(r"job title as people write it\. (.*?) count as senior", EVENTS)
SENIOR = set(_said[1].split(", "))
JUNIOR = set(re.search(r"decision makers\); (.*?) as junior", EVENTS)[1].split(", "))


def level(text):
    """Which level a text means."""
    text = _folded(text or "")
    if _words(text) in WHOLE:
        return WHOLE[_words(text)]
    parts = re.split(r"[,;|/&+•·\n]|\s[-–—]\s|\s(?:and|und|et|y|e|en)\s", text)
    found = [one for one in (_of_part(_words(part)) for part in parts) if one]
    return max(found, key=LEVELS.index, default="other")


def _of_part(words):
    company = [at for at, word in enumerate(words) if at and word in WORDS["company"]]
    words = words[: company[0]] if company else words
    if words == ("head",):
        return "director"
    levels, passed, past, at = [], set(), False, 0
    while at < len(words):
        ends = [
            end for end in range(len(words), at, -1) if words[at:end] in PHRASES or words[at:end] in NO_LEVEL
        ]
        end, chief = (ends[0] if ends else at), 0
        if words[at] == "chief" and "officer" in words[at + 1 : at + 6]:
            chief = words.index("officer", at) + 1
        past = past or not WORDS["past"].isdisjoint(words[at : max(end, chief, at + 1)])
        if max(end, chief) == at:
            passed.add(words[at])
            at += 1
            continue
        named = "c_level" if chief >= end else PHRASES.get(words[at:end])
        if chief < end and words[at:end] in NO_LEVEL:
            named = None
        before = words[:at]
        if before and before[-1] in WORDS["article"] and before[-1] not in WORDS["to"]:
            before = before[:-1]
        if named and not past and not (before and before[-1] in WORDS["to"]):
            levels.append(named)
        at = max(end, chief)
    if passed & WORDS["assistant"]:
        levels = [one for one in levels if one in JUNIOR]
    return max([one for one in levels if one in JUNIOR] or levels, key=LEVELS.index, default=None)


# --------------------------------------------------------------------------------------------------- credits


def credit(kind, data):
    """(signals of the actor, counterpart, signals of the counterpart, registers of the actor)."""
    get = {name: value for name, value in data.items() if value is not None}.get
    senior = lambda name: level(get(name)) in SENIOR  # noqa: E731
    plain = {
        "session.started": "session",
        "article.published": "article",
        "live.watched": "live_watched",
        "live.hosted": "live_hosted",
        "article.read": "article_read",
        "group.contributed": "group_contribution",
    }
    if kind in plain:
        return [plain[kind]], get("author"), [], {}
    both = {
        "reaction.given": ("author", ["reaction_given"], ["reaction_received", "reactor"]),
        "mention.made": ("mentioned", ["mention_made"], ["mention_received"]),
        "invitation.declined": ("inviter", [], ["own_invitation_declined", "decliner"]),
        "connection.removed": ("peer", ["connection_removed"], ["connection_removed"]),
        "inmail.sent": ("recipient", ["inmail_sent"], []),
        "inmail.answered": ("sender", ["reply_sent"], ["inmail_answered"]),
        "endorsement.given": ("endorsed", [], ["endorsement_received", "endorser"]),
        "recommendation.given": ("recipient", ["recommendation_given"], ["recommendation_received"]),
        "member.followed": ("followed", [], ["follower"]),
        "spam.reported": ("reported", [], ["spam_reported", "spam_reporter"]),
    }
    if kind in both:
        field, mine, theirs = both[kind]
        return mine, get(field), theirs, {}
    match kind:
        case "profile.updated":
            known = {name: int(value) for name, value in get("sections").items() if value is not None}
            return [], None, [], known | ({"media": int(get("media"))} if get("media") is not None else {})
        case "member.updated":
            texts = ("industry", "team", "role", "seniority", "region", "employer", "connections")
            return [], None, [], {name: get(name) for name in texts if get(name) is not None}
        case "group.joined" | "group.left":
            return [], None, [], {("group", get("group")): int(kind == "group.joined")}
        case "post.published":
            return ["post"] + ["post_media"] * bool(get("media")), None, [], {}
        case "comment.written":
            long = ["comment_substantive"] * (get("words") >= 5)
            return ["comment", *long], get("author"), ["comment_received", "commenter"], {}
        case "content.shared":
            insight = ["share_insight"] * (get("words", 0) >= 1)
            return ["share", *insight], get("author"), ["share_received", "sharer"], {}
        case "search.made":
            return ["search_" + get("kind")], None, [], {}
        case "profile.viewed":
            far = ["profile_view_3rd"] * (get("degree", 0) >= 3)
            return ["profile_view", *far], get("viewed"), ["profile_view_received"], {}
        case "lead.saved":
            return ["account_saved" if get("kind") == "account" else "lead_saved"], None, [], {}
        case "invitation.sent":
            mine = ["invitation_sent"] + ["invitation_senior"] * senior("seniority")
            mine += ["invitation_in_target"] * bool(get("in_target")) + ["invitation_note"] * bool(
                get("note")
            )
            return mine, get("recipient"), [], {}
        case "invitation.accepted":
            new = {0: [], 1: [], 2: ["connection_2nd"]}.get(get("degree", 0), ["connection_3rd"])
            new = ["connection", *new]
            mine = ["invitation_accepted"] + ["invitation_accepted_senior"] * senior("inviter_seniority")
            mine += [*new, *_with(get("inviter_seniority"))]
            theirs = ["own_invitation_accepted", *new, *_with(get("actor_seniority"))]
            return mine, get("inviter"), theirs, {}
        case "message.sent":
            follow = ["follow_up"] * bool(get("follow_up"))
            if not get("reply"):
                return ["outreach", *follow], get("recipient"), [], {}
            talk = ["dialogue", "dialogue_partner"]
            mine = ["reply_sent", *talk, *follow] + ["dialogue_senior"] * senior("seniority")
            theirs = ["reply_received", *talk] + ["dialogue_senior"] * senior("actor_seniority")
            return mine, get("recipient"), theirs, {}
    raise ValueError(kind)


def _with(text):
    of = level(text)
    return ["connection_senior"] * (of in SENIOR) + ["connection_junior"] * (of in JUNIOR)


# ---------------------------------------------------------------------------------------- tiles and registers


OF_OTHERS = set(
    re.findall(
        r"`(\w+)`", re.search(r"which others'\s+events credit too: (.*?)\. To follow", EVENTS, re.DOTALL)[1]
    )
)
"""Signals that bring an erased member not back."""


def _moment(text):
    """Milliseconds since 1970; digits after the third are cut off."""
    moment = datetime.fromisoformat(text.upper().replace("Z", "+00:00")).astimezone(UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * 86_400_000 + since.seconds * 1_000 + since.microseconds // 1_000


def members(events, today):
    """{member: (tiles by (signal, age), registers by name)} of those who have a score as of a day, UTC."""
    seen, met, tiles, newest, erased = set(), set(), defaultdict(int), {}, {}

    def count(member, other, signals, day):
        for signal in signals:
            if signal in COUNTS_MEMBERS:
                if (member, other, signal, day) in met:
                    continue
                met.add((member, other, signal, day))
            tiles[member, signal, day] = min(tiles[member, signal, day] + 1, 65_535)

    for event in events:
        if (same := (event["source"], event["id"], event["subject"])) in seen:
            continue
        seen.add(same)
        actor, time = event["subject"], _moment(event["time"])
        day, kind = time // 86_400_000, event["type"].removeprefix("activity.")
        if kind == "member.erased":
            erased[actor] = max(day, erased.get(actor, day))
            continue
        mine, other, theirs, registers = credit(kind, event.get("data") or {})
        if day > today or actor == other:
            continue
        count(actor, other, mine, day)
        if other is not None:
            count(other, actor, theirs, day)
        for name, value in registers.items():
            if time > newest.get((actor, name), (-1,))[0]:
                newest[actor, name] = time, value
    back = {}  # the first day with own activity after an erasure, within the window
    for member, signal, day in tiles:
        if signal not in OF_OTHERS and day > erased.get(member, -1) and today - day < 90:
            back[member] = min(day, back.get(member, day))

    def lost(member):
        """The last day of which nothing counts."""
        if member not in erased:
            return -1
        return max(erased[member], min(erased[member] + 30, back.get(member, today + 1) - 1))

    found = defaultdict(lambda: ({}, {}))
    for (member, signal, day), n in tiles.items():
        if today - day < 90 and day > lost(member):
            found[member][0][signal, today - day] = n
    for (member, name), (time, value) in newest.items():
        if time // 86_400_000 > erased.get(member, -1) and today > lost(member):
            known = found[member][1]
            if isinstance(name, tuple):
                known["groups"] = known.get("groups", 0) + value
            else:
                known[name] = value
    return found


# ---------------------------------------------------------------------------------------------------- points


def score(rubric, today, tiles, registers):
    """(score, points by pillar, points by component) in hundredths; rubric: the text of its file."""
    data = tomllib.loads(rubric, parse_float=Decimal)
    parts = {
        part["name"]: int(share(part, today, tiles, registers) * Fraction(part["max"]) * 100)
        for part in data["component"]
    }
    pillars = [
        sum(parts[part["name"]] for part in data["component"] if part.get("pillar") == pillar)
        for pillar in PILLARS
    ]
    left = sum(pillars)
    for part in data["component"]:
        if part["kind"] == "penalty":
            parts[part["name"]] = -min(parts[part["name"]], left)
            left += parts[part["name"]]
    return left, pillars, parts


def weight(age, half_life):
    """The greatest multiple of 2^-20 that is at most 2^(-age / half_life)."""
    if half_life is None:
        return Fraction(1)
    low, high = 0, 1 << 20  # w^half_life <= 2^(20 * half_life - age), without any roots
    most = Fraction(2) ** (20 * half_life - age)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**half_life <= most else (low, middle - 1)
    return Fraction(low, 1 << 20)


WEIGHTS = {}


def _weight(age, half_life):
    if (age, half_life) not in WEIGHTS:
        WEIGHTS[age, half_life] = weight(age, half_life)
    return WEIGHTS[age, half_life]


def _week(day):
    """Day 0 is a Thursday, and weeks begin on Monday."""
    return (day + 3) // 7


def share(part, today, tiles, registers):
    """What part of its maximum a component earns."""

    def total(uses, youngest=0):
        summed, counted = Fraction(0), defaultdict(int)  # counted: by signal and week, the newest days first
        for (signal, age), n in sorted(tiles.items(), key=lambda tile: tile[0][1]):
            if signal not in uses:
                continue
            use, week = uses[signal], (signal, _week(today - age))
            count = min(n, use["cap"], use.get("week", n + counted[week]) - counted[week])
            counted[week] += count
            if age >= youngest:
                summed += count * use.get("weight", 1) * _weight(age, part.get("half_life"))
        return summed

    def number(name):
        return max(registers.get(name, 0), 0)

    match part["kind"]:
        case "volume" | "penalty":
            v = Fraction(total(part["signals"]))
            return v / (v + part["half"]) if "half" in part else min(v, part["target"]) / part["target"]
        case "rhythm":
            ages = {age for signal, age in tiles if signal in part["signals"]}
            ago = {_week(today) - _week(today - age) if part["period"] == "week" else age for age in ages}
            return Fraction(min(sum(one < part["over"] for one in ago), part["target"]), part["target"])
        case "register":
            uses = [
                (number(n), use.get("weight", 1), use.get("target", 1))
                for n, use in part["registers"].items()
            ]
            earned = sum(Fraction(w * min(value, target), target) for value, w, target in uses)
            return earned / sum(w for _, w, _ in uses)
        case "rate":
            s = Fraction(total(part["successes"]))
            t = Fraction(total(part["trials"]) if "trials" in part else number(part["trials_register"]))
            if part.get("needs_trial"):
                s = min(s, t)
            if "grace" in part:
                t = max(total(part["trials"], part["grace"]), min(s, t))
            above, full = part["above"], part["full"]
            rate = (100 * s - above * t) / ((full - above) * (t + part["prior"]))
            return min(max(rate, Fraction(0)), Fraction(1))
    raise ValueError(part["kind"])
