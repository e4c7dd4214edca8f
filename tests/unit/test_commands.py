"""score, explain, publish, verify and topology as a user runs them, as far as no Kafka is needed."""

import gzip
import json
import re
import socket
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from agents.cli import _run, app
from schemas.scores import Score
from tests.kit.files import event, ndjson, small_rubric

NOON = "2025-11-20T12:00:00Z"
EVENTS = [
    event("post.published", "1", "ada", NOON),
    event("comment.written", "2", "ada", NOON, author="bob", words=9),
    event("session.started", "3", "bob", NOON),
    event("post.published", "4", "eve\x1b[31m[red]", NOON),
    event("post.published", "5", "eve\x1b[31m[red]", NOON),
    event("post.published", "6", "eve\x1b[31m[red]", NOON),
    event("post.published", "old", "old", "2020-01-01T00:00:00Z"),
    b"{oops",
]
TABLE = """\
#  member            score  brand  find  engage  relate
1  eve\\x1b[31m[red]   7.50   7.50  0.00    0.00    0.00
2  ada                5.00   2.50  0.00    2.50    0.00
3  bob                2.50   0.00  2.50    0.00    0.00
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with events and a rubric that is set."""
    monkeypatch.setenv("PILLARSCORE_RUBRIC", str(small_rubric(tmp_path)))
    monkeypatch.setenv("PILLARSCORE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("PILLARSCORE_BROKER", raising=False)
    (tmp_path / "events.ndjson").write_bytes(ndjson(EVENTS))
    return tmp_path


def good(*arguments, **more):
    result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False, **more)
    assert result.exit_code == 0, result.output
    return result


def complaint(capsys, *arguments):
    """The one line of stderr of a command that ends with 2."""
    assert _run(list(map(str, arguments))) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("pillarscore: ")
    return line.removeprefix("pillarscore: ")


def score(here, *more):
    return good("score", here / "events.ndjson", "--as-of", "2025-11-20", *more)


def test_table_and_account(here):
    result = score(here)
    assert result.stdout == TABLE
    first, *rest = result.stderr.splitlines()
    assert first == (
        "3 members as of 2025-11-20 by small 3; "
        "8 events read: 6 scored, 0 duplicate, 1 outside the window, 0 erased, 1 dead letters"
    )
    assert rest[0] == "1 × invalid_json"
    assert rest[1].startswith(f"  {here / 'events.ndjson'}:8: ")
    assert "\x1b" not in result.output


def test_top_and_out(here):
    out = here / "scores.txt.gz"
    assert score(here, "--top", 2, "--out", out).stdout == ""
    assert gzip.decompress(out.read_bytes()).decode() == "".join(TABLE.splitlines(keepends=True)[:3])


@pytest.mark.parametrize("name", ["scores.xlsx", "scores.pq.gz", "scores.v2"])
def test_an_ending_that_is_not_known_is_refused_before_anything_is_read(here, capsys, name):
    out = here / name
    line = complaint(capsys, "score", here / "nowhere.ndjson", "--out", out)
    assert line == (
        f"--out {out}: the name must end in one of .txt, .json, .ndjson, .csv, .parquet (and .gz), or give --format"
    )
    assert not out.exists()
    score(here, "--out", out, "--format", "csv")
    assert out.exists()


def test_an_old_file_without_a_day_says_which_to_give(here):
    old = here / "old.ndjson"
    old.write_bytes(
        ndjson([event("post.published", str(n), "ada", f"2004-06-{n}T12:00:00Z") for n in (13, 14, 12)])
    )
    *_, last = good("score", old).stderr.splitlines()
    assert last == (
        "All events are too old to count today; the last is of 2004-06-14: "
        "give --as-of 2004-06-14 for scores of that day"
    )
    assert good("score", old, "--as-of", "2004-06-14").stdout.splitlines()[1].startswith("1  ada")
    assert "too old" not in good("score", old, "--as-of", "2010-01-01").stderr


def test_ndjson_is_as_in_member_scores(here):
    scores = [
        Score.model_validate_json(line) for line in score(here, "--format", "ndjson").stdout.splitlines()
    ]
    assert [(s.member, s.score, s.revision) for s in scores] == [
        ("eve\x1b[31m[red]", 750, 0),
        ("ada", 500, 0),
        ("bob", 250, 0),
    ]


