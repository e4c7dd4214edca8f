"""The published schemas, made from the types: JSON Schema of every record, and an AsyncAPI document.

    python -m schemas.export

writes them into `schemas/json/` and `schemas/asyncapi.json`; a test fails when they are not current. To
publish a new record, add it to `RECORDS`, and its topic to `CHANNELS`.
"""

import json
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

import schemas
from schemas.activities import DATA
from schemas.bands import BandChanged
from schemas.benchmarks import Benchmark
from schemas.distributions import Head
from schemas.events import STRICT, Base64, StrictTime, event_class
from schemas.examples import examples
from schemas.history import Day
from schemas.ledger import Stamp
from schemas.letters import DeadLetter
from schemas.network import NetworkStanding
from schemas.reasons import REASONS
from schemas.record_examples import FRAME_ROWS, LETTER, RECORD_EXAMPLES
from schemas.replays import Replay
from schemas.scores import Score

DIALECT = "https://json-schema.org/draft/2020-12/schema"

RECORDS: dict[str, Any] = {
    "event": STRICT,
    **{event_type: event_class(event_type, StrictTime, Base64) for event_type in DATA},
    "score": Score,
    "band.changed": BandChanged,
    "history.day": Day,
    "network.standing": NetworkStanding,
    "ledger.stamp": Stamp,
    "replay": Replay,
    "benchmark": Benchmark,
    "distribution.head": Head,
}
"""Everything published: name of the schema to its type (a model, a TypedDict, or a TypeAdapter)."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A topic: what it is for, whether we `receive` from it or `send` to it, and the names of its records.

    key: of its records, in words. examples: of a record that has no schema, as AsyncAPI has them.
    """

    topic: str
    action: str
    summary: str
    key: str
    records: tuple[str, ...] = ()
    content_type: str = "application/json"
    headers: dict[str, Any] | None = None
    examples: tuple[dict[str, Any], ...] = ()


def _letter_headers() -> dict[str, Any]:
    """The schema of a dead letter's headers, of the names that are really written."""
    names = [name for name, _ in DeadLetter("", "", "", 0, 0, 0, None, None).out_headers()]
    properties: dict[str, Any] = {name: {"type": "string"} for name in names}
    for name in names:
        if name.endswith("-reason"):
            properties[name]["enum"] = list(REASONS)
    return {"type": "object", "properties": properties, "required": names}


def _letter_example() -> dict[str, Any]:
    """The example of a dead letter: the value of the event in text, and the headers that are added."""
    headers = {name: value.decode() for name, value in LETTER.out_headers()}
    return {"headers": headers, "payload": (LETTER.value or b"").decode()}


CHANNELS = (
    Channel(
        "activity.events",
        "receive",
        "Activity events of members, as CloudEvents 1.0.",
        "any; with the subject as key, a member's events stay in one partition",
        tuple(DATA),
    ),
    Channel(
        "activity.frames",
        "send",
        "Credits of members in Arrow micro-batches, by member partition. Internal.",
        "none",
        content_type="application/vnd.apache.arrow.stream",
        examples=(
            {"summary": "The rows of a frame; in Kafka they are Arrow columns.", "payload": FRAME_ROWS},
        ),
    ),
    Channel(
        "activity.dead-letters",
        "send",
        "Events that can't be counted, unchanged; headers with reason and origin are added.",
        "that of the event",
        content_type="application/octet-stream",
        headers=_letter_headers(),
        examples=(_letter_example(),),
    ),
    Channel(
        "activity.replays",
        "send",
        "Which dead letters were redriven. Internal.",
        "partition:offset of the letter",
        ("replay",),
    ),
    Channel(
        "member.scores",
        "send",
        "Compacted: the newest score of each member; no value: the member no longer has a score.",
        "the member",
        ("score",),
    ),
    Channel(
        "member.scores.shadow",
        "send",
        "The same by a second (shadow) rubric, if one is configured.",
        "the member",
        ("score",),
    ),
    Channel("member.bands", "send", "Band changes, for alerting.", "the member", ("band.changed",)),
    Channel(
        "member.history",
        "send",
        "Each member's score at the end of each day; no value: the record was deleted.",
        "date and member, as in `2026-11-20 m-1`",
        ("history.day",),
    ),
    Channel(
        "member.networks",
        "send",
        "Compacted: each member's rank among their connections; no value: no longer any connections.",
        "the member",
        ("network.standing",),
    ),
    Channel(
        "member.ledger",
        "send",
        "Compacted: the checkpoint of each partition: stamp, and state in blocks (Arrow). Internal.",
        "what the record is; `stamp` for the stamp",
        ("ledger.stamp",),
    ),
    Channel(
        "score.distributions",
        "send",
        "Compacted: all scores in columns, without names (Arrow), and a head for each partition. Internal.",
        "partition and part, as in `0/head`",
        ("distribution.head",),
    ),
    Channel(
        "score.benchmarks",
        "send",
        "Compacted: the newest benchmark of each cohort; no value: the cohort no longer has members.",
        "the cohort, as in `industry:software`",
        ("benchmark",),
    ),
)
"""All topics, as they are called without a prefix."""


