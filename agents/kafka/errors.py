"""What Kafka can answer to a transaction that its sender has to act on."""

from aiokafka.errors import KafkaError, ProducerFenced

from agents.connection.refusals import denied


class Fenced(Exception):
    """Another producer has the transactional id now: what was open is aborted, and nothing more can be sent."""


class ProduceFailed(Exception):
    """Kafka did not take records of a transaction, so it can't be committed."""

    def __init__(
        self, topic: str, partition: int, *, records: int, size_bytes: int, cause: BaseException
    ) -> None:
        self.__cause__ = cause
        super().__init__(
            f"Kafka refused {records} records ({size_bytes:,} bytes) for {topic} partition {partition}: "
            + (denied(cause) or repr(cause))
        )
        self.topic = topic
        self.partition = partition
        self.records = records
        self.size_bytes = size_bytes


class EndUnanswered(KafkaError):
    """Kafka did not answer the end of a transaction: whether it is committed is not known.

    The producer can't be used any more. Sending the request again under the same epoch would not be safe: the
    first one may still be on its way, and end the *next* transaction half-way. A new producer has another epoch,
    so that Kafka refuses the late request.
    """


def is_fencing(error: object) -> bool:
    """Whether an error is aiokafka's word for being fenced."""
    return isinstance(error, ProducerFenced)
