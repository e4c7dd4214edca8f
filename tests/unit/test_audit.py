"""`pillarscore audit`: what is found in events that can be checked by hand, and what is not."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.cli import _run, app
from agents.config.rubric_file import load
from agents.config.settings import Settings
from agents.docgen import buying
from agents.files.ndjson import Lines
from agents.offline.engine import Offline
from perf.audit import POD, Tally, of_messages, of_personas, of_town
from pipeline.abuse.exchanges import Exchanges
from pipeline.abuse.search import audit, partners
from pipeline.common import days
from tests.kit.files import event, ndjson

DAY = date(2025, 11, 20)
LAST = days.number(DAY)


class Made:
    """Events, numbered as they are made."""

    def __init__(self):
        self.events = []

    def add(self, type_, who, ago, **data):
        moment = f"{DAY - timedelta(days=ago)}T12:00:00Z"
        self.events.append(event(type_, str(len(self.events)), who, moment) | {"data": data})

    def engage(self, group, ages, kind="reaction.given", **data):
        """Everybody of a group with everybody else of it."""
        for ago in ages:
            for who in group:
                for other in group:
                    if other != who:
                        self.add(kind, who, ago, author=other, **data)


@pytest.fixture
def found(tmp_path):
    """The report on events, and who credited whom."""

    def run(events, rubric="ssi-2"):
        path = tmp_path / "events.ndjson"
        path.write_bytes(ndjson(events))
        gathered = Exchanges(LAST)
        offline = Offline(Settings(), load(Path(rubric)), LAST, on_rows=gathered.add)
        offline.read(Lines([path]))
        assert not offline.dead
        table = gathered.table()
        return audit(offline.rubric, LAST, offline.population.batches(), table=table), table

    return run


def members(pod):
    return {one.member for one in pod.members}


def test_a_pod_is_found_with_its_evidence(found):
    made = Made()
    made.engage("abc", range(20))
    made.add("comment.written", "a", 3, author="elsewhere", words=7)
    report, table = found(made.events)
    [pod] = report.pods
    assert members(pod) == set("abc")
    assert (pod.together, pod.engagements, pod.days) == (1.0, 120, 20)
    by_name = {one.member: one for one in pod.members}
    assert by_name["a"].given_inside == pytest.approx(40 / 41, abs=1e-4)
    assert by_name["b"].received_inside == 1
    assert report.named == set("abc")
    [first, *_] = partners(report, table, "a")
    assert (first.member, first.given, first.given_days, first.received, first.pod) == ("b", 20, 20, 20, True)
    assert [one.member for one in partners(report, table, "a")] == ["b", "c", "elsewhere"]
    assert partners(report, table, "nobody") == []


def test_what_a_pod_earns_is_the_score_less_the_score_without_it(found, tmp_path):
    made, without = Made(), Made()
    made.engage("abc", range(20))
    for some in (made, without):
        for ago in range(9):
            some.add("post.published", "a", ago, media=True)
            some.add("reaction.given", "x", ago, author="a")
    [pod] = found(made.events)[0].pods
    [a] = [one for one in pod.members if one.member == "a"]
    rubric = load(Path("ssi-2"))

    def score(events):
        path = tmp_path / "again.ndjson"
        path.write_bytes(ndjson(events))
        offline = Offline(Settings(), rubric, LAST)
        offline.read(Lines([path]))
        table = offline.standings()
        return int(table.score[table.members.index("a")])

    assert (a.score, a.without) == (score(made.events), score(without.events))
    assert a.score > a.without


def test_colleagues_who_react_to_half_of_what_is_posted_are_no_pod(found):
    made = Made()
    team = ["ada", "bob", "eve", "joe"]
    for ago in range(60):
        for at, who in enumerate(team):
            for number, other in enumerate(team):
                if other != who and (ago * 7 + at * 3 + number * 5) % 4 < 2:
                    made.add("reaction.given", who, ago, author=other)
    assert found(made.events)[0].pods == ()


@pytest.mark.parametrize("ages", [range(2), range(90, 120)], ids=["two days", "long ago"])
def test_little_and_old_is_no_pod(found, ages):
    made = Made()
    made.engage("abc", ages)
    made.add("session.started", "a", 0)
    assert found(made.events)[0].named == set()


def test_two_are_no_pod_and_what_is_not_returned_is_none(found):
    made = Made()
    made.engage("ab", range(30))
    for ago in range(30):
        for fan in "xyz":
            made.add("reaction.given", fan, ago, author="a")
            made.add("reaction.given", fan, ago, author="b")
    assert found(made.events)[0].pods == ()


def test_conversations_are_no_engagement(found):
    made = Made()
    for ago in range(30):
        for who, other in ("ab", "bc", "ca", "ba", "cb", "ac"):
            made.add("message.sent", who, ago, recipient=other, reply=True)
    assert found(made.events)[0].named == set()


def test_who_is_erased_is_not_named_and_it_does_not_matter_when(found):
    made = Made()
    made.engage("abcd", range(1, 20))
    for who in "abc":
        made.add("reaction.given", who, 0, author="d")
    erasure = event("member.erased", "gone", "d", f"{DAY - timedelta(days=1)}T23:00:00Z")
    for events in ([*made.events, erasure], [erasure, *made.events]):
        [pod] = found(events)[0].pods
        assert members(pod) == set("abc")


def test_an_event_that_comes_twice_counts_once(found):
    made = Made()
    made.engage("abc", range(20))
    assert found(made.events * 2)[0] == found(made.events)[0]


def test_a_burst_is_far_more_than_usual_and_earns_something(found):
    made = Made()
    for ago in range(10, 40):
        for _ in range(5):
            made.add("search.made", "busy", ago, kind="people")
            made.add("search.made", "steady", ago, kind="people")
    for _ in range(30):
        made.add("search.made", "busy", 1, kind="navigator")
        made.add("comment.written", "busy", 1, author="x", words=9)
    report, _ = found(made.events)
    [burst] = report.bursts
    assert (burst.member, burst.days, burst.done, burst.of, burst.usual) == (
        "busy",
        (DAY - timedelta(days=1),),
        60,
        210,
        5,
    )
    assert burst.score > burst.without


def test_every_day_as_much_is_no_burst(found):
    made = Made()
    for ago in range(60):
        for _ in range(60):
            made.add("search.made", "recruiter", ago, kind="navigator")
    assert found(made.events)[0].bursts == ()


def test_a_flood_is_not_answered(found):
    made = Made()
    for ago in range(7):
        for number in range(30):
            made.add("message.sent", "mailer", ago, recipient=f"m-{number}")
            made.add("message.sent", "friend", ago, recipient=f"m-{number}")
    for number in range(40):
        made.add("message.sent", f"m-{number % 30}", 1, recipient="friend", reply=True)
    report, _ = found(made.events)
    [flood] = report.floods
    assert (flood.member, flood.in_week, flood.sent, flood.answered) == ("mailer", 210, 210, 0)
    assert flood.week_up_to == DAY


def test_fans_are_found_with_whom_they_lift(found):
    made = Made()
    for ago in range(10):
        for fan in ("f1", "f2", "f3"):
            made.add("reaction.given", fan, ago, author="star")
    for number in range(5):
        made.add("reaction.given", f"reader-{number}", 1, author="star")
    report, _ = found(made.events)
    [one] = report.fans
    assert (one.member, one.fans, one.received, one.of_fans) == ("star", ("f1", "f2", "f3"), 35, 30)
    assert report.about("f2").fans == (one,)
    assert report.about("reader-1").named == set()
    for ago in range(3):
        made.add("reaction.given", "star", ago, author="f1")  # which is returned, so only two are left
    assert found(made.events)[0].fans == ()


def test_planted_pods_are_found_and_others_are_left_alone():
    """On a few seeds; `python -m perf.audit` measures twenty."""
    tally = Tally()
    for seed in (1, 2):
        of_personas(seed, tally)
    assert tally.planted == 2 * len(POD)
    of_town(1, tally, members=60)
    assert tally.kept, tally
    assert tally.found >= 0.95 * tally.planted, tally
    assert tally.named <= 0.01 * tally.others, (tally, tally.who)


@pytest.mark.slow
@pytest.mark.parametrize("as_comments", [False, True])
def test_among_real_members_few_are_named(pytestconfig, as_comments):
    tally = Tally()
    of_messages(pytestconfig.rootpath / "samples" / "collegemsg.txt.gz", tally, as_comments=as_comments)
    assert tally.others > 3_000
    assert tally.in_pods == 0
    assert tally.named <= 0.01 * tally.others, (tally, tally.who)


# --- as a user runs it --------------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("PILLARSCORE_RUBRIC", "ssi-2")
    monkeypatch.setenv("PILLARSCORE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("PILLARSCORE_BROKER", raising=False)
    made = Made()
    made.engage("abc", range(20))
    made.add("post.published", "quiet\x1b[31m", 0)
    (tmp_path / "events.ndjson").write_bytes(ndjson(made.events))
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)


def test_members_prints_what_is_found_and_ends_with_1(here):
    result = run("audit", "members", here / "events.ndjson", "--as-of", DAY)
    assert result.exit_code == 1
    assert result.stdout.startswith(
        "Pods: 1\nmember  gives inside  gets from it  together  engagements  days"
    )
    assert "4 members as of 2025-11-20 by ssi 2, 3 named; 121 events read" in result.stderr


def test_members_as_json_is_the_report(here):
    result = run("audit", "members", here / "events.ndjson", "--as-of", DAY, "--json")
    document = json.loads(result.stdout)
    assert [one["member"] for one in document["pods"][0]["members"]] == ["a", "b", "c"]
    assert document["as_of"] == "2025-11-20"


def test_member_shows_the_evidence_about_one(here):
    result = run("audit", "member", "b", here / "events.ndjson", "--as-of", DAY, "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert [(one["member"], one["given"]) for one in document["partners"]] == [("a", 20), ("c", 20)]
    assert "same pod" in run("audit", "member", "b", here / "events.ndjson", "--as-of", DAY).stdout


def test_who_is_not_named_ends_with_0_and_reaches_no_terminal(here):
    result = run("audit", "member", "quiet\x1b[31m", here / "events.ndjson", "--as-of", DAY)
    assert (result.exit_code, result.stdout) == (0, "Nothing was found\n")
    (here / "few.ndjson").write_bytes(ndjson([event("post.published", "1", "a", f"{DAY}T12:00:00Z")]))
    assert run("audit", "members", here / "few.ndjson", "--as-of", DAY).exit_code == 0


def test_a_member_that_is_not_there_is_one_line(here, capsys):
    assert _run(["audit", "member", "bb", str(here / "events.ndjson"), "--as-of", str(DAY)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("pillarscore: No activity of member bb counts on that day; did you mean b?")


def test_rubric_prints_what_scores_cost(here):
    result = run("audit", "rubric", "--days", 7, "--target", 40, "--helpers", 0, "--plans")
    assert result.exit_code == 0
    head, row = result.stdout.splitlines()
    assert head.split() == ["days", "helpers", "at", "most", "40", "points"]
    assert row.split()[:2] == ["7", "0"]
    assert row.endswith("out of reach")
    result = run("audit", "rubric", "--days", 30, "--target", 40, "--helpers", 7, "--json")
    [price] = json.loads(result.stdout)["prices"]
    [plan] = price["plans"]
    assert plan["score"] >= 4_000
    assert (
        plan["at_least"]
        <= plan["events"]
        == sum(line["times"] * (1 if "helper" not in line["action"] else 2) for line in plan["lines"])
    )


@pytest.mark.slow
def test_the_page_is_current(pytestconfig):
    for path, text in buying.pages().items():
        committed = (pytestconfig.rootpath / path).read_text(encoding="utf-8")
        assert committed == text, "make it with: make docs"
