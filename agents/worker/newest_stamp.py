"""The newest stamp of a ledger partition, looked for from its end."""

from collections.abc import Sequence

from agents.config.settings import Settings
from agents.ports import Log, PartitionReader
from schemas.ledger import STAMP_KEY, Stamp, readable_stamp


async def newest_stamp(r: PartitionReader) -> Stamp | None:
    """The newest stamp of the ledger partition that is read, looked for from its end."""
    first, end = await r.bounds()
    # a stamp is the last of what a commit writes, so one is near the end
    size = 64
    while True:
        start = max(first, end - size)
        found: list[bytes | None] = []
        async for records in r.read(start, end):
            found += [record.value for record in records if record.key == STAMP_KEY]
        if (stamp := last_readable(found)) is not None:
            return stamp
        if start == first:
            return None
        size *= 4


async def any_stamp(topics: Log, settings: Settings) -> Stamp | None:
    """The newest stamp of the first member partition that has one."""
    for partition in range(settings.frame_partitions):
        async with topics.reader(settings.topic("ledger"), partition) as r:
            if (found := await newest_stamp(r)) is not None:
                return found
    return None


def last_readable(values: Sequence[bytes | None]) -> Stamp | None:
    """The last of the records' values that is a stamp; something else may write there too."""
    return next((stamp for value in reversed(values) if (stamp := readable_stamp(value)) is not None), None)
