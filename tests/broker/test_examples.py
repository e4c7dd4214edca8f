"""The sample producers in docs/examples, each on a real Kafka: every event is valid, and where its key belongs."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from aiokafka import TopicPartition

from agents.config.settings import Settings
from agents.kafka.multi_reader import partitions as reading
from pipeline.common.partitioner import partitions
from pipeline.intake.credit_rules import CREDITS, credits
from pipeline.intake.record_intake import Intake
from schemas.cloudevents import Mode, content_mode
from tests.kit.toolchains import ROOT, made, node_folder, require, run

EXAMPLES = ROOT / "docs" / "examples"
MEMBERS = ["cleo", "dan", "josé", *(f"m-{number}" for number in range(9))]
WITHIN_S = 120


def _python() -> list[str]:
    return [sys.executable, str(EXAMPLES / "publish.py")]


def _confluent() -> list[str]:
    script = (
        "python=$0 && $python -m venv --clear venv && venv/bin/python -m pip install -q -r requirements.txt"
    )
    folder = made(EXAMPLES / "confluent", "sh", "-c", script, sys.executable)
    return [str(folder / "venv" / "bin" / "python"), str(folder / "publish.py")]


def _java() -> list[str]:
    require("java", "mvn")
    folder = made(
        EXAMPLES / "java", "mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib"
    )
    return ["java", "-cp", str(folder / "lib" / "*"), str(folder / "Publish.java")]


def _go() -> list[str]:
    require("go")
    return [str(made(EXAMPLES / "go", "go", "build", "-o", "publish", ".") / "publish")]


def _node() -> list[str]:
    return ["node", str(node_folder(EXAMPLES / "node") / "publish.mjs")]


def _kcat() -> list[str]:
    require("kcat")
    return ["sh", str(EXAMPLES / "kcat" / "publish.sh")]


PRODUCERS: dict[str, Callable[[], list[str]]] = {
    "aiokafka": _python,
    "confluent-kafka": _confluent,
    "java": _java,
    "go": _go,
    "node": _node,
    "kcat": _kcat,
}


async def _records(settings: Settings) -> list[tuple[int, Any]]:
    """(partition, record) of all that there is."""
    tps = [TopicPartition(settings.topic("events"), number) for number in range(settings.event_partitions)]
    found = []
    async with reading(settings, tps) as all_of_them:
        for tp, (first, end) in (await all_of_them.bounds(tps)).items():
            async for record in all_of_them.read(tp, first, end):
                found.append((tp.partition, record))
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)  # the first time, packages are fetched and compiled
@pytest.mark.parametrize("mode", ["structured", "binary"])
@pytest.mark.parametrize("name", PRODUCERS)
async def test_what_a_sample_producer_sends_counts_and_is_where_its_key_belongs(
    live: Settings, name: str, mode: str
) -> None:
    command = [*PRODUCERS[name](), live.broker, mode, *MEMBERS]
    run(command, ROOT, within_s=WITHIN_S, environment=os.environ | {"TOPIC": live.topic("events")})
    found = await _records(live)
    records = [record for _, record in found]
    assert {content_mode(record.headers, record.value) for record in records} == {Mode(mode)}
    sources = np.array([partition for partition, _ in found])
    rows = Intake(live.hash_seed, 900_000, credits(5)).rows(records, sources, "")
    assert not rows.letters
    assert sorted(rows.member.to_pylist()) == sorted(MEMBERS)
    assert set(rows.signals.tolist()) == {CREDITS["activity.post.published"]({"media": True})[0]}
    keys = pa.array([record.key.decode() for record in records])
    assert keys.to_pylist() == rows.member.to_pylist()
    assert sources.tolist() == partitions(keys, live.event_partitions).tolist()


@pytest.mark.slow
async def test_without_its_setting_kcat_uses_other_partitions(live: Settings) -> None:
    """The reason for the setting. If this fails, librdkafka has another default, and the page is to be changed."""
    require("kcat")
    topic = live.topic("events")
    lines = "".join(f"{member}\t{{}}\n" for member in MEMBERS)
    subprocess.run(
        ["kcat", "-P", "-b", live.broker, "-t", topic, "-K", "\t"],
        input=lines.encode(),
        check=True,
        timeout=WITHIN_S,
    )
    found = await _records(live)
    keys = pa.array([record.key.decode() for _, record in found])
    assert [partition for partition, _ in found] != partitions(keys, live.event_partitions).tolist()


def test_builds_name_no_addresses() -> None:
    """Packages come from wherever the reader's tools are set up to take them from."""
    for path in EXAMPLES.rglob("*"):
        if path.is_file():
            found = set(re.findall(r"\w+://[^\s\"<>]+", path.read_text(encoding="utf-8")))
            assert found <= {"http://maven.apache.org/POM/4.0.0"}, path
    assert not [*EXAMPLES.rglob("*lock*")]
