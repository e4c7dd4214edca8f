"""However the days go by, a shard scores as one that saw all events on the last day."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from perf.fake_records import FakeRecord
from pipeline.common import days
from pipeline.intake.credit_rules import credits
from pipeline.intake.framer import Framer, runs_of
from pipeline.intake.record_intake import Intake
from pipeline.shard.shard import Shard
from schemas.frames import decode
from schemas.scores import Score
from tests.kit.events import DAY, dumps, random_events
from tests.kit.shards import new_shard
from tests.property.test_restore import RUBRIC


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.lists(st.integers(1, 70), min_size=1, max_size=25))
def test_scores_after_any_steps_of_days(seed, steps):
    shard = new_shard(RUBRIC, DAY)
    intake, framer = Intake(0, 0, credits(5), days.end_ms(DAY + sum(steps))), Framer(1)
    framer.begin(0, 0)
    frames, day, offset = [], DAY, 0
    said: dict[bytes, bytes | None] = {}  # what a compacted topic would hold
    for number, step in enumerate(steps):
        made = random_events(seed + number, 20, members=10, first=day - 60, last=day)
        records = [FakeRecord(dumps(event), 0, offset + n) for n, event in enumerate(made)]
        offset += len(records)
        rows = intake.rows(records, np.zeros(len(records), np.int64), "activity.events")
        read = {0: (runs_of(np.array([r.offset for r in records])), offset)}
        frames.append(decode(framer.frames(rows, read)[0]))
        shard.apply(frames[-1], number, 1)
        day += step
        shard.start_day(day)
        for _ in range(shard.state.index.blocks):
            shard.roll_block()
        said.update(shard.drain().scores)
    fresh = new_shard(RUBRIC, day)
    for number, frame in enumerate(frames):
        fresh.apply(frame, number, 1)
    assert _scores(shard) == _scores(fresh)
    newest = {key.decode(): Score.model_validate_json(value) for key, value in said.items() if value}
    members = fresh.scored()
    points = fresh.points(members).score.tolist()
    wanted = {fresh.state.index.names[i]: score for i, score in zip(members.tolist(), points, strict=True)}
    assert {member: score.score for member, score in newest.items()} == wanted, "who has nothing is withdrawn"
    assert {score.as_of for score in newest.values()} <= {days.calendar(day)}


def _scores(shard: Shard) -> dict[str, list[int]]:
    """Points of the members who have any; of those with none, one shard may remember more than the other."""
    members = shard.scored()
    points = shard.points(members)
    found = zip(members.tolist(), points.components.tolist(), points.score.tolist(), strict=True)
    return {str(shard.state.index.names[i]): parts for i, parts, score in found if score}
