"""The worker and its Kafka: for how long that is silent, which partitions came, until when certificates last."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector


class ConnectionMetrics(Collector):
    """Read at the scrape.

    expected, owned: by role, the partitions that all workers together should have, and those of this one.
    silence: by client; certificates: by what they are for, when they expire.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.silence: Callable[[], Mapping[str, float]] = dict
        self.expected: Callable[[], Mapping[str, int]] = dict
        self.owned: Callable[[], Mapping[str, int]] = dict
        self.certificates: Callable[[], Mapping[str, datetime]] = dict
        registry.register(self)

    @staticmethod
    def describe() -> Iterator[GaugeMetricFamily]:
        """The families without values."""
        yield GaugeMetricFamily(
            "pillarscore_kafka_silence_seconds",
            "Time since a client that waits for an answer or a connection last heard from Kafka; 0: none waits.",
            labels=["client"],
        )
        yield GaugeMetricFamily(
            "pillarscore_expected_partitions",
            "Partitions that the workers of a role should own together: those of the topic it reads.",
            labels=["role"],
        )
        yield GaugeMetricFamily(
            "pillarscore_owned_partitions",
            "Partitions that this worker owns in a role.",
            labels=["role"],
        )
        yield GaugeMetricFamily(
            "pillarscore_certificate_expiry_seconds",
            "Time until a certificate expires; negative once it has.",
            labels=["certificate"],
        )

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """How things stand now."""
        values = (self.silence(), self.expected(), self.owned(), self._left())
        for family, found in zip(self.describe(), values, strict=True):
            for label, value in found.items():
                family.add_metric([label], value)
            yield family

    def _left(self) -> dict[str, float]:
        now = datetime.now(UTC)
        return {name: (end - now).total_seconds() for name, end in self.certificates().items()}
