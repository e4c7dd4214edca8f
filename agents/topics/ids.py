"""The ids of topics, which aiokafka's own request is too old to ask for (KIP-516)."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from aiokafka import errors
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol import types
from aiokafka.protocol.api import Request, RequestStruct, Response

from agents.kafka.brokers import any_node


class _Uuid:
    """Kafka's type of 16 bytes."""

    @classmethod
    def encode(cls, value: UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: Any) -> UUID:
        return UUID(bytes=data.read(16))

    @classmethod
    def repr(cls, value: UUID) -> str:
        return str(value)


_TEXT = types.CompactString("utf-8")
_TAGS = ("tags", types.TaggedFields)
_BROKER = (("node_id", types.Int32), ("host", _TEXT), ("port", types.Int32), ("rack", _TEXT), _TAGS)
_PARTITION = (
    ("error_code", types.Int16),
    *((name, types.Int32) for name in ("partition", "leader", "leader_epoch")),
    *((name, types.CompactArray(types.Int32)) for name in ("replicas", "isr", "offline_replicas")),
    _TAGS,
)


class _MetadataResponse_v12(Response):
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = types.Schema(
        ("throttle_time_ms", types.Int32),
        ("brokers", types.CompactArray(*_BROKER)),
        ("cluster_id", _TEXT),
        ("controller_id", types.Int32),
        (
            "topics",
            types.CompactArray(
                ("error_code", types.Int16),
                ("topic", _TEXT),
                ("topic_id", _Uuid),
                ("is_internal", types.Boolean),
                ("partitions", types.CompactArray(*_PARTITION)),
                ("authorized_operations", types.Int32),
                _TAGS,
            ),
        ),
        _TAGS,
    )


class _MetadataRequest_v12(RequestStruct):
    API_KEY = 3
    API_VERSION = 12
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _MetadataResponse_v12
    SCHEMA = types.Schema(
        ("topics", types.CompactArray(("topic_id", _Uuid), ("topic", _TEXT), _TAGS)),
        ("allow_auto_topic_creation", types.Boolean),
        ("include_topic_authorized_operations", types.Boolean),
        _TAGS,
    )


class _TopicIds(Request[_MetadataRequest_v12]):
    """Metadata with topic ids (KIP-516), which aiokafka's own request is too old for."""

    API_KEY = 3

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_MetadataRequest_v12]) -> _MetadataRequest_v12:
        asked: list[Any] = [(UUID(int=0), topic, {}) for topic in self._topics]
        return request_struct_class(asked, False, False, {})


async def topic_ids(client: AIOKafkaClient, topics: Sequence[str]) -> dict[str, str]:
    """The ids of those of the topics that exist, by name: a topic that is created again has another id.

    client: bootstrapped. Raises KafkaError.
    """
    return {name: id_ for name, (id_, _) in (await topic_sizes(client, topics)).items()}


async def topic_sizes(client: AIOKafkaClient, topics: Sequence[str]) -> dict[str, tuple[str, int]]:
    """As `topic_ids`, with the number of partitions."""
    answer = await client.send(await any_node(client), _TopicIds(topics))
    found = {}
    for code, name, id_, _, partitions, *_ in answer.topics:
        if code == 0:
            found[name] = str(id_), len(partitions)
        elif code != errors.UnknownTopicOrPartitionError.errno:
            raise errors.for_code(code)(name)
    return found
