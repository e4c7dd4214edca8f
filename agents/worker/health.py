"""What is wrong with this worker right now, in words: the one list behind /ready, the metrics and the log."""

import math
import time
from dataclasses import dataclass

import structlog

log = structlog.get_logger()
AGAIN_S = 60.0
"""How often a problem that lasts is logged again."""
SHOWN_S = 600.0
"""How long something is shown that was found and fixed at once."""

KINDS = {
    "kafka": "Kafka does not answer",
    "access": "Kafka refuses this worker: TLS, password, token or ACL",
    "group": "this worker is in its consumer group no more",
    "topic": "a topic was deleted and recreated",
    "truncated": "Kafka has lost events that were read already",
    "clock": "the clock of this machine is wrong",
    "refused": "Kafka refuses records of a partition",
    "missing": "frames are missing and their events not counted yet",
    "lost": "events were removed before they were counted",
    "torn": "a transaction was found incomplete",
    "differs": "readers do not see what was committed",
    "foreign": "another program writes to these topics",
    "state": "a partition can't be restored",
    "ingest": "ingest makes no progress",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """kind: of KINDS; where: which partition, topic or role; text: one line, with what to do."""

    kind: str
    where: str
    text: str


class Health:
    """The problems that there are now."""

    def __init__(self) -> None:
        self._problems: dict[tuple[str, str], tuple[Problem, float]] = {}
        self._logged: dict[tuple[str, str], float] = {}

    def report(self, kind: str, where: str, text: str, *, for_s: float = math.inf) -> None:
        """There is a problem; reported again while it lasts, it is logged once a minute.

        for_s: how long it is shown when nobody clears it, for what is over once it is noticed.
        """
        assert kind in KINDS
        key, now = (kind, where), time.monotonic()
        self._problems[key] = Problem(kind, where, text), now + for_s
        if now - self._logged.get(key, -AGAIN_S) >= AGAIN_S:
            self._logged[key] = now
            log.error(text, problem=kind, where=where)

    def clear(self, kind: str, where: str) -> None:
        """It is over, if there was one."""
        if self._problems.pop((kind, where), None) is not None:
            self._logged.pop((kind, where), None)
            log.info("problem resolved", problem=kind, where=where)

    def clear_all(self, where: str) -> None:
        """Clear all of a partition that another worker has now."""
        for kind, of in [key for key in self._problems if key[1] == where]:
            self.clear(kind, of)

    def problems(self) -> list[Problem]:
        """All there are, in the order in which they came up."""
        now = time.monotonic()
        for kind, where in [key for key, (_, until) in self._problems.items() if until <= now]:
            self.clear(kind, where)
        return [problem for problem, _ in self._problems.values()]

    def count(self, kind: str) -> int:
        """How many there are of a kind."""
        return sum(problem.kind == kind for problem in self.problems())
