"""A ledger partition in memory: what a worker writes to `member.ledger`, and the restore from it, without Kafka."""

from collections.abc import Callable, Sequence

from pipeline.common.keyed_record import KeyedRecord
from pipeline.common.tile_keys import WINDOW
from pipeline.network.journal import Journal
from pipeline.shard import checkpoint, redo
from pipeline.shard.digests import Digest
from pipeline.shard.recovery import Image, recover
from pipeline.shard.shard import Shard
from schemas.frames import decode
from schemas.ledger import STAMP_KEY, Stamp, Transaction, stamp_hash


class MemoryLedger:
    """make: a shard as of a day, empty; fresh_day: that of a partition which never ran."""

    def __init__(self, make: Callable[[int], Shard], fresh_day: int) -> None:
        self.committed: list[KeyedRecord] = []
        self.journal: Journal | None = None
        self.stamp: Stamp | None = None
        self._open: list[KeyedRecord] = []
        self._digest = Digest()
        self._last: bytes | None = None
        self._number = 0
        self._make = make
        self._fresh_day = fresh_day

    def apply(self, shard: Shard, data: bytes, offset: int, timestamp: int) -> int:
        """Count a frame, and keep it as redo."""
        frame = decode(data)
        rows = shard.apply(frame, offset, timestamp)
        self.write([redo.record(offset, timestamp, data, frame=frame)])
        return rows

    def write(self, records: Sequence[KeyedRecord]) -> None:
        """Put records into the transaction."""
        self._open += records

    def commit(self, shard: Shard, many: int) -> None:
        """Commit, with the oldest `many` dirty blocks; from 1 on links too, from 2 on a sweep of them."""
        assert self.journal is not None
        if many:
            self.write(self.journal.save())
        if many > 1:
            self.journal.begin()
            for number in range(len(shard.state.network.blocks)):
                shard.state.network.fold(number, shard.day - WINDOW)
                self.write(list(self.journal.write(number)))
            self.write(self.journal.finish())
        for number in checkpoint.oldest_dirty(shard, many):
            block = checkpoint.dump(shard, number)
            self.write([(block.key, block.dump())])
        for number in sorted(shard.rollover.recorder.outdated):
            history = checkpoint.dump_history(shard, number)
            self.write([(history.key, history.dump())])
        assert isinstance(shard.redo, redo.Redo)
        if many:
            self.write(shard.redo.advance(checkpoint.replay_from(shard)))
        for key, value in self._open:
            self._digest.put(key, value)
        self._number += 1
        self.stamp = checkpoint.stamp_of(shard).model_copy(
            update={
                "transaction": Transaction(
                    number=self._number,
                    previous="" if self._last is None else stamp_hash(self._last),
                    records={},
                    members=0,
                    revision=0,
                    scores_from=0,
                ),
                "digest": str(self._digest),
            }
        )
        self._last = self.stamp.dump()
        self.committed += [*self._open, (STAMP_KEY, self._last)]
        self._open = []

    def image(self, compacted: bool = False) -> Image:
        """Of what is committed; compacted: of the newest record of each key alone."""
        made = Image()
        newest = {key: n for n, (key, _) in enumerate(self.committed)}
        for offset, (key, value) in enumerate(self.committed):
            if not compacted or newest[key] == offset:
                made.add(offset, key, value)
        return made

    def restore(self, compacted: bool = False) -> tuple[Shard, int]:
        """(the shard as of the newest stamp, the next frame); what was not committed is gone."""
        image = self.image(compacted)
        stamp = image.close()
        assert image.foreign == []
        assert image.breaks() == []
        shard = self._make(self._fresh_day if stamp is None else stamp.day)
        found = recover(shard, image, stamp)
        self.journal = found.journal
        self._open, self._digest = [], image.digest()
        return shard, found.start
