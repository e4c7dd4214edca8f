"""How a page is compared with what its commands print."""

import pytest

from tests.kit.walkthrough import first_difference, steps

PAGE = """
```sh
one
```

```
1
```

text

```sh
two
```

```toml
key = 1
```
"""


def test_what_commands_print_is_in_the_block_behind() -> None:
    assert [(step.commands, step.shown) for step in steps(PAGE)] == [("one\n", ["1"]), ("two\n", None)]


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        (["a", "b"], ["a", "b  "]),
        (["a", " …", "c"], ["a", "x", "y", "c"]),
        ([" …", "c", " …"], ["c"]),
        (["as of 2026-11-28 by ssi 2"], ["as of 2027-01-02 by ssi 2"]),
        (["log: …"], ["log: /tmp/x"]),
        (["Kafka answers at 127.0.0.1:1. Starting"], ["Kafka answers at 127.0.0.1:4242. Starting"]),
    ],
)
def test_the_same(shown: list[str], printed: list[str]) -> None:
    assert first_difference(shown, printed) is None


@pytest.mark.parametrize(
    ("shown", "printed", "found"),
    [
        (["a", "b"], ["a", "c"], "b"),
        (["a"], ["x", "a"], "a"),
        (["a", " …", "c"], ["a", "x"], "c"),
        (["1 member"], ["2 members"], "1 member"),
        (["a"], ["a", "more"], "(nothing), but 'more' was printed"),
        (["a.c"], ["abc"], "a.c"),
    ],
)
def test_a_difference_is_named(shown: list[str], printed: list[str], found: str) -> None:
    assert first_difference(shown, printed) == found
