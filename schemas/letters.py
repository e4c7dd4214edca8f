"""Dead letters: an event that can't be counted, kept untouched beside the reason."""

import struct
from dataclasses import dataclass

import orjson

_SIZES = struct.Struct("<III")
_NONE = 0xFFFFFFFF


@dataclass(slots=True, frozen=True)
class DeadLetter:
    """The record as it came (key, value, headers, all untouched) and why and whence."""

    reason: str
    message: str
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()

    def pack(self) -> bytes:
        """As bytes, for the way through a frame."""
        about = orjson.dumps(
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
        head = orjson.loads(data[at : at + about])
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
        ours = {
            "reason": self.reason,
            "message": self.message,
            "topic": self.topic,
            "partition": str(self.partition),
            "offset": str(self.offset),
            "timestamp": str(self.timestamp),
        }
        return list(self.headers) + [("pillarscore-" + name, text.encode()) for name, text in ours.items()]
