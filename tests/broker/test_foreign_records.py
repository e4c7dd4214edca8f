"""Foreign records in every topic of ours, on a real Kafka: workers go on, and no command ends with a traceback."""

import asyncio
from pathlib import Path

import pytest

from agents.cli import _run
from agents.config.settings import Settings
from perf.worker_process import Worker
from schemas.distributions import head_key
from schemas.ledger import block_key
from tests.kit.chaos import publish, random_values, send_raw, until
from tests.kit.events import member
from tests.kit.faults import wait_counted

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(600)]
GARBAGE = [(b"hello", b"world"), (b"\xff\xfe", b"\xff\x00")]
KEYLESS = [*GARBAGE, (None, b"\xff\x00")]  # Kafka takes none in a topic that is compacted
FOREIGN = {
    "ledger": [*GARBAGE, (block_key(0), b"garbage")],
    "frames": KEYLESS,
    "scores": [*GARBAGE, (member(1).encode(), b"garbage")],
    "distributions": [*GARBAGE, (head_key(0), b'{"version":99}')],
    "benchmarks": [*GARBAGE, (b"everyone", b"[]")],
    "history": [*GARBAGE, (f"2025-01-01:{member(1)}".encode(), b"[]")],
    "bands": GARBAGE,
    "networks": [*GARBAGE, (member(1).encode(), b"{}")],
    "dead-letters": KEYLESS,
}
COMMANDS = [
    ["status", "--json"],
    ["benchmarks"],
    ["explain", member(1)],
    ["history", member(1)],
    ["team", member(1), member(2)],
    ["whatif", member(1)],
    ["dead-letters", "list"],
    ["ledger", "show"],
    ["ledger", "losses"],
    ["ledger", "repair"],
    ["verify"],
]


async def test_no_worker_and_no_command_ends_with_a_traceback(
    live: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = {"PILLARSCORE_BROKER": live.broker, "PILLARSCORE_PREFIX": live.prefix}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    values, _ = random_values(8, 3_000, members=300)
    log = tmp_path / "worker.log"
    worker = Worker(environment | {"PILLARSCORE_BLOCK_CYCLE_S": "1", "PILLARSCORE_COHORT_MINIMUM": "1"}, log)
    try:
        await asyncio.to_thread(worker.wait_ready)
        await publish(live, values, 0, 2_000)
        await wait_counted(live, 2_000)
        for short, records in FOREIGN.items():
            await send_raw(live, short, 0, *records)
        await publish(live, values, 2_000)
        await wait_counted(live, len(values))
        await until(lambda: any("is ignored" in line for line in worker.problems()), what="it is reported")
    finally:
        worker.stop()
    worker = Worker(environment | {"PILLARSCORE_BLOCK_CYCLE_S": "1"}, tmp_path / "second.log")
    try:
        await asyncio.to_thread(worker.wait_metric, "pillarscore_partition_live", live.frame_partitions)
        capsys.readouterr()
        for command in COMMANDS:
            code = await asyncio.to_thread(_run, command)
            out, err = capsys.readouterr()
            assert code in (0, 1, 2), command
            assert "Traceback" not in out + err, command
    finally:
        worker.stop()
    for file in (log, tmp_path / "second.log"):
        assert "Traceback" not in file.read_text(encoding="utf-8"), file
    code = await asyncio.to_thread(
        _run, ["ledger", "repair", "--rewrite", "--quarantine", str(tmp_path / "kept.ndjson")]
    )
    out, err = capsys.readouterr()
    assert code == 0, out + err
    assert (tmp_path / "kept.ndjson").read_bytes().count(b"\n") >= 1
    assert await asyncio.to_thread(_run, ["ledger", "repair"]) == 0, capsys.readouterr()
    last = Worker(environment, tmp_path / "third.log")
    try:
        await asyncio.to_thread(last.wait_metric, "pillarscore_partition_live", live.frame_partitions)
    finally:
        last.stop()
