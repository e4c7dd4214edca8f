"""Events that were refused live because their time was ahead: later a file would count them."""

from collections import Counter

from pydantic import ValidationError

from agents.config.settings import Settings
from agents.dead_letters.redrive import remembered
from agents.dead_letters.store import StoredLetter, Wanted, letters
from pipeline.intake.record_intake import event_id
from schemas.cloudevents import NotAnEvent, structured
from schemas.events import parse

_AHEAD = "future_time"


async def ahead(settings: Settings) -> dict[int, int]:
    """By id (`event_id`) how many events are dead letters for their time, and were not sent again since."""
    memory = await remembered(settings)
    found: Counter[int] = Counter()
    async with letters(settings) as box:
        async for one in box.read(Wanted(reasons=(_AHEAD,))):
            if one.place not in memory:
                found.update(ids_of(one, settings.hash_seed))
    return dict(found)


def ids_of(one: StoredLetter, seed: int) -> list[int]:
    """The id of a letter's event; none when it can't be read."""
    try:
        return [event_id(parse(structured(one.letter.headers, one.letter.value)), seed)]
    except (NotAnEvent, ValidationError):
        return []
