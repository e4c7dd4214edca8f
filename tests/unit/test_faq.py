"""Questions and troubleshooting: messages on the page are those of the code, and no reason of a letter is missing."""

import ast
import re
from pathlib import Path

import pytest

import agents
from schemas.reasons import REASONS

ROOT = Path(agents.__file__).parents[1]
PAGE = (ROOT / "docs" / "faq.md").read_text(encoding="utf-8")
MESSAGES = re.findall(r"^\| `([^`]+)` \|", PAGE.partition("## What a message means")[2], re.MULTILINE)


@pytest.fixture(scope="module")
def texts() -> str:
    """All texts of the code, one a line; {} stands for what is filled in."""
    found = []
    for package in ("agents", "pipeline", "schemas"):
        for file in ROOT.glob(f"{package}/**/*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts = (str(v.value) if isinstance(v, ast.Constant) else "{}" for v in node.values)
                    found.append("".join(parts))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
    return "\n".join(found)


def test_there_are_messages() -> None:
    assert len(MESSAGES) > 15


@pytest.mark.parametrize("message", MESSAGES)
def test_messages_are_those_of_the_code(message: str, texts: str) -> None:
    parts = [re.escape(part.strip()) for part in message.split("…") if part.strip()]
    assert re.search(r"[^\n]*".join(parts), texts), "no text in the code reads like this"


def test_every_reason_of_a_dead_letter_is_explained() -> None:
    table = PAGE.partition("## Why was an event refused?")[2].partition("\n## ")[0]
    rows = "".join(re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", rows)) == set(REASONS)