def documents() -> dict[str, str]:
    """Path below `schemas/` to the text of each published file."""
    made = {f"json/{name}.json": _text(json_schema(name)) for name in RECORDS}
    return made | {"asyncapi.json": _text(asyncapi())}


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a record by its name."""
    record = RECORDS[name]
    adapter = record if isinstance(record, TypeAdapter) else TypeAdapter(record)
    # What others send is described as we accept it, what we send as we write it.
    mode: JsonSchemaMode = "validation" if name == "event" or name in DATA else "serialization"
    schema: dict[str, Any] = {"$schema": DIALECT} | adapter.json_schema(mode=mode)
    if name != "event":
        schema["examples"] = record_examples(name)
    return schema


def record_examples(name: str) -> list[dict[str, Any]]:
    """Examples of a record by its name, but for `event`, which is any of the types."""
    return examples(name) if name in DATA else list(RECORD_EXAMPLES[name])


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.1 document: every topic, its messages, and whether we send or receive."""
    messages: dict[str, Any] = {}
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for channel in CHANNELS:
        names = channel.records or (channel.topic,)
        for name in names:
            messages[name] = _message(name, channel)
        channels[channel.topic] = {
            "address": channel.topic,
            "description": channel.summary,
            "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        }
        operations[f"{channel.action}.{channel.topic}"] = {
            "action": channel.action,
            "channel": {"$ref": f"#/channels/{channel.topic}"},
            "messages": [{"$ref": f"#/channels/{channel.topic}/messages/{name}"} for name in names],
        }
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "Pillarscore",
            "version": "0.1.0",
            "description": "Live scores of the members of a professional network, from a stream of activity events.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }


def _message(name: str, channel: Channel) -> dict[str, Any]:
    key = {"type": "string", "description": channel.key}
    message: dict[str, Any] = {
        "name": name,
        "contentType": channel.content_type,
        "bindings": {"kafka": {"key": key, "bindingVersion": "0.5.0"}},
    }
    if channel.headers is not None:
        message["headers"] = channel.headers
    if name not in RECORDS:
        return message | {"summary": channel.summary, "examples": list(channel.examples)}
    message["payload"] = {
        "schemaFormat": f"application/schema+json;version={DIALECT.split('/')[4]}",
        "schema": {"$ref": f"./json/{name}.json"},
    }
    description = json_schema(name).get("description", "")
    message["summary"] = description.split("\n", 1)[0]
    message["examples"] = [{"payload": example} for example in record_examples(name)]
    return message


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write all documents beside this module, in folders that are there."""
    for path, text in documents().items():
        with open(f"{schemas.__path__[0]}/{path}", "w", encoding="utf-8", newline="\n") as file:
            file.write(text)


if __name__ == "__main__":
    main()
