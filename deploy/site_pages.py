"""Hooks of MkDocs (`mkdocs.yml`): pages that GitHub shows become pages of the site, with links that work there too.

The pages are written for GitHub. The site differs in three ways, and each has a function here: two files from outside
of docs/ are pages of it, links to other files lead to the repository, and its parser wants lists indented by four.
"""

import logging
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
PAGES = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
"""Files outside of docs/ that are pages of the site, and their names there."""

BRANCH = "main"
_FENCE = re.compile(r"^ *(```+)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_ELSEWHERE = re.compile(r"[a-z]+:|#")
_ITEM = re.compile(r"( *)(?:[-*] |\d+\. )")
# `mkdocs build --strict` fails at warnings of loggers with such a name.
_log = logging.getLogger("mkdocs.hooks.site_pages")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages from outside of docs/."""
    for name, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / name).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The page as the site's parser needs it."""
    shown = {page: name for name, page in PAGES.items()}
    name = page.file.src_uri
    return indented(linked(markdown, shown.get(name, f"docs/{name}"), str(config.repo_url)))


def linked(text: str, name: str, repository: str) -> str:
    """`text` of the file `name` with its links as they are in the site.

    >>> linked("[a](../../LICENSE) [b](../../CHANGELOG.md#one) [c](audit.md)", "docs/how-to/monitor.md", "https://git")
    '[a](https://git/blob/main/LICENSE) [b](../changelog.md#one) [c](audit.md)'
    >>> linked("[a](docs/how-to/audit.md)", "CHANGELOG.md", "https://git")
    '[a](how-to/audit.md)'
    """

    def target(found: re.Match[str]) -> str:
        return f"]({_target(found[1], name, repository)})"

    return "".join(line if code else _LINK.sub(target, line) for line, code in _lines(text))


def _target(link: str, name: str, repository: str) -> str:
    if _ELSEWHERE.match(link):
        return link
    path, _, anchor = link.partition("#")
    there = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
    if not (ROOT / there).exists():
        _log.warning("%s: there is no %s", name, link)
    suffix = f"#{anchor}" if anchor else ""
    if there not in PAGES and not there.startswith("docs/"):
        return f"{repository.rstrip('/')}/blob/{BRANCH}/{there}{suffix}"
    return posixpath.relpath(_in_site(there), posixpath.dirname(_in_site(name)) or ".") + suffix


def _in_site(name: str) -> str:
    return PAGES.get(name) or name.removeprefix("docs/")


def indented(text: str) -> str:
    """`text` with what belongs to an item of a list indented by four for each level, blocks of code too.

    >>> print(indented("1. One\\n\\n   ```sh\\n     ls\\n   ```\\n- Two\\n  - three"))
    1. One
    <BLANKLINE>
        ```sh
          ls
        ```
    <BLANKLINE>
    - Two
        - three
    """
    out, before = [], ""
    columns: list[int] = []  # where the text of each open item begins, outermost first
    shift, blocks = 0, False
    for line, code in _lines(text):
        item = None if code else _ITEM.match(line)
        column = len(line) - len(line.lstrip(" "))
        # Without a blank line before it, a line goes on with the paragraph, whatever its column.
        if not code and line.strip() and (item or _FENCE.match(line) or not before.strip()):
            while columns and column < columns[-1]:
                columns.pop()
            shift = 4 * len(columns) - (columns[-1] if columns else 0)
        if item and blocks and before.strip():
            out.append("\n")  # else it would go on with the last block of the item before
        blocks = not item and (blocks or (not before.strip() and bool(columns)))
        out.append(" " * (column + shift) + line.lstrip(" ") if line.strip() else line)
        if item:
            columns.append(item.end())
        before = line
    return "".join(out)


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it is in a block of code: the one that begins it is not, the one that ends it is."""
    fence = ""
    for line in text.splitlines(keepends=True):
        yield line, bool(fence)
        if found := _FENCE.match(line):
            fence = "" if found[1] == fence else fence or found[1]
