"""Erasures within a frame: which rows came when their day was erased already."""

import numpy as np

from pipeline.shard.member_index import MemberIndex
from schemas.frames import Frame


def late(
    frame: Frame,
    erases: np.ndarray,
    *,
    known: np.ndarray,
    member: np.ndarray,
    day: np.ndarray,
    before: np.ndarray,
    directory: MemberIndex,
) -> np.ndarray:
    """bool[n]: which of the rows `known` int64[n] came when their day was erased already.

    Those before the erasure in the same frame were scored and then erased, as in a frame of their own.
    erases: the rows of erasures; member: int64[n] indices; day: of all rows; before: int64[n], the last day
    of each member that was erased before the frame.
    """
    gone = day[known] <= before
    for i in erases.tolist():
        mine = member == directory[frame.member[i].as_py()]
        gone |= mine & (known >= i) & (day[known] <= day[i])
    return gone
