# ruff: noqa: E501 (a row of the table is a line)
"""A rubric is checked whole, and what is wrong is said in one line: where, what, and what to do."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.config.rubric_file import SHIPPED
from pipeline.rubric.components import Penalty, Pillar
from pipeline.rubric.model import MAX_TEXT, Rubric, RubricError
from pipeline.rubric.toml_lines import line_of, line_of_keys
from pipeline.scoring.reference import score
from schemas.signals import Signal
from tests.kit.rubrics import DAY, DEFAULT, SSI, SSI_TEXT, rubrics

HEAD = 'name = "tiny"\nversion = 1\n'


def part(pillar, points="25", name=None):
    """Five lines and an empty one."""
    return (
        f'[[component]]\nname = "{name or pillar}"\npillar = "{pillar}"\n'
        f'kind = "volume"\nmax = {points}\nfactor = "x"\nhalf = 3\nsignals.post = {{ cap = 2 }}\n'
    )


TINY = HEAD + "".join(part(pillar) for pillar in Pillar)


def edited(old, new, text=TINY):
    assert old in text
    return text.replace(old, new, 1)


def error_of(text):
    try:
        Rubric.parse(text)
    except RubricError as error:
        return str(error)
    return None


def brand(new):
    """The tiny rubric with its first component of another kind (lines 3 to 7 as they were)."""
    return edited('kind = "volume"\nmax = 25\nfactor = "x"\nhalf = 3\nsignals.post = { cap = 2 }\n', new)


RATE = (
    'kind = "rate"\nmax = 25\nfactor = "x"\nabove = 10\nfull = 40\nprior = 5\n'
    "successes.reply_received = { cap = 9 }\ntrials.outreach = { cap = 9 }\n"
)
RHYTHM = (
    'kind = "rhythm"\nmax = 25\nfactor = "x"\nsignals = ["post"]\nperiod = "week"\nover = 12\ntarget = 10\n'
)
REGISTER = 'kind = "register"\nmax = 25\nfactor = "x"\nregisters.media = { target = 3 }\n'
STEP = '[[step]]\ntext = "do it"\nsignals = { post = 1 }\n'


@pytest.mark.parametrize("text", [TINY, brand(RATE), brand(RHYTHM), brand(REGISTER), TINY + STEP, SSI_TEXT])
def test_these_are_rubrics(text):
    assert sum(part.max for part in Rubric.parse(text).components if not isinstance(part, Penalty)) == 10_000


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (edited("signals.post", "signals.pots"), 10, "component 'brand': unknown signal 'pots'; did you mean 'post'?"),
        (edited("signals.post", "signals.zzz"), 10, "unknown signal 'zzz'; see schemas/signals.py"),
        (edited("cap = 2", "cpa = 2"), 10, "unknown key 'cpa'; did you mean 'cap'?"),
        (edited("cap = 2", "cap = 0"), 10, "'signals.post.cap' is '0', but input should be greater than or equal to 1"),
        (edited("cap = 2", "cap = 2.0"), 10, "'signals.post.cap' is '2.0', but input should be a valid integer"),
        (edited("cap = 2", "weight = 2"), 10, "'signals.post.cap' is missing: add it"),
        (edited("cap = 2", "cap = 65_536"), 10, "less than or equal to 65535"),
        (edited("half = 3", "halve = 3"), 9, "unknown key 'halve'; did you mean 'half'?"),
        (edited("half = 3\n", ""), 3, "give either 'half' (the sum that earns half the points) or 'target'"),
        (edited("half = 3", "half = 3\ntarget = 4"), 3, "give either 'half'"),
        (edited("half = 3", "half = 3\nhalf_life = 0"), 10, "'half_life' is '0'"),
        (edited('kind = "volume"', 'kind = "volum"'), 6, "unknown kind 'volum'; did you mean 'volume'?"),
        (edited('kind = "volume"\n', ""), 3, "'kind' is missing: add one of penalty, rate, register, rhythm, volume"),
        (edited('pillar = "brand"', 'pillar = "brnd"'), 5, "'pillar' is 'brnd', but input should be 'brand', 'find'"),
        (edited("max = 25", "max = 24.5"), 7, "pillar 'brand' add up to 24.50, not 25.00: add 0.50 to one of its"),
        (TINY + part("find", 0.5, "more"), 39, "pillar 'find' add up to 25.50, not 25.00: take 0.50 off one of its"),
        (edited("max = 25", "max = 24.995"), 7, "24.995 points: give at most two decimals"),
        (edited("max = 25", 'max = "much"'), 7, "give points as a number with at most two decimals"),
        (edited("max = 25", "max = true"), 7, "give points as a number"),
        (edited("max = 25", "max = nan"), 7, "points: give at most two decimals"),
        (edited("max = 25", "max = 0"), 7, "greater than 0"),
        (HEAD + part("find") + part("engage") + part("relate"), 1, "pillar 'brand' has no component"),
        (edited('name = "find"', 'name = "brand"'), 12, "two components are called 'brand': rename one"),
        (edited('name = "find"', 'name = "Find it"'), 12, "'name' is 'Find it', but string should match"),
        (edited("version = 1\n", ""), 1, "'version' is missing: add it"),
        (edited("version = 1", "version = 0"), 2, "'version' is '0'"),
        (edited("cap = 2", "cap = 60_000, weight = 200"), 3, "adds up to 12,000,000, which could overflow"),
        (brand(edited("above = 10", "above = 40", RATE)), 3, "'full' (40 %) must be more than 'above' (40 %)"),
        (brand(edited("cap = 9", "cap = 60_000, weight = 7", RATE)), 3, "of the successes adds up to 420,000"),
        (brand(RATE + 'trials_register = "connections"\n'), 3, "give either 'trials' (signals) or 'trials_register'"),
        (brand(edited("trials.outreach = { cap = 9 }", 'trials_register = "conections"', RATE)), 13,
         "unknown register 'conections'; did you mean 'connections'?"),
        (brand(edited("over = 12", "over = 13", RHYTHM)), 3, "'over' is at most 12 weeks"),
        (brand(edited("target = 10", "target = 13", RHYTHM)), 3, "'target' 13 can't be reached in 'over' 12"),
        (brand(edited('["post"]', '["post", "post"]', RHYTHM)), 3, "'signals' names a signal twice"),
        (brand(edited('["post"]', '["posts"]', RHYTHM)), 9, "unknown signal 'posts'; did you mean 'post'?"),
        (brand(edited('["post"]', "[[1]]", RHYTHM)), 9, "unknown signal '[1]'"),
        (brand(edited("registers.media", "registers.industry", REGISTER)), 9, "register 'industry' is a text"),
        (brand(REGISTER + "registers.groups = { target = 999_983 }\nregisters.photo = { target = 999_979 }\n"), 3,
         "too large a common multiple"),
        (TINY + STEP.replace("post = 1", "pst = 1"), 37, "step 'do it': unknown signal 'pst'; did you mean 'post'?"),
        (TINY + '[[step]]\ntext = "x"\n', 35, "step 'x': a step needs 'signals' or 'registers' to add"),
        (TINY + "[bands]\nmiddle = 80\n", 35, "bands must increase: middle < high < top"),
        (TINY + "[bands]\nmargin = 40\n", 35, "'margin' must be less than 'middle'"),
        (TINY + "[trend]\ndays = 7\n", 36, "'trend.days' is '7', but input should be a multiple of 2"),
        (TINY + "[trend]\ndays = 4\n", 35, "'known' must be at most half of 'days': 2"),
        (TINY + "[targets]\nsales = 101\n", 36, "'targets.sales' is '101', but input should be less"),
        (TINY + "[targets]\nsales = [50, 60, 70]\n", 36, "give a target as a number, such as 75, or as two"),
        (TINY + "[targets]\nsales = [60, 50]\n", 36, "put the lower number first"),
        (TINY + "[targets]\nSales = 60\n", 36, "'targets.Sales' is"),
        (TINY + "component = 3\n", 35, "component 'relate': unknown key 'component'"),
        ("component = 3\n" + HEAD, 1, "'component' is '3', but"),
        ("x = [", None, "the rubric is not valid TOML"),
        ("", 1, "'name' is missing"),
        ("#" * (MAX_TEXT + 1), None, "262,145 characters: the maximum is 262,144"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(text, line, said):
    with pytest.raises(RubricError) as caught:
        Rubric.parse(text)
    message = str(caught.value)
    assert said in message
    assert "\n" not in message
    if line is not None:
        assert message.startswith(f"line {line}: ")


def test_the_first_of_several_mistakes_is_told_and_the_others_counted():
    text = edited('pillar = "find"', 'pillar = "fnd"', edited("cap = 2", "cap = 0"))
    with pytest.raises(RubricError, match=r"^line 10: .* \(and 1 more\)$"):
        Rubric.parse(text)


@given(st.text(max_size=200))
def test_any_text_is_a_rubric_or_an_error_of_one_line(text):
    with pytest.raises(RubricError) as caught:
        Rubric.parse(text)
    assert str(caught.value).strip()


@given(st.data())
def test_a_damaged_rubric_is_still_one_or_an_error_of_one_line(data):
    """Any word of the default rubric exchanged for another: never another exception."""
    words = re.split(r"(\W)", SSI_TEXT)
    at = data.draw(st.integers(0, len(words) - 1))
    words[at] = data.draw(
        st.sampled_from(words) | st.sampled_from(["-1", "nan", "[[", '"""', "{", "1e999", "²"])
    )
    said = error_of("".join(words))
    assert said is None or re.fullmatch(r"(line \d+: |the rubric ).+", said)


