"""A fuzzer: records, record batches, files and rubrics that nobody has thought of, against `tests.kit.fuzz_rules`.

    python -m tests.kit.fuzz --minutes 10 [--seed 1] [--engine random] [--target files]

Two engines take turns. `random` changes bytes of good inputs. `guided` is atheris (libFuzzer): it keeps what
reaches new branches of our code, and changes that (`tests.kit.fuzz_guided`). One process works at a time. Both print
how many inputs they have tried.
"""

import argparse
import gzip
import importlib.util
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import orjson
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from perf.fake_records import FakeRecord
from tests.kit import fuzz_rules
from tests.kit.batches import with_checksum
from tests.kit.events import dumps, random_events
from tests.kit.fuzz_rules import NOW
from tests.kit.rubrics import SSI_TEXT

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BATCH = 1_000
GROWTH_MB = 200
"""How much memory may grow after the first 20,000 inputs."""
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
    *(("ce_type", None), ("CE_ID", b"2"), ("content-type", b"Application/CloudEvents+JSON; charset=UTF-8")),
    *(("content-type", b"application/cloudevents+avro"), ("ce_time", b"0000-01-01T00:00:00Z")),
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
                out[at:at] = rng.randbytes(rng.randint(1, 8))
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


def batch(rng: random.Random, values: list[bytes]) -> bytes:
    """A record batch of a few of the values, compressed or not."""
    builder = DefaultRecordBatchBuilder(2, rng.choice([0, 0, 1, 2, 3, 4]), False, -1, -1, 0, 1 << 16)
    for n in range(rng.randint(1, 5)):
        builder.append(n, NOW, b"k", rng.choice(values), [("h", b"v")])
    return bytes(builder.build())


class Records:
    """Records, some with headers, some without a value."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.seeds = [dumps(event) for event in random_events(rng.randrange(2**32), 300, members=50)]
        self.check = fuzz_rules.Records()

    def __call__(self) -> int:
        made = records(self.rng, self.seeds, 0)
        self.check(made)
        return len(made)


class Batches:
    """Damaged record batches; half of them as a broker would take them."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.seeds = [dumps(event) for event in random_events(rng.randrange(2**32), 300, members=50)]
        self.check = fuzz_rules.Batches()

    def __call__(self) -> int:
        for _ in range(BATCH // 3):
            data = mutated(self.rng, batch(self.rng, self.seeds))
            self.check(with_checksum(data) if self.rng.random() < 0.5 else data)
        return BATCH // 3


class Files:
    """Files of events, in all forms, damaged."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        events = list(random_events(rng.randrange(2**32), 60, members=20))
        lines = [dumps(event) for event in events]
        self.lines = lines
        text, array = b"\n".join(lines[:20]), orjson.dumps(events[20:30])
        self.seeds = [
            *(text, array, b"\r\n".join(lines[:5]), b"\xef\xbb\xbf" + text),
            orjson.dumps(events[:3], option=orjson.OPT_INDENT_2),
            *(gzip.compress(text), gzip.compress(array) + gzip.compress(text) + b"\r\n", zstd.compress(text)),
            *(text.decode().encode("utf-16"), b"id,type,time\n1,2,3\n"),
        ]
        self.check = fuzz_rules.Files()

    def __call__(self) -> int:
        for _ in range(BATCH // 200):
            self.check(mutated(self.rng, self.rng.choice(self.seeds)))
        return BATCH // 200


class Rubrics:
    """Rubrics, damaged."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.check = fuzz_rules.Rubrics()

    def __call__(self) -> int:
        for _ in range(BATCH // 500):
            self.check(mutated(self.rng, SSI_TEXT.encode()))
        return BATCH // 500


TARGETS: dict[str, Callable[[random.Random], Callable[[], int]]] = {
    "records": Records,
    "batches": Batches,
    "files": Files,
    "rubrics": Rubrics,
}


def run(seed: int, going: Callable[[int], bool], only: str | None = None) -> Iterator[tuple[str, int]]:
    """(target, inputs tried) of one round after the other, as long as `going` says so of the number of inputs."""
    rng = random.Random(seed)
    targets = {name: make(rng) for name, make in TARGETS.items() if only in (None, name)}
    total = 0
    while going(total):
        for name, target in targets.items():
            count = target()
            total += count
            yield name, count


def at_random(seed: int, end: float, only: str | None) -> dict[str, int]:
    """The random engine until a moment of the monotonic clock; how many inputs were tried of each target."""
    tried = dict.fromkeys(TARGETS, 0)
    before = 0
    for name, count in run(seed, lambda total: time.monotonic() < end, only):
        tried[name] += count
        if not before and sum(tried.values()) > 20_000:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory {peak >> 10:,} MB, {(peak - before) >> 10:,} MB more than after 20,000 inputs")
    if before and peak > before + (GROWTH_MB << 10):
        sys.exit(f"memory has grown by more than {GROWTH_MB} MB")
    return tried


def guided(seed: int, seconds: float, only: str | None) -> dict[str, int]:
    """The guided engine, target after target; how many inputs were tried of each."""
    tried = dict.fromkeys(TARGETS, 0)
    names = [name for name in TARGETS if only in (None, name)]
    for name in names:
        each = max(1, int(seconds / len(names)))
        # a process of its own, since libFuzzer ends the one that it is in
        command = [sys.executable, "-m", "tests.kit.fuzz_guided", name, str(seed), str(each)]
        said = subprocess.run(
            command, stderr=subprocess.PIPE, text=True, errors="replace", timeout=each + 300
        )
        lines = said.stderr.splitlines()
        found = [line.split()[1] for line in lines if line.startswith("Done ") and " runs in " in line]
        if said.returncode or not found:
            sys.exit(
                "\n".join(lines[-60:]) + f"\n{name}: a rule was broken; the input is in the file named above"
            )
        tried[name] = int(found[0])
    return tried


def main() -> None:
    """Fuzz for some minutes, and print what was tried."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    parser.add_argument("--engine", choices=["random", "guided", "both"], default="both")
    parser.add_argument("--target", choices=list(TARGETS))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    engine = given.engine
    if engine == "both" and importlib.util.find_spec("atheris") is None:
        print("atheris is not installed, which has no wheel for every Python: random inputs alone")
        engine = "random"
    seconds = given.minutes * 60 / (2 if engine == "both" else 1)
    if engine != "guided":
        _report("random", at_random(given.seed, time.monotonic() + seconds, given.target))
    if engine != "random":
        _report("guided", guided(given.seed % 2**31 or 1, seconds, given.target))


def _report(engine: str, tried: dict[str, int]) -> None:
    parts = ", ".join(f"{count:,} {name}" for name, count in tried.items() if count)
    print(f"{engine}: {sum(tried.values()):,} inputs ({parts}), and no rule was broken", flush=True)


if __name__ == "__main__":
    main()
