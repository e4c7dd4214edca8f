"""What a page shows is what its commands and examples print: they are run, in order, in a folder of their own."""

import pytest

from tests.kit.shown_output import ROOT, commands, pages, renewed, renewed_python, runner

PAGES = [page for page in pages() if "```console" in page.read_text("utf-8")]


def test_the_pages_with_commands_are_found():
    names = {page.name for page in PAGES}
    assert names >= {"change-a-rubric.md", "team-report.md", "publish-events.md", "change-settings.md"}


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_print_what_is_shown(page, tmp_path):
    run = runner(tmp_path)
    shown = list(commands(page.read_text("utf-8")))
    assert shown
    for command, output in shown:
        assert run(command) == output, f"{command}: run make docs"


PAGE = """A page.

```console
$ one
old
lines
$ silent
$ three
```

Text with $ one in it.

```python
>>> 1 + 1
3
>>> x = day
>>> as_points(
...     125
... )
'0.00'
>>> "the end"
'the end'

```
"""


def test_outputs_are_renewed_and_nothing_else():
    printed = {"one": "new", "silent": "", "three": "a\nb"}
    page = renewed_python(renewed(PAGE, printed.__getitem__), "page")
    assert page == PAGE.replace("old\nlines", "new").replace("$ three\n", "$ three\na\nb\n").replace(
        ">>> 1 + 1\n3", ">>> 1 + 1\n2"
    ).replace("'0.00'", "'1.25'")
    assert dict(commands(page)) == printed
    assert renewed_python(renewed(page, printed.__getitem__), "page") == page


def test_an_example_that_fails_is_no_output():
    with pytest.raises(NameError):
        renewed_python(">>> undefined\n1\n", "page")
