"""How the score behaves: what may move it, which way, and how fast."""

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agents.config.rubric_file import load
from pipeline.rubric.components import PILLARS, Penalty, Pillar, Rate, Registers, Rhythm, Volume
from pipeline.scoring.member import Member, batch
from pipeline.scoring.scorer import Scorer
from schemas.registers import Register
from schemas.signals import Signal
from tests.kit.rubrics import DAY, NUMBERS, SSI, members, rubrics

SCORER = Scorer(SSI, DAY)

TRIALS = {signal for part in SSI.components if isinstance(part, Rate) for signal in part.trials or ()}
GOOD = sorted(set(Signal) - TRIALS - {Signal.SPAM_REPORTED})

ages = st.integers(0, 89)
amounts = st.integers(1, 60)


def points(crowd, scorer=SCORER):
    return scorer.points(*batch(scorer.day, crowd))


def component(name, member, scorer=SCORER):
    names = [part.name for part in scorer.rubric.components]
    return points([member], scorer).components[0, names.index(name)]


def every(days, signal, count=1, start=0, end=84):
    return {(signal, DAY - age): count for age in range(start, end, days)}


@given(members, st.sampled_from(GOOD), ages, amounts)
def test_more_of_a_good_signal_never_lowers_the_score(member, signal, age, amount):
    before, after = points([member, member.plus({(signal, DAY - age): amount})]).score
    assert after >= before


@given(rubrics(), members, st.sampled_from(Signal), ages, amounts)
def test_in_any_rubric_more_lowers_only_rates_and_raises_only_penalties(rubric, member, signal, age, amount):
    """A signal may lower only a rate that counts it as a trial; penalties take no less than before."""
    scorer = Scorer(rubric, DAY)
    before, after = points([member, member.plus({(signal, DAY - age): amount})], scorer).components
    gross = before.sum() > 0 and after.sum() > 0  # a floor of 0 hides part of a penalty
    for at, part in enumerate(rubric.components):
        if isinstance(part, Penalty):
            if gross and len(rubric.penalties) == 1:
                assert after[at] <= before[at]
        elif not (isinstance(part, Rate) and signal in (part.trials or ())):
            assert after[at] >= before[at]


@given(members, st.sampled_from([r for r in NUMBERS if r is not Register.CONNECTIONS]), st.integers(1, 9))
def test_more_on_the_profile_never_lowers_the_score(member, register, amount):
    known = {of: min(value, 2**31 - 10) for of, value in member.numbers.items()}
    member = Member(member.tiles, known)
    before, after = points([member, member.plus({}, {register: amount})]).score
    assert after >= before


@given(members, ages, amounts)
def test_spam_only_lowers(member, age, amount):
    before, after = points([member, member.plus({(Signal.SPAM_REPORTED, DAY - age): amount})]).score
    assert after <= before


def test_spam_hurts_and_never_below_zero():
    active = Member(every(1, Signal.POST))
    reported = active.plus({(Signal.SPAM_REPORTED, DAY): 3})
    spammer = active.plus({(Signal.SPAM_REPORTED, DAY): 1_000})
    before, hurt, worst = points([active, reported, spammer]).score
    assert before - hurt == 600
    assert worst == 0


@given(members, st.integers(0, 40))
def test_waiting_raises_no_rhythm_volume_or_register(member, wait):
    """With nothing done, only a penalty (by fading) and a rate (by forgetting failures) may get better."""
    before = points([member]).components[0]
    after = points([member], Scorer(SSI, DAY + wait)).components[0]
    for at, part in enumerate(SSI.components):
        if isinstance(part, (Volume, Rhythm, Registers)):
            assert after[at] <= before[at]


@given(rubrics(), members, st.integers(0, 100))
def test_waiting_in_any_rubric(rubric, member, wait):
    member = Member({(signal, min(day, DAY)): n for (signal, day), n in member.tiles.items()}, member.numbers)
    before = points([member], Scorer(rubric, DAY)).components[0]
    after = points([member], Scorer(rubric, DAY + wait)).components[0]
    for at, part in enumerate(rubric.components):
        if isinstance(part, (Volume, Rhythm, Registers)):
            assert after[at] <= before[at]


@given(members)
def test_after_the_window_only_the_profile_is_left(member):
    later = points([member], Scorer(SSI, DAY + 90)).score
    assert later == points([Member({}, member.numbers)]).score


