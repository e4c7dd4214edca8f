"""What is wrong with a Pillarscore, seen from Kafka alone: the part of the status that must not be overlooked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.common.ranges import Range, Ranges
from schemas.ledger import Stamp

STILL_S = 15.0
"""A partition that has something to commit and has not for so long stands still."""
SHOWN = 3
FATAL = ("events", "frames", "ledger")


@dataclass(frozen=True, slots=True)
class PartitionView:
    """Of a member partition. waiting: frames not counted; age_s: since its newest commit, None: never."""

    partition: int
    stamp: Stamp | None
    waiting: int
    age_s: float | None
    frames_end: int


def problems(
    seen: Iterable[PartitionView],
    committed: Mapping[int, int],
    ids: Mapping[str, str],
    *,
    names: Mapping[str, str],
) -> list[str]:
    """One line each, worst first.

    committed: by source partition what ingest has committed; ids, names: of topics by their short names.
    """
    found = list(seen)
    lines = _topics([one.stamp for one in found if one.stamp is not None], ids, names)
    for one in found:
        if one.stamp is not None:
            lines += _offsets(one, one.stamp, committed)
        if one.waiting and one.age_s is not None and one.age_s >= STILL_S:
            lines.append(
                f"partition {one.partition} has not committed for {one.age_s:,.0f} s and has {one.waiting:,} unread "
                "frames: see /ready and the log of its worker (runbook, ScoresStalled)"
            )
    return lines


def _topics(stamps: Sequence[Stamp], ids: Mapping[str, str], names: Mapping[str, str]) -> list[str]:
    lines = []
    for short in FATAL:
        known = {stamp.topics[short] for stamp in stamps if short in stamp.topics}
        if known and ids.get(short) not in known:
            what = "recreated" if short in ids else "not recreated"
            lines.append(
                f"topic {names[short]} was deleted and {what}: nothing is counted any more (runbook, TopicRecreated)"
            )
    return lines


def _offsets(one: PartitionView, stamp: Stamp, committed: Mapping[int, int]) -> list[str]:
    lines = []
    missing = {source: Ranges(ranges) for source, ranges in stamp.missing.items()}
    if stamp.frame + 1 >= one.frames_end:
        # all frames there are have been counted, so what ingest has committed and is not counted is in none
        for source, offset in committed.items():
            if offset > stamp.watermarks.get(source, 0):
                missing.setdefault(source, Ranges()).add(stamp.watermarks.get(source, 0), offset)
    if missing:
        lines.append(
            f"partition {one.partition}: frames for {_listed(missing)} are missing; a worker reads their events "
            "again from activity.events (runbook, EventsMissing)"
        )
    if stamp.lost:
        lost = {source: Ranges(ranges) for source, ranges in stamp.lost.items()}
        lines.append(
            f"partition {one.partition}: {_listed(lost)} were lost before they were counted (runbook, EventsLost)"
        )
    return lines


def _listed(ranges: Mapping[int, Ranges]) -> str:
    """`1,503 offsets (source 2: 700 to 949, 1,000 to 1,200; source 3: …)`."""
    total = sum(map(len, ranges.values()))
    parts = []
    for source, of in sorted(ranges.items()):
        pairs = of.pairs()
        more = f", and {len(pairs) - SHOWN} more" if len(pairs) > SHOWN else ""
        parts.append(f"source {source}: {', '.join(map(_range, pairs[:SHOWN]))}{more}")
    return f"{total:,} offset{'' if total == 1 else 's'} ({'; '.join(parts)})"


def _range(pair: Range) -> str:
    start, stop = pair
    return f"{start:,}" if stop == start + 1 else f"{start:,} to {stop - 1:,}"
