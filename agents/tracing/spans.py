"""Spans by OpenTelemetry: what ingest and the partitions share. Imported only when tracing is on."""

import asyncio
import contextlib
import os
import threading
from importlib.metadata import version

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from agents.config.settings import Settings
from agents.tracing.ingest import IngestTraces
from agents.tracing.score import PartitionTraces

log = structlog.get_logger()
CLOSE_S = 5.0


class Tracing:
    """Makes spans of sampled events. ratio: of their traces, the share to follow."""

    def __init__(self, provider: TracerProvider, ratio: float, settings: Settings) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("pillarscore", version("pillarscore"))
        self._topics = settings.topic("events"), settings.topic("frames")
        self.ingest = IngestTraces(self._tracer, ratio, self._topics[0])

    def of(self, partition: int) -> PartitionTraces:
        """The spans of one score partition."""
        return PartitionTraces(self._tracer, self._topics[1], partition)

    async def stop(self) -> None:
        """Send what is left, if somebody takes it in time."""
        done, loop = asyncio.Event(), asyncio.get_running_loop()

        def shut() -> None:
            self._provider.shutdown()
            with contextlib.suppress(RuntimeError):  # nobody waits any more
                loop.call_soon_threadsafe(done.set)

        # not a thread of the event loop, for which the end of the program would wait
        threading.Thread(target=shut, name="last-spans", daemon=True).start()
        try:
            await asyncio.wait_for(done.wait(), CLOSE_S)
        except TimeoutError:
            log.info("the last spans could not be sent in time")


def provider() -> TracerProvider:
    """Spans go in the background to the target of the standard OTEL_EXPORTER_OTLP_ variables."""
    name = {} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": "pillarscore"}
    made = TracerProvider(resource=Resource.create({"service.version": version("pillarscore"), **name}))
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return made
