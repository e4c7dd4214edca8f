"""Mending an event: single fields by their path, the whole by a file or an editor.

What is edited is always a structured event: one that came in binary mode is put together first, and goes back
without its `ce_` headers.
"""

import contextlib
import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic_core import PydanticCustomError

from agents.config.errors import UserError
from agents.dead_letters.store import StoredLetter
from schemas import cloudevents
from schemas.cloudevents import Mode, NotAnEvent, content_mode
from schemas.events import plain
from schemas.letters import DeadLetter

_OF_THE_EVENT = ("content-type", "ce_", "ce-")
"""How the names of headers begin that say something about the event."""


def structured(letter: DeadLetter) -> bytes:
    """The event as structured JSON, valid or not; the value as it is when there is no event; UserError when headers
    and value don't fit together.
    """
    try:
        event = cloudevents.structured(letter.headers, letter.value)
        with contextlib.suppress(PydanticCustomError):
            event = plain(event)
        return event
    except NotAnEvent as error:
        if error.reason in ("no_value", "unsupported_format") or _in_value(letter):
            return letter.value or b""
        raise UserError(
            f"The letter's headers and value do not form an event ({error}): give the whole event with --value"
        ) from None


def headers_of(letter: DeadLetter) -> tuple[tuple[str, bytes], ...]:
    """The letter's headers for an edited event, which is in structured mode."""
    readable = ((name, value) for name, value in letter.headers if cloudevents.is_utf8(name))
    if _in_value(letter):
        return tuple(readable)
    return tuple((name, value) for name, value in readable if not name.lower().startswith(_OF_THE_EVENT))


def _in_value(letter: DeadLetter) -> bool:
    """Whether the whole event is in the letter's value."""
    try:
        return content_mode(letter.headers, letter.value) is Mode.STRUCTURED
    except NotAnEvent:
        return False


def with_fields(event: bytes, fields: Sequence[str]) -> bytes:
    """The event with fields set, each given as PATH=VALUE; UserError, one line, when one can't be.

    PATH: names with dots between them; objects on the way are made. VALUE: JSON, or else a text.
    """
    try:
        document = json.loads(event)
    except (ValueError, RecursionError):
        raise UserError("The event is not JSON, so --set can't change it: use --value or --edit") from None
    for field in fields:
        path, equals, text = field.partition("=")
        names = path.split(".")
        if not equals or not all(names):
            raise UserError(f"--set {field}: give PATH=VALUE, such as data.words=12")
        _set(document, names, _value(text), field=field)
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def setting(fields: Sequence[str]) -> Callable[[StoredLetter], bytes]:
    """A change that sets fields, as in --set."""
    return lambda found: with_fields(structured(found.letter), fields)


def replacing(event: bytes) -> Callable[[StoredLetter], bytes]:
    """A change that puts another event in the place of any."""
    return lambda found: event


def editing(found: StoredLetter) -> bytes:
    """A change by the user, in an editor."""
    return in_editor(structured(found.letter))


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _set(document: Any, names: list[str], value: Any, *, field: str) -> None:
    at = document
    for name in names[:-1]:
        if isinstance(at, dict):
            at = at.setdefault(name, {})
    if not isinstance(at, dict):
        raise UserError(f"--set {field}: its parent is not a JSON object")
    at[names[-1]] = value


def from_file(file: Path) -> bytes:
    """The event in a file, without the line end behind it."""
    try:
        return file.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise UserError(f"{file} can't be read: {error.strerror}") from None


def in_editor(event: bytes) -> bytes:
    """The event as the user leaves it in $VISUAL or $EDITOR; UserError when there is none or it fails."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise UserError("Set EDITOR to your editor, or use --value or --set")
    with tempfile.TemporaryDirectory(prefix="pillarscore-") as folder:
        file = Path(folder) / "event.json"
        file.write_bytes(_laid_out(event))
        try:
            done = subprocess.run([*shlex.split(editor), str(file)], check=False)
        except (OSError, ValueError) as error:
            raise UserError(f"The editor {editor!r} can't be started: {error}") from None
        if done.returncode:
            raise UserError(f"The editor exited with code {done.returncode}: nothing was sent")
        edited = from_file(file)
    # as it was when nothing was changed, and on one line again when it is JSON
    return event if edited == _laid_out(event).rstrip(b"\r\n") else _compact(edited)


def _laid_out(event: bytes) -> bytes:
    try:
        return json.dumps(json.loads(event), ensure_ascii=False, indent=2).encode() + b"\n"
    except (ValueError, RecursionError):
        return event


def _compact(event: bytes) -> bytes:
    try:
        return json.dumps(json.loads(event), ensure_ascii=False, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        return event
