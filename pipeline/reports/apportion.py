"""Divide whole points among the things that earned them, so that the shares add up exactly."""

from collections.abc import Sequence


def apportion(total: int, weights: Sequence[int]) -> list[int]:
    """`total` in whole numbers in proportion to `weights` (none negative), by largest remainder.

    What is left over goes to the first when nothing has weight; equal remainders are served in order.

    >>> apportion(10, [1, 1, 1]), apportion(-7, [3, 0, 1]), apportion(5, [0, 0])
    ([4, 3, 3], [-5, 0, -2], [5, 0])
    """
    if not weights:
        return []
    sign, size = (-1, -total) if total < 0 else (1, total)
    whole = sum(weights)
    if not whole:
        return [total] + [0] * (len(weights) - 1)
    parts = [size * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda at: -(size * weights[at] % whole))
    for at in by_remainder[: size - sum(parts)]:
        parts[at] += 1
    return [sign * part for part in parts]
