"""A member's rank among their own connections, computed when it is asked for.

The links are those of the member's shard, up to the newest event; the scores of the connections are those of
the file, or live the ones published last.
"""

import numpy as np

from agents.config.settings import Settings
from agents.kafka.range_reader import reader
from agents.worker.score_census import AT_ONCE
from pipeline.common.rubric_id import RubricId
from pipeline.common.tile_keys import WINDOW
from pipeline.common.units import Day
from pipeline.network.latest_scores import LatestScores
from pipeline.network.link_block import LinkColumns, connected
from pipeline.network.member_hash import key_hashes, member_hashes
from pipeline.network.peer_ranks import UNKNOWN, peer_ranks
from pipeline.network.records import standing
from pipeline.reports.population import AnyShard, Population
from pipeline.rubric.model import Rubric
from schemas.network import NetworkStanding
from schemas.scores import Score

_PEOPLE = 4_000


def in_file(population: Population, member: str, settings: Settings) -> NetworkStanding | None:
    """The standing of a member in their network, as of the population's day; None without connections."""
    found = _links(population, member)
    if found is None:
        return None
    shard, links, wanted = found
    scores = np.full(len(wanted), UNKNOWN, np.int16)
    for other in population.shards:
        members, names = other.scored(), other.state.index.names
        for start in range(0, len(members), _PEOPLE):
            part = members[start : start + _PEOPLE]
            hashes = member_hashes([str(names[index]) for index in part.tolist()])
            hit = np.isin(hashes, wanted)
            scores[np.searchsorted(wanted, hashes[hit])] = other.points(part[hit]).score
    return _standing(shard, links, scores, member=member, day=population.day, settings=settings)


async def live(
    settings: Settings, rubric: Rubric, population: Population, *, member: str
) -> NetworkStanding | None:
    """The same from the live state; population: of the partition that has the member.

    None also when the published scores are by another rubric: then there is nothing to compare with.
    """
    found = _links(population, member)
    if found is None:
        return None
    shard, links, wanted = found
    gathering, published = LatestScores(), None
    for partition in range(settings.frame_partitions):
        async with reader(settings, settings.topic("scores"), partition) as r:
            async for records in r.read(*await r.bounds(), AT_ONCE):
                hits = np.isin(key_hashes([record.key or b"" for record in records]), wanted)
                peers = [(records[at].key, records[at].value) for at in np.flatnonzero(hits).tolist()]
                gathering.add(peers)
                published = next((by for _, value in peers if (by := _rubric(value)) is not None), published)
    if published not in (None, rubric.id):
        return None
    known, score, _ = gathering.columns()
    scores = np.full(len(wanted), UNKNOWN, np.int16)
    scores[np.searchsorted(wanted, known)] = score
    return _standing(shard, links, scores, member=member, day=population.day, settings=settings)


def _rubric(value: bytes | None) -> RubricId | None:
    """By which rubric a record is; None when it is no score."""
    try:
        by = Score.model_validate_json(value or b"").rubric
    except ValueError:
        return None
    return RubricId(by.name, by.version)


def _links(population: Population, member: str) -> tuple[AnyShard, LinkColumns, np.ndarray] | None:
    """(the member's shard, the connections by their indices in the next, the hashes uint64[k] ascending)."""
    for shard in population.shards:
        slot = shard.state.network.find(member)
        if slot is not None:
            links = shard.state.network.links(slot)
            now = connected(links.state)
            hashes = shard.state.network.codes.hashes[links.peer[now]]
            order = np.argsort(hashes)
            if len(order):
                peer = np.arange(len(order), dtype=np.uint32)
                columns = links.state[now][order], links.since[now][order]
                return (
                    shard,
                    LinkColumns(np.array([0, len(order)]), peer, *columns, links.base),
                    hashes[order],
                )
    return None


def _standing(
    shard: AnyShard, links: LinkColumns, scores: np.ndarray, *, member: str, day: Day, settings: Settings
) -> NetworkStanding:
    index = shard.state.index.get(member)
    one = np.array([index if index is not None else -1])
    own = shard.points(one).score if one[0] in shard.scored() else np.array([UNKNOWN])
    found = peer_ranks(links, own, scores, floor=day - WINDOW)
    return standing(
        member, found, minimum=settings.cohort_minimum, day=day, revision=0, rubric=shard.rubric.id
    )
