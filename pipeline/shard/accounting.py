"""The account of a frame: what became of each of its events, added to the counters of the stamp."""

import numpy as np

from pipeline.shard.watermarks import Admission
from schemas.ledger import Counters


def count_dispositions(
    counters: Counters,
    admission: Admission,
    actor: np.ndarray,
    live: np.ndarray,
    fresh: np.ndarray,
    known: np.ndarray,
    late: np.ndarray,
    letters: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Count every event once, by the row of its actor. Returns the rows of duplicates, and of events scored.

    actor: bool[rows of the frame]; live: the rows admitted that are no dead letters; fresh: bool[len(live)],
    those not seen before; known: of these the rows within the window; late: bool[len(known)], those erased
    already; letters: how many dead letters were admitted.
    """
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
