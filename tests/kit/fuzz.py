"""A fuzzer: events, headers, record batches and rubrics with bytes changed at random.

    python -m tests.kit.fuzz --minutes 10 [--seed 1]

For every input it checks what the README promises: no exception but those that are documented; of each record
exactly one thing becomes, an event or a dead letter; live (`Intake`) and files (`Offline`) decide alike; and memory
stays bounded. It prints how many inputs it has tried, and the input that broke a rule.
"""

import argparse
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from agents.config.settings import Settings
from agents.files.ndjson import Batch
from agents.kafka.record_batch import batches, corrupt, salvage
from agents.offline.engine import AsLive, Offline
from perf.fake_records import FakeRecord
from pipeline.common import days
from pipeline.intake.credit_rules import credits
from pipeline.intake.record_intake import Intake
from pipeline.rubric.model import Rubric, RubricError
from schemas.frames import Side
from tests.kit.events import DAY, dumps, random_events
from tests.kit.rubrics import SSI, SSI_TEXT

BATCH = 200
NOW = days.end_ms(DAY) - 1
TOKENS = [
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b",",
        b":",
        b"null",
        b"true",
        b"-1",
        b"1e999",
        b"12.0",
        b"NaN",
        b"\\ud800",
    ),
    *(
        b"\xff",
        b"\xef\xbb\xbf",
        b"\x00",
        b"\\u0000",
        b'"time":',
        b'"data":',
        b'"subject":',
        b"2025-11-20T23:59:60Z",
    ),
    *(b"9999-12-31T23:59:59Z", b"0001-01-01T00:00:00Z", b"-00:00", b" ", b"\n", b"[[" * 50, b"9" * 5000),
]
HEADERS = [
    *(("content-type", b"application/cloudevents+json"), ("content-type", b"application/json")),
    *(("content-type", b"application/cloudevents-batch+json"), ("ce_id", b"1"), ("ce_source", b"/s")),
    *(("ce_type", b"activity.post.published"), ("ce_subject", b"m-1"), ("ce_time", b"2025-11-20T12:00:00Z")),
    *(("ce_specversion", b"1.0"), ("ce-id", b"1"), ("\\xe4", b"v"), ("", b""), ("traceparent", b"\xff\xfe")),
]


def mutated(rng: random.Random, data: bytes) -> bytes:
    """The data with up to four changes."""
    out = bytearray(data)
    for _ in range(rng.randint(0, 4)):
        at = rng.randint(0, len(out))
        match rng.randrange(5):
            case 0 if out:
                out[at % len(out)] ^= 1 << rng.randrange(8)
            case 1:
                out[at:at] = rng.choice(TOKENS)
            case 2:
                del out[at : at + rng.randint(1, 20)]
            case 3:
                piece = out[at : at + rng.randint(1, 40)]
                out[at:at] = piece
            case _:
                out[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 8)))
    return bytes(out)


def records(rng: random.Random, seeds: list[bytes], first: int) -> list[FakeRecord]:
    """A batch of records, some with headers, some without a value."""
    found = []
    for n in range(BATCH):
        value = None if rng.random() < 0.01 else mutated(rng, rng.choice(seeds))
        headers = ()
        if rng.random() < 0.2:
            headers = tuple(rng.choice(HEADERS) for _ in range(rng.randint(1, 7)))
        found.append(FakeRecord(value, 0, first + n, NOW, headers=headers))
    return found


class Events:
    """Records through the intake, and those without headers through files too."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.seeds = [dumps(event) for event in random_events(rng.randrange(2**32), 300, members=50)]
        self.intake = Intake(0, 900_000, credits(5), NOW, remember=1000)
        self.first = 0

    def __call__(self) -> int:
        made = records(self.rng, self.seeds, self.first)
        self.first += len(made)
        rows = self.intake.rows(made, np.zeros(len(made), np.int64), "t")
        actors = rows.offset[rows.side != Side.COUNTERPART]
        assert sorted(actors.tolist()) == [record.offset for record in made], "each record becomes one thing"
        self._files(made, set(rows.offset[rows.side == Side.DEAD].tolist()))
        return len(made)

    def _files(self, made: list[FakeRecord], dead: set[int]) -> None:
        plain = [
            record for record in made if record.value and not record.headers and b"\n" not in record.value
        ]
        run = Offline(Settings(), SSI, DAY, as_live=AsLive(NOW))
        run._take(Batch([*range(len(plain))], [record.value for record in plain]), 0, str)
        live = sum(record.offset in dead for record in plain)
        assert run.counters.dead_lettered == live, "files and live decide alike"


class Batches:
    """Damaged record batches: every record that is found lies in its batch."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def __call__(self) -> int:
        rng = self.rng
        for _ in range(BATCH):
            builder = DefaultRecordBatchBuilder(2, rng.choice([0, 1, 4]), False, -1, -1, 0, 1 << 16)
            for n in range(rng.randint(1, 5)):
                builder.append(n, NOW, b"k", rng.randbytes(rng.randint(0, 60)), [("h", b"v")])
            data = mutated(rng, bytes(builder.build()))
            for one in batches(data):
                if (
                    len(one) >= 61 and int.from_bytes(one[23:27], "big") < 1_000
                ):  # what only takes long is left out
                    for found in (list(salvage("t", 0, one, why="why")), list(corrupt("t", 0, one))):
                        offsets = [record.offset for record in found]
                        assert offsets == sorted(set(offsets)), "each offset once, in order"
        return BATCH


class Rubrics:
    """Rubrics: read, or refused in one line."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def __call__(self) -> int:
        data = mutated(self.rng, SSI_TEXT.encode())
        refused = ""
        try:
            Rubric.parse(data.decode("utf-8", "replace"))
        except RubricError as error:
            refused = str(error)
        assert "\n" not in refused, "one line"
        return 1


TARGETS: dict[str, Callable[[random.Random], Callable[[], int]]] = {
    "events": Events,
    "batches": Batches,
    "rubrics": Rubrics,
}


def run(seed: int, going: Callable[[int], bool]) -> Iterator[tuple[str, int]]:
    """(target, inputs tried) of one round after the other, as long as `going` says so of the number of inputs."""
    rng = random.Random(seed)
    targets = {name: make(rng) for name, make in TARGETS.items()}
    total = 0
    while going(total):
        for name, target in targets.items():
            count = target()
            total += count
            yield name, count


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    given = parser.parse_args()
    print(f"seed {given.seed}")
    end = time.monotonic() + given.minutes * 60
    tried = dict.fromkeys(TARGETS, 0)
    before = 0
    for name, count in run(given.seed, lambda total: time.monotonic() < end):
        tried[name] += count
        before = before or (
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss if sum(tried.values()) > 20_000 else 0
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(", ".join(f"{count:,} {name}" for name, count in tried.items()), "and no rule was broken")
    print(f"peak memory {peak // 1024:,} MB, {(peak - before) // 1024:,} MB more than after 20,000 inputs")
    if before and peak > before + 200 * 1024:
        sys.exit("memory has grown by more than 200 MB")


if __name__ == "__main__":
    main()
