"""What `member.scores` says now: the newest record of every member."""

import numpy as np

from agents.offline import Standings
from agents.reader import reader
from agents.settings import Settings
from pipeline import days
from schemas.scores import Score


async def newest(settings: Settings, short: str = "scores") -> dict[str, Score]:
    """Each member's newest committed score; members whose newest record has no value are left out.

    short: the short name of the topic, "shadow" for those by the second rubric.
    """
    topic = settings.topic(short)
    found: dict[bytes, bytes | None] = {}
    for partition in range(settings.frame_partitions):
        async with reader(settings.broker, topic, partition) as r:
            async for records in r.read(*await r.bounds()):
                found.update((record.key, record.value) for record in records)
    scores = (Score.model_validate_json(value) for value in found.values() if value is not None)
    return {score.member: score for score in scores}


def standings(scores: dict[str, Score]) -> Standings:
    """The scores as standings; as of the latest day that any of them has, 0 when there are none."""
    rows = list(scores.values())
    pillars = [[s.pillars.brand, s.pillars.find, s.pillars.engage, s.pillars.relate] for s in rows]
    return Standings(
        max((days.number(score.as_of) for score in rows), default=0),
        [score.member for score in rows],
        np.array([score.score for score in rows], np.int64),
        np.array(pillars, np.int64).reshape(-1, 4),
    )
