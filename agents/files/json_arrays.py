"""A JSON array as its elements: events as they were written, not yet judged, with bounded memory.

Only brackets and quotes are looked at. What is between two commas is handed on as a line, so whether an element is an
event, and what is wrong with one that is not, is decided in one place.
"""

from collections.abc import Callable, Generator

import numpy as np

from agents.config.errors import UserError

_OPEN, _CLOSE, _COMMA, _QUOTE = range(1, 5)
_KINDS = np.zeros(256, np.uint8)
for _characters, _kind in ((b"[{", _OPEN), (b"]}", _CLOSE), (b",", _COMMA), (b'"', _QUOTE)):
    _KINDS[list(_characters)] = _kind
_SPACE = b" \t\r\n"


def elements(
    read: Callable[[int], bytes], name: str, size: int, *, longest: int
) -> Generator[list[bytes], None, bytes]:
    """The elements of an array, or of several one after the other, in lists; returns what follows, if anything.

    read: gives the next bytes, at most so many; the first that are not blank are `[`. Line ends within an element
    are replaced, as they are within no text. longest: bytes of an element. Raises UserError when one is longer, or
    when the array has no end.
    """
    rest = b""
    inside = False
    while True:
        piece = read(size)
        rest += piece
        found, taken, inside = _split(rest, inside)
        rest = rest[taken:]
        if found:
            yield found
        if not inside and (rest or not piece):
            return rest
        if not piece:
            raise UserError(f"{name} is a JSON array without an end: it is truncated, get a new copy")
        if len(rest) > longest:
            raise UserError(
                f"{name} has an element of more than {longest >> 20} MiB: is it an array of events?"
            )


def _split(text: bytes, inside: bool) -> tuple[list[bytes], int, bool]:
    """The whole elements that a text begins with, the bytes they take, and whether an array goes on after them.

    inside: whether the text begins within an array, at the beginning of an element.
    """
    kinds = _KINDS[np.frombuffer(_unescaped(text), np.uint8)]
    at = np.flatnonzero(kinds)
    kinds = kinds[at]
    outside = (np.cumsum(kinds == _QUOTE) & 1) == 0
    at, kinds = at[outside], kinds[outside]
    opens, closes = kinds == _OPEN, kinds == _CLOSE
    depth = np.cumsum(opens.astype(np.int64) - closes) + inside
    bounds = (depth == 1) & (opens | (kinds == _COMMA)) | (depth == 0) & closes
    found, begin = [], 0
    for bound, kind in zip(at[bounds].tolist(), kinds[bounds].tolist(), strict=True):
        if kind == _OPEN:
            if text[begin:bound].strip(_SPACE) or text[bound : bound + 1] != b"[":
                break  # something else than an array
            inside = True
        elif inside:
            element = text[begin:bound].strip(_SPACE)
            if element or kind == _COMMA:
                found.append(_one_line(element))
            inside = kind == _COMMA
        else:
            break
        begin = bound + 1
    if not inside:
        begin = len(text) - len(text[begin:].lstrip(_SPACE))
    return found, begin, inside


def _unescaped(text: bytes) -> bytes:
    """The text, as long as it was, without backslashes and the quotes that they escape."""
    return text.replace(rb"\\", b"  ").replace(rb"\"", b"  ") if b"\\" in text else text


def _one_line(element: bytes) -> bytes:
    if b"\n" not in element and b"\r" not in element:
        return element
    # A raw line end in a string makes the element invalid, and must not make it valid when it is replaced.
    parts = _unescaped(element).split(b'"')
    if any(b"\n" in part or b"\r" in part for part in parts[1::2]):
        return element.replace(b"\r", b"\x1a").replace(b"\n", b"\x1a")
    return element.replace(b"\r", b" ").replace(b"\n", b" ")
