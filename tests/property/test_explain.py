"""An explanation adds up to the score exactly, and its next steps gain what they say."""

import json
from io import StringIO
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from agents.screens.explanation import tree
from pipeline.common.points import as_points
from pipeline.reports.advice import TOP, next_steps, with_step
from pipeline.reports.apportion import apportion
from pipeline.reports.explain import Explanation, explain
from pipeline.scoring.member import Member, batch
from pipeline.scoring.reference import share
from pipeline.scoring.scorer import Scorer
from schemas.registers import Register
from schemas.signals import Signal
from tests.kit.rubrics import DAY, DEFAULT, SSI, members, rubrics

SCORER = Scorer(SSI, DAY)


def score(member, rubric=SSI):
    return int(Scorer(rubric, DAY).points(*batch(DAY, [member])).score[0])


def before_floor(member, rubric=SSI):
    """The score if it could fall below 0."""
    pillars = Scorer(rubric, DAY).points(*batch(DAY, [member])).pillars[0]
    penalties = [rubric.components[at] for at in rubric.penalties]
    lost = [floor(part.max * share(part, DAY, member.tiles, numbers=member.numbers)) for part in penalties]
    return int(pillars.sum()) - sum(lost)


def assert_adds_up(said, total):
    assert said.score == total
    assert sum(p.points for p in said.pillars) + sum(p.points for p in said.penalties) == total
    assert sum(p.points for p in said.pillars) + sum(p.full for p in said.penalties) == said.before_floor
    assert total == max(said.before_floor, 0)
    for pillar in said.pillars:
        assert pillar.points == sum(component.points for component in pillar.components)
        assert pillar.max == sum(component.max for component in pillar.components) == 2_500
    for component in [c for p in said.pillars for c in p.components] + list(said.penalties):
        assert component.points == sum(source.points for source in component.sources)
        assert abs(component.points) <= component.max
        for source in component.sources:
            assert source.points * component.points >= 0
            assert source.points == 0 or source.count > 0


@given(members)
def test_the_parts_of_the_default_rubric_add_up(member):
    assert_adds_up(explain(SSI, DAY, member, scorer=SCORER), score(member))


@given(rubrics(), members)
def test_the_parts_of_any_rubric_add_up(rubric, member):
    assert_adds_up(explain(rubric, DAY, member), score(member, rubric))


@pytest.mark.parametrize("rubric", [SSI, DEFAULT], ids=["ssi", "default"])
@given(member=members)
def test_next_steps_gain_what_they_say(rubric, member):
    """Each gain is the score of the member who has taken the step, less the score now; the most first.

    Both before the floor: advice helps those most who have lost more than they have.
    """
    gains = next_steps(rubric, DAY, member)
    by_text = {step.text: step for step in rubric.steps}
    now = before_floor(member, rubric)
    for gain in gains:
        after = with_step(by_text[gain.text], DAY, member)
        assert gain.gain == before_floor(after, rubric) - now
        assert gain.gain > 0
    assert [gain.gain for gain in gains] == sorted((gain.gain for gain in gains), reverse=True)
    explained = {gain.text for gain in gains}
    for step in rubric.steps:
        if step.text not in explained:
            assert before_floor(with_step(step, DAY, member), rubric) <= now


@pytest.mark.parametrize("rubric", [SSI, DEFAULT], ids=["ssi", "default"])
def test_every_step_helps_somebody_new(rubric):
    """A step that could never gain anything would be a mistake in the rubric."""
    busy = Member({(Signal.SESSION, DAY): 1})
    assert {gain.text for gain in next_steps(rubric, DAY, busy)} == {step.text for step in rubric.steps}


def test_what_is_done_already_is_not_recommended():
    done = Member({}, {Register.HEADLINE: 1})
    assert "write a headline" in {gain.text for gain in next_steps(SSI, DAY, Member())}
    assert "write a headline" not in {gain.text for gain in next_steps(SSI, DAY, done)}


