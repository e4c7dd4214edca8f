"""`make new-signal NAME=poll_answered`: a line for a new signal in every table that needs one.

The signal gets an event type of its own, without data, that credits its actor. What such an event may say, whom else
it credits and what it is worth is up to you: docs/how-to/add-a-signal.md.
"""

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAX_SIGNAL = 62
"""Bit 63 of a credit erases a member (`schemas.signals`)."""
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")
_EVENT = re.compile(r"[a-z][a-z0-9]*(\.[a-z0-9]+)+")
_LAST_SIGNAL = re.compile(r"    [A-Z0-9_]+ = (\d+)[^\n]*\n(?=\n\nDISTINCT)")


class NotAdded(Exception):
    """Nothing was changed; the text is one line that says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a line goes: in front of `before`, which is in the file once."""

    file: str
    before: str
    text: str


def places(name: str, event: str) -> list[Place]:
    """All but the number. name: of the signal, in lower case; event: the type, without `activity.`."""
    title, words = "".join(word.title() for word in name.split("_")), name.replace("_", " ")
    upper = name.upper()
    return [
        Place(
            "schemas/activities.py",
            "class MemberErased(TypedDict):\n",
            f'class {title}(TypedDict):\n    """{words.capitalize()}. Actor: {words}."""\n\n\n',
        ),
        Place(
            "schemas/activities.py",
            '    "activity.member.erased": MemberErased,\n',
            f'    "activity.{event}": {title},\n',
        ),
        Place(
            "schemas/examples.py",
            '    "activity.member.erased": (None, {}),\n',
            f'    "activity.{event}": (None, {{}}),\n',
        ),
        Place(
            "pipeline/intake/credit_rules.py",
            '        "activity.member.erased": _always(1 << ERASE_BIT),\n',
            f'        "activity.{event}": _always(mask(S.{upper})),\n',
        ),
        Place(
            "tests/unit/test_credits.py",
            '    row("spam.reported", ',
            f'    row("{event}", None, "{name}"),\n',
        ),
        Place(
            "tests/kit/oracle.py",
            '        case "spam.reported":\n',
            f'        case "{event}":\n            return ["{name}"], None, [], {{}}\n',
        ),
    ]


def add(name: str, event: str = "", root: Path = ROOT) -> list[str]:
    """Write the lines; the files that were changed. Raises NotAdded, and then none was."""
    event = event or ".".join(name.rsplit("_", 1))
    if not _NAME.fullmatch(name):
        raise NotAdded(f"NAME={name}: give what happened in lower case, such as NAME=poll_answered")
    if not _EVENT.fullmatch(event):
        raise NotAdded(f"EVENT={event}: give the type without activity., such as EVENT=poll.answered")
    signals = (root / "schemas/signals.py").read_text("utf-8")
    last = _LAST_SIGNAL.search(signals)
    if last is None:
        raise NotAdded(
            "schemas/signals.py has no last signal in front of DISTINCT: tests/kit/new_signal.py is outdated"
        )
    number = int(last[1]) + 1
    if re.search(rf"^    {name.upper()} = ", signals, re.MULTILINE):
        raise NotAdded(f"NAME={name}: there is a signal of this name")
    if number > MAX_SIGNAL:
        raise NotAdded(f"All {MAX_SIGNAL + 1} signals are in use: a credit has no bit left")
    texts = {
        "schemas/signals.py": signals[: last.end()]
        + f"    {name.upper()} = {number}\n"
        + signals[last.end() :]
    }
    for place in places(name, event):
        text = texts.get(place.file) or (root / place.file).read_text("utf-8")
        if f'"activity.{event}"' in text and place.file not in texts:
            raise NotAdded(
                f"EVENT={event}: there is an event of this type, so only add the signal to its rule"
            )
        if place.before not in text:
            raise NotAdded(
                f"{place.file} has no line {place.before.strip()}: tests/kit/new_signal.py is outdated"
            )
        texts[place.file] = text.replace(place.before, place.text + place.before, 1)
    for file, text in texts.items():
        (root / file).write_text(text, encoding="utf-8")
    return list(texts)


def main() -> int:
    """The command; 2 with one line when nothing was added."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("name")
    arguments.add_argument("--event", default="")
    given = arguments.parse_args()
    try:
        changed = add(given.name, given.event)
    except NotAdded as error:
        print(error, file=sys.stderr)
        return 2
    print("Changed:", *changed)
    print(
        "Left to do, see docs/how-to/add-a-signal.md: say in schemas/activities.py what the event is and may carry, "
        "in pipeline/intake/credit_rules.py whom it credits, and in a rubric what it is worth; then make docs and "
        "make test-fast."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