def test_json_is_one_document(here):
    document = json.loads(score(here, "--format", "json", "--top", 1).stdout)
    (member,) = document.pop("members")
    assert Score.model_validate(member).score == 750
    assert document == {
        "as_of": "2025-11-20",
        "rubric": {"name": "small", "version": "3"},
        "events": {
            "read": 8,
            "scored": 6,
            "duplicate": 0,
            "outside_window": 1,
            "erased": 0,
            "after_day": 0,
            "dead_lettered": 1,
        },
        "dead_letters": {"invalid_json": 1},
    }


def test_standard_input_and_several_files(here):
    lines = (here / "events.ndjson").read_bytes()
    assert good("score", "-", "--as-of", "2025-11-20", input=lines).stdout == TABLE
    file = here / "events.ndjson"
    assert good("score", file, file, "--as-of", "2025-11-20").stdout == TABLE


def test_the_shipped_rubric_is_used_without_a_setting(here, monkeypatch):
    monkeypatch.delenv("PILLARSCORE_RUBRIC")
    assert " by ssi " in score(here).stderr


def test_as_of_from_the_settings_and_today(here, monkeypatch):
    assert "3 members as of 2025-11-20" not in good("score", here / "events.ndjson").stderr
    monkeypatch.setenv("PILLARSCORE_AS_OF", "2025-11-20")
    assert "3 members as of 2025-11-20" in good("score", here / "events.ndjson").stderr


def test_explain_adds_up(here):
    shown = good("explain", "ada", here / "events.ndjson", "--as-of", "2025-11-20").stdout
    assert shown.splitlines()[0] == " 5.00  ada, as of 2025-11-20 by small 3".strip()
    points = [
        float(found) for found in re.findall(r"^[│├└─ ]{4}\s*(\d+\.\d\d) of 25\.00", shown, re.MULTILINE)
    ]
    assert points == [2.5, 0, 2.5, 0]
    assert "2.50  post: 1 time\n" in shown


def test_json_alone_on_stdout(here):
    events = here / "events.ndjson"
    made = json.loads(good("score", events, "--as-of", "2025-11-20", "--json").stdout)
    assert [member["member"] for member in made["members"]] == ["eve\x1b[31m[red]", "ada", "bob"]
    roles = json.loads(good("topology", "--json").stdout)["roles"]
    assert {role["name"] for role in roles} >= {"ingest", "score"}
    tried = good("whatif", "--set", "ada:post=+1", events, "--as-of", "2025-11-20", "--json").stdout
    assert len(json.loads(tried)["trials"]) == 1
    parquet = good("convert", "parquet", events, "--out", here / "events.parquet", "--json").stdout
    assert json.loads(parquet) == {"events": 7, "skipped": {"invalid_json": 1}}
    state = json.loads(CliRunner().invoke(app, ["broker", "status", "--json"]).stdout)
    assert (state["pid"], state["answers"]) == (None, False)


def test_explain_shows_what_counts_and_all_of_it_when_asked(here):
    told = ("explain", "ada", here / "events.ndjson", "--as-of", "2025-11-20")
    shown = good(*told).stdout
    assert "├──  2.50 of 25.00  brand   ██░░░░░░░░░░░░░░░░░░" in shown
    assert "└──  0.00 of 25.00  relate  ░░░░░░░░░░░░░░░░░░░░\n" in shown
    assert shown.count("  weakest\n") == 1
    hidden = re.findall(r"nothing counts yet for (.*)", shown)
    assert hidden
    everything = good(*told, "--all").stdout
    assert "nothing counts yet" not in everything
    for name in ", ".join(hidden).split(", "):
        assert re.search(rf" 0\.00 of \d+\.00  {name}:", everything), name
        assert not re.search(rf" 0\.00 of \d+\.00  {name}:", shown), name


