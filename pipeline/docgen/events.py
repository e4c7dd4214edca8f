"""The reference page of events, made from the schemas, their examples and the credit rules.

    python -m pipeline.docgen.events > docs/reference/events.md

A test compares the committed page with `render()`, so it can't go stale.
"""

import json
from typing import Any

from pydantic import TypeAdapter

from pipeline.intake.credit_rules import CREDITS, JUNIOR, SENIOR, SUBSTANTIVE_WORDS
from schemas.activities import DATA, MAX_BYTES
from schemas.examples import DATA_EXAMPLES, examples
from schemas.reasons import REASONS
from schemas.seniority import LEVELS
from schemas.signals import ERASE_BIT, Signal

_INTRODUCTION = f"""# Events

Made by `python -m pipeline.docgen.events`; don't edit.

`activity.events` carries CloudEvents 1.0 in JSON, one per record, in structured mode or in binary mode
(attributes in `ce_` headers). Key and partition are free. Required attributes: `specversion` "1.0", `id`,
`source`, `type`, `subject` (the actor: the member who did it) and `time` (RFC 3339 with an offset). The same
`source` and `id` mean the same event.

- Texts are at most {MAX_BYTES} bytes of UTF-8, without NUL; ids and members are not empty.
- Fields not listed are ignored. null is the same as absent. `data` may be absent where nothing in it is
  required.
- Numbers are numbers and booleans booleans: "5" for 5, or 1 for true, is an error.
- Nobody is credited for their own: when the counterpart is the actor, only the actor's side counts.

JSON Schemas are in `schemas/json/`, the AsyncAPI document is `schemas/asyncapi.json`.

An event such as
"""


def render() -> str:
    """The page, as Markdown that ends with a newline."""
    example = json.dumps(examples("activity.reaction.given")[-1], indent=2)
    parts = [_INTRODUCTION, f"```json\n{example}\n```\n", _fields(), _credits(), _notes()]
    return "\n".join(parts)


def signals(bits: int) -> str:
    """The names of the signals of a mask, for a reader; empty for none."""
    if bits == 1 << ERASE_BIT:
        return "erased everywhere, up to and including the day of the event"
    return ", ".join(signal.name.lower() for signal in Signal if bits >> signal & 1)


def _fields() -> str:
    rows = ["## Data of each type", "", "| type | required | optional | |", "|---|---|---|---|"]
    for event_type, data in DATA.items():
        properties = TypeAdapter(data).json_schema().get("properties", {})
        required: frozenset[str] = data.__required_keys__  # type: ignore[attr-defined]
        needed = ", ".join(_field(name, properties[name]) for name in properties if name in required)
        free = ", ".join(_field(name, properties[name]) for name in properties if name not in required)
        rows.append(f"| `{event_type}` | {needed} | {free} | {_first_line(data)} |")
    return "\n".join([*rows, ""])


def _field(name: str, schema: dict[str, Any]) -> str:
    kinds = []
    for one in schema.get("anyOf", [schema]):
        if "enum" in one:
            kinds.append(", ".join(one["enum"]))
        elif "minimum" in one:
            kinds.append(f"{one['minimum']}–{one['maximum']}")
        elif one.get("type") == "boolean":
            kinds.append("bool")
        elif "$ref" in one:
            kinds.append("section: bool, …")
    return f"`{name}`" + (f" ({' or '.join(kinds)})" if kinds else "")


def _first_line(data: type) -> str:
    return (data.__doc__ or "").split("\n", 1)[0].split(". ", 1)[0].rstrip(".")


def _credits() -> str:
    rows = [
        "## What is credited",
        "",
        "Each example's data, and the signals it adds one to on the event's day.",
        "",
    ]
    rows += ["| type | data | actor | counterpart |", "|---|---|---|---|"]
    for event_type, datas in DATA_EXAMPLES.items():
        for data in datas:
            if data == {}:
                continue  # shows nothing that absent data doesn't
            actor, counterpart, received, registers = CREDITS[event_type](data)
            mine = [signals(actor)] if actor else []
            if registers:
                mine.append(
                    "registers: " + ", ".join(f"{name} = {value}" for name, value in registers.items())
                )
            shown = f"`{json.dumps(data)}`" if data else ""
            theirs = signals(received) if counterpart else ""
            rows.append(f"| `{event_type}` | {shown} | {'; '.join(mine)} | {theirs} |")
    return "\n".join([*rows, ""])


def _notes() -> str:
    def levels(chosen: frozenset[str]) -> str:
        return ", ".join(level for level in LEVELS if level in chosen)

    neither = levels(frozenset(LEVELS) - SENIOR - JUNIOR)
    return f"""## Notes

- A comment is substantive from {SUBSTANTIVE_WORDS} words on, unless set otherwise; a share has an insight
  from one word on.
- A degree of 3 or more is 3rd degree. A 3rd degree view is counted as a view too, a 2nd or 3rd degree
  connection as a connection too.
- A dialogue is counted per reply, for both sides.
- Seniority: {levels(SENIOR)} count as senior (and as decision makers);
  {levels(JUNIOR)} as junior; {neither} as neither. Common other spellings are
  understood ("Vice President", "C-Suite", "entry-level"); unknown text counts as other.
- Registers keep what was last known, by the time of the event. An empty text clears one.

## Reason codes of dead letters

{", ".join(f"`{code}`" for code in REASONS)}
"""


if __name__ == "__main__":
    print(render(), end="")