@given(rubrics())
def test_a_rubric_survives_its_json(rubric):
    again = Rubric.model_validate_json(rubric.model_dump_json(by_alias=True))
    assert again == rubric
    assert again.fingerprint == rubric.fingerprint


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("max = 1.5\n", "max = 1,5\n", r"write a point, 1\.5, not a comma$"),
        ('name = "ssi"', "name = \u201cssi\u201d", 'write straight quotes, "", not \u201c$'),
        ("signals.article = { cap = 1 }", "signals.article = { cap = 1 ", r"\)$"),
    ],
)
def test_what_word_processors_write_is_named(old, new, hint):
    assert old in SSI_TEXT
    line = SSI_TEXT[: SSI_TEXT.index(old)].count("\n") + 1
    with pytest.raises(RubricError, match=rf"\(at line {line}.*{hint}"):
        Rubric.parse(SSI_TEXT.replace(old, new, 1))


def test_the_fingerprint_follows_the_meaning_not_the_text():
    assert Rubric.parse(SSI_TEXT + "\n# another comment\n").fingerprint == SSI.fingerprint
    assert Rubric.parse(SSI_TEXT.replace("half = 16", "half = 17", 1)).fingerprint != SSI.fingerprint


def test_a_rubric_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        SSI.version = 2


def test_lines_of_every_way_to_write_a_key():
    text = (
        '# comment with [brackets] and = "quotes\n'
        'a = """\nx = 1\n[[b]]\n"""\n'
        "c = [\n  1, # ]\n  '[',\n]\n"
        '[d]\n"e f" . g = { h = 1 }\n'
        "[[i]]\nj = 1\n[i.k]\nl = 2\n[[i]]\nj = 3\n"
        "[[i.m]]\nn = 1\n[[i.m]]\nn = 2\n"
    )
    lines = line_of_keys(text)
    expected = {
        ("a",): 2, ("c",): 6, ("d",): 10, ("d", "e f", "g"): 11, ("i", 0): 12, ("i", 0, "j"): 13,
        ("i", 0, "k", "l"): 15, ("i", 1, "j"): 17, ("i", 1, "m", 0, "n"): 19, ("i", 1, "m", 1, "n"): 21,
    }  # fmt: skip
    assert {path: lines[path] for path in expected} == expected
    assert ("x",) not in lines
    assert line_of(lines, ("d", "e f", "g", "h", "nothing")) == 11
    assert line_of(lines, ("nowhere",)) == 1


