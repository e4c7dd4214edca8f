"""Logs: one line of JSON, or a line to read, for our own and for foreign ones."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from agents.logs import configure
from agents.settings import Settings


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


def test_a_flood_of_one_kind_is_held_back_and_counted() -> None:
    out = io.StringIO()
    configure(Settings(log_format="json"), out)
    client, handler = logging.getLogger("aiokafka"), logging.getLogger().handlers[-1]

    def line(text: str, at: float) -> None:
        record = client.makeRecord("aiokafka", logging.ERROR, "", 0, text, (), None)
        record.created = at
        handler.handle(record)

    for n in range(100):
        line("no broker", 1000 + n * 0.05)
    line("another matter", 1004)
    line("no broker", 1011)
    told = [str(shown["event"]) for shown in lines(out)]
    assert told[:6] == ["no broker"] * 5 + ["another matter"]
    assert told[6:] == ["no broker (and 95 times more in the 10 s before)"]
    structlog.get_logger("agents.shard").info("ours")
    assert len(lines(out)) == 8, "our own lines are never held back"
