"""The bundled samples: what is in them, and the days on which they are played."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest

from agents.config.clock import zone
from agents.config.rubric_file import load
from agents.config.settings import Settings
from agents.files.ndjson import Lines
from agents.offline.engine import Offline
from agents.publish import sample
from agents.publish.kept_copies import KeptCopies, KeptCopy
from pipeline.common import days
from samples import network
from samples.life import END
from schemas.activities import DATA
from schemas.events import parse


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    return list(network.events())


def test_the_network_has_every_type_of_event_and_only_valid_ones(events: list[dict[str, Any]]) -> None:
    for event in events[::7]:
        parse(orjson.dumps(event))
    found = Counter(event["type"] for event in events)
    assert found.keys() == DATA.keys()
    assert len({(event["id"], event["subject"]) for event in events}) == len(events)


def test_the_network_is_the_same_each_time_and_another_one_by_another_seed(
    events: list[dict[str, Any]],
) -> None:
    assert list(network.events()) == events
    assert list(network.events(network.SEED + 1)) != events


def test_all_who_do_something_or_get_something_are_members_with_a_team(events: list[dict[str, Any]]) -> None:
    teams = {
        event["subject"]: event["data"]["team"]
        for event in events
        if event["type"] == "activity.member.updated"
    }
    named = {event["subject"] for event in events}
    for event in events:
        data = event.get("data", {})
        named |= {
            data[key] for key in ("author", "recipient", "inviter", "viewed", "reported") if key in data
        }
    assert named == teams.keys()
    sizes = Counter(teams.values())
    assert min(size for team, size in sizes.items() if team != "none-solo") >= 3


def test_scores_of_the_network_are_low_and_high(events: list[dict[str, Any]], tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\n".join(map(orjson.dumps, events)))
    run = Offline(Settings(), load(None), days.number(END + timedelta(days=1)))
    run.read(Lines([file]))
    scores = sorted(run.standings().score.tolist())
    assert scores[0] < 500
    assert scores[-1] > 8500
    quarter = len(scores) // 4
    assert 3500 < scores[quarter] < scores[2 * quarter] < scores[3 * quarter] < 7500


@pytest.fixture(params=sample.SAMPLES, scope="module")
def prepared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> KeptCopy:
    return sample.prepare(KeptCopies(tmp_path_factory.mktemp("played"), []), request.param)


def test_a_sample_ends_yesterday_and_is_moved_by_whole_days(prepared: KeptCopy) -> None:
    before = [event["time"] for event in sample.SAMPLES[sample.name_of(prepared)]()]
    after = [orjson.loads(line)["time"] for batch in Lines([prepared.file]).batches() for line in batch.lines]
    moves = {
        datetime.fromisoformat(new) - datetime.fromisoformat(old)
        for old, new in zip(before, after, strict=True)
    }
    assert len(moves) == 1
    assert next(iter(moves)) % timedelta(days=1) == timedelta()
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    assert today - timedelta(days=1) <= max(map(datetime.fromisoformat, after)) < today


@pytest.mark.parametrize("name", ["UTC", "Pacific/Auckland", "America/Los_Angeles"])
def test_stages_are_the_last_days_and_have_all_lines_once(prepared: KeptCopy, name: str) -> None:
    plan = sample.stages(prepared, zone(name))
    assert len(plan) == sample.RECORDED_DAYS
    assert all(b.day - a.day == timedelta(days=1) for a, b in pairwise(plan))
    lines = [line for stage in plan for line in stage.lines]
    assert lines == [line for batch in Lines([prepared.file]).batches() for line in batch.lines]
    for stage in plan:
        end = zone(name).end_ms(days.number(stage.day))
        for line in stage.lines:
            time = datetime.fromisoformat(orjson.loads(line)["time"]).timestamp() * 1000
            assert time < end
            assert stage is plan[0] or time >= end - 25 * 3_600_000


def test_a_sample_that_was_being_played_is_played_again_as_it_was(tmp_path: Path) -> None:
    kept = KeptCopies(tmp_path, [])
    data = sample.prepare(kept, "collegemsg").file.read_bytes()
    again = sample.prepare(kept, "collegemsg")
    assert "interrupted" in again.about
    assert again.file.read_bytes() == data
    again.save()
    assert sample.find(KeptCopies(tmp_path, [again])) is again
