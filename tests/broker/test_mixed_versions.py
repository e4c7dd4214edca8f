"""Workers of the previous version and of this one together, in every order: for a release, by hand.

PREVIOUS names a work tree of the previous version; without it there is nothing to run. What CI can test of it, that
this version reads what the previous one wrote, is in tests/property/test_recovery.py.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

import agents
from agents.config.settings import Settings
from agents.queries.commit_progress import counted
from perf.worker_process import Worker, wait_shared
from pipeline.common import days
from tests.broker.test_backup import environment
from tests.kit.chaos import ends, outcome, publish, random_values
from tests.kit.events import DAY
from tests.kit.recording import record

PREVIOUS = os.environ.get("PREVIOUS", "")
MANY = int(os.environ.get("MIXED_EVENTS", "20000"))
WAIT_S = 120
pytestmark = [
    pytest.mark.skipif(not PREVIOUS, reason="PREVIOUS names no work tree of the previous version"),
    pytest.mark.timeout(900),
]


@contextmanager
def worker(settings: Settings, log: Path, old: bool) -> Iterator[Worker]:
    prefix = ["env", "-C", PREVIOUS, f"PYTHONPATH={PREVIOUS}"] if old else []
    running = Worker(environment(settings), log, prefix=prefix)
    try:
        running.wait_ready(WAIT_S)
        yield running
    finally:
        running.stop()


async def test_both_versions_count_every_event_once(live: Settings, tmp_path: Path) -> None:
    values, bad = random_values(71, MANY, members=1500)
    # bad in both versions; what is an event was made more precise since
    values, bad = [v for v in values if v not in set(bad)] + [b"{oops"] * 20, [b"{oops"] * 20
    bounds = iter([len(values) * part // 6 for part in range(7)])
    start = next(bounds)

    async def go_on(*running: Worker) -> None:
        nonlocal start
        if len(running) > 1:
            await asyncio.to_thread(wait_shared, *running, seconds=WAIT_S)
        stop = next(bounds)
        await publish(live, values, start, stop)
        start = stop
        targets = await ends(live, "events", live.event_partitions)
        assert await counted(live, targets, within_s=WAIT_S), [one.log for one in running]

    with worker(live, tmp_path / "old-1.log", old=True) as old:
        await go_on(old)
        if recording := os.environ.get("RECORD"):
            await record(live, ["ledger", "frames", "scores"], Path(recording))
        with worker(live, tmp_path / "new-1.log", old=False) as new:
            await go_on(old, new)
            old.stop(kill=True)  # the new one takes over what the old one has counted
            await go_on(new)
            with worker(live, tmp_path / "old-2.log", old=True) as old:
                await go_on(new, old)
                new.stop(kill=True)  # rolled back: the old one takes over what the new one has counted
                await go_on(old)
    with worker(live, tmp_path / "new-2.log", old=False) as new:
        await go_on(new)
    assert start == len(values)
    found = await outcome(live, values, bad, tmp_path)
    changed = await asyncio.to_thread(meaning_changed, values, tmp_path)
    print(
        f"{len(found.differences)} differences, {len(changed)} members whose events mean something else now"
    )
    replace(found, differences=[one for one in found.differences if one.member not in changed]).check()


def meaning_changed(values: list[bytes], folder: Path) -> set[str]:
    """The members whose score the two versions compute differently from the same file."""
    (folder / "all.ndjson").write_bytes(b"".join(value + b"\n" for value in values))
    found = []
    for version in (PREVIOUS, str(Path(agents.__file__).parents[1])):
        out = folder / f"scores-{len(found)}.ndjson"
        command = [
            sys.executable,
            "-m",
            "agents.cli",
            "score",
            str(folder / "all.ndjson"),
            "--format",
            "ndjson",
        ]
        subprocess.run(
            [*command, "--as-of", days.calendar(DAY).isoformat(), "--out", str(out)],
            cwd=version,
            env=os.environ | {"PYTHONPATH": version},
            check=True,
            capture_output=True,
            timeout=WAIT_S,
        )
        lines = map(orjson.loads, out.read_bytes().splitlines())
        found.append({one["member"]: (one["score"], one["pillars"]) for one in lines})
    old, new = found
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
