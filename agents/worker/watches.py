"""What a worker looks at every second and reports: its clock, whether Kafka answers, and whether it lets it in."""

from collections.abc import Callable

from agents.config.settings import Settings
from agents.connection import refusals
from agents.connection.silence import OF_PROCESS, Silence
from agents.worker.context import Context

EVERY_S = 1.0


class Watches:
    """Reports to the health of a context.

    group_lost: says why the worker has left its group for good, None while it has not.
    """

    def __init__(
        self, context: Context, group_lost: Callable[[], str | None], silence: Silence = OF_PROCESS
    ) -> None:
        self._context = context
        self._health = context.health
        self._settings: Settings = context.settings
        self._group_lost = group_lost
        self._silence = silence
        self._shown: set[str] = set()

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            self.look()
            await self._context.clock.sleep(EVERY_S)

    def look(self) -> None:
        """Once."""
        self._clock()
        self._kafka()
        self._access()

    def _clock(self) -> None:
        skew = self._context.skew
        if skew.wrong:
            way = "ahead of" if skew.seconds > 0 else "behind"
            self._health.report(
                "clock",
                "clock",
                f"the clock of this machine is {abs(skew.seconds):,.0f} s {way} Kafka's: set it (NTP); until "
                "then Kafka's clock decides the day (see the runbook, ClockSkew)",
            )
        else:
            self._health.clear("clock", "clock")

    def _kafka(self) -> None:
        """Report when Kafka has been silent for longer than the grace period."""
        client, seconds = self._silence.longest()
        if seconds >= self._settings.outage_grace_s:
            self._health.report(
                "kafka",
                "kafka",
                f"Kafka at {self._settings.broker} has not answered the {client} client for {seconds:,.0f} s: check "
                "Kafka and the network to it; nothing is lost, and work continues when it answers (see the runbook, "
                "KafkaUnreachable)",
            )
        else:
            self._health.clear("kafka", "kafka")

    def _access(self) -> None:
        """Report while Kafka refuses a client, and when the worker has left its group because of that."""
        refused = refusals.current()
        for where in self._shown - refused.keys():
            self._health.clear("access", where)
        for where, text in refused.items():
            self._health.report("access", where, text)
        self._shown = set(refused)
        if (why := self._group_lost()) is not None:
            self._health.report(
                "group",
                "group",
                f"this worker has left its consumer group and can't join again: start it again (cause: {why})",
            )
