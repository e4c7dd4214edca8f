"""What a score costs: microseconds for each member by batch size, and making a Scorer.

    python -m perf.scoring [RUBRIC]

Members have 60 tiles of signals drawn by a Zipf law, most of them in the window, and random registers. The
best of several runs is printed, since the rest is other programs.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from agents.config.rubric_file import load
from pipeline.common.tile_keys import RING, Pairs
from pipeline.scoring.scorer import Scorer
from schemas.registers import TEXTS, Register
from schemas.signals import Signal

DAY = 20_412
TILES = 60


def crowd(n: int, seed: int = 1) -> tuple[int, Pairs, np.ndarray]:
    """n random members as the arguments of `Scorer.points`."""
    rng = np.random.default_rng(seed)
    often = rng.permutation(1 / np.arange(1, len(Signal) + 1))
    signal = rng.choice(len(Signal), n * TILES, p=often / often.sum())
    day = DAY - rng.integers(0, 95, n * TILES)
    key = (signal * RING + day % RING).astype(np.uint16)
    count = rng.integers(1, 9, n * TILES).astype(np.uint16)
    numbers = np.zeros((n, len(Register)), np.int32)
    columns = [register for register in Register if register not in TEXTS]
    numbers[:, columns] = rng.integers(0, 3, (n, len(columns)))
    return n, Pairs(np.repeat(np.arange(n), TILES), key, count), numbers


def best(call: Callable[[], object], seconds: float = 1.0) -> float:
    """Seconds of the fastest of the calls that fit in `seconds`."""
    fastest, until = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < until:
        start = time.perf_counter()
        call()
        fastest = min(fastest, time.perf_counter() - start)
    return fastest


def main() -> None:
    """Measure and print."""
    rubric = load(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    print(f"{rubric.name} {rubric.version}: {len(rubric.components)} components, {TILES} tiles a member")
    print(f"a Scorer      {best(lambda: Scorer(rubric, DAY)) * 1e3:8.2f} ms")
    scorer = Scorer(rubric, DAY)
    for n in (1, 10, 100, 1_000, 5_000):
        members = crowd(n)
        taken = best(lambda members=members: scorer.points(*members))
        print(f"batch of {n:5,} {taken / n * 1e6:7.2f} us a member")


if __name__ == "__main__":
    main()
