"""Nobody drops what Kafka answers: the future of a record that was sent says whether it was taken."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("agents", "perf", "docs", "tests")
SENDS = {"send", "send_batch"}
"""Methods of aiokafka's producer that return such a future; `send_and_wait` waits for it."""


def dropped(source: str) -> list[int]:
    """The lines on which the result of `await x.send(…)` is not used."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Await(value=ast.Call(func=ast.Attribute(attr=name, value=of)))) if (
                name in SENDS
            ):
                if "producer" in ast.unparse(of):
                    lines.append(node.lineno)
            case ast.Assign(
                targets=[ast.Name(id="_")], value=ast.Await(value=ast.Call(func=ast.Attribute(attr=name)))
            ):
                if name in SENDS:
                    lines.append(node.lineno)
    return lines


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_future_is_dropped(folder: str) -> None:
    found = {
        str(path.relative_to(ROOT)): lines
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (lines := dropped(path.read_text()))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("await producer.send(t, v)", [1]),
        ("await self._producer.send_batch(b, t, partition=0)", [1]),
        ("_ = await producer.send(t, v)", [1]),
        ("f = await producer.send(t, v)", []),
        ("sent = [await producer.send(t, v) for v in vs]", []),
        ("await producer.send_and_wait(t, v)", []),
        ("await publisher.send(lines)", []),
    ],
)
def test_what_counts_as_dropped(source: str, lines: list[int]) -> None:
    assert dropped(f"async def f():\n {source}") == [line + 1 for line in lines]
