"""The rollover without a broker: all members of a shard brought to the new day.

    python -m perf.rollover [--members 1000000] [--tiles 40]

Recording yesterday, scoring for today, and the records of both (JSON) are in the figure; sending them is not.
"""

import argparse
import time
from datetime import UTC, datetime

import numpy as np

from agents.config.rubric_file import load
from agents.worker.worker import tuned
from pipeline.common import days
from pipeline.common.tile_keys import tile_key
from pipeline.shard import checkpoint
from pipeline.shard.shard import Shard, ShardConfig


def filled(members: int, tiles: int) -> Shard:
    """A shard of `members` with about `tiles` tiles each, spread over the window and the signals."""
    rng = np.random.default_rng(3)
    shard = Shard(ShardConfig(load(None), 1, 1), days.number(datetime.now(UTC).date()))
    for number in range(members):
        shard.state.index.get_or_add(f"m-{number:08d}")
    shard.resize()
    today = shard.day
    for start in range(0, members, 10_000):
        some = np.repeat(np.arange(start, min(start + 10_000, members)), tiles)
        signal = rng.integers(0, 50, len(some))
        day = today - rng.integers(0, 90, len(some))
        shard.state.tiles.add(some, tile_key(signal, day))
    shard.rollover.add_blocks()
    return shard


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--members", type=int, default=1_000_000)
    parser.add_argument("--tiles", type=int, default=40)
    given = parser.parse_args()
    shard = filled(given.members, given.tiles)
    tuned()  # as a worker is
    for title in ("first rollover (nothing emitted before)", "second rollover"):
        shard.start_day(shard.day + 1)
        began, cpu = time.monotonic(), time.process_time()
        records = size = longest = 0.0
        while True:
            at = time.monotonic()
            if not shard.roll_block():
                break
            emission = shard.drain()
            for number in sorted(shard.rollover.recorder.outdated):
                size += len(checkpoint.dump_history(shard, number).dump())
            records += len(emission.scores) + len(emission.history)
            longest = max(longest, time.monotonic() - at)
        seconds = time.process_time() - cpu
        print(f"{title}: {shard.members:,} members")
        print(f"  CPU s            {seconds:.1f}   ({seconds / shard.members * 1e6:.1f} us a member)")
        print(f"  wall s           {time.monotonic() - began:.1f}")
        print(f"  records          {records:,.0f}")
        print(f"  longest block ms {longest * 1e3:.0f}")
        print(f"  history to the ledger, MB {size / 1e6:.0f}")
    state = shard.state.tiles.nbytes() + shard.state.registers.nbytes() + shard.state.history.nbytes()
    history = shard.state.history.nbytes()
    print(
        f"state, bytes a member {state / shard.members:.0f}, of which history {history / shard.members:.0f}"
    )


if __name__ == "__main__":
    main()
