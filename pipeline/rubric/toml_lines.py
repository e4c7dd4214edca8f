"""Where each key of a TOML text stands, so that an error can name its line.

`tomllib` forgets the lines of what it has read. The text given here has already been parsed by it,
so this needs to recognise statements only, not to check them.
"""

import re
from collections.abc import Iterator

Path = tuple[str | int, ...]

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""|' + r"'''.*?'''|" + r'"(?:\\.|[^"\\\n])*"|' + r"'[^'\n]*'|#[^\n]*|\n|[\[\]{}]",
    re.DOTALL,
)
_KEY = re.compile(r"""\s*("(?:\\.|[^"\\])*"|'[^']*'|[A-Za-z0-9_-]+)\s*(\.|=|\]|$)""")


def statements(text: str) -> Iterator[tuple[int, str]]:
    """Each statement with the number of its first line; a value may go over several lines.

    Of a text that is not valid TOML these are parts of it that need not be statements.
    """
    line = 1
    depth = 0
    begin, begin_line = 0, 1
    for token in _TOKEN.finditer(text):
        word = token.group()
        if word in "[{":
            depth += 1
        elif word in "]}":
            depth -= 1
        elif word == "\n" and depth == 0:
            yield begin_line, text[begin : token.start()]
            begin, begin_line = token.end(), line + 1
        line += word.count("\n")
    yield begin_line, text[begin:]


def _keys(text: str) -> list[str]:
    """The dotted key at the beginning of `text`, up to `=` or `]`."""
    keys: list[str] = []
    at = 0
    while found := _KEY.match(text, at):
        keys.append(found.group(1).strip("\"'"))
        at = found.end()
        if found.group(2) != ".":
            break
    return keys


def line_of_keys(text: str) -> dict[Path, int]:
    """The line number (from 1) of every key and table, by its path.

    >>> line_of_keys("a = 1\\n[[b]]\\nc.d = 2\\n")[("b", 0, "c", "d")]
    3
    """
    lines: dict[Path, int] = {}
    last: dict[Path, int] = {}
    table: Path = ()

    def resolve(base: Path, keys: list[str], line: int) -> Path:
        path = base
        for key in keys:
            path += (key,)
            lines.setdefault(path, line)
            if path in last:
                path += (last[path],)
        return path

    for line, statement in statements(text):
        body = statement.strip()
        if not body or body.startswith("#"):
            continue
        if body.startswith("[["):
            keys = _keys(body[2:])
            array = (*resolve((), keys[:-1], line), keys[-1])
            lines.setdefault(array, line)
            last[array] = last.get(array, -1) + 1
            table = (*array, last[array])
            lines.setdefault(table, line)
        elif body.startswith("["):
            table = resolve((), _keys(body[1:]), line)
        else:
            resolve(table, _keys(body), line)
    return lines


def line_of(lines: dict[Path, int], path: Path) -> int:
    """The line of `path`, or of the nearest thing around it that has one; line 1 at last."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return 1