def test_twenty_posts_on_one_day_are_well_under_twenty_on_twenty_days():
    burst = Member({(Signal.POST, DAY): 20})
    regular = Member({(Signal.POST, DAY - 4 * at): 1 for at in range(20)})
    one = Member({(Signal.POST, DAY): 1})
    burst_score, regular_score, one_score = points([burst, regular, one]).score
    assert burst_score * 4 < regular_score
    assert burst_score == one_score


def caps(signal):
    volumes = [part for part in SSI.components if isinstance(part, Volume)]
    return [part.signals[signal].cap for part in volumes if signal in part.signals]


@pytest.mark.parametrize("signal", [signal for signal in GOOD if caps(signal) and max(caps(signal)) <= 5])
def test_a_burst_earns_less_than_the_same_spread_over_days(signal):
    amount = 4 * max(caps(signal))
    burst = Member({(signal, DAY): amount})
    spread = Member({(signal, DAY - age): 1 for age in range(amount)})
    burst_score, spread_score = points([burst, spread]).score
    assert burst_score < spread_score


@given(
    st.dictionaries(
        st.sampled_from([s for s in GOOD if s is not Signal.SESSION]), st.integers(1, 3), max_size=60
    ),
    st.integers(1, 4),
)
def test_a_quiet_week_lowers_engage_and_relate_more_than_brand(extra, weekly):
    """For anybody who keeps up an all-round weekly routine, whatever else it has in it."""
    routine = {
        Signal.POST: weekly,
        Signal.REACTION_GIVEN: 3 * weekly,
        Signal.COMMENT: 2 * weekly,
        Signal.COMMENT_SUBSTANTIVE: weekly,
        Signal.SHARE: weekly,
        Signal.CONNECTION: 2 * weekly,
        Signal.CONNECTION_2ND: 2 * weekly,
        Signal.DIALOGUE: 3 * weekly,
        Signal.FOLLOW_UP: weekly,
        Signal.INVITATION_ACCEPTED: weekly,
    }
    for signal, count in extra.items():
        routine[signal] = max(routine.get(signal, 0), count)
    tiles = {
        (signal, DAY - 7 * week - at % 7): 1 + (count - at - 1) // 7
        for signal, count in routine.items()
        for week in range(12)
        for at in range(min(count, 7))
    }
    before = points([Member(tiles)]).pillars[0]
    after = points([Member(tiles)], Scorer(SSI, DAY + 7)).pillars[0]
    lost = dict(zip(PILLARS, (before - after).tolist(), strict=True))
    assert lost[Pillar.ENGAGE] > lost[Pillar.BRAND] >= 0
    assert lost[Pillar.RELATE] > lost[Pillar.BRAND]


def test_a_burst_moves_the_score_within_a_day_but_lasting_gain_takes_weeks():
    day = {Signal.REACTION_GIVEN: 10, Signal.COMMENT: 5, Signal.COMMENT_SUBSTANTIVE: 5, Signal.SHARE: 3}
    burst = Member({(signal, DAY): count for signal, count in day.items()})
    weeks = Member({(signal, DAY - age): count for signal, count in day.items() for age in range(28)})
    today, kept = points([burst, weeks]).score
    assert today > 300
    assert kept > 2 * today
    assert points([burst], Scorer(SSI, DAY + 28)).score[0] < today / 2


@pytest.mark.parametrize(("signal", "cap"), [(Signal.POST, 1), (Signal.SHARE, 3), (Signal.DIALOGUE, 10)])
def test_beyond_the_daily_cap_nothing_is_gained(signal, cap):
    under, at, over = points([Member({(signal, DAY): n}) for n in (cap - 1, cap, cap + 500)]).score
    assert under < at == over


def test_one_of_one_is_not_a_hundred_per_cent():
    one = Member({(Signal.OUTREACH, DAY): 1, (Signal.REPLY_RECEIVED, DAY): 1})
    many = Member({(Signal.OUTREACH, DAY): 30, (Signal.REPLY_RECEIVED, DAY): 30})
    assert 0 < component("reply-rate", one) < 100
    assert component("reply-rate", many) == 350


@given(st.integers(0, 60), st.integers(1, 60), ages, st.integers(1, 30))
def test_messages_without_an_answer_lower_the_reply_rate(answered, sent, age, more):
    assume(answered <= sent)
    before = Member({(Signal.OUTREACH, DAY - age): sent, (Signal.REPLY_RECEIVED, DAY - age): answered})
    after = before.plus({(Signal.OUTREACH, DAY - age): more})
    assert component("reply-rate", after) <= component("reply-rate", before)


