"""The glossary: every name in it is one of the code's, and the explanations lead to it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

import agents
from agents.cli import app
from agents.config.settings import PREFIX, TOPICS, Settings
from agents.metrics import Metrics
from schemas.activities import DATA

ROOT = Path(agents.__file__).parents[1]
GLOSSARY = ROOT / "docs" / "reference" / "glossary.md"
EXPLANATIONS = sorted(ROOT.glob("docs/explanation/*.md"))
ENTRY = re.compile(r"^### (.+)\n\n((?:(?!#).*\n)+)", re.MULTILINE)
ENTRIES = dict(ENTRY.findall(GLOSSARY.read_text(encoding="utf-8") + "\n"))

LINKED = [
    *("actor", "as-of day", "audit", "background share", "band", "benchmark", "block", "cap", "census"),
    *("checkpoint", "cohort", "component", "conservation law", "counterpart", "cover", "daily history"),
    *("dead letter", "digest", "disposition", "distribution", "frame", "generation", "half-life"),
    *("home partition", "horizon", "ingest", "journal", "late event", "ledger", "lost range"),
    *("missing range", "next step", "overlay", "peer", "peer rank", "penalty", "pillar", "prior", "redo"),
    *("redrive", "refill", "refused record", "register", "register component", "revision", "rhythm"),
    *("rollover", "rubric", "runner", "seen id", "shadow rubric", "shard", "signal", "stamp", "sweep"),
    *("takeover", "tile", "torn transaction", "trend", "volume", "watermark", "what-if"),
]
"""Terms that no page uses in another sense: where a page first uses one, it is a link to the glossary."""


def identifiers() -> set[str]:
    """Names of classes, functions and fields; those in a class also as `Class.name`."""
    found: set[str] = set()
    for package in ("schemas", "pipeline", "agents"):
        for file in ROOT.glob(f"{package}/**/*.py"):
            found.update(_names(ast.parse(file.read_text(encoding="utf-8")).body))
    return found


def _names(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield node.name
            for name in _names(node.body):
                yield name
                yield f"{node.name}.{name}"
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


NO_PROSE = (
    r"(?s:^```.*?^```)",  # code
    r"^ {4,}.*$",
    r"`[^`\n]*`",
    r"^#.*$",  # headings
    r"\[[^\]]*\]\((?![^)]*glossary\.md)[^)]*\)",  # other links
    r"\]\([^)]*\)",  # targets
)


def blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


def forms(term: str) -> re.Pattern[str]:
    """A term, singular or plural, perhaps with a line break in it."""
    words = re.escape(term).replace(r"\ ", r"\s+")
    words = re.sub("y$", "(?:y|ies)", re.sub("fe$", "(?:fe|ves)", words))
    return re.compile(rf"(?<![\w-]){words}s?(?![\w-])", re.IGNORECASE)


def first_uses(text: str) -> dict[str, tuple[int, int]]:
    """Where in a page's prose each linked term stands first; (start, stop) by term."""
    for pattern in NO_PROSE:
        text = re.sub(pattern, blank, text, flags=re.MULTILINE)
    found = {}
    for term in sorted(ENTRIES, key=len, reverse=True):  # "peer rank" before "peer"
        first = forms(term).search(text)
        if first and term in LINKED:
            found[term] = first.span()
        if " " in term:
            text = forms(term).sub(blank, text)
    return found


def test_terms_are_sorted_and_there_once():
    text = GLOSSARY.read_text(encoding="utf-8")
    terms = re.findall(r"^### (.+)$", text, re.MULTILINE)
    assert terms == sorted(set(terms), key=str.casefold)
    assert terms == list(ENTRIES), "an entry has no text"


def test_every_name_in_the_glossary_exists():
    known = identifiers() | set(TOPICS.values()) | set(DATA)
    known |= {PREFIX + name.upper() for name in Settings.model_fields}
    known |= {metric.name for metric in Metrics().registry.collect()}
    group = typer.main.get_command(app)
    for term, text in ENTRIES.items():
        names = re.findall(r"`([^`]+)`", text)
        assert names, f"{term}: where is it in the code?"
        for name in names:
            if "/" in name:
                assert (ROOT / name).exists(), f"{term}: {name}"
            elif name.startswith("pillarscore "):
                command = group
                for word in name.split()[1:]:
                    command = command.commands[word]
            else:
                assert name in known or name.removesuffix("_total") in known, f"{term}: {name}"


@pytest.mark.parametrize("page", EXPLANATIONS, ids=lambda page: page.name)
def test_an_explanation_links_the_first_use_of_a_term(page):
    text = page.read_text(encoding="utf-8")
    for term, (start, stop) in first_uses(text).items():
        target = "](../reference/glossary.md#" + term.replace(" ", "-") + ")"
        assert text[start - 1] == "[", f"{term} in {text[start - 30 : stop + 30]!r}"
        assert text[stop:].startswith(target), f"{term} in {text[start - 30 : stop + 30]!r}"


def test_linked_terms_are_in_the_glossary():
    assert set(LINKED) <= set(ENTRIES)
