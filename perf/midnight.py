"""A time zone in which a day begins at a chosen moment: the worker has its rollover as it would at midnight."""

import struct
import tempfile
import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DAY_S = 86_400
NAME = "Benchmark/Midnight"


@contextmanager
def midnight(at: float) -> Iterator[dict[str, str]]:
    """The environment of a worker for which a day begins at `at` (seconds since 1970), to the second."""
    offset = -round(at) % DAY_S
    if offset > DAY_S // 2:
        offset -= DAY_S
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / NAME
        file.parent.mkdir()
        file.write_bytes(_fixed(offset))
        paths = [folder, *zoneinfo.TZPATH]
        yield {"PYTHONTZPATH": ":".join(paths), "PILLARSCORE_ZONE": NAME}


def _fixed(offset: int) -> bytes:
    """A time zone file (RFC 8536) of one offset, in seconds east of UTC."""
    head = b"TZif2" + bytes(15)
    kind = struct.pack(">lbb", offset, 0, 0) + b"BMT\0"
    one = head + struct.pack(">6l", 0, 0, 0, 0, 1, 4) + kind
    return one + one + b"\n\n"
