"""What was sent to a Kafka from here: kept, so that `verify` can score the very same events from a file.

A part is one run of `publish`: its lines as they were sent (times moved), and a note with the offsets
they ended at. A part is of no use any more when the topic was made anew, which the offsets give away.
"""

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.errors import UserError
from agents.settings import Settings
from agents.topics import admin


@dataclass(slots=True)
class Part:
    """One run of publish: its file, number of events, and the next offset by partition."""

    file: Path
    about: str = ""
    events: int = 0
    next: dict[int, int] = field(default_factory=dict)

    def save(self) -> None:
        """Write the note: from now on the part counts as sent."""
        note = {"about": self.about, "events": self.events, "next": self.next}
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(note) + "\n")
        new.replace(_note(self.file))

    @classmethod
    def load(cls, file: Path) -> "Part":
        """The part that a file is."""
        note = json.loads(_note(file).read_text())
        return cls(file, note["about"], note["events"], {int(p): end for p, end in note["next"].items()})


class Played:
    """The parts sent to one Kafka under one prefix, in a folder of the state.

    ends: where the partitions of the events topic end now.
    """

    def __init__(self, folder: Path, ends: Mapping[int, int]) -> None:
        self.folder = folder
        self._ends = ends

    def parts(self) -> list[Part]:
        """The parts that are in the topic, in the order they were sent."""
        found = [Part.load(file) for file in sorted(self.folder.glob("*.gz")) if _note(file).exists()]
        return [part for part in found if self._holds(part.next)]

    def targets(self) -> dict[int, int]:
        """The next offset by partition after all that was sent."""
        found: dict[int, int] = {}
        for part in self.parts():
            for partition, end in part.next.items():
                found[partition] = max(end, found.get(partition, 0))
        return found

    def _holds(self, next_: Mapping[int, int]) -> bool:
        return all(self._ends.get(partition, 0) >= end for partition, end in next_.items())

    def new(self, name: str) -> Part:
        """A part to be sent, with a file name of its own."""
        self.folder.mkdir(parents=True, exist_ok=True)
        taken = [int(file.name[:4]) for file in self.folder.glob("[0-9][0-9][0-9][0-9]-*")]
        return Part(self.folder / f"{max(taken, default=0) + 1:04d}-{name}.ndjson.gz")


@contextmanager
def keeping(part: Part | None) -> Iterator["Keeper"]:
    """Write the lines of a part as they are sent; when that is broken off, what was written stays."""
    if part is None:
        yield Keeper(None)
        return
    try:
        with gzip.GzipFile(part.file, "wb", compresslevel=1, mtime=0) as file:
            yield Keeper(file)
    except OSError as error:
        raise UserError(f"{part.file} can't be written: {error.strerror}") from None


class Keeper:
    """Takes lines to keep, or lets them go."""

    def __init__(self, file: gzip.GzipFile | None) -> None:
        self._file = file

    def add(self, lines: Sequence[bytes]) -> None:
        """Keep the lines."""
        if self._file is not None and lines:
            self._file.write(b"\n".join(lines) + b"\n")


async def played(settings: Settings) -> Played:
    """What was sent to the settings' Kafka and prefix."""
    topic = settings.topic("events")
    async with admin(settings) as client:
        cluster = (await client.describe_cluster())["cluster_id"]
        count = sum(len(t["partitions"]) for t in await client.describe_topics() if t["topic"] == topic)
    name = "".join(c if c.isalnum() or c in "-_" else "_" for c in f"{cluster} {settings.prefix}".strip())
    return Played(settings.state_dir / "played" / name, await _ends(settings.broker, topic, count))


async def _ends(broker: str, topic: str, count: int) -> dict[int, int]:
    """Where the partitions end."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, enable_auto_commit=False)
    await consumer.start()
    try:
        ends = await consumer.end_offsets([TopicPartition(topic, p) for p in range(count)])
        return {tp.partition: end for tp, end in ends.items()}
    finally:
        await consumer.stop()


def _note(file: Path) -> Path:
    return file.with_name(file.name.removesuffix(".ndjson.gz") + ".json")
