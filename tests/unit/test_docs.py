"""The documents lead somewhere: links, commands, settings and topics named in them exist."""

import re
from pathlib import Path

import pytest
import typer

import agents
from agents.cli import app
from agents.config.settings import PREFIX, TOPICS, Settings
from agents.metrics import Metrics

ROOT = Path(agents.__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md")])
IDS = [str(page.relative_to(ROOT)) for page in PAGES]
GROUP = typer.main.get_command(app)

LINK = re.compile(r"\[[^\]\n]*(?:\n[^\]\n]*)?\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^[ \t]*```(\w*)\n(.*?)^[ \t]*```", re.MULTILINE | re.DOTALL)
ADDRESS = re.compile(r"^(https?|mailto):")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found = set()
    for heading in re.findall(r"^#+ +(.+)$", BLOCK.sub("", text_of(page)), re.MULTILINE):
        letters = re.sub(r"[^\w\- ]", "", heading.lower())
        found.add(letters.strip().replace(" ", "-"))
    return found


def shell(page: Path) -> list[str]:
    """The commands of a page's shell blocks, one line each."""
    blocks = [body for kind, body in BLOCK.findall(text_of(page)) if kind == "sh"]
    return [line.strip() for body in blocks for line in body.replace("\\\n", " ").splitlines()]


@pytest.fixture(params=PAGES, ids=IDS)
def page(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_links_resolve(page: Path) -> None:
    for target in LINK.findall(BLOCK.sub("", text_of(page))):
        if ADDRESS.match(target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert there.is_relative_to(ROOT), f"{target} leaves the project"
        if anchor:
            assert anchor in anchors(there), target


def test_every_page_of_docs_can_be_reached() -> None:
    reached, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        targets = (target.partition("#")[0] for target in LINK.findall(text_of(page)))
        ahead += [(page.parent / t).resolve() for t in targets if t and not ADDRESS.match(t)]
    assert set(ROOT.glob("docs/**/*.md")) - reached == set()


def test_commands_and_their_options_exist(page: Path) -> None:
    for line in shell(page):
        for call in re.findall(r"\bpillarscore +([a-z][^|;&$#)]*)", line):
            words = call.split()
            command = GROUP
            while words and words[0] in getattr(command, "commands", {}):
                command = command.commands[words.pop(0)]
            assert command is not GROUP, f"there is no command {call!r}"
            known = {name for p in command.params for name in (*p.opts, *p.secondary_opts)} | {"--help"}
            used = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
            assert used <= known, line


def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = [line for line in shell(page) if line.startswith("make ")]
    named += re.findall(r"`(make [a-z-]+)", text_of(page))
    for line in named:
        word = line.split()[1]
        assert word in targets, line


def test_files_that_are_run_or_named_exist(page: Path) -> None:
    top = "agents|perf|broker|docs|grafana|pipeline|prometheus|rubrics|samples|schemas|tests"
    for name in re.findall(rf"`((?:{top})/[\w./-]+)`", text_of(page)):
        assert (ROOT / name).exists(), name
    for line in shell(page):
        for name in re.findall(r"\bpython ((?:docs|perf|samples)/\S+\.py)", line):
            assert (ROOT / name).is_file(), line
        for name in re.findall(rf"\bpython -m ((?:{top})\.[\w.]+)", line):
            assert (ROOT / (name.replace(".", "/") + ".py")).is_file(), line


def test_settings_metrics_and_topics_exist(page: Path) -> None:
    text = text_of(page).replace("PILLARSCORE_BROKR", "")  # misspelt on purpose, to show the error
    text = re.sub(
        r"^ *```diff\n.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL
    )  # adds what is not there yet
    settings = {PREFIX + name.upper() for name in Settings.model_fields}
    assert set(re.findall(rf"{PREFIX}[A-Z_]+\b", text)) <= settings | {PREFIX}
    samples = {metric.name for metric in Metrics().registry.collect()}
    for name in re.findall(r"\bpillarscore_[a-z_]+\b", text):
        assert name in samples or name.removesuffix("_total") in samples, name
    for name in re.findall(
        r"`((?:activity|member|score)\.(?:frames|dead-letters|scores[.\w]*|ledger))`", text
    ):
        assert name in TOPICS.values(), name


@pytest.mark.parametrize("example", sorted(ROOT.glob("docs/examples/*.py")), ids=lambda path: path.name)
def test_examples_are_shown_or_linked_as_they_are(example: Path) -> None:
    compile(text_of(example), str(example), "exec")
    linking = [page for page in PAGES if f"examples/{example.name})" in text_of(page)]
    assert linking, "no page leads to it"
    for page in linking:
        for kind, body in BLOCK.findall(text_of(page)):
            if kind == "python" and body.startswith('"""') and f"examples/{example.name} " in body:
                assert body == text_of(example), f"{page.name} shows it differently"


def test_nothing_of_one_machine(page: Path) -> None:
    found = re.findall(r"(?<![\w.*…])/(?:home|root|tmp|work|Users|var)/\S*", text_of(page))
    assert found == []
    text = re.sub(r"^ *@@$", "", text_of(page), flags=re.MULTILINE)  # begins a part of a diff
    assert not re.search(r"\b(?:TODO|FIXME|XXX)\b|@@", text)
