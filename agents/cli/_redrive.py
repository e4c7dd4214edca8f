"""A run of `dead-letters replay`: read, fix, judge, and send lot by lot; with a summary at the end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

from rich.console import Console

from agents.config.settings import Settings
from agents.dead_letters.outcomes import Outcome, Outcomes
from agents.dead_letters.redrive import Candidate, Judge, Judged, remembered, sender
from agents.dead_letters.store import StoredLetter, Wanted, letters, now_ms
from agents.kafka.errors import is_fencing
from agents.screens import dead_letters
from agents.topics.creation import ensure

LOT = 1_000
"""Letters of a transaction."""
SHOWN = 20
Change = Callable[[StoredLetter], bytes]
"""The event to send instead of a letter's own; may raise UserError."""


class Run:
    """work(), then show(). change: None to send events as they are."""

    def __init__(
        self, settings: Settings, change: Change | None, *, yes: bool, force: bool, again: bool
    ) -> None:
        self._settings = settings
        self._change = change
        self._yes = yes
        self._shown: list[Judged] = []
        self._said: dict[int, str] = {}
        self._outcomes = Outcomes(yes=yes, force=force, again=again)

    @property
    def held_back(self) -> int:
        """Letters that were not sent because they would fail again."""
        return self._outcomes[Outcome.HELD_BACK]

    async def work(self, wanted: Wanted) -> None:
        """Judge all that are wanted, and send them with --yes. Raises UserError."""
        asyncio.get_running_loop().set_exception_handler(_quiet)
        judge = Judge(self._settings)
        async with AsyncExitStack() as stack:
            sending = None
            if self._yes:
                await ensure(self._settings)
                # before the memory is read, so that nobody else can send what it does not have yet
                sending = await stack.enter_async_context(sender(self._settings))
            memory = await remembered(self._settings)
            box = await stack.enter_async_context(letters(self._settings))
            async for lot in _lots(box.read(wanted)):
                judged = judge.judge([self._candidate(found) for found in lot], memory, now_ms())
                chosen = [one for one in judged if self._takes(one)]
                if sending is not None and chosen:
                    await sending.send(chosen)

    def _candidate(self, found: StoredLetter) -> Candidate:
        if self._change is None:
            return Candidate(found, found.letter.value, False)
        return Candidate(found, self._change(found), True)

    def _takes(self, one: Judged) -> bool:
        """Whether to send it; counts it, and keeps its outcome for the table."""
        outcome, said = self._outcomes.add(one)
        if len(self._shown) < SHOWN:
            self._said[len(self._shown)] = said
            self._shown.append(one)
        return outcome is Outcome.SENT

    def as_json(self) -> dict[str, Any]:
        """The summary for programs, whose counts add up to `letters`, with the first letters."""
        return {
            "dry_run": not self._yes,
            "letters": self._outcomes.total,
            "sent": self._outcomes[Outcome.SENT] if self._yes else 0,
            "to_be_sent": 0 if self._yes else self._outcomes[Outcome.SENT],
            "would_fail_again": self._outcomes[Outcome.HELD_BACK],
            "already_sent": self._outcomes[Outcome.SKIPPED],
            "shown": [
                {
                    "letter": dead_letters.letter_id(one.candidate.found),
                    "type": one.candidate.found.type or None,
                    "was": one.candidate.found.letter.reason,
                    "fails": None if one.fails is None else list(one.fails),
                    "outcome": self._said[number],
                }
                for number, one in enumerate(self._shown)
            ],
        }

    def show(self, console: Console) -> None:
        """The first letters, and the summary."""
        total = self._outcomes.total
        if not total:
            console.print("No matching dead letters")
            return
        console.print(dead_letters.plan(self._shown, self._said))
        if total > len(self._shown):
            console.print(f"… and {total - len(self._shown):,} more")
        console.print(self._outcomes.summary())


def _quiet(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """aiokafka leaves futures behind when a producer is fenced; that it was is reported in one line elsewhere."""
    if not is_fencing(context.get("exception")):
        loop.default_exception_handler(context)


async def _lots(found: AsyncIterator[StoredLetter]) -> AsyncIterator[list[StoredLetter]]:
    lot: list[StoredLetter] = []
    async for one in found:
        lot.append(one)
        if len(lot) == LOT:
            yield lot
            lot = []
    if lot:
        yield lot
