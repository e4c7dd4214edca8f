"""Tracing of sampled events with OpenTelemetry, off by default.

Nothing here imports OpenTelemetry until tracing is switched on, and while it is off the hot path only asks
whether there is a tracer.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from agents.config.settings import Settings
from schemas.frames import Frame

if TYPE_CHECKING:
    from agents.tracing.spans import Tracing


class Untraced:
    """Instead of `PartitionTraces` while tracing is off."""

    def counted(self, frame: Frame, counted: AbstractSet[int], offset: int, *, began: int) -> None:
        """No span."""

    def headers(self) -> Mapping[bytes, list[tuple[str, bytes]]] | None:
        """None for any record."""
        return None

    def queued(self, revision: int) -> None:
        """No span."""

    def committed(self) -> None:
        """No span."""

    def dropped(self) -> None:
        """No span."""


def tracing(settings: Settings) -> "Tracing | None":
    """What makes spans and sends them by the OTEL_ variables; None when tracing is off."""
    if settings.tracing == "off":
        return None
    from agents.tracing.spans import Tracing, provider

    return Tracing(provider(), settings.trace_ratio, settings)
