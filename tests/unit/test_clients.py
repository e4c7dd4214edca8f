"""Every Kafka client is made in one place, so a setting of the connection has one place to enter."""

import re
from pathlib import Path

import agents

ROOT = Path(agents.__file__).parent
MADE = re.compile(
    r"(?<!class )\b(?:AIOKafkaConsumer|AIOKafkaProducer|AdminClient|AIOKafkaClient|faust\.App)\("
)


def test_clients_are_made_in_one_place():
    found = {
        str(file.relative_to(ROOT))
        for file in ROOT.rglob("*.py")
        if MADE.search(file.read_text(encoding="utf-8"))
    }
    assert found == {"kafka/clients.py", "adapters/frame_group.py"}
