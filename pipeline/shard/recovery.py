"""A shard from its ledger: the one way from records back to the state as of the newest stamp.

An `Image` takes the records of a ledger partition in order; `recover` puts an empty shard into the state they
give. Both do no I/O, so the worker, the queries on the live state and the tests all restore in the same way.
"""

import re
from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

import numpy as np
import orjson
import pyarrow as pa
from pydantic import ValidationError

from pipeline.common.units import Offset
from pipeline.network.journal import Journal
from pipeline.shard import checkpoint
from pipeline.shard.digests import Digest, record_hash
from pipeline.shard.shard import Shard
from schemas.frames import decode
from schemas.ledger import (
    BLOCK as BLOCK_PREFIX,
)
from schemas.ledger import (
    FRAME,
    HISTORY,
    IDS,
    STAMP_KEY,
    VERSION,
    Block,
    BlockHistory,
    ReplayStart,
    Stamp,
    incomplete_backup,
    load_redo,
    stamp_hash,
)
from schemas.links import PREFIX as LINKS

CHAIN = 200
"""Stamps whose chain is checked, counted from the newest."""
_OURS = re.compile(
    rb"stamp|block/\d+|history/\d+(/\d+)?|frame/\d+|ids/\d+/\d+|network/(codes/\d+|changes/\d+|block/\d+/\d+)"
)
_STAYS = (STAMP_KEY, BLOCK_PREFIX, HISTORY)
"""How keys begin that no worker ever takes back."""
T = TypeVar("T")


class Unreadable(ValueError):
    """The ledger does not give the state of its stamp; the message names the place and what can be done."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A record that no worker wrote, or none that committed; it is left out. why: in a few words."""

    offset: int
    key: bytes | None
    why: str


@dataclass(slots=True)
class Image:
    """What a ledger partition holds: the newest record of each key, as of the newest stamp.

    What stands behind the newest stamp belongs to no transaction, since a stamp is the last record of each.
    """

    foreign: list[Foreign] = field(default_factory=list)
    stamp_offset: int = -1
    _stamp: bytes | None = None
    _newest: dict[bytes, bytes] = field(default_factory=dict)
    _since: dict[bytes, tuple[int, bytes | None]] = field(default_factory=dict)
    _before: dict[bytes, bytes | None] = field(default_factory=dict)  # what each newest record came after
    _at: dict[bytes, int] = field(default_factory=dict)  # and where that newest one is
    _chain: deque[tuple[int, bytes]] = field(default_factory=lambda: deque(maxlen=CHAIN))

    def add(self, offset: int, key: bytes | None, value: bytes | None) -> None:
        """The next committed record."""
        if key is None or not _OURS.fullmatch(key):
            if key is not None and value is None:
                self.foreign = [one for one in self.foreign if one.key != key]  # taken back by a repair
            else:
                self._leave_out(offset, key, "unknown key")
        elif value is None and key.startswith(_STAYS):
            self._leave_out(offset, key, "no value")
        elif key != STAMP_KEY:
            self._before[key] = self._since[key][1] if key in self._since else self._newest.get(key)
            self._since[key] = offset, value
        elif value is None or not value.startswith(b'{"version":'):
            self._leave_out(offset, key, "not a stamp")
        else:
            self._take_in()
            self._stamp, self.stamp_offset = value, offset
            self._chain.append((offset, value))

    def _leave_out(self, offset: int, key: bytes | None, why: str) -> None:
        if len(self.foreign) < 1000:
            self.foreign.append(Foreign(offset, key, why))

    def _take_in(self) -> None:
        for key, (offset, value) in self._since.items():
            self._at[key] = offset
            if value is None:
                self._newest.pop(key, None)
            else:
                self._newest[key] = value
        self._since.clear()

    def stamp(self) -> Stamp | None:
        """The newest stamp; None when the partition never ran. Raises Unreadable."""
        if self._stamp is None:
            return None
        if incomplete_backup(self._stamp) is not None:
            raise Unreadable("a restore or a change of partitions did not finish: run the same command again")
        try:
            data = orjson.loads(self._stamp)
            if isinstance(data, dict) and isinstance(data.get("version"), int) and data["version"] > VERSION:
                raise Unreadable(
                    f"the stamp at offset {self.stamp_offset} has version {data['version']}, this program reads "
                    f"versions up to {VERSION}: run the newer Pillarscore that wrote it"
                )
            return Stamp.model_validate(data)
        except (orjson.JSONDecodeError, ValidationError) as error:
            raise Unreadable(
                f"the stamp at offset {self.stamp_offset} can't be read: {str(error).splitlines()[0]}"
            ) from None

    def close(self) -> Stamp | None:
        """All is in: check it against the newest stamp, and return that. Raises Unreadable."""
        stamp = self.stamp()
        for key, (offset, _) in self._since.items():
            self._leave_out(offset, key, "not covered by a stamp")
        self._since.clear()
        if stamp is not None and stamp.digest:
            self._agree(int(stamp.digest, 16))
        return stamp

    def _agree(self, wanted: int) -> None:
        """Leave out the one record that makes the digest differ from the stamp's, if there is such a record."""
        rest = Digest.of(self._newest).value ^ wanted
        if not rest:
            return
        for key, offset in self._at.items():
            if self._change(key) == rest:
                before = self._before.get(key)
                if before is None:
                    self._newest.pop(key, None)
                else:
                    self._newest[key] = before
                self._leave_out(offset, key, "does not match the digest of the following stamp")
                return
        raise Unreadable(
            f"the records do not match the digest of the stamp at offset {self.stamp_offset}: some are "
            "missing, or another program has written there"
        )

    def breaks(self) -> list[int]:
        """Offsets of stamps that do not follow from the stamp before, among the newest."""
        found = []
        for (_, before), (offset, data) in pairwise(self._chain_without_repaired()):
            transaction = orjson.loads(data).get("transaction")
            if transaction and transaction["previous"] and transaction["previous"] != stamp_hash(before):
                found.append(offset)
        return found

    def _chain_without_repaired(self) -> list[tuple[int, bytes]]:
        """The stamps, without what a repair has undone by writing an earlier one again, the newest repair first."""
        stamps = list(self._chain)
        at = len(stamps) - 1
        while at > 0:
            first = next(n for n, (_, data) in enumerate(stamps) if data == stamps[at][1])
            del stamps[first + 1 : at + 1]
            at = first - 1 if first == at else first
        return stamps

    def pair(self) -> tuple[int, int] | None:
        """The offsets of two records without which the digest would be right; None when there are no such two.

        To be asked when all is in and `close` has refused it.
        """
        stamp = self.stamp()
        if stamp is None or not stamp.digest:
            return None
        rest = Digest.of(self._newest).value ^ int(stamp.digest, 16)
        seen: dict[int, int] = {}
        for key, offset in self._at.items():
            change = self._change(key)
            if change and rest ^ change in seen:
                first, second = sorted((offset, seen[rest ^ change]))
                return first, second
            seen[change] = offset
        return None

    def _change(self, key: bytes) -> int:
        """What the newest record of a key has changed in the digest."""
        now, before = self._newest.get(key), self._before.get(key)
        change = 0 if now is None else record_hash(key, now)
        return change if before is None else change ^ record_hash(key, before)

    def starting(self, prefix: bytes) -> dict[bytes, bytes]:
        """The records whose keys begin so."""
        return {key: value for key, value in self._newest.items() if key.startswith(prefix)}

    @property
    def stamp_bytes(self) -> bytes | None:
        """The newest stamp as it is in the ledger."""
        return self._stamp

    def digest(self) -> Digest:
        """That of all records but the stamp."""
        return Digest.of(self._newest)


