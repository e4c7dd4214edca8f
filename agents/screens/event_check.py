"""What a check of events has found, in lines."""

from collections.abc import Iterator

from agents.files.event_check import EventCheck
from agents.screens import console
from agents.screens.visible import visible
from pipeline.common.tile_keys import WINDOW

MAX_SOURCES = 10
"""Sources that are shown."""


def lines(found: EventCheck) -> Iterator[str]:
    """How many would be refused, by reason with the first of each, by source; and what is only worth a look."""
    refused = found.total_refused
    events = "1 event" if found.read == 1 else f"{found.read:,} events"
    yield (
        f"{events}: {f'{refused:,} would be refused' if refused else 'all valid'}"
        if found.read
        else "no events"
    )
    yield from map(visible, console.letters(found.refused))
    if refused:
        yield from _sources(found)
    yield from notes(found)


def warnings(found: EventCheck) -> Iterator[str]:
    """What is said of events that were sent: nothing when all is well."""
    if refused := found.total_refused:
        yield f"warning: {refused:,} of them will be refused and become dead letters:"
        yield from console.letters(found.refused)
        yield "'pillarscore check FILE' says so before they are sent"
    yield from notes(found)


def notes(found: EventCheck) -> Iterator[str]:
    """What is not refused, and yet may not be what upstream means."""
    for source, count in found.reused.most_common(MAX_SOURCES):
        yield visible(
            f"note: {count:,} of {source} reuse the id of an earlier event with other content: only the first counts"
        )
    if found.old:
        yield f"note: {found.old:,} happened more than {WINDOW} days ago: what members did then earns no points"


def _sources(found: EventCheck) -> Iterator[str]:
    shown = found.sources.most_common(MAX_SOURCES)
    yield f"by source: {', '.join(f'{visible(source)} {count:,}' for source, count in shown)}"
    if others := len(found.sources) - len(shown):
        yield f"  and {others:,} more sources"
