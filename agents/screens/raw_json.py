"""Bytes from anywhere as lines for a terminal: JSON is indented, and nothing can reach the terminal itself.

JSON is not parsed, only laid out: what is broken, too deep or repeated is shown as it came.
"""

import re
from collections.abc import Iterator

from agents.screens.visible import visible

DEEPEST = 30
"""Levels that are indented."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[{}\[\],]|[^"{}\[\],]+', re.DOTALL)
_CLOSES = {"{": "}", "[": "]"}


def lines(value: bytes, most: int) -> Iterator[str]:
    """The value in lines of printable text; at most so many of its characters, and a line that says so."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        yield "(not UTF-8; invalid bytes are shown as \\x..)"
        text = value.decode("utf-8", "backslashreplace")
    shown = text[:most]
    laid = _indented(shown) if shown.lstrip()[:1] in ("{", "[") else shown.split("\n")
    for line in laid:
        yield visible(line)
    if len(text) > most:
        yield f"… {len(text) - most:,} more characters"


def _indented(text: str) -> Iterator[str]:
    depth, line = 0, ""
    tokens = [token for token in (found.group().strip() for found in _TOKEN.finditer(text)) if token]
    for number, token in enumerate(tokens):
        if token in "{[":
            depth += 1
            line += token
            if number + 1 < len(tokens) and tokens[number + 1] == _CLOSES[token]:
                continue
            yield line
            line = _indent(depth)
        elif token in "}]":
            depth = max(0, depth - 1)
            if line.strip() and line.strip()[-1] not in "{[":
                yield line
                line = _indent(depth)
            elif not line.strip():
                line = _indent(depth)
            line += token
        elif token == ",":
            yield line + token
            line = _indent(depth)
        else:
            line += _colon(token)
    if line.strip():
        yield line


def _colon(token: str) -> str:
    return ": " + token[1:].lstrip() if token.startswith(":") else token


def _indent(depth: int) -> str:
    return "  " * min(depth, DEEPEST)
