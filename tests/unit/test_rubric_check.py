"""`pillarscore rubric`: what is checked before a rubric is served, and what is said of it."""

import json
import re
from pathlib import Path

import orjson
import pytest

from agents.cli import _run
from agents.config.errors import UserError
from agents.config.rubric_file import golden, load
from perf.calibration import SEEDS, Simulation
from perf.golden import FILE, render
from pipeline.docgen.factors import credited
from pipeline.reports.golden import Golden
from pipeline.reports.rubric_check import check
from pipeline.reports.rubric_diff import differences
from pipeline.rubric.model import Rubric, RubricError
from tests.kit.files import event, ndjson
from tests.kit.rubrics import DAY, DEFAULT, SSI, SSI_TEXT

SSI_2_TEXT = (Path(__file__).parents[2] / "rubrics" / "ssi-2.toml").read_text(encoding="utf-8")


def problems(rubric, expected=None):
    return list(check(rubric, expected or golden(None), DAY, fed_by=credited()).problems())


@pytest.fixture
def said(capsys):
    """Runs a command; (exit code, stdout, stderr)."""

    def run(*arguments):
        code = _run([*map(str, arguments)])
        out = capsys.readouterr()
        return code, out.out, out.err

    return run


def test_the_default_holds_on_every_weekday():
    for later in range(7):
        assert list(check(DEFAULT, golden(None), DAY + later, fed_by=credited()).problems()) == []


def test_golden_members_are_current(pytestconfig):
    committed = (pytestconfig.rootpath / FILE).read_text(encoding="utf-8")
    assert committed == render([Simulation.of(seed) for seed in SEEDS]), "run python -m perf.golden"


def test_what_does_not_hold_of_version_1_is_said():
    found = problems(SSI)
    assert any(line.startswith("golden member average (") and "not 47.00 to 58.00" in line for line in found)
    assert any(line.startswith("golden member pod-0 (") for line in found)
    assert any(line.startswith("more invitation_sent lowers the score on its day") for line in found)
    assert not any(line.startswith("component ") for line in found)


@pytest.mark.parametrize(
    ("old", "new", "component", "most"),
    [
        ("half = 10 # endorsed", "half = 1000000 # endorsed", "endorsements", "0.00 of 1.75"),
        ("target = 6 # every week", "target = 6 # every week", None, None),
        ("full = 20 # twice that", "full = 1000 # twice that", "inmail-response", "of 3.00"),
        ("full = 65 # within", "full = 900 # within", "acceptance", "of 2.50"),
        ("target = 15 # one report", "target = 1000000 # one report", "spam", "of 30.00"),
    ],
)
def test_a_component_that_nobody_can_earn_is_found(old, new, component, most):
    assert old in SSI_2_TEXT
    found = [line for line in problems(Rubric.parse(SSI_2_TEXT.replace(old, new))) if "component" in line]
    if component is None:
        assert found == []
    else:
        [line] = found
        assert line.startswith(f"component {component} can't be earned: at most ")
        assert most in line


def test_what_no_event_feeds_is_found():
    without = {name: events for name, events in credited().items() if name != "article"}
    found = list(check(DEFAULT, golden(None), DAY, fed_by=without).problems())
    assert "component articles can't be earned: no event feeds what it reads" in found


MEMBER = '[[member]]\nname = "ada"\nabout = "posts"\nscore = [0, 5]\nweekly.post = 0.5\n'


def test_a_golden_member_does_things_evenly_and_on_single_days():
    text = MEMBER.replace("post = 0.5", "post = 7") + "on = [{ age = 3, signals = { post = 4 } }]\n"
    [ada] = Golden.parse(text).members
    tiles = ada.member(DAY).tiles
    assert {day for _, day in tiles} == set(range(DAY - 89, DAY + 1))
    assert sorted(tiles.values()) == [1] * 89 + [5]
    [rare] = Golden.parse(MEMBER).members
    assert len(rare.member(DAY).tiles) == 6  # of 6.4 weeks


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            MEMBER.replace("weekly.post", "weekly.pots"),
            r"line 5: .*unknown signal 'pots'; did you mean 'post'",
        ),
        (MEMBER.replace("[0, 5]", "[5, 0]"), r"line 1: .*put the lower number first"),
        (MEMBER.replace("0.5", "-1"), r"line 5: .*greater than 0"),
        ("never_lower = []", r"member: field required"),
        ("member = 7 7", "not valid TOML: "),
    ],
)
def test_a_mistake_in_a_golden_file_is_named_with_its_line(text, error, tmp_path):
    with pytest.raises(RubricError, match=error):
        Golden.parse(text)
    file = tmp_path / "golden.toml"
    file.write_text(text)
    with pytest.raises(UserError, match=rf"^{re.escape(str(file))}: "):
        golden(file)


def test_ci_gets_exit_1_when_something_does_not_hold(said, tmp_path):
    code, out, _ = said("rubric", "check", "ssi-2")
    assert (code, out.splitlines()[-1]) == (0, "ssi 2: no problems")
    code, out, _ = said("rubric", "check", "ssi")
    assert code == 1
    assert "PROBLEM: golden member average" in out
    mine = tmp_path / "golden.toml"
    mine.write_text(MEMBER.replace("[0, 5]", "[90, 91]"))
    code, out, _ = said("rubric", "check", "ssi-2", "--golden", mine)
    assert code == 1
    assert "PROBLEM: golden member ada (posts) has " in out


