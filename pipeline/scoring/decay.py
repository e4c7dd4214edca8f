"""Half-life weights in fixed point, the same on every machine.

An activity fades: after one half-life it counts half. `exp` and `2 ** x` in floating point may
differ in the last bit between processors and libraries, and one bit is enough to make two workers
disagree about a score. So a weight is an integer with 20 fractional bits, defined exactly:

    weight(age, h) = the greatest integer w with w**h <= 2**(20 * h - age)

that is, floor(2**20 * 2**(-age / h)), found with whole numbers only.
"""

from functools import lru_cache

from pipeline.common.tile_keys import WINDOW

BITS = 20
"""Fractional bits: the weight 1.0 is `1 << BITS`."""

ONE = 1 << BITS


def root(value: int, degree: int, guess: int) -> int:
    """The greatest w with ``w ** degree <= value``; exact for any guess, fast for a near one.

    >>> root(1000, 3, guess=12), root(999, 3, guess=0)
    (10, 9)
    """
    low = high = guess
    step = 1
    while low > 0 and low**degree > value:
        low, high, step = max(low - step, 0), low, 2 * step
    step = 1
    while high**degree <= value:
        low, high, step = high, high + step, 2 * step
    while high - low > 1:
        middle = (low + high) // 2
        if middle**degree <= value:
            low = middle
        else:
            high = middle
    return low


@lru_cache(maxsize=512)
def weights(half_life: int | None) -> tuple[int, ...]:
    """The weights of the ages 0..89 in whole days, in units of 2**-20.

    `half_life` is in days (at least 1); None means that nothing fades inside the window.

    >>> weights(7)[0] == ONE, weights(7)[7] == ONE // 2, weights(7)[1]
    (True, True, 949720)
    """
    if half_life is None:
        return (ONE,) * WINDOW
    if half_life < 1:
        raise ValueError(f"a half-life must be at least 1 day, not {half_life}")
    table = [ONE]
    for age in range(1, WINDOW):
        if age >= half_life:
            # Exact: the floor of a half is the half of the floor, floored.
            table.append(table[age - half_life] >> 1)
            continue
        # A day takes about the same share as the day before, and the first about ln 2 / half-life.
        guess = table[-1] * table[1] >> BITS if age > 1 else ONE - ONE * 69 // (100 * half_life)
        table.append(root(1 << (BITS * half_life - age), half_life, guess))
    return tuple(table)
