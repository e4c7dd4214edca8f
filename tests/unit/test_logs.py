"""Logs: one line of JSON, or a line to read, for our own and for foreign ones."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from aiokafka.errors import KafkaConnectionError

from agents.config.logging_setup import configure
from agents.config.settings import Settings


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Leave logging to the other tests as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_where_there_is_no_terminal() -> None:
    out = io.StringIO()
    configure(Settings(), out)
    structlog.get_logger("agents.shard").info("restored", members=3, partition=1)
    (line,) = lines(out)
    assert line.pop("timestamp")
    assert line == {
        "event": "restored",
        "members": 3,
        "partition": 1,
        "level": "info",
        "logger": "agents.shard",
    }


def test_a_foreign_line_takes_the_same_way() -> None:
    out = io.StringIO()
    configure(Settings(), out)
    logging.getLogger("aiokafka.cluster").info("every few seconds")
    logging.getLogger("aiokafka.cluster").warning("topic %s is gone", "x")
    (line,) = lines(out)
    assert (line["event"], line["level"], line["logger"]) == (
        "topic x is gone",
        "warning",
        "aiokafka.cluster",
    )


@pytest.mark.parametrize(
    ("level", "seen"),
    [
        ("debug", ["ours", "ours info", "theirs"]),
        ("info", ["ours info"]),
        ("error", []),
    ],
)
def test_levels(level: str, seen: list[str]) -> None:
    out = io.StringIO()
    configure(Settings(log_level=level), out)
    structlog.get_logger("agents.x").debug("ours")
    structlog.get_logger("agents.x").info("ours info")
    logging.getLogger("faust.app").debug("theirs")
    assert [line["event"] for line in lines(out)] == seen


def test_an_exception_stays_on_its_line() -> None:
    out = io.StringIO()
    configure(Settings(), out)
    try:
        raise ValueError("bad frame")
    except ValueError:
        structlog.get_logger("agents.x").exception("skipped", offset=7)
    (line,) = lines(out)
    assert "ValueError: bad frame" in str(line["exception"])
    assert line["offset"] == 7


def test_a_line_to_read_on_a_terminal() -> None:
    out = Terminal()
    configure(Settings(), out)
    structlog.get_logger("agents.x").info("restored", members=3)
    assert "restored" in out.getvalue()
    assert "\x1b[" in out.getvalue()
    assert not out.getvalue().startswith("{")


@pytest.mark.parametrize(("wanted", "is_json"), [("json", True), ("console", False)])
def test_what_was_asked_for_goes_before_the_terminal(wanted: str, is_json: bool) -> None:
    out = Terminal() if is_json else io.StringIO()
    configure(Settings(log_format=wanted), out)
    structlog.get_logger("agents.x").info("restored")
    assert out.getvalue().startswith("{") is is_json
    assert ("\x1b[" in out.getvalue()) is False


def test_configuring_again_does_not_log_twice() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure(Settings(), first)
    configure(Settings(), second)
    structlog.get_logger("agents.x").info("once")
    assert first.getvalue() == ""
    assert len(lines(second)) == 1


def test_a_flood_of_one_kind_is_one_line_a_minute() -> None:
    out = io.StringIO()
    configure(Settings(log_format="json"), out)
    client, handler = logging.getLogger("aiokafka"), logging.getLogger().handlers[-1]

    def line(text: str, at: float, error: BaseException | None = None) -> None:
        exc_info = None if error is None else (type(error), error, None)
        record = client.makeRecord("aiokafka", logging.ERROR, "", 0, text, (), exc_info)
        record.created = at
        handler.handle(record)

    for n in range(100):
        line("no broker", 1000 + n * 0.05, KafkaConnectionError("refused"))
    line("another matter", 1004)
    line("no broker", 1061)
    events = [str(shown["event"]) for shown in lines(out)]
    assert events == [
        "no broker: KafkaConnectionError('refused')",
        "another matter",
        "no broker (and 99 more in the previous minute)",
    ]
    assert not any("exception" in shown for shown in lines(out)), "no traceback"
    for _ in range(3):
        structlog.get_logger("agents.shard").info("ours")
        structlog.get_logger("agents.shard").warning("Kafka does not answer", partition=1, outage=True)
    events = [str(shown["event"]) for shown in lines(out)][3:]
    assert events == ["ours", "Kafka does not answer", "ours", "ours"], (
        "ours are held back only when they say so"
    )
    assert not any("outage" in shown for shown in lines(out))
