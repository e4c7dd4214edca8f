"""`pillarscore whatif` on files, and targets in `explain`: tables, JSON, pictures, and complaints."""

import json
import re

import pytest
from typer.testing import CliRunner

from agents.cli import _run, app
from tests.kit.files import RUBRIC, event, ndjson, small_rubric

NOON = "2025-11-20T12:00:00Z"
EVENTS = [
    *(event("post.published", f"p{at}", "ada", f"2025-11-{at + 1:02}T12:00:00Z") for at in range(12)),
    *(event("session.started", f"s{at}", "ada", f"2025-11-{at + 1:02}T12:00:00Z") for at in range(8)),
    event("comment.written", "2", "ada", NOON, author="bob", words=9),
    event("session.started", "3", "bob", NOON),
    event("member.updated", "4", "bob", NOON, role="Head of Sales"),
    event("post.published", "5", "eve\x1b[31m[red]", NOON),
]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with events, a rubric that is set, and another: posts halved, sessions doubled."""
    monkeypatch.setenv("PILLARSCORE_RUBRIC", str(small_rubric(tmp_path)))
    monkeypatch.setenv("PILLARSCORE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("PILLARSCORE_BROKER", raising=False)
    (tmp_path / "events.ndjson").write_bytes(ndjson(EVENTS))
    text = RUBRIC.replace("version = 3", "version = 4")
    for signal, target in (("post", 20), ("session", 5)):
        old = f"signals.{signal} = {{ cap = 5, weight = 1 }}\ntarget = "
        text = text.replace(old + "10", old + str(target))
    (tmp_path / "new.toml").write_text(text)
    return tmp_path


@pytest.fixture
def whatif(here):
    """Runs it on the events; returns its result."""

    def run(*arguments):
        files = ["whatif", here / "events.ndjson", "--as-of", "2025-11-20"]
        result = CliRunner().invoke(app, [*map(str, [*files, *arguments])], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result

    return run


def rows(text):
    """The words of each line of a table."""
    return [line.split() for line in text.splitlines()]


def test_two_rubrics_are_compared_as_tables(here, whatif):
    """ada goes from 25 + 20 + 2.5 to 15 + 25 + 2.5, bob from 2.5 to 5, eve from 2.5 to 1.25."""
    shown = whatif("--rubric", here / "new.toml")
    lines = rows(shown.stdout)
    assert shown.stdout.startswith(
        "3 members as of 2025-11-20, small 3 -> small 4: 1 gain, 2 lose, 0 unchanged; 0 members change band\n"
    )
    assert ["mean", "17.50", "16.25", "-1.25"] in lines
    assert ["median", "2.50", "5.00", "+2.50"] in lines
    assert ["middle", "·", "1", "·", "·", "1"] in lines
    assert ["brand", "9.17", "5.42", "-3.75"] in lines
    assert ["find-all", "7.50", "10.00", "+2.50"] in lines
    assert ["bob", "2.50", "5.00", "+2.50", "·", "+2.50", "·", "·", "low"] in lines
    assert ["ada", "47.50", "42.50", "-5.00", "-10.00", "+5.00", "·", "·", "middle"] in lines
    assert "eve\\x1b[31m[red]" in shown.stdout
    assert "\x1b" not in shown.output
    assert "24 events read: 24 scored" in shown.stderr


def test_who_changes_band_is_told(here, whatif):
    (here / "new.toml").write_text((here / "new.toml").read_text() + "[bands]\nmiddle = 45\n")
    shown = whatif("--rubric", here / "new.toml")
    assert "1 member changes band" in shown.stdout
    assert ["middle", "1", "·", "·", "·", "1"] in rows(shown.stdout)
    assert "middle -> low" in shown.stdout


def test_json_says_the_same_in_hundredths(here, whatif):
    said = json.loads(whatif("--rubric", here / "new.toml", "--format", "json", "--top", "1").stdout)
    comparison = said["comparison"]
    assert said["trials"] == []
    assert comparison["before"]["histogram"] == {"250": 2, "4750": 1}
    assert comparison["after"]["histogram"] == {"125": 1, "500": 1, "4250": 1}
    assert comparison["changes"] == {"-500": 1, "-125": 1, "250": 1}
    assert comparison["after"]["bands"] == {"low": 2, "middle": 1, "high": 0, "top": 0}
    assert [mover["member"] for mover in comparison["up"] + comparison["down"]] == ["bob", "ada"]
    assert (comparison["before"]["version"], comparison["after"]["version"]) == (3, 4)


def test_the_base_may_be_named(here, whatif):
    shown = whatif("--rubric", here / "small.toml", "--base", here / "new.toml")
    assert "small 4 -> small 3: 2 gain, 1 lose" in shown.stdout


def test_a_rubric_that_is_no_other_is_told(here, whatif):
    assert "Both rubrics are identical" in whatif("--rubric", here / "small.toml").stderr
    (here / "new.toml").write_text((here / "new.toml").read_text().replace("version = 4", "version = 3"))
    assert "raise the version before you switch" in whatif("--rubric", here / "new.toml").stderr


def test_what_a_member_could_do_is_tried_out(here, whatif):
    lines = rows(whatif("--set", "bob:post=+3", "--set", "bob:session=+9@-1d").stdout)
    assert ["score", "2.50", "22.50", "+20.00"] in lines  # 3 posts, and 5 sessions: no more count in a day
    assert ["brand-all", "0.00", "7.50", "+7.50"] in lines
    assert ["find-all", "2.50", "15.00", "+12.50"] in lines
    assert ["engage", "0.00", "0.00", "0.00"] in lines
    assert not any(line[:1] == ["band"] for line in lines)


def test_a_trial_is_by_both_rubrics_when_there_are_two(here, whatif):
    said = json.loads(
        whatif("--set", "bob:post=+4", "--rubric", here / "new.toml", "--format", "json").stdout
    )
    assert said["comparison"] is None
    found = [(one["version"], one["before"]["score"], one["after"]["score"]) for one in said["trials"]]
    assert found == [(3, 250, 1250), (4, 500, 1000)]


def test_names_can_not_harm_the_terminal(here, whatif):
    shown = whatif("--set", "eve\x1b[31m[red]:post=+1")
    assert "eve\\x1b[31m[red] with post=+1" in shown.stdout
    assert "\x1b" not in shown.output


@pytest.mark.parametrize("kind", ["png", "svg", "html"])
def test_a_picture_is_drawn(here, whatif, kind):
    paths = [here / f"{at}.{kind}" for at in range(2)]
    for path in paths:
        whatif("--rubric", here / "new.toml", "--plot", path)
    first, second = (path.read_bytes() for path in paths)
    assert first == second, "the same comparison is the same file"
    if kind == "png":
        assert first.startswith(b"\x89PNG\r\n")
        assert len(first) > 20_000
        return
    text = first.decode()
    assert "Scores before and after" in text
    assert "small 4, mean 16.25" in text
    # whatever it needs is in it
    assert not re.findall(r"""(?:src|href)=["']?(?!#)[^"'\s>]+""", text)
    assert ("<pre>" in text) == (kind == "html")


def test_nobody_can_be_drawn_too(here):
    (here / "empty.ndjson").write_bytes(b"")
    files = [here / "empty.ndjson", "--rubric", here / "new.toml", "--plot", here / "0.png"]
    result = CliRunner().invoke(app, ["whatif", *map(str, files)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("0 members as of")
    assert (here / "0.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["FILE"], "Nothing to try: give --rubric NEW.toml or --set MEMBER:SIGNAL=+N"),
        (["--rubric", "NEW"], "Give either FILE or --live"),
        (["--rubric", "NEW", "--live", "FILE"], "Give either FILE or --live"),
        (["--rubric", "NEW", "--live", "--as-of", "2025-11-20"], "--as-of needs FILE"),
        (["--rubric", "nowhere.toml", "FILE"], "Rubric nowhere.toml can't be read"),
        (["--rubric", "NEW", "FILE", "--plot", "a.pdf"], "the name must end in .png, .svg or .html"),
        (["--rubric", "NEW", "FILE", "--plot", "/nowhere/a.png"], "/nowhere/a.png can't be written"),
        (["--set", "bob:post=+1", "FILE", "--plot", "a.png"], "--plot needs --rubric NEW.toml"),
        (["--set", "bob:pst=+1", "FILE"], "unknown signal or register 'pst'; did you mean 'post'?"),
        (
            ["--set", "bobb:post=+1", "FILE"],
            "No activity of member bobb counts on that day; did you mean bob?",
        ),
    ],
)
def test_what_can_not_be_done_is_said_in_a_line(here, capsys, arguments, said):
    names = {"FILE": here / "events.ndjson", "NEW": here / "new.toml"}
    given = [names.get(word, word) for word in arguments]
    if "FILE" in arguments:
        given += ["--as-of", "2025-11-20"]
    assert _run(["whatif", *map(str, given)]) == 2
    err = capsys.readouterr().err
    assert said in err.splitlines()[-1]
    assert "Traceback" not in err


def test_explain_shows_the_target_of_the_role(here):
    (here / "small.toml").write_text(
        (here / "small.toml").read_text() + "[targets]\nsales = 75\naverage = [40, 55]\n"
    )

    def explain(member, *more):
        given = ["explain", member, here / "events.ndjson", "--as-of", "2025-11-20", *more]
        result = CliRunner().invoke(app, [*map(str, given)], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    assert "target 75.00 (sales, for role Head of Sales): 72.50 below target" in explain("bob")
    assert "target 40.00 to 55.00 (average, role unknown): reached" in explain("ada")
    assert json.loads(explain("bob", "--json"))["target"] == {
        "role": "Head of Sales",
        "name": "sales",
        "low": 7_500,
        "high": 7_500,
        "missing": 7_250,
    }
