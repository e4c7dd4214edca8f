"""What became of each event of a frame, added to the counters of the stamp."""

import numpy as np

from pipeline.shard.member_state import Applied
from pipeline.shard.watermarks import Admission
from schemas.ledger import Counters


def count_dispositions(
    counters: Counters,
    admission: Admission,
    applied: Applied,
    *,
    actor: np.ndarray,
    live: np.ndarray,
    fresh: np.ndarray,
    letters: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Count every event once, by the row of its actor.

    Args:
        counters: are added to.
        admission: which rows of the frame were admitted.
        applied: what became of those seen for the first time.
        actor: bool[rows of the frame], which rows are an actor's.
        live: int64[n], the rows admitted that are no dead letters.
        fresh: bool[n], which of these were not seen before.
        letters: how many dead letters were admitted.

    Returns:
        The rows of duplicates, and of events scored.
    """
    known, late = applied.known, applied.late
    again, counted = live[~fresh], known[~late]
    again, acted = again[actor[again]], counted[actor[counted]]
    counters.read += admission.read
    counters.repeated += admission.repeated
    counters.lost += admission.lost
    counters.admitted += int(actor[live].sum()) + letters
    counters.duplicate += len(again)
    counters.scored += len(acted)
    counters.credits += len(counted) - len(acted)
    counters.erased += int(actor[known[late]].sum())
    counters.outside_window += int(actor[live[fresh]].sum()) - int(actor[known].sum())
    counters.dead_lettered += letters
    return again, acted
