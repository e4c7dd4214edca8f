"""The owner of a score partition, from assignment to revocation: one session after the other.

The group delivers frames, but is not trusted to deliver all of them: a session goes on from its own stamp,
fetches what is missing itself, and drops what it has had. Nothing it raises leaves the runner: it restores again.
"""

import asyncio

from agents.kafka.errors import Fenced
from agents.metrics.lag import Lag
from agents.ports import TopicPartition, wait
from agents.worker.context import Context
from agents.worker.ending import end
from agents.worker.fencing import owned_again
from agents.worker.inbox import Inbox
from agents.worker.ledger import Committed
from agents.worker.lifecycle import PARTITION, PartitionState, StateMachine
from agents.worker.network_refresh import NetworkRefresh
from agents.worker.partition_failure import report_failure
from agents.worker.partition_session import PartitionSession
from agents.worker.refill import Refill
from pipeline.common.units import Offset
from pipeline.shard.shard import Shard
from schemas.ledger import Stamp


class PartitionRunner:
    """Starts, ends and restarts the sessions of a partition."""

    def __init__(self, context: Context, partition: int) -> None:
        self.context = context
        self.partition = partition
        self.where = f"partition {partition}"
        self._metrics = context.metrics.of(partition)
        self._life = StateMachine(PARTITION, PartitionState.RESTORING)
        self._inbox = Inbox()
        self._wake = asyncio.Event()
        self._session = self._new_session()
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._ending = False

    def _new_session(self) -> PartitionSession:
        return PartitionSession(self.context, self.partition, self._life, inbox=self._inbox, wake=self._wake)

    @property
    def state(self) -> PartitionState:
        """Where in its life the partition is."""
        return self._life.state

    @property
    def live(self) -> bool:
        """Whether it is restored and serves."""
        return self._session.live

    @property
    def shard(self) -> Shard | None:
        """Its state; None while the ledger is read."""
        return self._session.shard

    @property
    def stamp(self) -> Stamp | None:
        """The last one committed."""
        return self._session.output.stamp

    @property
    def progress(self) -> float:
        """Of the restore, 0 to 1."""
        return self._session.progress

    @property
    def restore_s(self) -> float:
        """How long the last restore took, or the one under way has taken so far."""
        return self._session.elapsed()

    @property
    def networks(self) -> NetworkRefresh:
        """Of the members."""
        return self._session.networks

    @property
    def refill(self) -> Refill:
        """What reads missing events again."""
        return self._session.refill

    @property
    def last_committed(self) -> Committed | None:
        """The last transaction; None when there was none, or while it restores."""
        return self._session.ledger.last if self.live else None

    def emit_again(self) -> None:
        """Emit all scores again, a block at a time, as in a rollover."""
        if self.shard is not None and self.live:
            self.shard.rollover.restart()

    def lag(self) -> Lag | None:
        """How far it is behind the frames, also while it restores; None: another worker has it."""
        if self.state == PartitionState.FENCED:
            return None
        frames = TopicPartition(self.context.settings.topic("frames"), self.partition)
        session = self._session
        return self.context.ends.lag(frames, session.position, session.newest, end=self._inbox.end)

    def start(self) -> None:
        """Begin restoring, then serving."""
        self._task = asyncio.create_task(self._run(), name=f"runner-{self.partition}")

    def renew(self) -> None:
        """The group has assigned the partition again."""
        if not self.live:
            self._wake.set()

    async def stop(self) -> None:
        """Commit what is done and let go of the partition; what takes too long is left to the next owner."""
        was_live = self.live
        self._ending = True
        if self.state != PartitionState.STOPPED:
            self._life.move(PartitionState.STOPPING)
        self._wake.set()
        self._inbox.release()
        if self._task is not None:
            await end(self._task, self.context.clock, has_work=was_live)
        self.context.health.clear_all(self.where)

    async def offer(self, offset: int, timestamp: int, data: bytes | None) -> None:
        """A frame from the group; waits while the inbox is full. While restoring, it is left to be fetched."""
        if self.live:
            self._inbox.put((Offset(offset), timestamp, data))
            self._wake.set()
            await self._inbox.room(lambda: self.live and not self._stopping())

    def _stopping(self) -> bool:
        return self._ending

    async def _run(self) -> None:
        try:
            await self._sessions()
        finally:
            if self._ending and self.state != PartitionState.STOPPED:
                self._life.move(PartitionState.STOPPING)
                self._life.move(PartitionState.STOPPED)

    async def _sessions(self) -> None:
        while not self._stopping():
            rest = 0.0
            try:
                await self._session.run()
            except Exception as error:
                rest = await self._after(error)
            finally:
                await self._session.close()
            if self._stopping():
                return
            if rest:
                self._wake.clear()
                await wait(self._wake, self.context.clock, rest)
            if self._stopping():
                return
            self._life.move(PartitionState.RESTORING)
            before, self._session = self._session, self._new_session()
            self._session.scored, self._session.newest = before.scored, before.newest

    async def _after(self, error: Exception) -> float:
        """Report what ended a session; the seconds to rest before the next."""
        if isinstance(error, Fenced):
            return await self._after_fencing()
        if not self._stopping():
            self._life.move(PartitionState.PARKED)
        # a session that has committed was well: what ended it is its first failure
        self._failures = 1 if self.stamp is not None else self._failures + 1
        return report_failure(self.context, self.partition, error, failures=self._failures)

    async def _after_fencing(self) -> float:
        self._wake.clear()
        if not self._stopping():
            self._life.move(PartitionState.FENCED)
        self._metrics.fenced.inc()
        await owned_again(self.context, self.partition, self._wake, ending=lambda: self._ending)
        return 0.0