def test_unanswered_mass_mail_lowers_the_whole_score():
    good = Member({**every(1, Signal.OUTREACH, 2, end=28), **every(1, Signal.REPLY_RECEIVED, 1, end=28)})
    mass = good.plus(every(1, Signal.OUTREACH, 100, end=28))
    assert points([mass]).score[0] < points([good]).score[0]


@given(st.integers(0, 20), st.integers(1, 100))
def test_a_rate_at_or_below_its_threshold_earns_nothing(accepted, sent):
    member = Member({(Signal.INVITATION_SENT, DAY): sent, (Signal.OWN_INVITATION_ACCEPTED, DAY): accepted})
    earned = component("acceptance", member)
    assert (earned > 0) or accepted * 100 <= sent * 20 or accepted * 100 - sent * 20 < 20
    if accepted * 100 <= sent * 20:
        assert earned == 0


def test_a_one_word_comment_is_worth_less_than_a_substantive_one():
    short = Member({(Signal.COMMENT, DAY): 1})
    long = Member({(Signal.COMMENT, DAY): 1, (Signal.COMMENT_SUBSTANTIVE, DAY): 1})
    low, high = points([short, long]).score
    assert high > 2 * low > 0


def test_ninety_is_rare_and_a_hundred_within_reach_of_nobody():
    """An eager member who does something of everything every day stays between 90 and 100."""
    eager = {(signal, DAY - age): 5 for signal in GOOD for age in range(90)}
    done = Member(
        {
            **eager,
            **every(1, Signal.OUTREACH, 8, end=90),
            **every(1, Signal.INVITATION_SENT, 8, end=90),
            **every(1, Signal.INMAIL_SENT, 8, end=90),
        },
        dict.fromkeys(NUMBERS, 10),
    )
    assert 9_000 < points([done]).score[0] < 10_000


def with_rate(**more):
    """The default rubric, whose rates with trials that are signals say more."""
    parts = [
        part.model_copy(update=more) if isinstance(part, Rate) and part.trials else part
        for part in SSI.components
    ]
    return SSI.model_copy(update={"components": tuple(parts)})


GRACED = Scorer(with_rate(grace=7), DAY)


@given(members, st.sampled_from(Signal), amounts)
def test_with_a_grace_no_action_lowers_the_score_on_its_day(member, signal, amount):
    assume(signal not in (Signal.SPAM_REPORTED, Signal.SPAM_REPORTER))
    before, after = points([member, member.plus({(signal, DAY): amount})], GRACED).score
    assert after >= before


SECOND = Scorer(load(Path("ssi-2")), DAY)


@given(members, st.sampled_from(Signal), amounts)
def test_in_the_second_version_only_reports_lower_the_score_on_their_day(member, signal, amount):
    before, after = points([member, member.plus({(signal, DAY): amount})], SECOND).score
    assert after <= before if signal is Signal.SPAM_REPORTER else after >= before


@given(rubrics(), members, st.sampled_from(Signal), amounts)
def test_a_rate_with_a_grace_is_not_lowered_by_the_trials_of_its_day(rubric, member, signal, amount):
    scorer = Scorer(rubric, DAY)
    before, after = points([member, member.plus({(signal, DAY): amount})], scorer).components
    for at, part in enumerate(rubric.components):
        if isinstance(part, Rate) and (part.grace is not None or signal not in (part.trials or ())):
            assert after[at] >= before[at]


def test_a_trial_without_an_answer_counts_after_the_grace():
    good = Member({(Signal.OUTREACH, DAY - 30): 20, (Signal.REPLY_RECEIVED, DAY - 30): 8})
    asked = good.plus({(Signal.OUTREACH, DAY): 20})
    name = "reply-rate"
    assert component(name, asked, GRACED) == component(name, good, GRACED) > component(name, asked)
    for days in (6, 7):
        later = Scorer(GRACED.rubric, DAY + days)
        unanswered = component(name, asked, later) < component(name, good, later)
        assert unanswered == (days == 7)


def test_a_reply_without_an_outreach_is_no_reply_to_one():
    answered = Member({(Signal.REPLY_RECEIVED, DAY): 30})
    needing = Scorer(with_rate(needs_trial=True), DAY)
    assert component("reply-rate", answered) > component("reply-rate", answered, needing) == 0
    asked = answered.plus({(Signal.OUTREACH, DAY): 30})
    more = asked.plus({(Signal.REPLY_RECEIVED, DAY): 30})
    assert component("reply-rate", more, needing) == component("reply-rate", asked, needing) > 0


def test_a_rubric_that_uses_neither_keeps_its_fingerprint():
    """Otherwise every worker would take it for another one and score all members again."""
    assert SSI.fingerprint == "1aa92187fbf2be20"
