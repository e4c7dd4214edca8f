"""The rubric in use: the file that is asked for, or the one that ships."""

from importlib import resources
from pathlib import Path

from agents.config.errors import UserError
from pipeline.reports.golden import Golden
from pipeline.rubric.model import MAX_TEXT, Rubric, RubricError

SHIPPED = "ssi-2.toml"
GOLDEN = "ssi.toml"
_MOST = 4 * (MAX_TEXT + 1)
"""Bytes after which a file has too many characters, whatever these are."""


def load(path: Path | None) -> Rubric:
    """The rubric in `path`, or a bundled one by its name, such as `ssi-2`; the default one, SHIPPED, for None.

    Raises UserError, one line that names file and line.
    """
    try:
        return Rubric.parse(read(path))
    except RubricError as error:
        raise UserError(f"{path or SHIPPED}: {error}") from None


def read(path: Path | None) -> str:
    """The text of the file that `load` reads; raises UserError."""
    try:
        if path is None or _bundled(path):
            return (resources.files("rubrics") / (f"{path}.toml" if path else SHIPPED)).read_text("utf-8")
        with path.open("rb") as file:
            return _text(file.read(_MOST), path)
    except OSError as error:
        names = ""
        if isinstance(error, FileNotFoundError) and path is not None and path.parent == Path():
            names = f"; bundled rubrics are {', '.join(bundled())}"
        raise UserError(f"Rubric {path} can't be read: {error.strerror}{names}") from None


def golden(path: Path | None) -> Golden:
    """The golden members in `path`; those of the default rubric for None. Raises UserError, one line."""
    try:
        if path is None:
            text = (resources.files("rubrics") / "golden" / GOLDEN).read_text("utf-8")
        else:
            with path.open("rb") as file:
                text = _text(file.read(_MOST), path)
        return Golden.parse(text)
    except OSError as error:
        raise UserError(f"Golden members {path} can't be read: {error.strerror}") from None
    except RubricError as error:
        raise UserError(f"{path or GOLDEN}: {error}") from None


def bundled() -> list[str]:
    """The names of the rubrics that ship."""
    names = (file.name for file in resources.files("rubrics").iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def _bundled(path: Path) -> bool:
    return str(path) in bundled() and not path.exists()


def _text(data: bytes, path: Path) -> str:
    """The text of a file, with line ends as TOML has them; UserError with the line that is not UTF-8."""
    try:
        # one that goes on is too long, wherever it is cut
        text = data.decode(errors="strict" if len(data) < _MOST else "ignore")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(f"{path}: line {line}: not UTF-8: save the rubric as UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")
