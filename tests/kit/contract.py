"""The published JSON Schemas of events: as validators that check every keyword in them, and as generators of events.

`jsonschema` takes `contentEncoding`, `contentMediaType` and `contentSchema` for remarks, as the standard says, and
does not know `x-max-bytes`; here all of these must hold. `$` in a pattern is the end of the text and nothing else, as
in ECMAScript.
"""

import base64
import json
import re
from functools import cache
from pathlib import Path

from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

import schemas

FOLDER = Path(schemas.__file__).parent / "json"
"""Where the published files are; nothing here is made from the types that these are made from."""


@cache
def published(name):
    """A published schema by its name: `event`, or the type of an event."""
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


def _pattern(validator, pattern, value, schema):
    if isinstance(value, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _max_bytes(validator, most, value, schema):
    if isinstance(value, str) and len(value.encode("utf-8", "surrogatepass")) > most:
        yield ValidationError(f"over {most} bytes")


def _content(validator, encoding, value, schema):
    if not isinstance(value, str):
        return
    assert (encoding, schema["contentMediaType"]) == ("base64", "application/json")
    try:
        data = json.loads(base64.b64decode(value, validate=True))
    except ValueError as error:
        yield ValidationError(str(error))
    else:
        yield from validator.descend(data, schema["contentSchema"])


_Validator = extend(
    Draft202012Validator, {"pattern": _pattern, "x-max-bytes": _max_bytes, "contentEncoding": _content}
)


@cache
def validator(name):
    """The validator of a published schema by its name."""
    return _Validator(published(name))


# --- generators ---------------------------------------------------------------------------------------------

_REMARKS = {
    "$schema",
    "$defs",
    "title",
    "description",
    "examples",
    "format",
    "contentEncoding",
    "contentMediaType",
}
_OTHERS = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"])),
    max_size=2,
)


@cache
def instances(name):
    """Whatever the schema of this name accepts: made from the schema alone, keyword by keyword."""
    root = published(name)
    return _made(root, root).filter(validator(name).is_valid)


def _made(schema, root):
    if "$ref" in schema:
        return _made(root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root)
    if "properties" in schema:
        return _object(schema, root)
    if "anyOf" in schema:
        return st.one_of([_made(one, root) for one in schema["anyOf"]])
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "object":
            return _OTHERS
        case "integer":
            whole = st.integers(schema["minimum"], schema["maximum"])
            return whole | whole.map(float)
    return _text(schema, root)


def _text(schema, root):
    unknown = (
        schema.keys()
        - _REMARKS
        - {"type", "minLength", "maxLength", "pattern", "x-max-bytes", "contentSchema"}
    )
    assert not unknown, f"say here what is made for {unknown}"
    if "contentSchema" in schema:
        data = _made(schema["contentSchema"], root)
        return data.map(lambda one: base64.b64encode(json.dumps(one).encode()).decode())
    if "^[^" in schema["pattern"]:  # anything but NUL
        text = st.text(
            st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
            min_size=schema.get("minLength", 0),
            max_size=schema["maxLength"],
        )
    else:
        text = st.from_regex(re.compile(schema["pattern"], re.ASCII), fullmatch=True)
    most = schema.get("x-max-bytes", schema["maxLength"])
    return text.filter(lambda one: len(one.encode()) <= most)


def _object(schema, root):
    fields = {name: _made(one, root) for name, one in schema["properties"].items()}
    required = set(schema.get("required", ()))
    known = st.fixed_dictionaries(
        {name: one for name, one in fields.items() if name in required},
        optional={name: one for name, one in fields.items() if name not in required},
    )
    return st.tuples(_OTHERS, known).map(lambda two: two[0] | two[1])