def test_a_weekly_step_is_spread_over_its_weeks():
    step = next(step for step in SSI.steps if step.text == "two substantive comments a week")
    tiles = with_step(step, DAY, Member()).tiles
    ages = sorted(DAY - day for signal, day in tiles if signal == Signal.COMMENT)
    assert ages == [0, 3, 7, 10, 14, 17, 21, 24]
    assert set(tiles.values()) == {1}
    assert {signal for signal, _ in tiles} == {Signal.COMMENT, Signal.COMMENT_SUBSTANTIVE}


@given(st.sampled_from(SSI.steps), members)
def test_a_step_adds_all_its_amounts(step, member):
    taken = with_step(step, DAY, Member())
    for signal, amount in step.signals.items():
        times = step.weeks * (7 if step.every == "day" else 1)
        assert sum(n for (s, _), n in taken.tiles.items() if s == signal) == amount * times
    assert dict(taken.numbers) == dict(step.registers)


def test_counts_caps_and_decay_are_shown():
    member = Member({(Signal.COMMENT, DAY): 7, (Signal.COMMENT, DAY - 14): 3}, {Register.MEDIA: 9})
    said = explain(SSI, DAY, member)
    components = {c.name: c for p in said.pillars for c in p.components}
    comment = components["comments"].sources[0]
    assert (comment.name, comment.count, comment.counted, comment.cap) == ("comment", 10, 8, 5)
    assert comment.days_capped == 1
    just_at_the_cap = explain(SSI, DAY, Member({(Signal.COMMENT, DAY): 5}))
    assert just_at_the_cap.pillars[2].components[1].sources[0].days_capped == 0
    assert comment.decayed == 6_500_000  # 5 today and half of 3
    assert components["comments"].measured == "sum 6.50"
    assert components["comments"].rule == "half of the points at 24, half-life 14 days"
    media = components["profile-media"].sources[0]
    assert (media.count, media.counted, media.points) == (9, 3, 150)


def test_rhythm_and_rate_say_what_was_measured():
    weeks = {(Signal.LEAD_SAVED, DAY - 7 * week): 2 for week in range(5)}
    same_week = {(Signal.SEARCH_PEOPLE, DAY - 7 * week): 1 for week in range(3)}
    asked = {(Signal.OUTREACH, DAY): 10, (Signal.REPLY_RECEIVED, DAY): 5}
    said = explain(SSI, DAY, Member({**weeks, **same_week, **asked}))
    components = {c.name: c for p in said.pillars for c in p.components}
    assert components["prospecting-rhythm"].measured == "5 active weeks"
    assert components["reply-rate"].measured == "30.0 %"  # (5 + 10 x 10 %) / (10 + 10)
    trials = next(s for s in components["reply-rate"].sources if s.role == "trials")
    assert (trials.count, trials.points) == (10, 0)


def test_a_rate_says_which_trials_count():
    parts = tuple(
        part.model_copy(update={"grace": 7, "needs_trial": True}) if part.name == "reply-rate" else part
        for part in SSI.components
    )
    rubric = SSI.model_copy(update={"components": parts})
    tiles = {(Signal.OUTREACH, DAY): 30, (Signal.OUTREACH, DAY - 21): 20, (Signal.REPLY_RECEIVED, DAY): 5}

    def reply_rate(member):
        said = explain(rubric, DAY, member)
        return next(c for p in said.pillars for c in p.components if c.name == "reply-rate")

    assert reply_rate(Member(tiles)).measured == "30.0 %"  # (5 + 10 x 10 %) / (10 + 10): none of today's 30
    assert reply_rate(Member(tiles)).rule.endswith(
        "; a trial counts after 7 days, or once it succeeds; no more successes than trials count"
    )
    unasked = Member({(Signal.REPLY_RECEIVED, DAY): 5})
    assert (reply_rate(unasked).measured, reply_rate(unasked).points) == ("10.0 %", 0)


def test_a_penalty_is_negative_and_the_weakest_pillar_is_named():
    member = Member({(Signal.POST, DAY - at): 1 for at in range(30)}).plus({(Signal.SPAM_REPORTED, DAY): 1})
    said = explain(SSI, DAY, member)
    assert said.penalties[0].points == -200
    assert said.penalties[0].sources[0].points == -200
    assert said.weakest == "find"