@pytest.mark.parametrize(
    ("role", "name", "shown"),
    [
        ("sales", "sales", "75.00"),
        ("Sales Manager, EMEA", "sales", "75.00"),
        ("Head of Digital Media", "digital_media", "75.00 to 80.00"),
        ("digital-media", "digital_media", "75.00 to 80.00"),
        ("HR business partner", "hr", "60.00 to 65.00"),
        ("Recruiter", "recruiter", "75.00"),
        ("marketing and sales", "marketing", "60.00 to 65.00"),  # the longer name wins
        ("salesman", "average", "50.00 to 55.00"),  # words, not parts of them
        ("wizard", "average", "50.00 to 55.00"),
        ("average", "average", "50.00 to 55.00"),
        ("", "average", "50.00 to 55.00"),
        (None, "average", "50.00 to 55.00"),
    ],
)
def test_the_target_of_a_role_is_found_by_its_words(role, name, shown):
    found, target = SSI.target(role)
    assert (found, str(target)) == (name, shown)


def test_without_a_general_target_other_roles_have_none():
    rubric = Rubric.parse(TINY + "[targets]\nsales = 75\n")
    assert rubric.target("sales")[1].low == rubric.target("sales")[1].high == 7_500
    assert rubric.target("wizard") is None
    assert Rubric.parse(TINY).target(None) is None


