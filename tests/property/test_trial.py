"""A trial adds what it says and scores both sides as ever; what can't be tried is said in a line."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.common import days
from pipeline.reports.member_trial import Setting, TrialError, attempt
from pipeline.scoring.member import Member
from pipeline.scoring.reference import score
from schemas.registers import Register
from schemas.signals import Signal
from tests.kit.rubrics import DAY, NUMBERS, SSI, members, rubrics

TODAY = days.calendar(DAY)


@st.composite
def settings(draw):
    """(the text of a setting of member m, what it adds to the tiles, what it sets)."""
    if draw(st.booleans()):
        register, value = draw(st.sampled_from(NUMBERS)), draw(st.integers(0, 2**31 - 1))
        return f"m:{register.name.lower()}={value}", {}, {register: value}
    signal, age = draw(st.sampled_from(Signal)), draw(st.integers(0, 89))
    more = draw(st.integers(-20, 100))
    when = draw(st.sampled_from([f"@-{age}d", f"@{days.calendar(DAY - age)}"]))
    return f"m:{signal.name.lower()}={more:+d}{when}", {(signal, DAY - age): more}, {}


@given(rubrics(), members, st.lists(settings(), min_size=1, max_size=4))
def test_a_trial_is_the_score_of_the_changed_member(rubric, member, tried):
    said = attempt(rubric, DAY, member, settings=[Setting.parse(text, DAY) for text, _, _ in tried])
    tiles, numbers = dict(member.tiles), dict(member.numbers)
    for _, more, known in tried:
        for tile, count in more.items():
            tiles[tile] = min(max(tiles.get(tile, 0) + count, 0), 65_535)
        numbers |= known
    for side, expected in (
        (said.before, score(rubric, DAY, member.tiles, numbers=member.numbers)),
        (said.after, score(rubric, DAY, tiles, numbers=numbers)),
    ):
        assert side.score == expected.score
        assert {name: pillar.points for name, pillar in side.pillars.items()} == expected.pillars
        parts = dict(side.penalties)
        for pillar in side.pillars.values():
            assert pillar.points == sum(pillar.components.values())
            parts |= pillar.components
        assert parts == expected.components
    assert said.settings == tuple(text.removeprefix("m:") for text, _, _ in tried)


def test_today_is_meant_when_no_day_is_given():
    setting = Setting.parse("m:post=+2", DAY)
    assert setting.apply(DAY, Member()).tiles == {(Signal.POST, DAY): 2}
    assert setting.apply(DAY, Member({(Signal.POST, DAY): 3})).tiles == {(Signal.POST, DAY): 5}


def test_a_member_may_be_called_anything():
    setting = Setting.parse("urn:li:member=7:post=+1@-3d:photo=1", DAY)
    assert (setting.member, setting.of, setting.value) == ("urn:li:member=7:post=+1@-3d", Register.PHOTO, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("comment=+3", "give member:signal=+n"),
        ("m:comment", "give member:signal=+n"),
        ("m:comment=+many", "give member:signal=+n"),
        (":comment=+3", "give member:signal=+n"),
        ("m:coment=+3", "unknown signal or register 'coment'; did you mean 'comment'?"),
        ("m:xyzzy=+3", "see docs/reference/factors.md"),
        ("m:comment=3", "give a change: comment=+3 for more, comment=-3 for fewer"),
        ("m:role=3", "'role' is a text register and gives no points"),
        ("m:media=+3", "'media' is a register: give its new value, such as media=3"),
        ("m:media=3@-1d", "'media' is a register"),
        ("m:connections=2147483648", "the maximum value of a register is 2,147,483,647"),
        ("m:comment=+3@-90d", "@-90d is outside the window: give a day from @-89d to @-0d"),
        (f"m:comment=+3@{date.fromordinal(TODAY.toordinal() + 1)}", "is outside the window"),
        ("m:comment=+3@2026-13-01", "@2026-13-01 is not a day: give @-3d or a date"),
        ("m:comment=+3@3d", "@3d is not a day"),
    ],
)
def test_what_can_not_be_tried_is_said_with_what_to_do(text, said):
    with pytest.raises(TrialError) as caught:
        Setting.parse(text, DAY)
    assert str(caught.value).startswith(f"--set {text}: ")
    assert said in str(caught.value)


def test_the_day_a_setting_is_for_decides_what_it_is_worth():
    """A post of today is worth more than one of two months ago."""
    now, then = (
        attempt(SSI, DAY, Member(), settings=[Setting.parse(f"m:post=+1@-{age}d", DAY)]).after.score
        for age in (0, 60)
    )
    assert now > then > 0
