"""What becomes of the letters of a redrive: each has one outcome and is counted once."""

from collections import Counter
from enum import Enum

from agents.dead_letters.redrive import Judged


class Outcome(Enum):
    """Of one letter: it is sent, held back because it would fail again, or skipped because it was sent before."""

    SENT = "sent"
    HELD_BACK = "held back"
    SKIPPED = "skipped"


class Outcomes:
    """Decides and counts. yes: it is no dry run. force, again: also send those held back, and those skipped."""

    def __init__(self, *, yes: bool, force: bool, again: bool) -> None:
        self._yes = yes
        self._force = force
        self._again = again
        self._count: Counter[Outcome] = Counter()
        self._failing = self._repeated = 0  # of those that are sent all the same

    @property
    def total(self) -> int:
        """Letters so far."""
        return self._count.total()

    def __getitem__(self, outcome: Outcome) -> int:
        return self._count[outcome]

    def add(self, one: Judged) -> tuple[Outcome, str]:
        """The outcome of one more letter, and how to say it in a table."""
        outcome = self._of(one)
        self._count[outcome] += 1
        before = "" if one.before is None else f"already sent {one.before.at:%Y-%m-%d %H:%M} UTC"
        if outcome is not Outcome.SENT:
            return outcome, before if outcome is Outcome.SKIPPED else "not sent"
        self._failing += one.fails is not None
        self._repeated += one.before is not None
        return outcome, f"{self._sent}; {before}" if before else self._sent

    def _of(self, one: Judged) -> Outcome:
        if one.before is not None and not self._again:
            return Outcome.SKIPPED
        return Outcome.HELD_BACK if one.fails is not None and not self._force else Outcome.SENT

    @property
    def _sent(self) -> str:
        return "sent" if self._yes else "to be sent"

    def summary(self) -> str:
        """One line, whose numbers add up to all letters."""
        sent, held_back, skipped = (self[outcome] for outcome in Outcome)
        counts = ((self._failing, "that would fail again"), (self._repeated, "already sent"))
        among = " and ".join(f"{count:,} {what}" for count, what in counts if count)
        parts = [f"{sent:,} {self._sent}" + (f" (among them {among})" if among else "")]
        if held_back:
            parts.append(f"{held_back:,} would fail again (--force sends them anyway)")
        if skipped:
            parts.append(f"{skipped:,} already sent (--again sends them again)")
        hint = "" if self._yes or not sent else ". Dry run: nothing was sent; use --yes to send"
        letters = "1 letter" if self.total == 1 else f"{self.total:,} letters"
        return f"{letters}: {', '.join(parts)}{hint}"