def test_all_that_ship_are_valid_and_told_apart(pytestconfig):
    shipped = {
        path.name: Rubric.parse(path.read_text(encoding="utf-8"))
        for path in (pytestconfig.rootpath / "rubrics").glob("*.toml")
    }
    assert {"ssi.toml", "ssi-rhythm.toml"} <= shipped.keys()
    assert len({(rubric.name, rubric.version) for rubric in shipped.values()}) == len(shipped)


def test_every_number_of_the_default_has_its_reason_beside_it(pytestconfig):
    """Except the version, and those of the steps, which say themselves what they are."""
    text = (pytestconfig.rootpath / "rubrics" / SHIPPED).read_text(encoding="utf-8")
    without = []
    for line in text.split("\n[[step]]")[0].splitlines():
        given, _, reason = line.partition("#")
        value = re.sub(r"\"[^\"]*\"", "", given.partition("=")[2])
        if re.search(r"\d", re.sub(r"\w*[a-z]\w*", "", value)) and not reason.strip():
            without.append(line)
    assert without == [f"version = {DEFAULT.version}"]


def test_the_rhythm_variant_pays_for_regularity(pytestconfig):
    """The same reactions on one day or over eight weeks: what being regular is worth is more than in ssi."""
    text = (pytestconfig.rootpath / "rubrics" / "ssi-rhythm.toml").read_text(encoding="utf-8")
    worth = []
    for rubric in (SSI, Rubric.parse(text)):
        burst, regular = (
            score(rubric, DAY, {(Signal.REACTION_GIVEN, DAY - age): n for age in ages}, numbers={}).score
            for ages, n in (([0], 8), (range(0, 56, 7), 1))
        )
        worth.append(regular - burst)
    assert worth[1] > worth[0] + 200


WEEKLY = edited("signals.post = { cap = 2 }", "signals.post = { cap = 2, week = 3 }")


def test_a_cap_of_the_week_counts_the_newest_days_of_each_calendar_week():
    rubric = Rubric.parse(WEEKLY)
    assert DAY % 7 == 0, "a Thursday"
    # from Monday on two a day, of which three count; and three of the week before
    tiles = {(Signal.POST, DAY - age): 2 for age in range(4)}
    last_week = {(Signal.POST, DAY - age): 1 for age in (5, 6, 7, 8)}
    once = score(rubric, DAY, tiles, numbers={}).components["brand"]
    assert once == 1250, "3 / (3 + 3) of 25 points"
    assert score(rubric, DAY, tiles | last_week, numbers={}).components["brand"] == 1666, "6 / (6 + 3)"


@pytest.mark.parametrize("week", [1, 14])
def test_a_cap_of_the_week_that_says_nothing_is_refused(week):
    error = error_of(edited("week = 3", f"week = {week}", WEEKLY))
    assert error is not None
    assert "one of the two says nothing" in error
