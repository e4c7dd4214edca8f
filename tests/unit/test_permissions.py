"""Which sources may publish what, for whom and how late: the verdict on each event, and the file that says so."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.config import sources_file
from agents.config.errors import UserError
from agents.config.settings import Settings
from perf.fake_records import FakeRecord
from pipeline.common import days
from pipeline.intake.credit_rules import credits
from pipeline.intake.permissions import EVERYTHING, Permissions, SourceRule
from pipeline.intake.record_intake import Intake
from pipeline.intake.rows import Rows
from schemas.frames import TOO_LATE, Side
from schemas.letters import DeadLetter
from schemas.reasons import MAX_MESSAGE
from tests.kit.events import DAY, at, dumps, event

ERASED, UPDATED, SESSION = "activity.member.erased", "activity.member.updated", "activity.session.started"
REACTED, REPORTED = "activity.reaction.given", "activity.spam.reported"
NOW = days.end_ms(DAY)
TOPIC = "activity.events"
DAY_MS = 86_400_000


def rows_of(permissions: Permissions | None, *made: dict[str, Any], horizon_ms: int | None = None) -> Rows:
    """What intake makes of the events, which Kafka has appended at the end of the day."""
    records = [FakeRecord(dumps(one), offset=n, timestamp=NOW) for n, one in enumerate(made)]
    intake = Intake(0, 900_000, credits(5), horizon_ms, permissions=permissions)
    return intake.rows(records, np.zeros(len(records), np.int64), TOPIC)


def refused(rows: Rows) -> dict[int, tuple[str, str]]:
    """(reason, message) by offset."""
    found = map(DeadLetter.unpack, rows.letters.values())
    return {letter.offset: (letter.reason, letter.message) for letter in found}


def verdict(permissions: Permissions, made: dict[str, Any]) -> str:
    """The reason of the dead letter, `ok` if there is none."""
    return refused(rows_of(permissions, made)).get(0, ("ok", ""))[0]


def shipped(name: str) -> Permissions:
    return sources_file.permissions(Settings(sources=Path(name)))


def ago(days_: float, **more: Any) -> dict[str, Any]:
    """A session so many days before it is read."""
    return event(SESSION, time=at(DAY, DAY_MS - int(days_ * DAY_MS)), **more)


# --- what is allowed ----------------------------------------------------------------------------------------


def test_by_default_everybody_may_publish_everything_but_erase() -> None:
    default = sources_file.permissions(Settings())
    assert default.rules == shipped("default").rules
    assert verdict(default, event(SESSION)) == verdict(default, event(REPORTED, {"reported": "m-7"})) == "ok"
    assert verdict(default, event(ERASED)) == "not_allowed"
    assert verdict(shipped("open"), event(ERASED)) == "ok"


@pytest.mark.parametrize(
    ("source", "kind", "data", "subject", "found"),
    [
        ("/web/feed", SESSION, None, "m-1", "ok"),
        ("/web/feed", ERASED, None, "m-1", "not_allowed"),
        ("/web/feed", UPDATED, None, "m-1", "not_allowed"),
        ("/web", SESSION, None, "m-1", "not_allowed"),  # not below /web/
        ("/crm", UPDATED, None, "m-1", "ok"),
        ("/crm", SESSION, None, "m-1", "not_allowed"),
        ("/moderation", REPORTED, {"reported": "m-7"}, "m-1", "ok"),
        ("/privacy", ERASED, None, "m-1", "ok"),
        ("/privacy", SESSION, None, "m-1", "not_allowed"),
        ("/tenants/acme", SESSION, None, "acme:17", "ok"),
        ("/tenants/acme", SESSION, None, "other:17", "not_allowed"),
        ("/tenants/acme", REACTED, {"author": "acme:18"}, "acme:17", "ok"),
        ("/tenants/acme", REACTED, {"author": "other:18"}, "acme:17", "not_allowed"),
        ("/tenants/", SESSION, None, ":17", "not_allowed"),  # no name is not everybody's
        ("/elsewhere", SESSION, None, "m-1", "not_allowed"),
    ],
)
def test_the_example_gives_each_source_what_it_needs(source, kind, data, subject, found) -> None:
    assert verdict(shipped("example"), event(kind, data, source=source, subject=subject)) == found


def test_the_first_rule_that_fits_source_and_topic_decides() -> None:
    rules = [
        SourceRule("/crm*", topic="crm.*", types=("*",)),
        SourceRule("/crm*", types=(SESSION,)),
        SourceRule("*"),
    ]
    in_our_topic = Permissions(rules)
    assert verdict(in_our_topic, event(SESSION, source="/crm")) == "ok"
    assert verdict(in_our_topic, event(ERASED, source="/crm")) == "not_allowed"
    assert verdict(in_our_topic, event(ERASED, source="/web")) == "ok"
    grants = in_our_topic.of_topic("crm.events")
    assert grants.find("/crm", ERASED).refusal("m-1", None) == ""
    assert "no rule fits" in Permissions(rules[:1]).of_topic(TOPIC).find("/crm", SESSION).refusal("m-1", None)


def test_a_header_names_the_topic_of_a_copied_record_only_where_the_rules_say_so() -> None:
    """A copier that alone may write binds each source to the topic that its publisher may write to."""
    rules = [SourceRule("/crm", topic="inbox.crm"), SourceRule("/web", topic="inbox.web")]
    value = dumps(event(SESSION, source="/crm"))
    for origin_header, headers, found in (
        ("from", [("from", b"inbox.crm")], {}),
        ("from", [("from", b"inbox.web")], {0}),  # /web pretends to be /crm
        ("from", [("from", b"inbox.crm"), ("from", b"inbox.web")], {0}),  # the copier's own comes last
        ("from", [], {0}),
        ("", [("from", b"inbox.crm")], {0}),
    ):
        intake = Intake(0, 0, credits(5), permissions=Permissions(rules, 90, origin_header))
        record = FakeRecord(value, timestamp=NOW, headers=headers)
        assert refused(intake.rows([record], np.zeros(1, np.int64), TOPIC)).keys() == set(found)


def test_a_pattern_takes_nothing_but_its_star_for_special() -> None:
    rule = Permissions([SourceRule("/a.b+(c)*")])
    assert verdict(rule, event(SESSION, source="/a.b+(c)\nd")) == "ok"
    assert verdict(rule, event(SESSION, source="/aXb+(c)")) == "not_allowed"


def test_the_message_says_who_may_not_do_what_in_one_line() -> None:
    made = event(ERASED, source="/crm\n" + "x" * 200)
    reason, message = refused(rows_of(shipped("default"), made))[0]
    assert reason == "not_allowed"
    assert message.startswith("source: '/crm\\nxxx")
    assert message.endswith("may not publish activity.member.erased")
    assert len(message) <= MAX_MESSAGE


def test_sources_without_end_are_not_all_remembered() -> None:
    grants = Permissions(EVERYTHING).of_topic(TOPIC)
    for number in range(10_000):
        assert not grants.find(f"/made-up/{number}", SESSION).checked
    assert len(grants.known) < 5_000


# --- how late -----------------------------------------------------------------------------------------------


def test_by_default_nothing_is_too_late() -> None:
    assert verdict(sources_file.permissions(Settings()), ago(120)) == "ok"


@pytest.mark.parametrize(("days_", "found"), [(6.99, "ok"), (7, "ok"), (7.01, "too_late"), (89, "too_late")])
def test_with_a_limit_what_is_later_than_it_is_refused(days_: float, found: str) -> None:
    assert verdict(Permissions(EVERYTHING, 7), ago(days_)) == found


def test_the_limit_may_be_less_than_a_day() -> None:
    hour = Permissions(EVERYTHING, 1 / 24)
    assert [verdict(hour, ago(hours / 24)) for hours in (0.5, 2)] == ["ok", "too_late"]


def test_what_is_so_and_erasures_are_never_too_late() -> None:
    """Registers do not age, and nobody gains by an old one: the newest wins."""
    week, time = Permissions(EVERYTHING, 7), at(DAY - 60)
    for kind, data in (
        (UPDATED, {"team": "a"}),
        ("activity.profile.updated", {"sections": {}}),
        ("activity.group.joined", {"group": "g"}),
        ("activity.group.left", {"group": "g"}),
        (ERASED, None),
    ):
        assert verdict(week, event(kind, data, time=time)) == "ok"


def test_a_source_may_have_a_limit_of_its_own_or_none() -> None:
    rules = [SourceRule("/crm", late_days=30), SourceRule("/backfill", backfill=True), SourceRule("*")]
    week = Permissions(rules, 7)
    for source, days_, found in (
        ("/crm", 20, "ok"),
        ("/crm", 40, "too_late"),
        ("/backfill", 89, "ok"),
        ("/web", 20, "too_late"),
    ):
        assert verdict(week, ago(days_, source=source)) == found


def test_late_is_counted_from_the_record_and_not_from_the_time_of_reading() -> None:
    """So whoever reads a record again, however much later, comes to the same verdict."""
    intake = Intake(0, 900_000, credits(5), permissions=Permissions(EVERYTHING, 7))
    record = FakeRecord(dumps(ago(6)), timestamp=NOW)
    for read_ms in (NOW, NOW + 60 * DAY_MS):
        assert not intake.rows([record], np.zeros(1, np.int64), TOPIC, read_ms=read_ms).letters


def test_a_replay_of_history_is_not_late() -> None:
    """With an as-of day all records are old, and were read at no moment that means anything."""
    assert not rows_of(Permissions(EVERYTHING, 7), ago(60), horizon_ms=NOW).letters


def test_the_row_of_a_letter_says_that_its_event_came_too_late() -> None:
    rows = rows_of(Permissions(EVERYTHING, 7), ago(60, id="1"), ago(1, id="2"), event(SESSION, time="never"))
    dead = rows.side == Side.DEAD
    assert rows.signals[dead].tolist() == [TOO_LATE, 0]
    assert refused(rows)[0] == (
        "too_late",
        "time: '2025-09-22T00:00:00.000+…' (29 characters) is over 7 days before the record",
    )


def test_late_events_are_counted_by_source_and_by_member() -> None:
    """Those more than a day late, refused or not: of an actor, and of whoever is credited."""
    late = [ago(days_, id=str(days_), source="/a") for days_ in (0.5, 2, 20)]
    reaction = event(REACTED, {"author": "m-00009"}, id="r", source="/b", time=at(DAY - 3))
    rows = rows_of(Permissions(EVERYTHING, 7), *late, reaction, event(SESSION, id="now", time=at(DAY)))
    assert rows.late == {"/a": 2, "/b": 1}
    assert rows.late_members == {"m-00001": 3, "m-00009": 1}


def test_what_is_not_allowed_is_counted_by_source() -> None:
    made = [event(ERASED, id=str(n), source=f"/{n % 2}") for n in range(3)]
    assert rows_of(shipped("default"), *made).not_allowed == {"/0": 2, "/1": 1}


# --- the file -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no rule, so nobody may publish: begin one with [[rule]]"),
        ("[[rule]\n", "Expected"),
        (
            'origin_header = 5\n[[rule]]\nsource = "*"',
            "origin_header must be the name of a header, as a text",
        ),
        ('rules = "all"', "'rules' is not known: all rules begin with [[rule]]"),
        ('[rule]\nsource = "*"', "there is no rule"),
        ("rule = [7]", "Input should be"),
        ('[[rule]]\ntypes = ["*"]', "line 1: source: Field required"),
        ('[[rule]]\nsource = "*"\n[[rule]]\nsource = 5', "line 4: source: Input should be a valid string"),
        ('[[rule]]\nsource = "*"\ntype = ["*"]', "line 3: type: is not known; did you mean 'types'?"),
        (
            '[[rule]]\nsource = "*"\ntypes = ["activity.post.publish"]',
            "'activity.post.publish' is no event type; did you mean 'activity.post.published'?",
        ),
        (
            '[[rule]]\nsource = "*"\nlate_days = 900',
            "line 3: late_days: Input should be less than or equal to 90",
        ),
        ('[[rule]]\nsource = "*"\nlate_days = 9\nbackfill = true', "exclude one another"),
        ('[[rule]]\nsource = "/crm"\nsubjects = ["{*}:*"]', "source has none"),
    ],
)
def test_a_wrong_file_is_one_line_that_says_where(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "sources.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=re.escape(said)) as caught:
        sources_file.permissions(Settings(sources=path))
    assert str(caught.value).startswith(f"Sources {path}")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_no_text_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"can't be read: No such file.*those that ship are default, example, open"
    ):
        sources_file.permissions(Settings(sources=tmp_path / "no.toml"))
    path = tmp_path / "sources.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="not UTF-8"):
        sources_file.permissions(Settings(sources=path))
