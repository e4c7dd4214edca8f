"""The rubric in use: the file that is asked for, or the one that ships."""

from importlib import resources
from pathlib import Path

from agents.config.errors import UserError
from pipeline.rubric.model import MAX_TEXT, Rubric, RubricError

SHIPPED = "ssi.toml"


def load(path: Path | None) -> Rubric:
    """The rubric in `path`, or `ssi.toml` for None. Raises UserError, one line that names file and line."""
    try:
        if path is None:
            text = (resources.files("rubrics") / SHIPPED).read_text(encoding="utf-8")
        else:
            with path.open(encoding="utf-8") as file:
                text = file.read(MAX_TEXT + 1)
    except OSError as error:
        raise UserError(f"Rubric {path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"Rubric {path} is not UTF-8: is it a TOML file?") from None
    try:
        return Rubric.parse(text)
    except RubricError as error:
        raise UserError(f"{path or SHIPPED}: {error}") from None
