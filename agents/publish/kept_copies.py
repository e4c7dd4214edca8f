"""What was sent to a Kafka from here: kept, so that `verify` can score the very same events from a file.

A part is one run of `publish`: its lines as they were sent (times moved), and a note with where and when
they ended in the topic. A part is useless once the topic has been recreated.
"""

import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.kafka import clients
from agents.kafka.clients import admin


@dataclass(slots=True)
class KeptCopy:
    """One run of publish: its file and number of events; by partition the next offset, and Kafka's time (ms)
    of the last batch."""

    file: Path
    about: str = ""
    events: int = 0
    next: dict[int, int] = field(default_factory=dict)
    last: dict[int, int] = field(default_factory=dict)

    @property
    def pending(self) -> bool:
        """Whether there is a file that was never noted as sent."""
        return self.file.exists() and not _note(self.file).exists()

    def forget(self) -> None:
        """Remove what there is of it."""
        _note(self.file).unlink(missing_ok=True)
        self.file.unlink(missing_ok=True)

    def save(self) -> None:
        """Write the note: from now on the part counts as sent."""
        note = {"about": self.about, "events": self.events, "next": self.next, "last": self.last}
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(note) + "\n")
        new.replace(_note(self.file))

    @classmethod
    def load(cls, file: Path) -> "KeptCopy":
        """The part that a file is."""
        note = json.loads(_note(file).read_text())
        next_, last = ({int(p): number for p, number in note[name].items()} for name in ("next", "last"))
        return cls(file, note["about"], note["events"], next_, last)


@dataclass(slots=True)
class KeptCopies:
    """The parts that were sent to one Kafka under one prefix and are in its topic, in that order.

    folder: where they are kept, below the state folder.
    """

    folder: Path
    parts: list[KeptCopy]

    def targets(self) -> dict[int, int]:
        """The next offset by partition after all that was sent."""
        found: dict[int, int] = {}
        for part in self.parts:
            for partition, end in part.next.items():
                found[partition] = max(end, found.get(partition, 0))
        return found

    def new(self, name: str) -> KeptCopy:
        """A part to be sent, with a file name of its own."""
        self.folder.mkdir(parents=True, exist_ok=True)
        taken = [int(file.name[:4]) for file in self.folder.glob("[0-9][0-9][0-9][0-9]-*")]
        return KeptCopy(self.folder / f"{max(taken, default=0) + 1:04d}-{name}.ndjson.gz")


@contextmanager
def keeping(part: KeptCopy | None) -> Iterator["Keeper"]:
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


async def played(settings: Settings) -> KeptCopies:
    """What was sent to the settings' Kafka and prefix."""
    async with admin(settings) as client:
        cluster = (await client.describe_cluster())["cluster_id"]
    name = "".join(c if c.isalnum() or c in "-_" else "_" for c in f"{cluster} {settings.prefix}".strip())
    folder = settings.state_dir / "played" / name
    found = [KeptCopy.load(file) for file in sorted(folder.glob("*.gz")) if _note(file).exists()]
    if not found:
        return KeptCopies(folder, [])
    consumer = clients.consumer(settings)
    await consumer.start()
    try:
        topic = settings.topic("events")
        return KeptCopies(folder, [part for part in found if await _holds(consumer, topic, part)])
    finally:
        await consumer.stop()


async def _holds(consumer: AIOKafkaConsumer, topic: str, part: KeptCopy) -> bool:
    """Whether the topic has the part: a record of its time before its end, unless that is gone by age."""
    times = {TopicPartition(topic, partition): at for partition, at in part.last.items()}
    if not times:
        return True
    first = await consumer.beginning_offsets(list(times))
    for tp, found in (await consumer.offsets_for_times(times)).items():
        there = found is not None and found.timestamp == times[tp] and found.offset < part.next[tp.partition]
        if not there and first[tp] < part.next[tp.partition]:
            return False
    return True


def _note(file: Path) -> Path:
    return file.with_name(file.name.removesuffix(".ndjson.gz") + ".json")
