"""A run of `dead-letters replay`: read, fix, judge, and send lot by lot; with a summary at the end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

from rich.console import Console

from agents.config.settings import Settings
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
        self._force = force
        self._again = again
        self._shown: list[Judged] = []
        self._outcomes: dict[int, str] = {}
        self.chosen = self.sent = self.failing = self.known = 0

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
                self.sent += len(chosen)

    def _candidate(self, found: StoredLetter) -> Candidate:
        if self._change is None:
            return Candidate(found, found.letter.value, False)
        return Candidate(found, self._change(found), True)

    def _takes(self, one: Judged) -> bool:
        """Whether to send it; counts it, and keeps its outcome for the table."""
        self.chosen += 1
        outcome = "sent" if self._yes else "to be sent"
        takes = True
        if one.fails is not None:
            self.failing += 1
            if not self._force:
                outcome, takes = "not sent", False
        if one.before is not None:
            self.known += 1
            at = f"already sent {one.before.at:%Y-%m-%d %H:%M} UTC"
            if self._again:
                outcome = f"{outcome}; {at}"
            else:
                outcome, takes = at, False
        if len(self._shown) < SHOWN:
            self._outcomes[len(self._shown)] = outcome
            self._shown.append(one)
        return takes

    def as_json(self) -> dict[str, Any]:
        """The summary for programs, with the first letters."""
        return {
            "dry_run": not self._yes,
            "letters": self.chosen,
            "sent": self.sent if self._yes else 0,
            "would_fail_again": self.failing,
            "already_sent": self.known,
            "shown": [
                {
                    "letter": dead_letters.letter_id(one.candidate.found),
                    "type": one.candidate.found.type or None,
                    "was": one.candidate.found.letter.reason,
                    "fails": None if one.fails is None else list(one.fails),
                    "outcome": self._outcomes[number],
                }
                for number, one in enumerate(self._shown)
            ],
        }

    def show(self, console: Console) -> None:
        """The first letters, and the summary."""
        if not self.chosen:
            console.print("No matching dead letters")
            return
        console.print(dead_letters.plan(self._shown, self._outcomes))
        if self.chosen > len(self._shown):
            console.print(f"… and {self.chosen - len(self._shown):,} more")
        parts = [f"{self.sent:,} {'sent' if self._yes else 'to be sent'}"]
        if self.failing:
            parts.append(
                f"{self.failing:,} would fail again{'' if self._force else ' (--force sends them anyway)'}"
            )
        if self.known:
            parts.append(f"{self.known:,} already sent{'' if self._again else ' (--again sends them again)'}")
        hint = "" if self._yes or not self.sent else ". Dry run: nothing was sent; use --yes to send"
        letters_ = "1 letter" if self.chosen == 1 else f"{self.chosen:,} letters"
        console.print(f"{letters_}: {', '.join(parts)}{hint}")


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
