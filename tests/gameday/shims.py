"""The programs that the runbook names, as an operator has them: `pillarscore`, and Kafka's tools out of its jars."""

import os
import sys
from pathlib import Path

from agents.local.kafka_jars import fetch
from tests.kit.cluster import JARS
from tests.kit.dashboards import ROOT

KAFKA_TOOLS = {
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-configs": "kafka.admin.ConfigCommand",
    "kafka-log-dirs": "org.apache.kafka.tools.LogDirsCommand",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
}
"""Each of Kafka's tools, and the class that it starts."""
_JAVA = (
    "java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx256m -Dorg.slf4j.simpleLogger.defaultLogLevel=error"
)


def make(folder: Path) -> dict[str, str]:
    """Write the programs into a folder; the environment in which they are found."""
    folder.mkdir(parents=True)
    libs = fetch(JARS, lambda line: None)
    for name, java_class in KAFKA_TOOLS.items():
        _write(folder / name, f'exec {_JAVA} -cp "{libs}/*" {java_class} "$@"')
    _write(folder / "pillarscore", f'PYTHONPATH="{ROOT}" exec "{sys.executable}" -m agents.cli "$@"')
    return {"PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def _write(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
