"""How far frames should reach by what ingest has committed, and how far they do: the two must meet everywhere.

Ingest commits an offset only when every partition of frames has acknowledged a frame that covers it. So a
partition all of whose frames are counted has counted up to there; if it has not, frames are gone.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agents.config.settings import Settings
from agents.ports import Clock, Log, Offsets
from agents.worker.offset_watch import OffsetWatch

EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Promise:
    """committed: by source partition what ingest had committed; end: of the frames, looked up after that."""

    committed: dict[int, int]
    end: int


class Coverage(OffsetWatch):
    """Promises of the frame partitions that `owned` names."""

    def __init__(
        self, topics: Log, clock: Clock, settings: Settings, *, owned: Callable[[], Iterable[int]]
    ) -> None:
        super().__init__(topics, clock, name="coverage", every_s=EVERY_S)
        self._settings = settings
        self._owned = owned
        self._known: dict[int, Promise] = {}

    def of(self, partition: int) -> Promise | None:
        """The newest promise of a frame partition."""
        return self._known.get(partition)

    async def _look(self, offsets: Offsets) -> None:
        s = self._settings
        owned = list(self._owned())
        if not owned:
            self._known = {}
            return
        committed = await offsets.committed(f"{s.prefix}ingest", s.topic("events"))
        ends = await offsets.ends(s.topic("frames"), owned)
        self._known = {partition: Promise(committed, end) for partition, end in ends.items()}
