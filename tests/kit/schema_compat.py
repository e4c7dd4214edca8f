"""Whether published schemas may replace those of the last version: what upstream sends must stay valid, and what
readers read must stay as it was.

    python -m tests.kit.schema_compat

at a release makes the schemas of today the ones to compare with, unless something breaks.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.export import RECORDS, json_schema

BASELINE = Path(__file__).parents[1] / "fixtures" / "published-schemas.json"
INTERNAL = frozenset({"ledger.stamp", "distribution.head", "replay"})
"""Records that only workers read: they have versions of their own (docs/explanation/upgrades.md)."""

# what says nothing about what is valid
_ANNOTATIONS = {
    "title",
    "description",
    "default",
    "examples",
    "discriminator",
    "$defs",
    "$schema",
    "deprecated",
}
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "x-max-bytes")
_SAME = ("pattern", "format", "contentEncoding", "contentMediaType")
_VALUES = ("const", "enum")
_PARTS = ("items", "contentSchema", "additionalProperties")
_UNIONS = ("anyOf", "oneOf")
_KNOWN = {*_ANNOTATIONS, *_LOWER, *_UPPER, *_SAME, *_VALUES, *_PARTS, *_UNIONS}
_KNOWN |= {"type", "properties", "required", "$ref"}

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Side:
    """A schema, and the document in which its references lead somewhere."""

    root: Schema
    node: Schema

    def at(self, node: Any) -> "_Side":
        """A part of it; true is what anything is valid for."""
        return _Side(self.root, {} if node is True else {"enum": []} if node is False else node)

    def resolved(self) -> "_Side":
        """Without a reference at the top."""
        node = self.node
        while "$ref" in node:
            *_, name = node["$ref"].split("/")
            node = self.root["$defs"][name] | {key: node[key] for key in node if key != "$ref"}
        return _Side(self.root, node)


def published() -> dict[str, Schema]:
    """The schemas of today that others depend on, by name; `event` is left out, it is the union of all types."""
    return {name: _bare(json_schema(name)) for name in RECORDS if name != "event" and name not in INTERNAL}


def breaking(old: dict[str, Schema], new: dict[str, Schema]) -> list[str]:
    """A line for each change that breaks what others have built; empty when there is none."""
    found = []
    for name, schema in old.items():
        if name not in new:
            found.append(f"{name}: was removed")
            continue
        sent = name.startswith("activity.")
        found += [f"{name}: {line}" for line in compare(schema, new[name], sent=sent)]
    return found


def compare(old: Schema, new: Schema, *, sent: bool) -> list[str]:
    """What breaks when `new` replaces `old`. sent: by others to us; otherwise we write it and others read it."""
    return list(_compare(_Side(old, old), _Side(new, new), "", sent))


def _compare(old: _Side, new: _Side, path: str, sent: bool) -> Iterator[str]:
    old, new = old.resolved(), new.resolved()
    here = path or "the whole"
    for side in (old, new):
        if unknown := sorted(side.node.keys() - _KNOWN):
            yield f"{here}: {', '.join(unknown)} is not understood by tests/kit/schema_compat.py"
    yield from _unions(old, new, path, sent)
    # all that is valid by `narrow` has to be valid by `wide`
    narrow, wide = (old.node, new.node) if sent else (new.node, old.node)
    yield from (f"{here}: {line}" for line in _narrowed(narrow, wide, sent))
    if any("properties" not in side.node and not side.node.keys().isdisjoint(_UNIONS) for side in (old, new)):
        return  # all there is of it is in the alternatives
    yield from _properties(old, new, path, sent)
    for key in _PARTS:
        if key in old.node or key in new.node:
            inner = f"{path}[]" if key == "items" else f"{path}{'' if key == 'contentSchema' else '.*'}"
            yield from _compare(old.at(old.node.get(key, True)), new.at(new.node.get(key, True)), inner, sent)


def _properties(old: _Side, new: _Side, path: str, sent: bool) -> Iterator[str]:
    before, after = old.node.get("properties", {}), new.node.get("properties", {})
    for name, part in before.items():
        where = f"{path}.{name}".lstrip(".")
        if name not in after:
            if (
                "type" in old.node
            ):  # else it is one of several conditions, and there is none for this field now
                yield f"{where}: was removed or renamed"
        else:
            yield from _compare(old.at(part), new.at(after[name]), where, sent)
    required = set(old.node.get("required", ())), set(new.node.get("required", ()))
    changed = required[1] - required[0] if sent else required[0] - required[1]
    for name in sorted(changed & (after.keys() if sent else before.keys() & after.keys())):
        where = f"{path}.{name}".lstrip(".")
        yield f"{where}: is required now, give it a default" if sent else f"{where}: may be absent now"


def _narrowed(narrow: Schema, wide: Schema, sent: bool) -> Iterator[str]:
    """How `wide` allows less than `narrow`; for what we write `wide` is the old one."""
    types, allowed = _types(narrow), _types(wide)
    if allowed is not None and (types is None or not types <= allowed):
        gone = "anything" if types is None else " or ".join(sorted(types - allowed))
        yield f"{gone} is {'no longer valid' if sent else 'written now, which readers do not expect'}"
        return
    values, allowed_values = _values(narrow), _values(wide)
    if allowed_values is not None:
        written = ["any other value"] if values is None else values
        gone_values = [value for value in written if value not in allowed_values]
        if gone_values:
            shown = ", ".join(map(str, gone_values))
            yield f"{shown} is {'no longer valid' if sent else 'written now, which readers do not expect'}"
    for key in _LOWER:
        if key in wide and narrow.get(key, float("-inf")) < wide[key]:
            yield _bound(key, narrow, wide, sent)
    for key in _UPPER:
        if key in wide and narrow.get(key, float("inf")) > wide[key]:
            yield _bound(key, narrow, wide, sent)
    for key in _SAME:
        if key in wide and narrow.get(key) != wide[key]:
            before, after = (narrow.get(key), wide[key]) if sent else (wide[key], narrow.get(key))
            yield f"{key} was {before or 'free'}, is {after or 'free'} now"


def _bound(key: str, narrow: Schema, wide: Schema, sent: bool) -> str:
    old, new = (narrow, wide) if sent else (wide, narrow)
    return f"{key} was {old.get(key, 'free')}, is {new.get(key, 'free')} now"


def _unions(old: _Side, new: _Side, path: str, sent: bool) -> Iterator[str]:
    """Each alternative has to fit into one on the other side."""
    if not any(key in side.node for key in _UNIONS for side in (old, new)):
        return
    for one in _alternatives(old if sent else new):
        best: list[str] | None = None
        for other in _alternatives(new if sent else old):
            pair = (one, other) if sent else (other, one)
            problems = list(_compare(*pair, path, sent))
            if not problems:
                best = None
                break
            best = problems if best is None or len(problems) < len(best) else best
        else:
            yield from best or []


def _alternatives(side: _Side) -> list[_Side]:
    for key in _UNIONS:
        if key in side.node:
            return [side.at(one) for one in side.node[key]]
    return [side]


def _types(schema: Schema) -> set[str] | None:
    """The JSON types that a schema names; None for any."""
    if "type" not in schema:
        return None
    named = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return {*named, *(["integer"] if "number" in named else [])}


def _values(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _bare(node: Any, *, names: bool = False) -> Any:
    """A schema without remarks. names: whether the keys are names of fields, not keywords."""
    if isinstance(node, list):
        return [_bare(one) for one in node]
    if not isinstance(node, dict):
        return node
    kept = {key: value for key, value in node.items() if names or key not in _ANNOTATIONS or key == "$defs"}
    return {
        key: _bare(value, names=not names and key in ("properties", "$defs")) for key, value in kept.items()
    }


def main() -> int:
    """Take the schemas of today as the baseline; 1, and a line for each, when a change breaks something."""
    new = published()
    found = breaking(json.loads(BASELINE.read_text("utf-8")), new) if BASELINE.exists() else []
    for line in found:
        print(line, file=sys.stderr)
    if not found:
        BASELINE.write_text(json.dumps(new, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
