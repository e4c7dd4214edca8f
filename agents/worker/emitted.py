"""What readers see of a partition's scores, compared with what its stamp says was committed.

A transaction that was committed without all of its records, or without its stamp, shows here: a restore looks at
the last one, and the audit at one every few seconds.
"""

import random
from dataclasses import dataclass

import orjson

from agents.config.settings import Settings
from agents.ports import Clock, Log, PartitionReader
from agents.worker.ledger import Committed
from schemas.ledger import Stamp

REACH_S = 20.0
MAX_REVISION = 1 << 53
MAX_COMPARED = 5_000
"""Records of a transaction that the audit compares."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a partition of member.scores. end: the offset behind what is committed.

    unaccounted: records newer than the stamp, which no stamp accounts for; missing: members whose record the stamp
    says is there and is not; revision: the newest there is; foreign: offsets of records that are no scores.
    """

    end: int
    unaccounted: int = 0
    missing: int = 0
    revision: int = 0
    foreign: tuple[int, ...] = ()

    @property
    def torn(self) -> bool:
        """Whether stamp and scores are not of one transaction."""
        return bool(self.unaccounted or self.missing)


async def tail(topics: Log, settings: Settings, partition: int, *, stamp: Stamp | None) -> Tail:
    """Compare the newest scores with the newest stamp; no transaction may be open."""
    unaccounted = newest = 0
    members: set[bytes] = set()
    foreign: list[int] = []
    known = stamp.transaction if stamp else None
    async with topics.reader(settings.topic("scores"), partition) as r:
        first, end = await r.bounds()
        start = first if stamp is None else end if known is None else max(first, known.scores_from)
        async for records in r.read(start, end):
            for record in records:
                if record.value is None:
                    continue
                revision = _revision(record.value)
                if revision is None:
                    foreign.append(record.offset)
                    continue
                newest = max(newest, revision)
                if stamp is None or revision > stamp.sequence:
                    unaccounted += 1
                elif known is not None and revision > known.revision:
                    members.add(record.key)
    missing = known.members - len(members) if known else 0
    return Tail(end, unaccounted, max(0, missing), newest, tuple(foreign))


def _revision(value: bytes) -> int | None:
    """Of a score record; None when it is none."""
    try:
        found = orjson.loads(value)["revision"]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return None
    # no worker ever comes near, and the stamp has room for no more
    return found if isinstance(found, int) and 0 <= found < MAX_REVISION else None


async def differing(
    topics: Log, settings: Settings, clock: Clock, *, committed: Committed, partition: int, rng: random.Random
) -> tuple[int, int]:
    """(score records compared, those of them that readers do not see as they were committed).

    Of a large transaction a part is compared, chosen by `rng`. Its records lie one after the other, since nobody
    else writes to the partition. One that compaction has removed already was followed by a newer one of its member.
    """
    sent = [record for records in committed.scores for record in records]
    first = rng.randrange(max(1, len(sent) - MAX_COMPARED + 1))
    wanted = sent[first : first + MAX_COMPARED]
    start = committed.scores_to - len(sent) + first
    left = {start + n: record for n, record in enumerate(wanted)}
    async with topics.reader(settings.topic("scores"), partition) as r:
        # Kafka answers a commit before its markers are everywhere, and readers see it only behind these
        end = await _reaching(r, clock, committed.scores_to)
        async for found in r.read(start, start + len(wanted)):
            for record in found:
                if left.get(record.offset) == (record.key, record.value):
                    del left[record.offset]
        if left:
            newer: dict[bytes, int] = {}
            async for found in r.read(start, end):
                newer.update((record.key, record.offset) for record in found)
            left = {offset: one for offset, one in left.items() if newer.get(one[0] or b"", -1) <= offset}
    async with topics.reader(settings.topic("ledger"), partition) as r:
        end = await _reaching(r, clock, committed.stamp_offset + 1)
        # the stamp of a transaction that others have followed may have been compacted away
        stamped = end > committed.stamp_offset + 2
        async for found in r.read(committed.stamp_offset, committed.stamp_offset + 1):
            stamped = stamped or any(record.value == committed.stamp for record in found)
    return len(wanted), len(left) if stamped else len(wanted)


async def _reaching(r: PartitionReader, clock: Clock, offset: int) -> int:
    """The end of what is committed, once it is at `offset` or behind; TimeoutError when it does not get there."""
    deadline = clock.monotonic() + REACH_S
    while True:
        _, end = await r.bounds()
        if end >= offset:
            return end
        if clock.monotonic() > deadline:
            raise TimeoutError(f"committed records end at {end}, expected {offset}")
        await clock.sleep(0.05)
