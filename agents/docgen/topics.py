"""The reference page of topics and of the records in them, made from the topics and the schemas."""

from typing import Any

from pydantic import BaseModel

from agents.config.settings import Settings
from agents.kafka.topics import Topic, specs
from agents.kafka.topology import ROLES
from schemas.bands import BandChanged
from schemas.benchmarks import Benchmark
from schemas.history import Day
from schemas.letters import DeadLetter
from schemas.network import NetworkStanding
from schemas.reasons import REASONS
from schemas.replays import Replay
from schemas.scores import Score

_INTRODUCTION = """# Topics

Made by `make docs` from `agents/kafka/topics.py` and `schemas/`; don't edit.

All topics are made by whatever starts first (`pillarscore topics` makes and lists them), never by accident.
[`PILLARSCORE_PREFIX`](settings.md) stands before every name. Numbers of partitions are the defaults.
"""

_LETTERS = """## Records of `activity.dead-letters`

Key, value and headers are those of the event, untouched. To the headers these are added, all of them text:

| Header | Meaning |
| --- | --- |
"""
_HEADERS = {
    "reason": "Reason code; one of the list below.",
    "message": "One line that names the field and what is wrong with it.",
    "topic": "Where the event came from.",
    "partition": "Partition of that topic.",
    "offset": "Offset in that partition.",
    "timestamp": "Kafka's timestamp of the event, ms since 1970 UTC.",
}

_RECORDS: dict[str, tuple[type[BaseModel], str]] = {
    "replays": (
        Replay,
        "Keyed by the letter's place, `partition:offset`; written in the transaction that sends the event, "
        "which has the same place in its header `pillarscore-letter`.",
    ),
    "scores": (
        Score,
        "Keyed by member. A record without a value (a tombstone) means that the member has no score any "
        "more. [How to read scores](../how-to/read-scores.md) says what to do with revisions.",
    ),
    "bands": (BandChanged, "Keyed by member; sent in the transaction of the score that made the change."),
    "history": (
        Day,
        "Keyed by date and member (`2026-11-20 m-1`). Written once, after the day's end. A record without a "
        "value takes the day back, for an erased member.",
    ),
    "benchmarks": (
        Benchmark,
        "Keyed by cohort. A record without a value means that nobody is in the cohort any more. "
        "[Ranks](../explanation/ranks.md) defines what is in them.",
    ),
    "networks": (
        NetworkStanding,
        "Keyed by member. A record without a value: the member has no connections any more. "
        "[How networks are kept](../explanation/network.md) says who counts.",
    ),
}


def render() -> str:
    """The page, as Markdown that ends with a newline."""
    settings = Settings.model_construct(**{k: f.default for k, f in Settings.model_fields.items()})
    rows = ["| Topic | Partitions | Kept | For |", "| --- | --- | --- | --- |"]
    used = {short for role in ROLES for short in (*role.reads, *role.writes)}
    for topic in specs(settings):
        why = topic.why if topic.short in used else f"{topic.why} (no role writes it yet)"
        rows.append(f"| `{settings.topic(topic.short)}` | {topic.partitions} | {_kept(topic)} | {why} |")
    parts = [_INTRODUCTION, "\n".join(rows) + "\n", _configs(settings)]
    for short, (model, about) in _RECORDS.items():
        parts.append(f"## Records of `{settings.topic(short)}`\n\n{about}\n\n{_fields(model)}\n")
    return "\n".join([*parts, _letters()])


def _kept(topic: Topic) -> str:
    days = int(topic.configs["retention.ms"]) // 86_400_000 if "retention.ms" in topic.configs else None
    how = "compacted" if "compact" in topic.policy else ""
    return ", ".join(filter(None, [how, f"{days} days" if days else ""]))


def _configs(settings: Settings) -> str:
    rows = ["## Configuration", "", "What they are made with, beside the broker's defaults:", ""]
    for topic in specs(settings):
        listed = ", ".join(f"`{name}={value}`" for name, value in sorted(topic.configs.items()))
        rows.append(f"- `{settings.topic(topic.short)}`: {listed}")
    return "\n".join(rows) + "\n"


def _fields(model: type[BaseModel]) -> str:
    """The table of a record's fields, those of its parts under dotted names."""
    schema = model.model_json_schema(mode="serialization", by_alias=True)
    rows = ["| Field | Type | Meaning |", "| --- | --- | --- |"]
    rows += [f"| `{name}` | {kind} | {text} |" for name, kind, text in _walk(schema, schema, "")]
    return "\n".join(rows)


def _walk(schema: dict[str, Any], node: dict[str, Any], prefix: str) -> list[tuple[str, str, str]]:
    found = []
    for name, field in node.get("properties", {}).items():
        options = [_resolved(schema, one) for one in field.get("anyOf", [field])]
        kind = " or ".join(dict.fromkeys(_kind(one) for one in options))
        found.append((prefix + name, kind, field.get("description", "")))
        for option in options:
            found += _walk(schema, option, f"{prefix}{name}.")
    return found


def _resolved(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    return node


def _kind(node: dict[str, Any]) -> str:
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    if node.get("format") == "date":
        return "date"
    low, high = node.get("minimum"), node.get("maximum")
    bounds = f" {low:g}–{high:g}" if low is not None and high is not None else ""
    return str(node.get("type", "any")) + bounds


def _letters() -> str:
    names = [name for name, _ in DeadLetter("", "", "", 0, 0, 0, None, None).out_headers()]
    rows = [f"| `{name}` | {_HEADERS[name.removeprefix('pillarscore-')]} |" for name in names]
    return _LETTERS + "\n".join(rows) + "\n\nReason codes: " + ", ".join(f"`{r}`" for r in REASONS) + "\n"