def test_a_change_that_moves_members_too_far_fails(said):
    compared = ("rubric", "check", "ssi-2", "--against", "ssi")
    assert said(*compared)[0] == 0
    assert said(*compared, "--max-move", 20, "--max-mean", 5, "--max-bands", 50)[0] == 0
    for limit, problem in (
        (("--max-move", 18), "1 of 15 members move by more than 18.00, the furthest by 18.29"),
        (("--max-mean", 0.5), "the mean score changes by "),
        (("--max-bands", 1), "of 15 members (6.7 %) change band, more than 1 %"),
    ):
        code, out, _ = said(*compared, *limit)
        assert code == 1
        assert problem in out
    code, _, error = said("rubric", "check", "ssi-2", "--max-move", 1)
    assert code == 2
    assert "limits need --against" in error


def test_the_impact_is_measured_on_the_members_of_a_file(said, tmp_path):
    file = tmp_path / "events.ndjson"
    file.write_bytes(ndjson([event("post.published", "1", "ada", "2025-11-20T12:00:00Z")]))
    page = tmp_path / "report.html"
    code, out, _ = said(
        *("rubric", "check", "ssi-2", "--against", "ssi", file, "--as-of", "2025-11-20"),
        *("--html", page, "--max-move", 1),
    )
    assert code == 1
    assert "1 of 1 members move by more than 1.00" in out
    text = page.read_text()
    assert "<svg" in text
    assert "<h1>ssi 2 against ssi 1: 1 problem</h1>" in text
    assert "brand / posts: maximum 3.50 -&gt; 3.00" in text
    assert "ada" in text
    assert "post.published" in text
    assert "<script" not in text


def test_the_report_is_json(said):
    code, out, _ = said("rubric", "check", "ssi-2", "--against", "ssi", "--json")
    assert code == 0
    found = orjson.loads(out)
    assert found["problems"] == []
    assert found["comparison"]["before"]["version"] == 1
    assert {part["component"] for part in found["check"]["reach"]} == {p.name for p in DEFAULT.components}


def test_two_rubrics_with_the_same_name_are_a_problem(said, tmp_path):
    changed = tmp_path / "changed.toml"
    changed.write_text(SSI_2_TEXT.replace("half = 1 # the first posts", "half = 2 # the first posts"))
    code, out, _ = said("rubric", "check", changed, "--against", "ssi-2")
    assert code == 1
    assert "PROBLEM: both rubrics are called ssi 2: raise the version" in out


def test_differences_are_said_in_words(said):
    code, out, _ = said("rubric", "diff", "ssi", "ssi-2")
    assert code == 0
    for line in (
        "version 1 -> 2",
        "brand / posts: maximum 3.50 -> 3.00",
        "brand / posts: half of the points at 16 -> 1",
        "brand / post-response: now counts reactor (weight 1, at most 20 a day)",
        "brand / post-response: no longer counts reaction_received (weight 1, at most 50 a day)",
        "relate / reply-rate: new: grace in days (7)",
        "relate / network-rhythm: new, rhythm, at most 5.00 points: how regularly the network grows",
        "penalty spam: new: advice (stop sending what people report as spam; each report fades by half within "
        "a month)",
    ):
        assert line in out.splitlines(), line
    assert said("rubric", "diff", "ssi", "ssi")[1] == "Nothing differs\n"


@pytest.mark.parametrize("text", [SSI_TEXT, SSI_2_TEXT], ids=["ssi", "ssi-2"])
def test_no_number_can_change_without_a_difference(text):
    """Each number of the file plus one, where that is valid; maxima together with another of the pillar."""
    before, tried = Rubric.parse(text), 0
    for found in re.finditer(r"(?<== )\d+(?=[ ,}\]\n])", text):
        start = text.rfind("\n", 0, found.start()) + 1
        if "#" in text[start : found.start()]:
            continue
        changed = f"{text[: found.start()]}{int(found[0]) + 1}{text[found.end() :]}"
        try:
            after = Rubric.parse(changed)
        except RubricError:
            continue
        tried += 1
        assert list(differences(before, after)), text[start : found.end()]
    assert tried > 150


def test_a_rubric_is_begun_with_the_next_version_or_another_name(said, tmp_path):
    file = tmp_path / "ours.toml"
    code, _, error = said("rubric", "new", file)
    assert code == 0
    assert f"{file}, ssi 3" in error
    assert (load(file).name, load(file).version) == ("ssi", 3)
    assert file.read_text() == SSI_2_TEXT.replace("version = 2", "version = 3", 1)
    code, _, error = said("rubric", "new", file)
    assert code == 2
    assert "can't be written: File exists" in error
    other = tmp_path / "other.toml"
    assert said("rubric", "new", other, "--from", "ssi", "--name", "ours")[0] == 0
    assert (load(other).name, load(other).version) == ("ours", 1)
    code, _, error = said("rubric", "new", tmp_path / "bad.toml", "--name", "Ours!")
    assert code == 2
    assert "--name Ours!: line " in error
    assert not (tmp_path / "bad.toml").exists()


def test_bundled_rubrics_are_listed_with_the_one_that_is_served(said, monkeypatch):
    lines = said("rubric", "list")[1].splitlines()
    assert [line[0] for line in lines if line.split()[-1] and " ssi-2 " in f"{line} "] == ["*"]
    monkeypatch.setenv("PILLARSCORE_RUBRIC", "ssi")
    lines = said("rubric", "list")[1].splitlines()
    assert [line.split()[1] for line in lines if line.startswith("*")] == ["ssi"]
    assert said("rubric", "show", "ssi")[1] == SSI_TEXT
    assert json.dumps(said("rubric", "show", "no")[2]).count("can't be read")
