"""Arrays with a row for each member (or code, or cohort), which must grow as these are added: one rule for all."""

import numpy as np

FLOOR = 1024
"""Rows to begin with."""


def grown(array: np.ndarray, rows: int, fill: int = 0, *, floor: int = FLOOR) -> np.ndarray:
    """The array itself when it has at least `rows` rows, else a larger copy.

    It grows by half at least, so that adding rows one by one costs the same per row however many there are.

    Args:
        array: of any type, [rows, ...]; only its first axis grows.
        rows: how many are needed.
        fill: the value of new rows.
        floor: rows of the smallest array that is made.

    Returns:
        An array of the same type, [at least rows, ...], which begins with the old rows.

    >>> grown(np.array([7]), 3, fill=-1, floor=4)
    array([ 7, -1, -1, -1])
    """
    have = len(array)
    if rows <= have:
        return array
    room = max(rows, have * 3 // 2, floor)
    # zeros comes from fresh pages, which cost nothing until they are written
    larger = np.zeros((room, *array.shape[1:]), array.dtype)
    larger[:have] = array
    if fill:
        larger[have:] = fill
    return larger
