"""Source permissions: which sources may publish which events, for whom, and how late.

Of the rules that fit the `source` and the topic of an event, the first one decides; an event that no rule fits is not
allowed. What a rule says of a source and a type is worked out once, so that it costs an event one look-up.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.common.tile_keys import WINDOW
from schemas.reasons import quote

DAY_MS = 86_400_000
NO_LIMIT = 1 << 62
"""In place of milliseconds: an event may be as late as it likes."""
UNDATED = frozenset(
    {
        "activity.profile.updated",
        "activity.member.updated",
        "activity.group.joined",
        "activity.group.left",
        "activity.member.erased",
    }
)
"""Types that are never too late: they say what is so, which does not age, or erase."""
NAMESPACE = "{*}"
"""In a pattern of members: what the first `*` of the rule's `source` stands for."""
_ROOM = 4096
"""Sources that are remembered; there is no end of those that upstream may make up."""


@dataclass(frozen=True, slots=True)
class SourceRule:
    """What the sources that it fits may publish. All texts are patterns, in which `*` stands for any text.

    source, topic: which events the rule fits. types: may be published, but for those of `without`. subjects,
    counterparts: who they may be about; `NAMESPACE` stands for a part of the source. late_days: how late an event
    may be; None: as the installation has it. backfill: it may be as late as it likes.
    """

    source: str = "*"
    topic: str = "*"
    types: tuple[str, ...] = ("*",)
    without: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ("*",)
    counterparts: tuple[str, ...] = ("*",)
    late_days: float | None = None
    backfill: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """What is allowed to events of a source and type, by its rule.

    late_ms: how late they may be. denied: why none is allowed, empty if some are. checked: whether it depends on
    the members; subjects, counterparts: who these may be, None for anybody.
    """

    source: str
    late_ms: int
    denied: str = ""
    checked: bool = False
    subjects: re.Pattern[str] | None = None
    counterparts: re.Pattern[str] | None = None

    @property
    def free(self) -> bool:
        """Whether all events are allowed, whenever they come."""
        return not self.checked and self.late_ms == NO_LIMIT

    def refusal(self, subject: str, counterpart: str | None) -> str:
        """Why an event about these members is not allowed, in one line; empty if it is."""
        if self.denied:
            return self.denied
        if self.subjects is not None and not self.subjects.fullmatch(subject):
            return f"source: {quote(self.source)} may not publish for the subject {quote(subject)}"
        if self.counterparts is None or counterpart is None or self.counterparts.fullmatch(counterpart):
            return ""
        return f"source: {quote(self.source)} may not credit the counterpart {quote(counterpart)}"


class Grants:
    """The grants of events in a topic. known: by source and type, those that were asked for."""

    def __init__(self, permissions: "Permissions", topic: str) -> None:
        self.known: dict[str, dict[str, Grant]] = {}
        self._permissions = permissions
        self._topic = topic

    def find(self, source: str, event_type: str) -> Grant:
        """The grant of a source and type; it is known from now on."""
        if len(self.known) >= _ROOM:
            self.known.clear()
        made = self._permissions.grant(source, event_type, self._topic)
        self.known.setdefault(source, {})[event_type] = made
        return made


class Permissions:
    """The rules of an installation.

    late_days: how late an event may be where its rule does not say. origin_header: of a record that was copied, the
    header that names the topic it comes from, which counts as its topic; whoever may write to the topic that is read
    may set it, so it says something only if that is the copier alone. Empty: no header does.

    With the length of the window or more there is no limit: what is later is outside of the window in any case.
    least_ms: the smallest limit of all rules.
    """

    def __init__(
        self, rules: Sequence[SourceRule], late_days: float = WINDOW, origin_header: str = ""
    ) -> None:
        self.rules = tuple(rules)
        self.origin_header = origin_header
        self.late_ms = _late_ms(late_days)
        given = (_late_ms(rule.late_days) for rule in self.rules if rule.late_days is not None)
        self.least_ms = min((self.late_ms, *given))
        self._topics: dict[str, Grants] = {}

    def of_record(self, headers: Sequence[tuple[str, bytes]], topic: str) -> Grants:
        """The grants of the event in a record with these headers, read from a topic."""
        if self.origin_header:
            named = [value for name, value in headers if name == self.origin_header]
            topic = (named[-1] or b"").decode("utf-8", "replace") if named else topic
        return self.of_topic(topic)

    def of_topic(self, topic: str) -> Grants:
        """The grants of events in a topic."""
        if len(self._topics) >= _ROOM:
            self._topics.clear()
        if topic not in self._topics:
            self._topics[topic] = Grants(self, topic)
        return self._topics[topic]

    def grant(self, source: str, event_type: str, topic: str) -> Grant:
        """What is allowed to events of a source and type in a topic."""
        for rule in self.rules:
            found = _pattern((rule.source,)).fullmatch(source)
            if found is None or not _pattern((rule.topic,)).fullmatch(topic):
                continue
            late_ms = self._late(rule, event_type)
            if not _fits(rule.types, event_type) or _fits(rule.without, event_type):
                return Grant(
                    source, late_ms, f"source: {quote(source)} may not publish {event_type}", checked=True
                )
            namespace = found[1] if found.groups() else ""
            subjects, counterparts = (
                _members(patterns, namespace) for patterns in (rule.subjects, rule.counterparts)
            )
            checked = subjects is not None or counterparts is not None
            return Grant(source, late_ms, "", checked, subjects, counterparts)
        denied = f"source: {quote(source)} may publish nothing in {topic}: no rule fits it"
        return Grant(source, NO_LIMIT, denied, checked=True)

    def _late(self, rule: SourceRule, event_type: str) -> int:
        if rule.backfill or event_type in UNDATED:
            return NO_LIMIT
        return self.late_ms if rule.late_days is None else _late_ms(rule.late_days)


def _late_ms(days: float) -> int:
    return NO_LIMIT if days >= WINDOW else int(days * DAY_MS)


def _fits(patterns: Sequence[str], text: str) -> bool:
    return bool(patterns) and _pattern(patterns).fullmatch(text) is not None


def _members(patterns: Sequence[str], namespace: str) -> re.Pattern[str] | None:
    """Who fits one of the patterns; None: everybody."""
    return None if "*" in patterns else _pattern(patterns, namespace)


def _pattern(patterns: Sequence[str], namespace: str | None = None) -> re.Pattern[str]:
    """What fits one of the patterns; each `*` is a group."""
    return re.compile("|".join(_expression(one, namespace) for one in patterns), re.DOTALL)


def _expression(pattern: str, namespace: str | None) -> str:
    if namespace == "" and NAMESPACE in pattern:
        return "(?!)"  # without a name of its own a source has no namespace, not that of everybody
    parts = [pattern] if namespace is None else pattern.split(NAMESPACE)
    made = ["(.*)".join(re.escape(text) for text in part.split("*")) for part in parts]
    return re.escape(namespace or "").join(made)


EVERYTHING = (SourceRule(),)
"""Every source may publish everything."""
