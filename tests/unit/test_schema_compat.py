"""A change of the published schemas that breaks what others have built is refused, with a line that names it."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from schemas.activities import DATA
from schemas.examples import examples
from tests.kit import schema_compat
from tests.kit.schema_compat import BASELINE, breaking, compare, published

Change = Callable[[dict[str, Any]], object]


def baseline() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(BASELINE.read_text("utf-8"))
    return found


def test_nothing_breaks_what_was_published() -> None:
    found = breaking(baseline(), published())
    assert not found, (
        "these changes break what others have built (docs/explanation/upgrades.md#what-must-not-change):\n"
        + "\n".join(found)
    )


def test_the_baseline_has_every_event_and_every_record_that_others_read() -> None:
    found = baseline().keys()
    assert {"score", "band.changed", "history.day", "network.standing", "benchmark"} <= found
    assert len(found & DATA.keys()) >= 30


def test_what_was_valid_by_the_baseline_is_valid() -> None:
    new = published()
    for event_type in baseline().keys() & DATA.keys():
        for example in examples(event_type):
            assert Draft202012Validator(baseline()[event_type]).is_valid(example)
            Draft202012Validator(new[event_type]).validate(example)


def data_of(schema: dict[str, Any]) -> dict[str, Any]:
    (name,) = schema["$defs"]
    found: dict[str, Any] = schema["$defs"][name]
    return found


def field(name: str, **changes: Any) -> Change:
    return lambda schema: data_of(schema)["properties"][name].update(changes)


def new_field(schema: dict[str, Any]) -> None:
    data_of(schema)["properties"]["language"] = {"anyOf": [{"type": "string"}, {"type": "null"}]}


def renamed(schema: dict[str, Any]) -> None:
    data = data_of(schema)
    data["properties"]["letters"] = data["properties"].pop("words")
    data["required"] = ["author", "letters"]


def or_null(schema: dict[str, Any]) -> None:
    properties = data_of(schema)["properties"]
    properties["author"] = {"anyOf": [properties["author"], {"type": "null"}]}


COMMENT = "activity.comment.written"
SEARCH = "activity.search.made"
BREAKS: list[tuple[str, Change, str]] = [
    (COMMENT, lambda s: data_of(s)["properties"].pop("words"), "data.words: was removed or renamed"),
    (COMMENT, renamed, "data.words: was removed or renamed"),
    (
        COMMENT,
        lambda s: (new_field(s), data_of(s)["required"].append("language")),
        "data.language: is required now",
    ),
    (COMMENT, field("words", maximum=100), "data.words: maximum was 1000000, is 100 now"),
    (COMMENT, field("words", minimum=1), "data.words: minimum was 0, is 1 now"),
    (COMMENT, field("words", type="string"), "data.words: integer is no longer valid"),
    (COMMENT, field("author", maxLength=64), "data.author: maxLength was 256, is 64 now"),
    (COMMENT, field("author", **{"x-max-bytes": 64}), "data.author: x-max-bytes was 256, is 64 now"),
    (COMMENT, field("author", pattern="^m-"), "data.author: pattern was ^[^\\u0000]*$, is ^m- now"),
    (COMMENT, field("author", format="uuid"), "data.author: format was free, is uuid now"),
    (COMMENT, field("author", enum=["m-1"]), "data.author: any other value is no longer valid"),
    (COMMENT, field("author", dependentRequired={}), "data.author: dependentRequired is not understood"),
    (
        SEARCH,
        lambda s: data_of(s)["properties"]["kind"]["enum"].remove("boolean"),
        "data.kind: boolean is no longer",
    ),
    (
        COMMENT,
        lambda s: s["properties"]["type"].update(const="activity.comment.made"),
        "activity.comment.written is",
    ),
    (COMMENT, lambda s: s["properties"].pop("data_base64"), "data_base64: was removed or renamed"),
    (COMMENT, lambda s: s["required"].append("data"), "data: is required now"),
    (
        "activity.post.published",
        lambda s: data_of(s).update(required=["media"]),
        "data.media: is required now",
    ),
    ("score", lambda s: s["properties"].pop("band"), "band: was removed or renamed"),
    ("score", lambda s: s["required"].remove("revision"), "revision: may be absent now"),
    ("score", lambda s: s["properties"]["score"].update(maximum=1000), "score: maximum was 100, is 1000 now"),
    (
        "score",
        lambda s: s["properties"].update(score={"anyOf": [s["properties"]["score"], {"type": "null"}]}),
        "score: null is written now",
    ),
    (
        "band.changed",
        lambda s: s["properties"]["to"]["enum"].append("best"),
        "to: best is written now, which readers do not expect",
    ),
]
FINE: list[tuple[str, Change]] = [
    (COMMENT, new_field),
    (COMMENT, or_null),
    (COMMENT, lambda s: data_of(s)["required"].remove("words")),
    (COMMENT, field("words", maximum=2_000_000, description="how many")),
    (COMMENT, field("author", maxLength=512)),
    (COMMENT, lambda s: data_of(s)["properties"]["author"].pop("pattern")),
    (SEARCH, lambda s: data_of(s)["properties"]["kind"]["enum"].append("semantic")),
    ("score", lambda s: s["properties"].update(language={"type": "string"})),
    ("score", lambda s: s["required"].append("weakest")),
    ("score", lambda s: s["properties"]["score"].update(maximum=90)),
]


@pytest.mark.parametrize(("name", "change", "says"), BREAKS, ids=[f"{n}: {s[:50]}" for n, _, s in BREAKS])
def test_a_breaking_change_is_named(name: str, change: Change, says: str) -> None:
    old = baseline()
    new = copy.deepcopy(old)
    change(new[name])
    found = breaking(old, new)
    assert any(says in line for line in found), found
    assert all(line.startswith(f"{name}: ") for line in found)


@pytest.mark.parametrize(("name", "change"), FINE, ids=range(len(FINE)))
def test_an_addition_is_fine(name: str, change: Change) -> None:
    old = baseline()
    new = copy.deepcopy(old)
    change(new[name])
    assert new != old
    assert breaking(old, new) == []


def test_a_type_may_come_and_none_may_go() -> None:
    old = baseline()
    assert breaking(old, old | {"activity.poll.answered": old["activity.live.hosted"]}) == []
    assert breaking(old, {name: one for name, one in old.items() if name != COMMENT}) == [
        "activity.comment.written: was removed"
    ]


def test_data_that_need_not_be_there_any_more_is_fine() -> None:
    """The schema of such an event has another shape: see `schemas.events.event_class`."""
    old, free = baseline()[COMMENT], copy.deepcopy(baseline()["activity.post.published"])
    free["properties"]["type"] = old["properties"]["type"]
    data = copy.deepcopy(data_of(old))
    data["required"] = []
    free["$defs"] = {"PostPublished": data}
    assert compare(old, free, sent=True) == []
    assert compare(free, old, sent=True) != []


def test_the_baseline_is_not_replaced_by_what_breaks_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "baseline.json"
    monkeypatch.setattr(schema_compat, "BASELINE", file)
    assert schema_compat.main() == 0
    assert json.loads(file.read_text()) == published()
    broken = published()
    del broken["score"]
    monkeypatch.setattr(schema_compat, "published", lambda: broken)
    assert schema_compat.main() == 1
    assert capsys.readouterr().err == "score: was removed\n"
    assert "score" in json.loads(file.read_text())
