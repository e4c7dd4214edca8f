"""What of a partition's networks is in the ledger, what has to be written, and the networks from it.

Every change is written once, soon, among `changes`; a *sweep* goes through all blocks and writes them whole,
after which the changes from before it are dropped. So a link that is changed costs 14 bytes at once and its
block once a day, however large networks are.
"""

from collections.abc import Iterator, Mapping
from itertools import groupby

import numpy as np

from pipeline.common.keyed_record import KeyedRecord
from pipeline.network.graph import NetworkGraph
from pipeline.network.link_block import OWNERS, LinkColumns
from pipeline.network.peer_codes import PeerCodes
from schemas.links import (
    BLOCK as BLOCK_PREFIX,
)
from schemas.links import (
    CHANGES,
    CHUNK,
    CODES,
    CodeChunk,
    LinkBlock,
    LinkChanges,
    block_key,
    changes_key,
)

PIECE = 200_000
"""Links to a record of a block: 8 ms of work."""


class Journal:
    """The account of what is in the ledger of `network`; records are to be sent in the order they are given.

    refreshed: for each block the round for which its members' records were last emitted, ms since 1970, 0: never.
    since: changes before this number are dropped at the end of the sweep under way.
    """

    def __init__(self, network: NetworkGraph) -> None:
        self.network = network
        self.refreshed: list[int] = []
        self.since = 0
        self.changes = 0  # number of the next
        self.first = 0  # the oldest there is
        self._codes = 0
        self._pieces: dict[int, int] = {}

    @property
    def round(self) -> int:
        """The newest round that any block was refreshed for."""
        return max(self.refreshed, default=0)

    def left(self, round_: int) -> list[int]:
        """The blocks not refreshed for that round yet."""
        done = self.refreshed + [0] * (len(self.network.blocks) - len(self.refreshed))
        return [number for number, newest in enumerate(done) if newest < round_]

    def save(self) -> list[KeyedRecord]:
        """The changes since the last time; from here on all frames so far count as written."""
        network = self.network
        network.gather()
        network.oldest = None
        overlay = network.overlay
        fresh = np.flatnonzero(overlay.fresh)
        if not len(fresh):
            return []
        overlay.fresh[fresh] = False
        key = overlay.key[fresh]
        owner = network.owner[(key >> np.uint64(32)).astype(np.int64)]
        changes = LinkChanges(
            self.changes, owner, key.astype(np.uint32), overlay.state[fresh], overlay.day[fresh]
        )
        self.changes += 1
        return [*self._save_codes(), (changes.key, changes.dump())]

    def _save_codes(self) -> Iterator[KeyedRecord]:
        codes = self.network.codes
        size = len(codes)
        first, self._codes = self._codes, size
        for n in range(first // CHUNK, -(-size // CHUNK) if size > first else 0):
            part = CodeChunk(n, codes.hashes[n * CHUNK : min((n + 1) * CHUNK, size)])
            yield part.key, part.dump()

    def begin(self) -> None:
        """A sweep begins: every block is to be folded and written after this, in order."""
        self.since = self.changes

    def write(self, number: int, refreshed: int | None = None) -> Iterator[KeyedRecord]:
        """Block `number`, just folded, and for which round its members' records were emitted, if they were.

        To be taken to the end, and no change to the networks in between.
        """
        network, links = self.network, self.network.blocks[number]
        self.refreshed += [0] * (len(network.blocks) - len(self.refreshed))
        if refreshed is not None:
            self.refreshed[number] = refreshed
        first = number * OWNERS
        some = slice(first, first + links.owners)
        network.overlay.fresh[network.overlay.part(first, first + OWNERS)] = False
        pieces = max(1, -(-len(links) // PIECE))
        yield from self._save_codes()
        nothing = np.zeros(0, np.uint8)
        for piece in range(pieces):
            part = slice(piece * PIECE, (piece + 1) * PIECE)
            head = (
                network.owner[some] if not piece else nothing.astype(np.uint32),
                (np.diff(links.start) if not piece else nothing).astype(np.uint32),
                network.has_record[some].astype(np.uint8) if not piece else nothing,
            )
            columns = (links.peer[part], links.state[part], links.days(part))
            block = LinkBlock(number, piece, self.refreshed[number], *head, *columns)
            yield block.key, block.dump()
        before, self._pieces[number] = self._pieces.get(number, 0), pieces
        yield from ((block_key(number, piece), None) for piece in range(pieces, before))

    def finish(self) -> list[KeyedRecord]:
        """The sweep is over: the changes from before it are not needed any more."""
        gone: list[KeyedRecord] = [(changes_key(number), None) for number in range(self.first, self.since)]
        self.first = self.since
        self.network.overlay.drop()
        return gone

    def restore(self, records: Mapping[bytes, bytes]) -> None:
        """Put the empty network into the state of what the ledger has under `PREFIX`, newest by key."""
        _codes(self.network.codes, [data for key, data in records.items() if key.startswith(CODES)])
        self._codes = len(self.network.codes)
        pieces = sorted(
            tuple(map(int, key[len(BLOCK_PREFIX) :].split(b"/")))
            for key in records
            if key.startswith(BLOCK_PREFIX)
        )
        rounds: dict[int, int] = {}
        for number, keys in groupby(pieces, key=lambda key: key[0]):
            mine = [LinkBlock.load(records[block_key(number, piece)]) for _, piece in keys]
            self._load(mine)
            rounds[number] = mine[0].refreshed
        self.refreshed = [rounds.get(number, 0) for number in range(len(self.network.blocks))]
        numbers = []
        for key, data in records.items():
            if key.startswith(CHANGES):
                changes = LinkChanges.load(data)
                numbers.append(changes.number)
                slot = self.network.owner_slots(changes.owner)
                links = slot.astype(np.uint64) << np.uint64(32) | changes.peer
                self.network.overlay.take(links, changes.state, changes.day, fresh=False)
        self.changes = max(numbers, default=-1) + 1
        # a sweep cut short goes on, but which changes are in blocks from before it is not known any more
        self.first = self.since = min(numbers, default=self.changes)

    def _load(self, pieces: list[LinkBlock]) -> None:
        head = pieces[0]
        network = self.network
        first = head.number * OWNERS
        network.enlist(first, head.owner)
        network.has_record[first : first + len(head.owner)] = head.has_record > 0
        start = np.concatenate([[0], np.cumsum(head.fill, dtype=np.int64)])
        columns = {
            name: np.concatenate([getattr(p, name) for p in pieces]) for name in ("peer", "state", "day")
        }
        network.blocks[head.number] = LinkColumns.of_days(start, **columns)
        network.measure(head.number)
        self._pieces[head.number] = len(pieces)


def _codes(codes: PeerCodes, chunks: list[bytes]) -> None:
    for chunk in sorted(map(CodeChunk.load, chunks), key=lambda chunk: chunk.number):
        assert chunk.number * CHUNK == len(codes), "codes are written one after the other"
        codes.extend(chunk.hashes)