def test_explain_keeps_a_pillar_in_one_line_at_60_columns(here, monkeypatch):
    monkeypatch.setattr("agents.screens.console.WIDTH", 60)
    shown = good("explain", "ada", here / "events.ndjson", "--as-of", "2025-11-20").stdout.splitlines()
    assert all(len(line) <= 60 for line in shown)
    pillars = [line for line in shown if re.match(r".── +[\d.]+ of 25\.00  ", line)]
    assert [len(re.findall("[█░]", line)) for line in pillars] == [20] * 4
    assert any(line.rstrip().endswith("weakest") for line in pillars)


def test_tables_keep_the_member_at_60_columns(here, monkeypatch):
    monkeypatch.setattr("agents.screens.console.WIDTH", 60)
    long = "m-" + 30 * "7"
    team = [event("member.updated", str(n), long + str(n), NOON, team="sales") for n in range(2)]
    posts = [event("post.published", f"p{n}", long + str(n), NOON) for n in range(2)]
    (here / "team.ndjson").write_bytes(ndjson([*team, *posts]))
    for command in (("score",), ("team", "sales")):
        shown = good(*command, here / "team.ndjson", "--as-of", "2025-11-20").stdout
        table = [line for line in shown.splitlines() if not line.startswith(("no room", "sales", "average"))]
        assert all(len(line) <= 60 for line in table[:4])
        column = table[0].index("member")
        folded = "".join(line[column:].split("  ")[0].strip() for line in table[1:5])
        assert long in folded, shown


def test_explain_as_json(here):
    reported = json.loads(
        good("explain", "ada", here / "events.ndjson", "--as-of", "2025-11-20", "--json").stdout
    )
    assert reported["score"] == sum(pillar["points"] for pillar in reported["pillars"]) == 500


def test_explain_is_safe_on_a_terminal(here):
    name = "eve\x1b[31m[red]"
    shown = good("explain", name, here / "events.ndjson", "--as-of", "2025-11-20").stdout
    assert "7.50  eve\\x1b[31m[red], as of" in shown
    assert "\x1b" not in shown


def test_topology_needs_no_kafka(here, monkeypatch):
    monkeypatch.setenv("PILLARSCORE_PREFIX", "x.")
    assert "  <── x.activity.events" in good("topology").stdout
    assert good("topology", "--format", "mermaid").stdout.startswith("flowchart LR\n")


@pytest.mark.parametrize(
    ("arguments", "reported"),
    [
        (["score", "none.ndjson"], "none.ndjson can't be read: No such file or directory"),
        (["score", "-", "-"], "Standard input (-) can be read once only"),
        (["score", "{events}", "--as-of", "today"], "--as-of today: give a date, such as 2026-11-20"),
        (
            ["score", "{events}", "--rubric", "none.toml"],
            "Rubric none.toml can't be read: No such file or directory",
        ),
        (["score", "{events}", "--rubric", "{events}"], "{events}: the rubric is not valid TOML: "),
        (["score", "{events}", "--format", "xml"], "Invalid value for '--format'"),
        (["score", "{events}", "--top", "0"], "Invalid value for '--top'"),
        (
            ["score", "{events}", "--out", "/nowhere/x"],
            "/nowhere/x can't be written: No such file or directory",
        ),
        (
            ["explain", "adda", "{events}", "--as-of", "2025-11-20"],
            "No activity of member adda counts on that day; did you mean ada? (8 events read: 6 scored",
        ),
        (["publish", "{events}", "--until", "later"], "--until later: give a time with an offset"),
        (
            ["publish", "{events}", "--whole-days"],
            "--whole-days needs --until",
        ),
        (["publish", "-", "--until", "now"], "--until reads the events twice: give a file instead of -"),
        (["publish", "none.ndjson"], "none.ndjson can't be read"),
        (["verify", "none.ndjson"], "none.ndjson can't be read"),
        (["worker", "--as-of", "1"], "--as-of 1: give a date"),
        (["worker", "--role", "boss"], "Invalid value for '--role'"),
    ],
)
def test_errors_are_one_line(here, capsys, monkeypatch, arguments, reported):
    # whatever needs a Kafka must complain before it looks for one
    monkeypatch.setenv("PILLARSCORE_BROKER", "127.0.0.1:1")
    events = str(here / "events.ndjson")
    line = complaint(capsys, *(argument.replace("{events}", events) for argument in arguments))
    assert line.startswith(reported.replace("{events}", events))


