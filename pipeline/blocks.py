"""A shard's state as blocks of the ledger, and back: which are due, how they are written and read."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from pipeline.directory import BLOCK
from pipeline.pairs import RING, WINDOW, key_days
from pipeline.shard import SLACK, Shard
from schemas.ledger import Block, BlockHistory, Stamp


def due(shard: Shard, elapsed: float, cycle: float) -> list[int]:
    """The blocks to write now, oldest change first, so that each dirty one is written once in `cycle` s.

    elapsed: seconds since blocks were last written.
    """
    if not shard.dirty:
        return []
    many = int(len(shard.dirty) * min(1.0, elapsed / cycle))
    return sorted(shard.dirty, key=shard.dirty.__getitem__)[:many]


def dump(shard: Shard, number: int) -> Block:
    """Block `number` of the shard as it is now; from here on the block counts as clean."""
    start = number * BLOCK
    names = shard.directory.names[start : start + BLOCK]
    members = np.arange(start, start + len(names))
    shard.resize()
    pairs = shard.tiles.read(members)
    order = np.argsort(pairs.row, kind="stable")
    fill = np.bincount(pairs.row, minlength=len(names))
    shard.dirty.pop(number, None)
    return Block(
        number,
        shard.frame,
        shard.day,
        names,
        shard.erased[members].tolist(),
        pa.array(fill),
        pa.array(pairs.key[order]),
        pa.array(pairs.count[order]),
        shard.registers.dump(members),
    )


def dump_history(shard: Shard, number: int) -> BlockHistory:
    """What is new of the history of block `number`: a day, or all; from here on it counts as written."""
    whole = shard.recorder.outdated.pop(number, True)
    start = number * BLOCK
    part = slice(start, min(start + BLOCK, len(shard.directory.names)))
    history = shard.history
    day = shard.recorder.last.get(number, shard.turned_from - 1)
    points = history.whole(part) if whole else history.kept(part, day)[:, None]
    names = shard.directory.names[part]
    return BlockHistory(number, day, names, points, history.band[part], history.since[part])


def rubrics_of(shard: Shard) -> str:
    """The rubrics the shard's scores are by, as the stamp has them."""
    used = [shard.rubric] + ([shard.shadow.rubric] if shard.shadow else [])
    return " + ".join(f"{rubric.name} {rubric.version} {rubric.fingerprint}" for rubric in used)


def load(shard: Shard, blocks: list[Block], stamp: Stamp, histories: Sequence[BlockHistory] = ()) -> None:
    """Put an empty shard into the state of the stamp and blocks; frames from `start_of` on are to follow."""
    for block in sorted(blocks, key=lambda b: b.number):
        shard.directory.load(block.number, block.names)
    # of each block the whole history first, then the days after it
    histories = sorted(histories, key=lambda h: (h.number, not h.whole, h.day))
    for history in histories:
        shard.directory.load(history.number, history.names)
    shard.directory.loaded()
    shard.resize()
    shard.durable = np.full(len(shard.directory.names), -1, np.int64)
    for block in blocks:
        _load(shard, block, _oldest(stamp))
    kept = [c for c in stamp.checkpoints if c.frame <= start_of(stamp)]
    shard.checkpoints = kept[:-1]  # the last comes again with the frame at which the replay begins
    shard.watermarks.next = dict(kept[-1].watermarks) if kept else dict(stamp.watermarks)
    shard.needed = needed_from(stamp)
    shard.sequence = stamp.sequence
    shard.counters = stamp.counters.model_copy()
    shard.rolled = stamp.rolled
    shard.turned_from = stamp.turned_from
    shard.turns = list(stamp.turns)
    for history in histories:
        _load_history(shard, history)
    for number in range(stamp.rolled):
        shard.recorder.last.setdefault(number, stamp.day - 1)


def _load_history(shard: Shard, history: BlockHistory) -> None:
    start = history.number * BLOCK
    # a member new since then has a place beyond the end of it
    part = slice(start, start + len(history.bands))
    shard.history.resize(part.stop)
    if history.whole:
        shard.history.restore(part, history.points)
    elif history.day > shard.recorder.last.get(history.number, -1):
        shard.history.put(np.arange(part.start, part.stop), history.day, history.points[:, 0])
    else:
        return
    shard.history.band[part] = history.bands
    shard.history.since[part] = history.since
    shard.recorder.last[history.number] = history.day


def _oldest(stamp: Stamp) -> int:
    """The day before the first whose tiles are wanted: those of days not on record yet count too."""
    missed = stamp.day - stamp.turned_from
    return (stamp.turned_from if 0 < missed <= SLACK else stamp.day) - WINDOW


def _load(shard: Shard, block: Block, before: int) -> None:
    start = block.number * BLOCK
    members = np.arange(start, start + len(block.names))
    shard.erased[members] = block.erased
    shard.durable[members] = [block.frame if name is not None else -1 for name in block.names]
    row = np.repeat(members, block.fill.to_numpy())
    key = block.keys.to_numpy()
    on = key_days(block.day)[key]
    # a block written long ago holds days that the ring would take for others today
    stays = on > before
    key = (key >> 7 << 7 | (on & (RING - 1))).astype(np.uint16)
    shard.tiles.add(row[stays], key[stays], block.counts.to_numpy()[stays].astype(np.int64))
    for index, data in zip(members.tolist(), block.registers, strict=True):
        if data is not None:
            shard.registers.load(index, data)


def needed_from(stamp: Stamp) -> int:
    """The first frame that may change a member: what came before is in blocks."""
    return min(stamp.replay_from, stamp.frame + 1)


def start_of(stamp: Stamp) -> int:
    """The frame to read from: where the generation of seen ids before the first needed frame's began."""
    begun = [c.frame for c in stamp.checkpoints if c.frame <= needed_from(stamp)]
    return begun[-2] if len(begun) > 1 else begun[0] if begun else needed_from(stamp)


def stamp_of(shard: Shard) -> Stamp:
    """The stamp of the shard as it is now; checkpoints that no restore will want again are dropped."""
    replay_from = min(shard.dirty.values(), default=shard.frame + 1)
    if shard.network.oldest is not None:
        replay_from = min(replay_from, shard.network.oldest)
    begun = [i for i, c in enumerate(shard.checkpoints) if c.frame <= replay_from]
    shard.checkpoints = shard.checkpoints[max(0, len(begun) - 2) :]
    shard.turns = [turn for turn in shard.turns if turn.frame >= replay_from]
    return Stamp(
        sequence=shard.sequence,
        frame=shard.frame,
        replay_from=replay_from,
        day=shard.day,
        rolled=shard.rolled,
        turned_from=shard.turned_from,
        turns=list(shard.turns),
        members=shard.members,
        rubric=rubrics_of(shard),
        zone=shard.zone.name,
        watermarks=dict(shard.watermarks.next),
        checkpoints=list(shard.checkpoints),
        counters=shard.counters.model_copy(),
    )
