"""Commands and clients of a secured Kafka, as tests of connections use them."""

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from agents.config.settings import PREFIX, Settings
from agents.kafka.clients import check
from tests.kit.chaos import ERASED
from tests.kit.events import TYPES, random_events

SAME = re.compile(r"\n[1-9][\d,]* members, 0 differences\n$")
"""The last line of verify, with members to compare."""
SECRETS = ("-secret", "wrong-one")


def own(prefix: str, folder: Path) -> dict[str, str]:
    return {
        f"{PREFIX}PREFIX": prefix,
        f"{PREFIX}STATE_DIR": str(folder / "state"),
        f"{PREFIX}SESSION_TIMEOUT_S": "6",
        f"{PREFIX}FRAME_PARTITIONS": "2",
        f"{PREFIX}EVENT_PARTITIONS": "2",
    }


def settings_of(environment: dict[str, str], **more: object) -> Settings:
    given = {name.removeprefix(PREFIX).lower(): value for name, value in environment.items()}
    return Settings(**given, **more)  # type: ignore[arg-type]


def tried(environment: dict[str, str]) -> str | None:
    return asyncio.run(check(settings_of(environment)))


def events(folder: Path, count: int = 500) -> Path:
    today = int(time.time()) // 86_400
    # of many events, erasures would leave no member to be compared
    types = [name for name in TYPES if name != ERASED]
    made = random_events(3, count, first=today - 30, last=today - 1, types=types)
    file = folder / "events.ndjson"
    file.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in made))
    return file


def wait(true: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)  # between looks, the condition is the wait
