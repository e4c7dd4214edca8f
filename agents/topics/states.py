"""Topics as they are, asked of Kafka, and changes to their configs."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int8, Int16, Int32, Schema, String

from agents.config.errors import UserError
from agents.connection import refusals
from agents.kafka.internals import ask
from agents.topics.requirements import COMPARED, State

TOPIC, SET, UNKNOWN_TOPIC = 2, 0, 3
PATIENCE_S = 10.0
"""How long one broker may take to learn of a topic that another one has."""


async def states(client: Any, names: Iterable[str], optional: Iterable[str] = ()) -> dict[str, State]:
    """Those of the topics that are there. optional: whose configs need not be readable.

    client: an admin client. Raises UserError.
    """
    wanted, deadline = {*names, *optional}, time.monotonic() + PATIENCE_S
    while True:
        # all topics, since asking for a name that is not there may make it where Kafka is set to do that
        found = {
            topic["topic"]: topic for topic in await client.describe_topics() if topic["topic"] in wanted
        }
        configs = await _configs(client, sorted(found), set(optional), patient=time.monotonic() < deadline)
        if configs is not None:
            break
        await asyncio.sleep(0.05)
    return {
        name: State(
            len(topic["partitions"]),
            min((len(one["replicas"]) for one in topic["partitions"]), default=0),
            configs.get(name, {}),
        )
        for name, topic in found.items()
    }


async def _configs(
    client: Any, names: list[str], optional: set[str], *, patient: bool
) -> dict[str, dict[str, str]] | None:
    """By topic; None when a broker does not know a topic yet (or any more) that another one has listed."""
    if not names:
        return {}
    asked = [ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(COMPARED)) for name in names]
    found = {}
    for answer in await client.describe_configs(asked):
        for code, message, _, name, entries in answer.resources:
            if code == UNKNOWN_TOPIC and patient:
                return None
            if code and name in optional:
                continue
            raise_for(name, code, message)
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found


def raise_for(name: str, code: int, message: str | None) -> None:
    """Raise UserError for an error code about a topic."""
    if code:
        denied = refusals.denied(for_code(code)(name))
        raise UserError(denied or f"Topic {name}: {message or for_code(code).__name__}")


class _Response(Response):
    API_KEY = 44
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "responses",
            Array(
                ("error_code", Int16),
                ("error_message", String("utf-8")),
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
            ),
        ),
    )


class _Request(RequestStruct):
    API_KEY = 44
    API_VERSION = 0
    RESPONSE_TYPE = _Response
    SCHEMA = Schema(
        (
            "resources",
            Array(
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
                (
                    "configs",
                    Array(("name", String("utf-8")), ("operation", Int8), ("value", String("utf-8"))),
                ),
            ),
        ),
        ("validate_only", Boolean),
    )


class _IncrementalAlterConfigs(Request[_Request]):
    """KIP-339: changes what is named and leaves the rest; aiokafka only has the request that resets the rest."""

    API_KEY = 44

    def __init__(self, changes: Mapping[str, Mapping[str, str]]) -> None:
        self._changes = changes

    def build(self, request_struct_class: type[_Request]) -> _Request:
        resources = [
            (TOPIC, name, [(key, SET, value) for key, value in configs.items()])
            for name, configs in self._changes.items()
        ]
        return request_struct_class(resources, False)


async def change(client: AIOKafkaAdminClient, changes: Mapping[str, Mapping[str, str]]) -> None:
    """Set configs, by topic; all others stay. client: an admin client. Raises UserError."""
    answer = await ask(client, _IncrementalAlterConfigs(changes))
    for code, message, _, name in answer.responses:
        raise_for(name, code, message)
