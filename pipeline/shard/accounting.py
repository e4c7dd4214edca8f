"""What became of each event of a frame, added to the counters of the stamp."""

import numpy as np

from pipeline.shard.member_state import Applied
from pipeline.shard.watermarks import Admission
from schemas.frames import TOO_LATE, Frame, Side
from schemas.ledger import Counters


def count_dispositions(
    counters: Counters,
    frame: Frame,
    admission: Admission,
    *,
    live: np.ndarray,
    fresh: np.ndarray,
    applied: Applied,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count every event once, by the row of its actor.

    Args:
        counters: are added to.
        frame: was counted.
        admission: which rows of the frame were admitted.
        live: int64[n], the rows admitted that are no dead letters.
        fresh: bool[n], which of these were not seen before.
        applied: what became of the fresh ones.

    Returns:
        The rows of duplicates, of events scored, and of dead letters.
    """
    actor = frame.side == Side.ACTOR
    letters = np.flatnonzero(admission.rows & (frame.side == Side.DEAD))
    known, late = applied.known, applied.late
    again, counted = live[~fresh], known[~late]
    again, acted = again[actor[again]], counted[actor[counted]]
    counters.read += admission.read
    counters.repeated += admission.repeated
    counters.lost += admission.lost
    counters.admitted += int(actor[live].sum()) + len(letters)
    counters.duplicate += len(again)
    counters.scored += len(acted)
    counters.credits += len(counted) - len(acted)
    counters.erased += int(actor[known[late]].sum())
    counters.outside_window += int(actor[live[fresh]].sum()) - int(actor[known].sum())
    too_late = int(np.count_nonzero(frame.signals[letters] == TOO_LATE))
    counters.too_late += too_late
    counters.dead_lettered += len(letters) - too_late
    return again, acted, letters
