"""The project against an oracle that shares no code with it: from events to the last hundredth."""

import os
import tomllib
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.config.rubric_file import load, read
from agents.config.settings import Settings
from agents.files.ndjson import Lines
from agents.offline.engine import Offline
from pipeline.rubric.components import PILLARS
from pipeline.scoring.member import batch
from pipeline.scoring.scorer import Scorer
from tests.kit import events as kit
from tests.kit import oracle
from tests.kit.rubrics import DAY, SSI, SSI_TEXT, members, rubrics

EVENTS = int(os.environ.get("ORACLE_EVENTS", "250000"))
TOML = tomllib.loads(SSI_TEXT, parse_float=Decimal)


def shuffled_events(seed, count, crowd, day, drawn=30_000, twice=0.02):
    """`count` events of every type over 100 days: as many drawn, then given again to others at other times.

    Like `random_events`, but fast enough for a million. A share of `twice` repeats an earlier one exactly.
    """
    rng = np.random.default_rng(seed)
    erased = "activity.member.erased"
    types = [one for one in kit.TYPES if one != erased]
    first = list(kit.random_events(seed, min(drawn, count), crowd, types=types))
    which = rng.integers(len(first), size=count)
    who = rng.integers(crowd, size=count)
    days = rng.integers(day - 99, day + 1, size=count)
    times = rng.integers(86_400_000, size=count)
    offsets = rng.choice([0, 120, -300, 330, 840], size=count)
    again = np.where(rng.random(count) < twice, rng.integers(1 << 62, size=count), 0)
    past = []
    for number in range(count):
        if again[number] and past:
            yield past[again[number] % len(past)]
            continue
        event = first[which[number]] | {
            "id": f"{number:x}",
            "subject": kit.member(int(who[number])),
            "time": kit.at(int(days[number]), int(times[number]), int(offsets[number])),
        }
        # One in twenty thousand erases, early on more than late, so that most members have something left.
        if not number % 20_000 and days[number] < day - 30:
            event = {key: value for key, value in event.items() if key != "data"} | {"type": erased}
        if number % 50 == 0:
            past.append(event)
        yield event


def compare(count, crowd, folder, seed, name="ssi"):
    """All members' scores, pillars and components from a file against the oracle's; how many there were.

    name: of a bundled rubric.
    """
    rubric, toml = load(Path(name)), tomllib.loads(read(Path(name)), parse_float=Decimal)
    facts = oracle.Facts(DAY)
    path = folder / "events.ndjson"
    with path.open("wb") as file:
        for event in shuffled_events(seed, count, crowd, DAY):
            facts.add(event)
            file.write(kit.dumps(event) + b"\n")
    offline = Offline(Settings(), rubric, DAY)
    offline.read(Lines([path]))
    path.unlink()
    assert not offline.dead
    standings = offline.standings()
    expected = facts.members()
    assert set(standings.members) == set(expected)
    scorer = Scorer(rubric, DAY)
    for at, name in enumerate(standings.members):
        total, parts = oracle.score(toml, DAY, *expected[name])
        assert standings.score[at] == total, name
        for pillar, column in zip(PILLARS, standings.pillars[at].tolist(), strict=True):
            mine = [part["name"] for part in toml["component"] if part.get("pillar") == pillar]
            assert column == sum(parts[one] for one in mine), name
        points = scorer.points(*batch(DAY, [offline.member(name)]))
        assert points.components[0].tolist() == list(parts.values()), name
    assert all(
        any(oracle.share(part, DAY, *known) for known in expected.values()) for part in toml["component"]
    )
    return len(expected)


@pytest.mark.parametrize("name", ["ssi", "ssi-2"])
def test_events_of_every_type(name, tmp_path):
    assert compare(20_000, 60, tmp_path, seed=11, name=name) == 60


@pytest.mark.slow
@pytest.mark.timeout(120 + EVENTS // 2_000)
def test_very_many_events(tmp_path):
    """A quarter of a million; a million with ORACLE_EVENTS=1000000."""
    assert compare(EVENTS, 1_500, tmp_path, seed=12) == 1_500


@given(rubrics(), members, st.integers(DAY - 8, DAY + 8))
def test_any_rubric(rubric, member, day):
    """Every kind of component with random numbers, read by the oracle from the rubric's JSON."""
    data = rubric.model_dump(mode="json", by_alias=True, exclude_none=True)
    counts = {(signal.name.lower(), on): count for (signal, on), count in member.tiles.items()}
    known = {register.name.lower(): value for register, value in member.numbers.items()}
    total, parts = oracle.score(data, day, counts, known)
    points = Scorer(rubric, day).points(*batch(day, [member]))
    assert points.score[0] == total
    assert points.components[0].tolist() == list(parts.values())


@given(members, st.integers(DAY - 8, DAY + 8))
def test_the_default_rubric(member, day):
    counts = {(signal.name.lower(), on): count for (signal, on), count in member.tiles.items()}
    known = {register.name.lower(): value for register, value in member.numbers.items()}
    total, _ = oracle.score(TOML, day, counts, known)
    assert Scorer(SSI, day).points(*batch(day, [member])).score[0] == total
