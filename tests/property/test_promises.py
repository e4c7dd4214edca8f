"""Promises are kept: who takes an advised step gains exactly what was promised for that day.

The members are made of random events. The step is taken as events too, which go the whole way: validated, credited to
both sides, each member on the other side counted once a day. So a step that promises what no event brings, or leaves
out what its events bring as well, is found.
"""

from collections import Counter

import pytest

from agents.config.settings import Settings
from agents.files.ndjson import Lines
from agents.offline.engine import Offline
from pipeline.reports.advice import TOP, gain_together, kept_up, next_steps, with_step
from pipeline.rubric.components import Rate, Registers, Rhythm, Volume
from pipeline.rubric.model import Rubric, Step
from pipeline.scoring.member import Member, batch
from pipeline.scoring.scorer import Scorer
from tests.kit import steps
from tests.kit.events import DAY, TYPES, dumps, random_events
from tests.kit.rubrics import DEFAULT, SSI

ERASED = "activity.member.erased"
LIVING = [name for name in TYPES if name != ERASED]
EVENTS_EACH = 35


def counted(rubric: Rubric, *files) -> Offline:
    offline = Offline(Settings(), rubric, DAY)
    for file in files:
        offline.read(Lines([file]))
    assert not offline.dead
    return offline


def members_of(offline: Offline) -> dict[str, Member]:
    return {
        name: Member.of(DAY, people.pairs, people.numbers, row=row)
        for people in offline.population.batches()
        for row, name in enumerate(people.names)
    }


def chosen(rubric: Rubric, members: dict[str, Member]) -> dict[str, tuple[list[Step], int]]:
    """What each member does, and what is promised for it: one of the steps advised, or the first ones together."""
    by_text = {step.text: step for step in rubric.steps}
    scorer, found = Scorer(rubric, DAY), {}
    for number, (name, member) in enumerate(members.items()):
        gains = next_steps(rubric, DAY, member, scorer=scorer)
        if not gains:
            continue
        if number % 4 == 0:
            first = {gain.text for gain in gains[:TOP]}
            together = gain_together(rubric, DAY, member, gains=gains[:TOP], scorer=scorer)
            found[name] = ([step for step in rubric.steps if step.text in first], together)
        else:
            gain = gains[number // 4 % len(gains)]
            found[name] = ([by_text[gain.text]], gain.gain)
    return found


def what_they_do(member: Member, name: str, taken: list[Step]) -> list[bytes]:
    values = []
    for step in taken:
        known = {register.name.lower(): value for register, value in member.numbers.items()}
        days = kept_up(step, DAY, member)
        values += [dumps(made) for made in steps.events(step, name, days, known, last=DAY)]
        member = with_step(step, DAY, member)
    return values


def kinds_moved(rubric: Rubric, before, after) -> Counter:
    """By kind, of how many members a component of it rises."""
    rose = (after.components > before.components).sum(axis=0).tolist()
    return sum((Counter({type(part): n}) for part, n in zip(rubric.components, rose, strict=True)), Counter())


def check(rubric: Rubric, count: int, tmp_path) -> None:
    base, taken = tmp_path / "before.ndjson", tmp_path / "steps.ndjson"
    with base.open("wb") as file:
        for made in random_events(count, count * EVENTS_EACH, members=count, types=LIVING):
            file.write(dumps(made) + b"\n")
    members = members_of(counted(rubric, base))
    assert len(members) == count
    promises = chosen(rubric, members)
    with taken.open("wb") as file:
        for name, (done, _) in promises.items():
            file.writelines(value + b"\n" for value in what_they_do(members[name], name, done))
    later = members_of(counted(rubric, base, taken))
    names = list(promises)
    points = [
        Scorer(rubric, DAY).points(*batch(DAY, [of[name] for name in names])) for of in (members, later)
    ]
    before, after = (one.before_floor().tolist() for one in points)
    broken = [
        (name, [step.text for step in promises[name][0]], promises[name][1], now - then)
        for name, then, now in zip(names, before, after, strict=True)
        if now - then != promises[name][1]
    ]
    assert broken[:5] == [], f"{len(broken)} of {len(names)}"
    # and of the score itself, which never falls below 0
    promised = [max(then + promises[name][1], 0) for name, then in zip(names, before, strict=True)]
    assert points[1].score.tolist() == promised

    assert {step.text for done, _ in promises.values() for step in done} == {s.text for s in rubric.steps}
    moved = kinds_moved(rubric, *points)
    assert min(moved[kind] for kind in (Volume, Rhythm, Registers, Rate)) > count // 100, moved
    penalised = sum(member < 0 for member in before)
    assert penalised > count // 1000, "members below the floor are among them"
    assert len(names) > count * 0.99


@pytest.mark.parametrize("rubric", [SSI, DEFAULT], ids=["ssi", "default"])
def test_a_step_gains_what_was_promised(rubric, tmp_path):
    check(rubric, 400, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("rubric", [SSI, DEFAULT], ids=["ssi", "default"])
def test_a_step_gains_what_was_promised_to_10_000_members(rubric, tmp_path):
    check(rubric, 10_000, tmp_path)
