"""When a partition emits, commits and writes blocks: pure functions of times (seconds) and counts."""

import math

FLUSH_ROWS = 100_000
"""Rows from which on scores are made at once, so that what gathers stays bounded."""
BUSY_ROWS = 800
"""Rows since the last flush from which on scores wait for the commit: members come again by then."""
BUSY_S = 0.25
BEHIND_S = 1.0
"""The longest commit interval of a partition that is behind."""
IDLE_S = 1.0
"""How long a partition with nothing to do waits at most before it looks around."""
MAX_LOOSE_IDS = 200_000
"""Ids that may be in no chunk of the ledger yet, however short it is since the last one."""
ADVANCES = 6
"""Times in a block cycle that the replay start moves."""


def commit_interval(commit_s: float, rows: int, lag_s: float) -> float:
    """Seconds between commits; more when behind, since then more of a member's events make one score.

    Args:
        commit_s: as the settings say.
        rows: counted since the last flush.
        lag_s: how old the newest frame was when it was counted.
    """
    return max(commit_s, BUSY_S if rows >= BUSY_ROWS else 0.0, min(BEHIND_S, lag_s / 2))


def flush_now(rows: int) -> bool:
    """Whether to make scores in the middle of a round."""
    return rows >= FLUSH_ROWS


def flush_at_rest(rows: int, waiting: int) -> bool:
    """Whether to make scores at the end of a round. waiting: frames that are not counted yet."""
    return not waiting and rows < BUSY_ROWS


def commit_due(now: float, committed_at: float, interval: float) -> bool:
    """Whether the commit interval is over."""
    return now - committed_at >= interval


def next_commit(committed_at: float, interval: float, rows: int, *, is_open: bool) -> float:
    """When the next commit is due; inf when there is nothing to commit."""
    return committed_at + interval if rows > 0 or is_open else math.inf


def pause(now: float, commit_at: float, publish_in: float) -> float:
    """Seconds to wait for frames when there are none. publish_in: until scores are to be published, or inf."""
    return max(0.001, commit_at - now if commit_at < math.inf else min(IDLE_S, publish_in))


def blocks_due(dirty: int, elapsed: float, cycle: float) -> int:
    """How many of the dirty blocks to write now, so that each is written once in `cycle` seconds.

    elapsed: seconds since blocks were last written.
    """
    return int(dirty * min(1.0, elapsed / cycle))


def blocks_overdue(dirty: int, elapsed: float, cycle: float) -> bool:
    """Whether blocks alone are reason enough for a transaction."""
    return dirty > 0 and elapsed >= cycle


def advance_due(elapsed: float, cycle: float, loose_ids: int) -> bool:
    """Whether the replay start is to move. elapsed: since it did; loose_ids: those in no chunk of the ledger."""
    return elapsed >= cycle / ADVANCES or loose_ids > MAX_LOOSE_IDS
