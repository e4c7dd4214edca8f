"""The guided engine of `tests.kit.fuzz`: atheris keeps inputs that reach new branches, and changes them further.

    python -m tests.kit.fuzz_guided TARGET SEED SECONDS [INPUT]

It begins with what the random engine begins with. An input that breaks a rule is written to `.pillarscore/fuzz/`;
given as INPUT, it is tried again.
"""

import random
import resource
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["agents", "pipeline", "schemas"]):
    from perf.fake_records import FakeRecord
    from tests.kit import fuzz, fuzz_rules
    from tests.kit.batches import with_checksum
    from tests.kit.rubrics import SSI_TEXT

RECORD, HEADER, VALUE, NULL = b"\x1d\x1d", b"\x1e\x1e", b"\x1f\x1f", b"\x00\x00null"
"""What separates records, headers, and name from value; and what stands for no value."""
FOUND = Path(".pillarscore/fuzz")
GROWTH_MB = 1300
"""The most memory that trying inputs may take."""


def packed(records: list[FakeRecord]) -> bytes:
    """Records as the bytes that are changed."""
    return RECORD.join(
        HEADER.join(
            [
                NULL if record.value is None else record.value,
                *(
                    name.encode() + VALUE + (NULL if value is None else value)
                    for name, value in record.headers
                ),
            ]
        )
        for record in records
    )


def unpacked(data: bytes) -> list[FakeRecord]:
    """The records of any bytes; names of headers are what a client makes of theirs."""
    found = []
    for part in data.split(RECORD):
        value, *headers = part.split(HEADER)
        pairs = (header.partition(VALUE) for header in headers)
        found.append(
            FakeRecord(
                None if value == NULL else value,
                timestamp=fuzz_rules.NOW,
                headers=tuple(
                    (name.decode("utf-8", "replace"), None if content == NULL else content)
                    for name, _, content in pairs
                ),
            )
        )
    return found


def _records(rng: random.Random) -> tuple[Callable[[bytes], None], list[bytes]]:
    check, source = fuzz_rules.Records(), fuzz.Records(rng)
    seeds = [packed(fuzz.records(rng, source.seeds, 0)[:8]) for _ in range(100)]
    return (lambda data: check(unpacked(data))), seeds


def _batches(rng: random.Random) -> tuple[Callable[[bytes], None], list[bytes]]:
    check = fuzz_rules.Batches()
    return (lambda data: check(with_checksum(data[1:]) if data[:1] < b"\x80" else data[1:])), [
        bytes([n % 256]) + fuzz.batch(rng, [b"{}", b"x" * 50]) for n in range(100)
    ]


def _files(rng: random.Random) -> tuple[Callable[[bytes], None], list[bytes]]:
    return fuzz_rules.Files(), fuzz.Files(rng).seeds


def _rubrics(rng: random.Random) -> tuple[Callable[[bytes], None], list[bytes]]:
    return fuzz_rules.Rubrics(), [SSI_TEXT.encode()]


TARGETS = {"records": _records, "batches": _batches, "files": _files, "rubrics": _rubrics}


def main() -> None:
    """Fuzz one target; ends the process."""
    target, seed, seconds, *again = sys.argv[1:]
    FOUND.mkdir(parents=True, exist_ok=True)
    check, seeds = TARGETS[target](random.Random(int(seed)))
    with tempfile.TemporaryDirectory() as folder:
        for n, data in enumerate(seeds):
            (Path(folder) / str(n)).write_bytes(data)
        options = [f"-seed={seed}", f"-max_total_time={seconds}", "-max_len=65536", "-timeout=60"]
        # the system counts what the process that started this one needed when it did
        most_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024 + GROWTH_MB
        options += [f"-rss_limit_mb={most_mb}", f"-artifact_prefix={FOUND}/{target}-", "-print_final_stats=1"]
        atheris.Setup([sys.argv[0], *(again or [*options, folder])], check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
