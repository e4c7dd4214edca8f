"""Events that were refused live for what a file does not say: when they were read, and by which permissions."""

from collections import defaultdict

from pydantic import ValidationError

from agents.config.settings import Settings
from agents.dead_letters.redrive import remembered
from agents.dead_letters.store import StoredLetter, Wanted, letters
from pipeline.intake.record_intake import event_id
from schemas.cloudevents import NotAnEvent, structured
from schemas.events import parse

REASONS = ("future_time", "too_late", "not_allowed")


async def refused(settings: Settings) -> dict[int, list[str]]:
    """By id (`event_id`) the reasons of the dead letters with it that were not sent again since."""
    memory = await remembered(settings)
    found: dict[int, list[str]] = defaultdict(list)
    async with letters(settings) as box:
        async for one in box.read(Wanted(reasons=REASONS)):
            if one.place not in memory:
                for which in ids_of(one, settings.hash_seed):
                    found[which].append(one.letter.reason)
    return dict(found)


def ids_of(one: StoredLetter, seed: int) -> list[int]:
    """The id of a letter's event; none when it can't be read."""
    try:
        return [event_id(parse(structured(one.letter.headers, one.letter.value)), seed)]
    except (NotAnEvent, ValidationError):
        return []
