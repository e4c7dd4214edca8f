"""`check`: what would be refused, and why; the same as the workers say, and an exit code for CI."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agents.cli import _run, app
from agents.config.settings import Settings
from agents.files.event_check import EventCheck
from agents.files.inputs import Inputs
from agents.offline.engine import Offline
from agents.screens import event_check
from pipeline.common.days import calendar
from pipeline.common.units import Day
from tests.kit.events import BAD, dumps, event, random_events
from tests.kit.rubrics import SSI

NOW = datetime.now(UTC)
DAY = int(NOW.timestamp()) // 86_400


def good(number: int = 0, **changes: Any) -> bytes:
    made = event("activity.session.started", id=str(number), time=NOW.isoformat())
    return dumps(made | changes)


def checked(tmp_path: Path, lines: list[bytes], settings: Settings | None = None) -> EventCheck:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\n".join(lines) + b"\n")
    found = EventCheck(settings or Settings())
    inputs = Inputs([file])
    for batch in inputs.batches():
        found.add(batch, inputs.place)
    return found


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = _run(["check", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """One valid event and two bad ones, of two systems."""
    path = tmp_path / "events.ndjson"
    path.write_bytes(
        b"\n".join((good(1), b"", good(2, source="/crm", time="2026-11-20 08:30"), good(3, subject="")[:-1]))
    )
    return path


@pytest.mark.parametrize("code", BAD)
def test_each_reason_is_found_with_its_place(tmp_path: Path, code: str) -> None:
    made = event("activity.session.started", time=NOW.isoformat())
    bad = [
        line for spoil in BAD[code] if (line := spoil(made)).strip()
    ]  # blank lines are no events in a file
    found = checked(tmp_path, [good(), *bad, good(1)])
    assert {reason: one.count for reason, one in found.refused.items()} == {code: len(bad)}
    assert (found.read, found.total_refused) == (len(bad) + 2, len(bad))
    assert found.refused[code].first[0][0] == f"{tmp_path / 'events.ndjson'}:2"


def test_it_refuses_what_a_score_of_the_file_refuses(tmp_path: Path) -> None:
    """The same validation, so the same counts, whatever the events are."""
    lines = [dumps(one) for one in random_events(3, 6_000, first=DAY - 100, last=DAY + 2, duplicates=0.1)]
    made = event("activity.session.started", time=NOW.isoformat())
    lines[50:50] = [spoil(made) for ways in BAD.values() for spoil in ways]
    settings = Settings(as_of=calendar(Day(DAY)), sources=Path("open"))  # files have no permissions
    found = checked(tmp_path, lines, settings)
    inputs = Inputs([tmp_path / "events.ndjson"])
    offline = Offline(settings, SSI, DAY)
    offline.read(inputs)
    assert found.total_refused > 100
    assert {reason: one.count for reason, one in found.refused.items()} == {
        reason: one.count for reason, one in offline.dead.items()
    }
    assert found.read == offline.counters.read


def test_parquet_is_checked_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    later = (NOW + timedelta(days=1)).isoformat()
    (tmp_path / "a.ndjson").write_bytes(b"\n".join([good(1), good(2, source="/crm", time=later), good(3)]))
    table = tmp_path / "a.parquet"
    _run(["convert", "parquet", str(tmp_path / "a.ndjson"), "--out", str(table)])
    capsys.readouterr()
    code, out, _ = run(capsys, table, "--json")
    assert code == 1
    found = json.loads(out)
    assert (found["events"], found["refused"], found["sources"]) == (3, 1, {"/crm": 1})
    assert found["reasons"]["future_time"]["first"][0]["place"] == f"{table}:2"


@pytest.mark.parametrize("suffix", ["ndjson", "parquet"])
def test_what_a_source_may_not_publish_or_too_late_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    rules = tmp_path / "sources.toml"
    rules.write_text('[[rule]]\nsource = "/crm"\nbackfill = true\n[[rule]]\nsource = "*"\nsubjects = ["m-*"]')
    monkeypatch.setenv("PILLARSCORE_SOURCES", str(rules))
    monkeypatch.setenv("PILLARSCORE_LATE_DAYS", "7")
    old = (NOW - timedelta(days=20)).isoformat()
    lines = [good(1), good(2, time=old), good(3, time=old, source="/crm"), good(4, subject="x"), b"{"]
    (tmp_path / "a.ndjson").write_bytes(b"\n".join(lines[: 5 if suffix == "ndjson" else 4]))
    _run(["convert", "parquet", str(tmp_path / "a.ndjson"), "--out", str(tmp_path / "a.parquet")])
    capsys.readouterr()
    _, out, _ = run(capsys, tmp_path / f"a.{suffix}", "--json")
    reasons = json.loads(out)["reasons"]
    found = {reason: (one["count"], one["first"][0]["place"][-2:]) for reason, one in reasons.items()}
    found.pop("invalid_json", None)
    assert found == {"too_late": (1, ":2"), "not_allowed": (1, ":4")}


def test_an_event_is_judged_as_if_it_was_published_now(tmp_path: Path) -> None:
    settings = Settings(ahead_s=600)
    near, far = ((NOW + timedelta(seconds=s)).isoformat() for s in (500, 3_600))
    found = checked(tmp_path, [good(1, time=near), good(2, time=far)], settings)
    assert {reason: one.count for reason, one in found.refused.items()} == {"future_time": 1}
    then = Settings(as_of="2025-11-20")
    found = checked(tmp_path, [good(1, time="2025-11-20T23:59:59Z"), good(2)], then)
    assert {reason: one.count for reason, one in found.refused.items()} == {"future_time": 1}


def test_sources_are_counted_and_stay_few(tmp_path: Path) -> None:
    found = checked(tmp_path, [good(n, source=f"/crm/{n}", time="x") for n in range(300)] + [b"{"])
    assert len(found.sources) == 102
    assert found.sources["(other)"] == 200
    assert found.sources["(none)"] == 1
    shown = list(event_check.lines(found))
    assert "by source: (other) 200, " in shown[-2]
    assert shown[-1] == "  and 92 more sources"


def test_what_is_not_refused_but_worth_a_look_is_a_note(tmp_path: Path) -> None:
    def comment(author: str) -> bytes:
        return good(1, type="activity.comment.written", data={"author": author, "words": 7})

    days = [(datetime.fromtimestamp((DAY - age) * 86_400, UTC)).isoformat() for age in (89, 90)]
    found = checked(tmp_path, [comment("a"), comment("b"), good(2, time=days[0]), good(3, time=days[1])])
    assert not found.refused
    assert found.reused == {"/test": 1}
    assert found.old == 1
    first, *notes = event_check.lines(found)
    assert first == "4 events: all valid"
    assert [note.split(":")[0] for note in notes] == [
        "note",
        "note",
    ]
    assert "earns no points" in notes[1]


def test_what_is_wrong_is_said_and_the_exit_code_is_1(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, file)
    assert (code, err) == (1, "")
    assert out.splitlines() == [
        "3 events: 2 would be refused",
        "1 × bad_time",
        f"  {file}:3: time: there is a blank instead of the T between date and time, and the offset (time zone) is "
        "missing: end with Z or +01:00, as in 2026-11-20T08:30:00+01:00, got '2026-11-20 08:30'",
        "1 × invalid_json",
        f"  {file}:4: Invalid JSON: EOF while parsing an object at line 1 column {len(good(3, subject='')) - 1}",
        "by source: /crm 1, (none) 1",
    ]


def test_all_of_it_as_json_and_in_a_file(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rejected = tmp_path / "rejected.ndjson"
    code, out, _ = run(capsys, file, "--json", "--rejected", rejected)
    found = json.loads(out)
    assert code == 1
    assert {name: one["count"] for name, one in found["reasons"].items()} == {
        "bad_time": 1,
        "invalid_json": 1,
    }
    assert found["reasons"]["bad_time"]["first"][0]["place"] == f"{file}:3"
    assert (found["events"], found["refused"], found["outside_window"]) == (3, 2, 0)
    written = [json.loads(line) for line in rejected.read_bytes().splitlines()]
    assert [(one["number"], one["reason"]) for one in written] == [(3, "bad_time"), (4, "invalid_json")]


def test_standard_input_that_is_valid_is_0() -> None:
    result = CliRunner().invoke(app, ["check", "-"], input=good(1) + b"\n" + good(2))
    assert (result.exit_code, result.stdout) == (0, "2 events: all valid\n")
    result = CliRunner().invoke(app, ["check", "-"], input=b"")
    assert (result.exit_code, result.stdout) == (0, "no events\n")


def test_nothing_in_an_event_reaches_the_terminal(tmp_path: Path) -> None:
    found = checked(tmp_path, [good(1, source="\x1b[2J", time="\x1b[31m")])
    assert all(line.isprintable() for line in event_check.lines(found))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["{file}", "--topic"], "Give files of events (- is standard input), or --topic"),
        (["--json"], "Give files of events"),
        (["none.ndjson"], "none.ndjson can't be read"),
        (["{file}", "--since", "2h"], "--since is for --topic"),
        (["--topic", "--rejected", "x"], "--rejected is for files"),
        (["--topic", "--since", "soon"], "--since soon: give a time"),
    ],
)
def test_wrong_use_is_one_line(
    file: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    code, out, err = run(capsys, *(one.format(file=file) for one in arguments))
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1


def test_publishing_warns_of_what_will_be_refused(tmp_path: Path) -> None:
    found = checked(tmp_path, [good(1), good(2, time="x"), good(3, time="y")])
    warning, *rest = event_check.warnings(found)
    assert warning == "warning: 2 of them will be refused and become dead letters:"
    assert rest[0] == "2 × bad_time"
    assert not list(event_check.warnings(checked(tmp_path, [good(1)])))


def test_reasons_by_source_add_up(tmp_path: Path) -> None:
    lines = [good(n, source=f"/s{n % 3}", time="x") for n in range(30)]
    found = checked(tmp_path, lines)
    assert found.sources == Counter({f"/s{n}": 10 for n in range(3)})
    assert found.as_json()["refused"] == 30
