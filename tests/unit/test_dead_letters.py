"""Dead letters: what is wanted of them, how they are edited, judged and shown."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.cli import _run
from agents.cli._options import moment
from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.dead_letters import edits
from agents.dead_letters.outcomes import Outcome, Outcomes
from agents.dead_letters.redrive import HEADER, Candidate, Judge, Judged
from agents.dead_letters.store import StoredLetter, Wanted, places
from agents.screens import dead_letters, raw_json
from schemas.letters import DeadLetter
from schemas.replays import Replay
from tests.kit.events import BAD, dumps, event

NOW = int(datetime.now(UTC).timestamp() * 1000)
texts = st.text(max_size=20)
raw = st.binary(max_size=30)


def letter(value: bytes | None, *headers: tuple[str, bytes], reason: str = "bad_time") -> StoredLetter:
    made = DeadLetter(reason, "time: is none", "activity.events", 2, 40, NOW - 5_000, b"m-1", value, headers)
    return StoredLetter((0, 7), NOW - 4_000, made)


def good(**changes: Any) -> dict[str, Any]:
    made = event("activity.session.started") | {"time": datetime.now(UTC).isoformat()}
    return made | changes


@given(
    reason=texts,
    message=texts,
    key=st.none() | raw,
    value=st.none() | raw,
    headers=st.lists(st.tuples(texts | st.just("pillarscore-reason"), raw), max_size=4),
)
def test_a_record_is_the_letter_it_was_made_from(
    reason: str, message: str, key: Any, value: Any, headers: Any
) -> None:
    made = DeadLetter(reason, message, "activity.events", 3, 9, NOW, key, value, tuple(headers))
    assert DeadLetter.from_record(key, value, made.out_headers()) == made


@pytest.mark.parametrize("keep", [slice(0), slice(1, None), slice(None, -1)])
def test_a_record_of_somebody_else_is_no_letter(keep: slice) -> None:
    headers = DeadLetter("a", "b", "c", 0, 0, 0, None, None).out_headers()[keep]
    with pytest.raises(ValueError, match="lacks the headers"):
        DeadLetter.from_record(None, b"", headers)


@pytest.mark.parametrize(
    ("wanted", "takes"),
    [
        (Wanted(), True),
        (Wanted(reasons=("bad_time", "too_long")), True),
        (Wanted(reasons=("too_long",)), False),
        (Wanted(types=("activity.session.started",)), True),
        (Wanted(types=("activity.session.*",)), True),
        (Wanted(types=("activity.session",)), False),
        (Wanted(sources=("/test",)), True),
        (Wanted(sources=("/crm", "/te*")), True),
        (Wanted(sources=("/tes",)), False),
        (Wanted(sources=("",)), False),
        (Wanted(since=NOW - 4_000, until=NOW), True),
        (Wanted(since=NOW - 3_999), False),
        (Wanted(until=NOW - 4_000), False),
        (Wanted(reasons=("bad_time",), types=("x*",)), False),
    ],
)
def test_all_conditions_must_hold(wanted: Wanted, takes: bool) -> None:
    assert wanted.takes(letter(dumps(good()))) == takes


@pytest.mark.parametrize(
    ("value", "headers", "kind"),
    [
        (b'{"type": "a.b"}', (), "a.b"),
        (b'{"type": 5}', (), ""),
        (b"[1]", (), ""),
        (b"\xff{", (), ""),
        (None, (), ""),
        (b"{}", (("ce_type", b"a.\xffb"),), "a.\ufffdb"),
        (b'{"type": "a.b", "x": NaN}', (), "a.b"),
        (b'\xef\xbb\xbf{"type": "a.b"}', (), "a.b"),
        (b'{"type": "a.b"}', (("content-type", b"application/cloudevents+json"), ("ce_type", b"c")), "a.b"),
        (None, (("CE_TYPE", b"c"),), "c"),
    ],
)
def test_the_type_is_read_as_far_as_it_can_be(value: Any, headers: Any, kind: str) -> None:
    assert letter(value, *headers).type == kind


@pytest.mark.parametrize(
    ("value", "headers", "source"),
    [
        (b'{"source": "/crm"}', (), "/crm"),
        (b'{"source": "/crm", "x": NaN}', (("content-type", b"application/cloudevents+json"),), "/crm"),
        (b"{}", (("ce_source", b"/c\xffrm"),), "/c\ufffdrm"),
        (b'{"source": "/value"}', (("ce_source", b"/header"),), "/header"),
        (b'{"source": 5}', (), ""),
        (b'{"source": "\\ud800"}', (), ""),
        (b"{oops", (), ""),
        (None, (), ""),
    ],
)
def test_the_source_is_read_as_far_as_it_can_be(value: Any, headers: Any, source: str) -> None:
    assert letter(value, *headers).source == source


def judged(fails: bool, sent_before: bool) -> Judged:
    note = Replay(at=datetime.now(UTC), letter_timestamp=0, edited=False, forced=False)
    reason = ("bad_time", "time: is none") if fails else None
    return Judged(Candidate(letter(b""), b"", False), reason, note if sent_before else None)


@given(st.lists(st.tuples(st.booleans(), st.booleans())), st.booleans(), st.booleans(), st.booleans())
def test_each_letter_of_a_redrive_is_counted_once(found: Any, yes: bool, force: bool, again: bool) -> None:
    outcomes = Outcomes(yes=yes, force=force, again=again)
    sent = [outcomes.add(judged(*one))[0] is Outcome.SENT for one in found]
    assert sent == [(force or not fails) and (again or not before) for fails, before in found]
    assert sum(outcomes[one] for one in Outcome) == outcomes.total == len(found)
    numbers = re.findall(r"\d[\d,]*", re.sub(r"\(.*?\)", "", outcomes.summary()))
    total, *parts = (int(number.strip(",").replace(",", "")) for number in numbers)
    assert total == sum(parts) == len(found)


@pytest.mark.parametrize(
    ("options", "summary"),
    [
        (
            {},
            "3 letters: 0 to be sent, 1 would fail again (--force sends them anyway), "
            "2 already sent (--again sends them again)",
        ),
        (
            {"yes": True, "force": True, "again": True},
            "3 letters: 3 sent (among them 2 that would fail again and 2 already sent)",
        ),
        ({"again": True}, "3 letters: 1 to be sent (among them 1 already sent), 2 would fail again"),
    ],
)
def test_a_redrive_is_summed_up(options: dict[str, bool], summary: str) -> None:
    outcomes = Outcomes(**{"yes": False, "force": False, "again": False} | options)
    for one in (judged(True, False), judged(True, True), judged(False, True)):
        outcomes.add(one)
    assert outcomes.summary().startswith(summary)


def test_places_and_moments_as_typed() -> None:
    assert places(["0:1", "2:30", "0:1"]) == ((0, 1), (2, 30))
    assert moment("--since", "2026-11-20") == moment("--since", "2026-11-20T01:00:00+01:00") == 1795132800000
    ago = moment("--since", "2h")
    assert ago is not None
    assert abs(ago - (NOW - 7_200_000)) < 600_000
    for wrong in ("1", "a:b", "0:-1", "0:" + "1" * 40, "٣:٣x"):
        with pytest.raises(UserError, match="PARTITION:OFFSET"):
            places([wrong])
    for wrong in ("yesterday", "999999d9", "3w", "2026-13-01", "999999d"):
        with pytest.raises(UserError, match="give a time"):
            moment("--since", wrong)


def test_fields_are_set_by_their_path() -> None:
    before = b'{"id":"1","n":12345678901234567890,"data":{"words":-1,"author":"m-2"}}'
    after = edits.with_fields(before, ["data.words=12", "time=2026-11-20T08:30:00Z", "a.b=null", 'id="9"'])
    assert after == (
        b'{"id":"9","n":12345678901234567890,"data":{"words":12,"author":"m-2"},'
        b'"time":"2026-11-20T08:30:00Z","a":{"b":null}}'
    )


@pytest.mark.parametrize(
    ("event_", "field", "says"),
    [
        (b"{oops", "a=1", "not JSON"),
        (b"[]", "a=1", "not a JSON object"),
        (b'{"a": 1}', "a.b=1", "not a JSON object"),
        (b'{"a": [1]}', "a.b.c=1", "not a JSON object"),
        (b"{}", "a", "PATH=VALUE"),
        (b"{}", "=1", "PATH=VALUE"),
        (b"{}", "a..b=1", "PATH=VALUE"),
    ],
)
def test_a_field_that_cannot_be_set_is_one_line(event_: bytes, field: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        edits.with_fields(event_, [field])


def test_binary_mode_is_edited_as_a_structured_event() -> None:
    made = good()
    headers = [(f"ce_{name}", made[name].encode()) for name in made if name != "data"]
    found = letter(b"", ("content-type", b"application/json"), *headers, ("trace", b"t"))
    changed = edits.setting(["time=x"])(found)
    assert json.loads(changed) == {k: v for k, v in made.items() if k != "data"} | {"time": "x"}
    candidate = Candidate(found, changed, True)
    assert candidate.headers == [("trace", b"t"), (HEADER, b"0:7")]
    assert Candidate(found, found.letter.value, False).headers[:-1] == list(found.letter.headers)


def test_a_structured_event_with_headers_of_binary_mode_is_edited_in_its_value() -> None:
    headers = (
        ("content-type", b"application/cloudevents+json"),
        ("ce_id", b"other"),
        ("ce_tracestate", b"t"),
    )
    found = letter(dumps(good(id="mine")), *headers)
    changed = edits.setting(["time=x"])(found)
    assert json.loads(changed)["id"] == "mine"
    assert Candidate(found, changed, True).headers[:-1] == list(headers)


@pytest.mark.parametrize(
    "headers",
    [
        (("content-type", b"application/cloudevents-batch+json"), ("ce-id", b"1"), ("trace", b"t")),
        (("content-type", b"application/cloudevents+avro"), ("CE_ID", b"1"), ("trace", b"t")),
    ],
)
def test_what_is_sent_instead_of_another_format_is_read_as_json(headers: Any) -> None:
    found = letter(b"[]", *headers)
    assert edits.structured(found.letter) == b"[]"
    instead = dumps(good())
    candidate = Candidate(found, instead, True)
    assert candidate.headers[:-1] == [("trace", b"t")]
    (judged,) = Judge(Settings()).judge([candidate], {}, NOW)
    assert judged.fails is None


def test_data_in_base64_is_edited_as_data() -> None:
    made = {k: v for k, v in good(type="activity.comment.written").items() if k != "data"}
    found = letter(dumps(made | {"data_base64": "eyJ3b3JkcyI6LTF9", "extra": 1}))
    changed = json.loads(edits.setting(["data.words=12", "data.author=m-2"])(found))
    assert changed == made | {"extra": 1, "data": {"words": 12, "author": "m-2"}}


def test_a_value_that_is_nested_too_deep_is_one_line() -> None:
    with pytest.raises(UserError, match="not JSON"):
        edits.setting(["a=1"])(letter(b"[" * 200_000))


def test_an_editor_changes_what_is_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = letter(b'{"id": "1",  "time":"then"}')
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "true")
    assert edits.editing(found) == found.letter.value
    monkeypatch.setenv("EDITOR", "sed -i s/then/now/")
    assert edits.editing(found) == b'{"id":"1","time":"now"}'
    for editor, says in (
        ("false", "exited with code 1"),
        (str(tmp_path / "none"), "can't be started"),
        ("", "Set"),
    ):
        monkeypatch.setenv("EDITOR", editor)
        with pytest.raises(UserError, match=says):
            edits.editing(found)


def test_a_letter_is_judged_as_ingest_would() -> None:
    spoilt = [
        (code, spoil(event("activity.session.started"))) for code, ways in BAD.items() for spoil in ways
    ]
    found = [letter(dumps(good())), *(letter(value) for _, value in spoilt), letter(None)]
    judge = Judge(Settings())
    judged = judge.judge([Candidate(one, one.letter.value, False) for one in found], {}, NOW)
    reasons = [one.fails[0] if one.fails else None for one in judged]
    assert reasons == [None, *(code for code, _ in spoilt), "no_value"]


def test_what_was_in_the_future_is_judged_by_the_time_of_sending() -> None:
    found = letter(dumps(good(time=datetime.fromtimestamp(NOW / 1000 + 7_200, UTC).isoformat())))
    candidates = [Candidate(found, found.letter.value, False)]
    (early,) = Judge(Settings()).judge(candidates, {}, NOW)
    (late,) = Judge(Settings()).judge(candidates, {}, NOW + 7_000_000)
    assert early.fails is not None
    assert early.fails[0] == "future_time"
    assert late.fails is None


def test_a_replay_of_another_letter_at_the_same_place_is_not_this_ones() -> None:
    found = letter(dumps(good()))
    candidates = [Candidate(found, found.letter.value, False)]
    for timestamp, known in ((found.timestamp, True), (found.timestamp - 1, False)):
        note = Replay(at=datetime.now(UTC), letter_timestamp=timestamp, edited=False, forced=False)
        (judged,) = Judge(Settings()).judge(candidates, {found.place: note}, NOW)
        assert (judged.before is not None) == known
        assert (dead_letters.as_json(found, {found.place: note})["sent_again"] is not None) == known


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "surrogatepass")))
def test_nothing_reaches_the_terminal(value: bytes) -> None:
    found = letter(value, ("h\x1b", value), reason="\x1b[2J")
    for line in (*raw_json.lines(value, 100), *dead_letters.details(found, {}, 100)):
        assert line.isprintable()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=4), json_values, max_size=3) | st.lists(json_values, max_size=3))
def test_json_is_laid_out_and_nothing_else(value: Any) -> None:
    laid = "\n".join(raw_json.lines(json.dumps(value).encode(), 10_000))
    assert json.loads(laid) == value
    assert laid == json.dumps(value, indent=2)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b'{"a":1,"a":2', ["{", '  "a": 1,', '  "a": 2']),
        (b"{oops", ["{", "  oops"]),
        (b'{"n":1.10}', ["{", '  "n": 1.10', "}"]),
        (b"one\ntwo\r", ["one", "two\\r"]),
        (b"\xff", ["(not UTF-8; invalid bytes are shown as \\x..)", "\\xff"]),
        (b"abcdef" * 20, ["abcdef" * 16 + "abcd", "… 20 more characters"]),
    ],
)
def test_what_is_no_json_is_shown_as_it_is(value: bytes, shown: list[str]) -> None:
    assert list(raw_json.lines(value, 100)) == shown


def test_a_hundred_thousand_brackets_are_shown_quickly() -> None:
    lines = list(raw_json.lines(b"[" * 100_000, 100_000))
    assert len(lines) >= 100_000
    assert max(map(len, lines)) < 100


def test_the_newest_are_kept_and_all_are_counted() -> None:
    newest = dead_letters.Newest(2)
    for offset in range(5):
        newest.add(StoredLetter((0, offset), NOW + offset, letter(b"").letter))
    assert newest.total == 5
    assert newest.by_reason.count == {"bad_time": 5}
    assert newest.by_source.count == {"(none)": 5}
    assert [found.place[1] for found in newest.ordered()] == [3, 4]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["replay"], "Select letters"),
        (["replay", "--all", "--set", "a=1", "--edit"], "one of --set, --value and --edit"),
        (["replay", "--all", "--edit"], "--edit is for one letter"),
        (["replay", "0:1", "0:2", "--value", "x"], "--value is for one letter"),
        (["replay", "0:1", "--value", "no/such/file"], "can't be read"),
        (["replay", "1"], "PARTITION:OFFSET"),
        (["list", "--reason", "nope"], "give one of no_value"),
        (["list", "--since", "nope"], "give a time"),
    ],
)
def test_wrong_use_is_said_before_kafka_is_asked(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(["dead-letters", *arguments]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
