"""Dead letters: an event that can't be counted, kept untouched beside the reason."""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from schemas.cloudevents import attribute

_SIZES = struct.Struct("<III")
_NONE = 0xFFFFFFFF
_OURS = "pillarscore-"
_HEADERS = ("reason", "message", "topic", "partition", "offset", "timestamp")


@dataclass(slots=True, frozen=True)
class DeadLetter:
    """The record as it came (key, value, headers, all untouched) and why and where it was read."""

    reason: str
    message: str
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()

    def attribute(self, name: str) -> str:
        """An attribute of the event, such as `source`, as far as it can be read; empty where it can't."""
        return attribute(self.headers, self.value, name)

    def pack(self) -> bytes:
        """As bytes, for the way through a frame."""
        about = _dumps(
            [self.reason, self.message, self.topic, self.partition, self.offset, self.timestamp]
            + [[name, (value or b"").hex()] for name, value in self.headers]
        )
        key, value = self.key, self.value
        sizes = (len(about), _NONE if key is None else len(key), _NONE if value is None else len(value))
        return _SIZES.pack(*sizes) + about + (key or b"") + (value or b"")

    @classmethod
    def unpack(cls, data: bytes) -> "DeadLetter":
        """What `pack` packed."""
        about, key, value = _SIZES.unpack_from(data)
        at = _SIZES.size
        head = _loads(data[at : at + about])
        at += about
        reason, message, topic, partition, offset, timestamp, *headers = head
        end = at + (0 if key == _NONE else key)
        return cls(
            reason,
            message,
            topic,
            partition,
            offset,
            timestamp,
            None if key == _NONE else data[at:end],
            None if value == _NONE else data[end:],
            tuple((name, bytes.fromhex(text)) for name, text in headers),
        )

    def out_headers(self) -> list[tuple[str, bytes]]:
        """The headers of the record in `activity.dead-letters`: the original ones, then ours."""
        ours = [(_OURS + name, str(getattr(self, name)).encode()) for name in _HEADERS]
        return [(_writable(name), value) for name, value in self.headers] + ours

    @classmethod
    def from_record(
        cls, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]]
    ) -> "DeadLetter":
        """The letter that a record of `activity.dead-letters` is; ValueError when it is none."""
        original, ours = headers[: -len(_HEADERS)], headers[-len(_HEADERS) :]
        # ours are the last ones, so that headers of upstream by the same names stay upstream's
        if tuple(name for name, _ in ours) != tuple(_OURS + name for name in _HEADERS):
            raise ValueError("the record lacks the headers of a dead letter")
        reason, message, topic, *numbers = ((text or b"").decode("utf-8", "replace") for _, text in ours)
        partition, offset, timestamp = map(int, numbers)
        return cls(reason, message, topic, partition, offset, timestamp, key, value, tuple(original))


def _writable(name: str) -> str:
    """The name of a header as it can be written: bytes that are not UTF-8 are shown, as in `\\xff`."""
    try:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return name.encode("utf-8", "backslashreplace").decode()


def _dumps(value: list[object]) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # the name of a header is not UTF-8
        return json.dumps(value).encode()


def _loads(data: bytes) -> list[Any]:
    try:
        found: list[Any] = orjson.loads(data)
    except orjson.JSONDecodeError:
        found = json.loads(data)
    return found