@dataclass(slots=True)
class Recovered:
    """journal: of the networks; start: the first frame that is to be read; replayed: frames counted from the redo.

    old: the ledger is of version 1, so the frames from `start` to the stamp's have to be replayed.
    """

    journal: Journal
    start: Offset
    replayed: int = 0
    old: bool = False


def recover(shard: Shard, image: Image, stamp: Stamp | None) -> Recovered:
    """Put an empty shard, which is of the stamp's day, into the state of the stamp. Raises Unreadable."""
    if stamp is None:
        shard.keep_redo(ReplayStart(frame=-1, watermarks={}))
        return Recovered(checkpoint.restored_networks(shard, {}), Offset(0))
    loaded = [_load(Block, key, data) for key, data in image.starting(BLOCK_PREFIX).items()]
    histories = [_load(BlockHistory, key, data) for key, data in image.starting(HISTORY).items()]
    checkpoint.load(shard, loaded, stamp, histories=histories)
    networks = checkpoint.restored_networks(shard, image.starting(LINKS))
    if stamp.start is None:
        return Recovered(networks, checkpoint.start_of(stamp), old=True)
    shard.keep_redo(stamp.start, _restore_ids(shard, image, stamp.start))
    replayed = 0
    redo = image.starting(FRAME).items()
    for offset, data in sorted((Offset(int(key[len(FRAME) :])), data) for key, data in redo):
        if stamp.start.frame < offset <= stamp.frame:
            replayed += 1
            timestamp, frame = load_redo(data)
            try:
                shard.apply(decode(frame), offset, timestamp, replay=True)
            except ValueError as error:
                raise Unreadable(f"the redo of frame {offset} can't be read: {error}") from None
    there = shard.watermarks.next, shard.watermarks.missing_ranges(), shard.members
    if there != (stamp.watermarks, stamp.missing, stamp.members):
        raise Unreadable(
            f"blocks and redo do not add up to the state in the stamp at offset {image.stamp_offset}"
        )
    shard.replayed(stamp)
    return Recovered(networks, Offset(stamp.frame + 1), replayed)


def _restore_ids(shard: Shard, image: Image, start: ReplayStart) -> dict[int, int]:
    """Restore the ids seen up to the start; how many chunks of them there are, by generation."""
    chunks: dict[int, list[tuple[int, np.ndarray]]] = {}
    for key, data in image.starting(IDS).items():
        generation, number = map(int, key[len(IDS) :].split(b"/"))
        chunks.setdefault(generation, []).append((number, np.frombuffer(data, "<u8").astype(np.uint64)))
    young, old = (
        np.concatenate([np.zeros(0, np.uint64), *(ids for _, ids in chunks.get(generation, ()))])
        for generation in (start.generation, start.generation - 1)
    )
    shard.recent_ids.restore(start.generation, start.began, start.rows, young=young, old=old)
    return {generation: 1 + max(number for number, _ in parts) for generation, parts in chunks.items()}


def _load(kind: type[T], key: bytes, data: bytes) -> T:
    try:
        return kind.load(data)  # type: ignore[attr-defined]
    except (pa.ArrowException, ValueError, LookupError, TypeError, StopIteration) as error:
        raise Unreadable(f"the record {key.decode()} can't be read: {str(error).splitlines()[0]}") from None
