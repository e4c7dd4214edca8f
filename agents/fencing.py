"""Being fenced, said as such: aiokafka notices it in a task of its own, and calls what comes then illegal."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from aiokafka import AIOKafkaProducer
from aiokafka.errors import IllegalOperation


@contextmanager
def told(producer: AIOKafkaProducer) -> Iterator[None]:
    """Raise what ended the producer's transactions (ProducerFenced, mostly) instead of what aiokafka says."""
    try:
        yield
    except (IllegalOperation, AssertionError):  # the latter from its state machine, when committing
        manager = producer._txn_manager
        if manager is not None and manager.is_fatal_error() and manager._transaction_waiter.done():
            cause = manager._transaction_waiter.exception()
            if cause is not None:
                raise cause from None
        raise


@asynccontextmanager
async def all_told(producer: AIOKafkaProducer) -> AsyncIterator[None]:
    """The same about a whole transaction of aiokafka's own, its commit too."""
    with told(producer):
        yield
