"""What is in the topics: the newest score of every member, and the days that were recorded."""

import contextlib
from collections.abc import Callable
from datetime import date

import numpy as np
from pydantic import ValidationError

from agents.config.settings import Settings
from agents.kafka.range_reader import reader
from agents.offline.engine import ScoreTable
from pipeline.common import days
from pipeline.common.rubric_id import RubricId
from pipeline.reports.recorded_history import RecordedHistory
from pipeline.rubric.model import Rubric
from schemas.history import Day
from schemas.scores import Score

_BEGINS = b'{"member":'
_DATE = 10
"""Letters of the date in a key of `member.history`; a blank and the member follow."""


async def newest(
    settings: Settings, short: str = "scores", left_out: Callable[[str], object] = lambda line: None
) -> dict[str, Score]:
    """Each member's newest committed score; members whose newest record has no value are left out.

    short: the short name of the topic, "shadow" for those by the second rubric. left_out: gets a line about each
    record that is no score; who wrote it is not known.
    """
    topic = settings.topic(short)
    found: dict[bytes, bytes | None] = {}
    for partition in range(settings.frame_partitions):
        async with reader(settings, topic, partition) as r:
            async for records in r.read(*await r.bounds()):
                for record in records:
                    if record.key is None or not (record.value or _BEGINS).startswith(_BEGINS):
                        left_out(
                            f"{topic} partition {partition}: the record at offset {record.offset} is not a score"
                        )
                    else:
                        found[record.key] = record.value
    scores = {}
    for key, value in found.items():
        if value is None:
            continue
        try:
            score = Score.model_validate_json(value)
        except ValidationError:
            left_out(f"{topic}: the newest record with key {key!r} is not a score")
        else:
            scores[score.member] = score
    return scores


async def recorded(settings: Settings, rubric: Rubric) -> RecordedHistory:
    """The daily history, read as a stream: what is kept of it are the last 90 days of each member.

    Records that are none are left out.
    """
    found = RecordedHistory(rubric)
    for partition in range(settings.frame_partitions):
        async with reader(settings, settings.topic("history"), partition) as r:
            async for records in r.read(*await r.bounds()):
                for record in records:
                    with contextlib.suppress(ValueError, AttributeError):  # somebody else has written there
                        _record(found, record.key, record.value)
    return found


def _record(found: RecordedHistory, key: bytes, value: bytes | None) -> None:
    """Add a record of a day, or take one back; ValueError or AttributeError when it is none."""
    if value is None:
        text = key.decode()
        found.take_back(text[_DATE + 1 :], days.number(date.fromisoformat(text[:_DATE])))
        return
    day = Day.model_validate_json(value)
    p = day.pillars
    points = [day.score, p.brand, p.find, p.engage, p.relate]
    rubric_id = RubricId(day.rubric.name, day.rubric.version)
    found.add(day.member, days.number(day.day), points, rubric=rubric_id)


def score_table(scores: dict[str, Score]) -> ScoreTable:
    """The scores as a table; as of the latest day that any of them has, 0 when there are none."""
    rows = list(scores.values())
    pillars = [[s.pillars.brand, s.pillars.find, s.pillars.engage, s.pillars.relate] for s in rows]
    return ScoreTable(
        max((days.number(score.as_of) for score in rows), default=0),
        [score.member for score in rows],
        np.array([score.score for score in rows], np.int64),
        np.array(pillars, np.int64).reshape(-1, 4),
    )
