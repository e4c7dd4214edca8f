"""Logs: structlog for our own lines, and those of aiokafka and Faust through the same door.

JSON, one object a line, unless stderr is a terminal; stdout stays free for results. Times are UTC.
"""

import logging
import sys
from typing import Any, TextIO

import structlog
from aiokafka.errors import KafkaError

from agents.config.settings import Settings

# These log at INFO what they do every few seconds; what matters of it we log ourselves.
CHATTY = ("aiokafka", "faust", "mode", "aiohttp", "asyncio", "kafka")


WINDOW_S = 60.0


class Seldom(logging.Filter):
    """Lets through one line of a kind a minute, and adds to the next how many it kept back.

    A client that lost its broker logs it many times a second, and so does every partition of ours; the one line
    that matters must be found. Of our own lines only those with `outage=True` are of that sort.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is to be shown."""
        message: Any = record.msg
        ours = isinstance(message, dict)
        if ours and not message.pop("outage", False):
            return True
        if not ours and not record.name.startswith(CHATTY):
            return True
        text = str(message["event"] if ours else message)
        kind = ("" if ours else record.name, text[:200])
        since, held = self._seen.get(kind, (-WINDOW_S, 0))
        if record.created - since < WINDOW_S:
            self._seen[kind] = since, held + 1
            return False
        if held:
            text = f"{text} (and {held:,} more in the previous minute)"
            if ours:
                message["event"] = text
            else:
                record.msg = text
        if len(self._seen) > 1000:
            self._seen.clear()
        self._seen[kind] = record.created, 0
        _without_traceback(record)
        return True


def _without_traceback(record: logging.LogRecord) -> None:
    """That Kafka is away needs none: the error's name is enough."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, KafkaError | OSError):
        record.exc_info = None
        record.msg = f"{record.getMessage()}: {error!r}"
        record.args = ()


def configure(settings: Settings, stream: TextIO | None = None) -> None:
    """Set up all logging by `log_format` and `log_level`; stream: stderr. May be called again."""
    stream = sys.stderr if stream is None else stream
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not stream.isatty())
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        # filters before a line is built, so a debug line that is off costs next to nothing
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *_renderers(as_json, stream.isatty()),
        ],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    handler.addFilter(Seldom())
    root = logging.getLogger()
    for old in root.handlers[:]:
        if getattr(old, "pillarscore", False):
            root.removeHandler(old)
    handler.pillarscore = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    root.setLevel(level)
    for name in CHATTY:
        logging.getLogger(name).setLevel(level if level <= logging.DEBUG else max(level, logging.WARNING))
    logging.captureWarnings(True)


def _renderers(as_json: bool, colors: bool) -> list[Any]:
    if as_json:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    return [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)]