def test_a_penalty_larger_than_the_score_is_shown_in_full_with_what_to_stop():
    member = Member({(Signal.POST, DAY - 7): 1, (Signal.SPAM_REPORTED, DAY): 20})
    said = explain(SSI, DAY, member)
    [spam] = said.penalties
    assert said.score == 0
    assert (spam.points, spam.full) == (-sum(p.points for p in said.pillars), -3_000)
    assert said.before_floor == spam.full - spam.points
    [stop] = said.stop
    assert (stop.text, stop.costs) == ("stop what is reported: spam-like messages", 3_000)
    assert said.next_steps, "there is advice although each step leaves the score at 0"
    assert explain(SSI, DAY, Member({(Signal.POST, DAY): 1})).stop == ()
    out = StringIO()
    Console(file=out, width=150).print(tree("m", said))
    shown = out.getvalue()
    for line in (
        "-30.00 of 30.00  spam",
        f"{as_points(said.before_floor)} in all",
        "-30.00  stop what is reported",
    ):
        assert line in shown, line


@given(members)
def test_the_first_steps_gain_together_what_taking_them_all_gains(member):
    said = explain(SSI, DAY, member, scorer=SCORER)
    after = member
    first = {gain.text for gain in said.next_steps[:TOP]}
    for step in SSI.steps:
        if step.text in first:
            after = with_step(step, DAY, after)
    assert said.together == before_floor(after) - before_floor(member)
    if first:
        assert said.together >= said.next_steps[0].gain
    if len(first) == 1:
        assert said.together == said.next_steps[0].gain


@pytest.mark.parametrize("text", ["one post a week", "one article a week", "two substantive comments a week"])
def test_what_a_weekly_step_gains_does_not_depend_on_todays_weekday(text):
    """Of somebody who does it on Mondays: on a Monday too it is advised on another day."""
    step = next(step for step in SSI.steps if step.text == text)
    mondays = {
        (signal, day): 5 for signal in step.signals for day in range(DAY - 89, DAY + 1) if (day - 4) % 7 == 0
    }
    gains = []
    for today in range(DAY - 6, DAY + 1):
        member = Member({tile: count for tile, count in mondays.items() if tile[1] <= today})
        by_text = {gain.text: gain.gain for gain in next_steps(SSI, today, member)}
        gains.append(by_text.get(text, 0))
    assert min(gains) > 0
    assert max(gains) - min(gains) <= 20, gains


@given(members)
def test_an_explanation_is_json(member):
    said = explain(SSI, DAY, member, scorer=SCORER)
    assert Explanation.model_validate_json(said.model_dump_json()) == said
    assert json.loads(said.model_dump_json())["pillars"][0]["name"] == "brand"


@given(st.integers(-(10**6), 10**6), st.lists(st.integers(0, 10**15), max_size=8))
def test_apportioned_points_add_up_and_are_fair(total, weights):
    parts = apportion(total, weights)
    assert sum(parts) == (total if weights else 0)
    if sum(weights):
        for part, weight in zip(parts, weights, strict=True):
            assert abs(part * sum(weights) - total * weight) < sum(weights)


@pytest.mark.parametrize("rubric", [SSI.model_copy(update={"steps": ()})])
def test_a_rubric_without_steps_has_no_advice(rubric):
    assert explain(rubric, DAY, Member()).next_steps == ()


@given(members, st.sampled_from(["sales", "HR", "wizard", None]))
def test_the_target_of_the_role_is_shown_and_changes_no_points(member, role):
    said = explain(SSI, DAY, member, scorer=SCORER, role=role)
    low = {"sales": 7_500, "HR": 6_000}.get(role, 5_000)
    assert (said.target.role, said.target.low) == (role, low)
    assert said.target.missing == max(low - said.score, 0)
    assert said.model_copy(update={"target": None}) == explain(SSI, DAY, member, scorer=SCORER).model_copy(
        update={"target": None}
    )


@given(rubrics(), members)
def test_a_rubric_without_targets_shows_none(rubric, member):
    assert explain(rubric, DAY, member).target is None
