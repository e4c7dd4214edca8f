"""`convert collegemsg` as a user runs it."""

import gzip
import json

import pytest
from typer.testing import CliRunner

from agents.cli.convert import app
from agents.config.errors import UserError

LINES = "src dst time\n1 2 1082040961\n2 1 1082127361\n"
RUN = CliRunner()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "messages.txt"
    path.write_text(LINES)
    return path


def run(*arguments):
    return RUN.invoke(app, ["collegemsg", *map(str, arguments)])


def fails(*arguments) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, UserError)
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_events_go_to_stdout_and_the_summary_does_not(file):
    result = run(file)
    assert result.exit_code == 0
    assert [json.loads(line)["type"] for line in result.stdout.splitlines()] == [
        "activity.session.started",
        "activity.message.sent",
        "activity.session.started",
        "activity.invitation.accepted",
        "activity.message.sent",
    ]
    assert result.stderr == "5 events of 2 members, 2004-04-15T14:56:01Z to 2004-04-16T14:56:01Z\n"


def test_gzip_in_and_out_is_the_same_and_repeatable(file, tmp_path):
    zipped = tmp_path / "messages.bin"  # recognized by its bytes, not by its name
    zipped.write_bytes(gzip.compress(LINES.encode()))
    first, second = tmp_path / "a.ndjson.gz", tmp_path / "b.ndjson.gz"
    assert run(zipped, "--out", first).exit_code == 0
    assert run(file, "--out", second).exit_code == 0
    assert first.read_bytes() == second.read_bytes()
    assert gzip.decompress(first.read_bytes()).decode() == run(file).stdout
    assert len(list(tmp_path.iterdir())) == 4  # nothing left beside the files


@pytest.mark.parametrize(
    ("more", "last"),
    [
        ([], "2026-11-20T07:30:00Z"),
        (["--whole-days"], "2026-11-19T14:56:01Z"),
    ],
)
def test_until_moves_the_last_event(file, more, last):
    result = run(file, "--until", "2026-11-20T08:30:00+01:00", *more)
    assert json.loads(result.stdout.splitlines()[-1])["time"] == last


def test_until_now_is_now(file):
    assert run(file, "--until", "now").exit_code == 0


def test_bad_line_leaves_no_file_and_keeps_the_old_one(file, tmp_path):
    file.write_text(LINES + "oops\n")
    out = tmp_path / "events.ndjson"
    out.write_text("kept")
    assert "line 4: expected 'sender recipient unix-time'" in fails(file, "--out", out)
    assert out.read_text() == "kept"
    assert len(list(tmp_path.iterdir())) == 2


def test_files_that_cannot_be_used_are_named(file, tmp_path):
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(LINES.encode())[:-9])
    assert fails(cut) == f"{cut} is damaged or truncated: get a new copy"
    assert fails(tmp_path / "none.txt") == f"{tmp_path / 'none.txt'} can't be read: No such file or directory"
    nowhere = tmp_path / "no" / "folder.ndjson"
    assert fails(file, "--out", nowhere) == f"{nowhere} can't be written: No such file or directory"


@pytest.mark.parametrize("until", ["tomorrow", "2026-11-20T08:30:00", "2026-11-20"])
def test_until_needs_a_time_with_offset(file, until):
    assert fails(file, "--until", until).startswith(f"--until {until}: give a time with an offset")


def test_until_before_the_first_year_is_refused(file):
    assert "years 1 to 9999" in fails(file, "--until", "0001-01-01T00:00:00Z")


def test_whole_days_without_until_is_refused(file):
    assert "--until" in fails(file, "--whole-days")


def test_profiles_are_made_up_by_the_number_and_come_first(file):
    file.write_text("src dst time\n31 20 1082040961\n20 31 1082127361\n31 20 1082127362\n")
    events = [json.loads(line) for line in run(file, "--profiles").stdout.splitlines()]
    made = {at: event for at, event in enumerate(events) if event["source"] == "/synthetic"}
    assert [event for event in events if event["source"] != "/synthetic"] == [
        json.loads(line) for line in run(file).stdout.splitlines()
    ]
    for at, event in made.items():
        assert event["subject"] == events[at + 1]["subject"]
        assert event["subject"] not in {before["subject"] for before in events[:at]}
        assert event["time"] == events[at + 1]["time"]
    assert {event["subject"]: event["data"] for event in made.values()} == {
        "m-31": {
            "team": "marketing-east-02",
            "role": "marketing",
            "region": "east",
            "industry": "finance",
            "seniority": "senior",
        },
        "m-20": {
            "team": "sales-north-01",
            "role": "sales",
            "region": "north",
            "industry": "software",
            "seniority": "director",
        },
    }
