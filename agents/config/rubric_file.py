"""The rubric in use: the file that is asked for, or the one that ships."""

from importlib import resources
from pathlib import Path

from agents.config.errors import UserError
from pipeline.rubric.model import MAX_TEXT, Rubric, RubricError

SHIPPED = "ssi.toml"
_MOST = 4 * (MAX_TEXT + 1)
"""Bytes after which a file has too many characters, whatever these are."""


def load(path: Path | None) -> Rubric:
    """The rubric in `path`, or `ssi.toml` for None. Raises UserError, one line that names file and line."""
    try:
        if path is None:
            text = (resources.files("rubrics") / SHIPPED).read_text(encoding="utf-8")
        else:
            with path.open("rb") as file:
                text = _text(file.read(_MOST), path)
    except OSError as error:
        raise UserError(f"Rubric {path} can't be read: {error.strerror}") from None
    try:
        return Rubric.parse(text)
    except RubricError as error:
        raise UserError(f"{path or SHIPPED}: {error}") from None


def _text(data: bytes, path: Path) -> str:
    """The text of a file, with line ends as TOML has them; UserError with the line that is not UTF-8."""
    try:
        # one that goes on is too long, wherever it is cut
        text = data.decode(errors="strict" if len(data) < _MOST else "ignore")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(f"{path}: line {line}: not UTF-8: save the rubric as UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")