@pytest.mark.parametrize("command", ["publish", "verify", "top", "worker", "run"])
def test_no_kafka_is_one_line(here, capsys, monkeypatch, command):
    monkeypatch.setenv("PILLARSCORE_BROKER", "127.0.0.1:1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PILLARSCORE_WEB_PORT", str(free.getsockname()[1]))
    more = [here / "events.ndjson"] if command in ("publish", "verify") else []
    assert (
        complaint(capsys, command, *more)
        == "No Kafka answers at 127.0.0.1:1: start it, or correct PILLARSCORE_BROKER"
    )


def test_a_failed_score_leaves_the_old_result(here, capsys):
    out = here / "scores.txt"
    out.write_text("kept")
    cut = here / "cut.gz"
    cut.write_bytes(gzip.compress(ndjson(EVENTS))[:-9])
    complaint(capsys, "score", cut, "--out", out)
    assert out.read_text() == "kept"


def test_formats_by_name_have_the_components(here):
    out = here / "scores.csv.gz"
    score(here, "--out", out)
    head, *lines = gzip.decompress(out.read_bytes()).decode().splitlines()
    names = "member,score,brand,find,engage,relate,brand-all,find-all,engage-all,relate-all"
    assert head.replace('"', "") == names
    assert lines[1] == '"ada",5.00,2.50,0.00,2.50,0.00,2.50,0.00,2.50,0.00'
    table = here / "scores.parquet"
    score(here, "--top", 2, "--out", table)
    found = pq.read_table(table)
    assert found.column_names == names.split(",")
    assert found.to_pylist()[1]["score"] == Decimal("5.00")
    about = {"as_of": "2025-11-20", "rubric": {"name": "small", "version": "3"}}
    assert json.loads(found.schema.metadata[b"pillarscore"]) == about
    assert score(here, "--format", "csv").stdout.splitlines() == [head, *lines]


def test_nobody_has_a_score_in_any_format(here):
    (here / "none.ndjson").write_bytes(b"")
    for name in ("none.csv", "none.parquet", "none.json", "none.ndjson.gz", "none.txt"):
        good("score", here / "none.ndjson", "--out", here / name)
    assert pq.read_table(here / "none.parquet").num_rows == 0
    assert (here / "none.csv").read_text().count("\n") == 1


def test_parquet_is_scored_alike_and_bad_lines_are_told_when_it_is_made(here):
    made = here / "events.parquet"
    result = good("convert", "parquet", here / "events.ndjson", "--out", made)
    first, reason, place = result.stderr.splitlines()
    assert first == "7 events written, 1 lines skipped"
    assert reason == "1 × invalid_json"
    assert place.startswith(f"  {here / 'events.ndjson'}:8: ")
    scored = good("score", made, here / "events.ndjson", "--as-of", "2025-11-20")
    assert scored.stdout == TABLE
    assert "15 events read: 6 scored, 7 duplicate, 1 outside the window" in scored.stderr


def test_parquet_that_cannot_be_used_is_told(here, capsys):
    assert complaint(capsys, "score", here / "events.ndjson", "--format", "parquet").endswith(
        "give --out FILE too"
    )
    other, cut, made = here / "other.parquet", here / "cut.parquet", here / "events.parquet"
    pq.write_table(pa.table({"id": ["1"], "source": ["/"]}), other)
    assert "missing columns type, subject, time" in complaint(capsys, "score", other)
    good("convert", "parquet", here / "events.ndjson", "--out", made)
    cut.write_bytes(made.read_bytes()[:-100])
    assert complaint(capsys, "score", cut) == f"{cut} is damaged or not Parquet: get a new copy"
    raw = bytearray(made.read_bytes())
    raw[4:400] = bytes(396)
    cut.write_bytes(raw)
    assert f"{cut} " in complaint(capsys, "score", cut)
    assert "is Parquet: give NDJSON" in complaint(
        capsys, "convert", "parquet", made, "--out", here / "again.parquet"
    )
    assert not (here / "again.parquet").exists()
