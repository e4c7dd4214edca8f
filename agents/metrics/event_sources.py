"""The label `event_source`: which upstream system an event is of. Upstream chooses these names, so we bound them."""

MAX_SOURCES = 100
"""Sources that have a label of their own, the first to come."""
MAX_LENGTH = 80
"""Characters of a source in a label."""
OTHER = "(other)"
"""The label of all further sources."""
NONE = "(none)"
"""The label of events in which no source can be read."""


class EventSources:
    """The labels of one metric."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def label(self, source: str) -> str:
        """The label of the `source` of an event; an empty text where there is none."""
        if not source:
            return NONE
        name = source if len(source) <= MAX_LENGTH else f"{source[:MAX_LENGTH]}…"
        if name not in self._known:
            if len(self._known) == MAX_SOURCES:
                return OTHER
            self._known.add(name)
        return name
