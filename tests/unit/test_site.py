"""The website of docs/ (`make site`): it is built without a warning, links lead somewhere, and search knows all."""

import doctest
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import orjson
import pytest

import agents

ROOT = Path(agents.__file__).parents[1]
HOOKS = ROOT / "deploy" / "site_pages.py"
REPOSITORY = re.findall(r"^repo_url: (.+)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)[
    0
]
pytestmark = pytest.mark.slow


def build(root: Path, out: Path) -> "subprocess.CompletedProcess[str]":
    """Build as `make site` does, into the folder `out`. With `--quiet`, MkDocs does not count warnings."""
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)],
        cwd=root,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=110,
    )


class Read(HTMLParser):
    """Of one page: what it links, what it loads, its anchors, and the text of its paragraphs outside of code."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.text = ""
        self._paragraphs = self._code = 0
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in ("script", "img") and "src" in given:
            self.loads.append(given["src"])
        elif tag == "link" and given.get("rel") in ("stylesheet", "icon", "preconnect", "preload"):
            self.loads.append(given["href"])
        self._paragraphs += tag == "p"
        self._code += tag == "code"

    def handle_endtag(self, tag: str) -> None:
        self._paragraphs -= tag == "p"
        self._code -= tag == "code"
        if tag == "p":
            self.text += "\n"

    def handle_data(self, data: str) -> None:
        if self._paragraphs and not self._code:
            self.text += data


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    done = build(ROOT, out)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Read]:
    return {path: Read(path) for path in sorted(site.rglob("*.html")) if path.name != "404.html"}


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_pages", HOOKS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_is_there(site: Path, pages: dict[Path, Read]) -> None:
    names = {path.relative_to(ROOT / "docs") for path in ROOT.glob("docs/**/*.md")}
    names |= {Path("changelog.md"), Path("contributing.md")}
    wanted = {name.with_name("index.md") if name.name == "README.md" else name for name in names}
    assert {path.relative_to(site) for path in pages} == {name.with_suffix(".html") for name in wanted}


def test_links_lead_somewhere(site: Path, pages: dict[Path, Read]) -> None:
    for path, read in pages.items():
        for link in read.links:
            if re.match(r"(?!file:)[a-z]+:", link):
                continue
            name, _, anchor = unquote(link).partition("#")
            there = (path.parent / name).resolve() if name else path
            assert there.is_relative_to(site.resolve()), f"{path.name}: {link} leaves the site"
            assert there.is_file() or (there / "index.html").is_file(), f"{path.name}: {link}"
            if anchor and there.suffix == ".html":
                assert anchor in pages[there].anchors, f"{path.name}: {link}"


def test_files_elsewhere_in_the_project_are_linked_in_the_repository(pages: dict[Path, Read]) -> None:
    found = {link for read in pages.values() for link in read.links if link.startswith(f"{REPOSITORY}/blob/")}
    names = {link.removeprefix(f"{REPOSITORY}/blob/main/").partition("#")[0] for link in found}
    assert {"perf/README.md", "samples/README.md", "schemas/json", "deploy/acls.sh"} <= names
    assert [name for name in names if not (ROOT / name).exists()] == []
    assert [name for name in names if name.startswith("docs/")] == []


def test_nothing_is_loaded_from_elsewhere(pages: dict[Path, Read]) -> None:
    loads = {load for read in pages.values() for load in read.loads}
    assert loads
    assert [load for load in loads if re.match(r"([a-z]+:)?//", load)] == []


def test_markdown_is_rendered_as_on_github(pages: dict[Path, Read]) -> None:
    for path, read in pages.items():
        assert len(read.text) > 100
        assert "```" not in read.text, f"{path.name}: a block of code is shown as text"
        assert not re.search(r"^\s*\|[ :-]+\|", read.text, re.MULTILINE), (
            f"{path.name}: a table is shown as text"
        )
        assert "](" not in read.text, f"{path.name}: a link is shown as text"
        assert not re.search(r"^(- |\d+\. )", read.text, re.MULTILINE), (
            f"{path.name}: a list is shown as text"
        )


def test_search_knows_every_page(site: Path, pages: dict[Path, Read]) -> None:
    index = orjson.loads((site / "search" / "search_index.json").read_bytes())["docs"]
    assert {one["location"].partition("#")[0] for one in index} == {
        path.relative_to(site).as_posix() for path in pages
    }
    titles = {one["location"]: one["title"] for one in index}
    assert titles["reference/glossary.html#half-life"] == "half-life"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[a](../missing.md)", "missing.md"),
        ("[a](quickstart.md#no-such-heading)", "no-such-heading"),
    ],
)
def test_a_link_that_leads_nowhere_fails(text: str, says: str, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    (root / "docs").mkdir(parents=True)
    (root / "deploy").mkdir()
    for name in ("deploy/site_pages.py", "docs/quickstart.md", "CHANGELOG.md", "CONTRIBUTING.md"):
        shutil.copy(ROOT / name, root / name)
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    nav = "nav: [README.md, quickstart.md, changelog.md, contributing.md]\n"
    (root / "mkdocs.yml").write_text(config.partition("nav:\n")[0] + nav, encoding="utf-8")
    (root / "docs" / "README.md").write_text(f"# Start\n\n{text}\n", encoding="utf-8")
    done = build(root, tmp_path / "site")
    assert done.returncode != 0
    assert says in done.stdout + done.stderr


def test_examples_of_the_hooks(hooks: ModuleType) -> None:
    assert doctest.testmod(hooks).failed == 0


@pytest.mark.parametrize(
    ("github", "site"),
    [
        ("- one\n  goes on\n- two\n", "- one\n  goes on\n- two\n"),
        ("1. one\n\n   | a |\n   | - |\n\ntext\n", "1. one\n\n    | a |\n    | - |\n\ntext\n"),
        ("1. one\n\n   more\n2. two\n3. three\n", "1. one\n\n    more\n\n2. two\n3. three\n"),
        ("10. one\n\n    two\n", "10. one\n\n    two\n"),
        ("- one\n  1. two\n\n     three\n- four\n", "- one\n    1. two\n\n        three\n\n- four\n"),
        ("```\n- one\n   two\n```\n", "```\n- one\n   two\n```\n"),
        ("text\n\n    code\n", "text\n\n    code\n"),
    ],
)
def test_lists_are_indented_by_four(github: str, site: str, hooks: ModuleType) -> None:
    assert hooks.indented(github) == site
