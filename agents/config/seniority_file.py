"""Titles of an installation, beside those that ship: a TOML file, phrase to level of seniority."""

import tomllib

from agents.config.errors import UserError
from agents.config.settings import Settings
from pipeline.common.suggestions import nearest
from pipeline.intake.credit_rules import Rule, credits
from schemas.seniority import LEVELS, Titles

_MOST = 1 << 20
"""Bytes of a file."""


def titles(settings: Settings) -> Titles:
    """What titles mean by the settings. Raises UserError, one line, when the file can't be used."""
    path = settings.seniority_file
    if path is None:
        return Titles()
    try:
        with path.open("rb") as file:
            text = file.read(_MOST + 1).decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"Titles {path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"Titles {path} is not UTF-8: is it a TOML file?") from None
    if len(text) > _MOST:
        raise UserError(f"Titles {path} is larger than {_MOST >> 20} MiB")
    try:
        found = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"Titles {path}: {error}".replace("\n", " ")) from None
    return Titles(_checked(str(path), text, found))


def _checked(path: str, text: str, found: dict[str, object]) -> dict[str, str]:
    listed = found.get("titles")
    others = sorted(found.keys() - {"titles"})
    if others:
        raise UserError(f"Titles {path}: {others[0]!a} is not known; titles stand below [titles]")
    if not isinstance(listed, dict):
        raise UserError(
            f'Titles {path}: there is no table [titles] with lines such as "account executive" = "manager"'
        )
    checked = {}
    for title, level in listed.items():
        if not isinstance(level, str) or level not in LEVELS:
            known = nearest(level, LEVELS) if isinstance(level, str) else ""
            raise UserError(
                f"Titles {path}, line {_line(text, title)}: {title!a} = {level!a}: no such level"
                f"{known or ', the levels are ' + ', '.join(LEVELS)}"
            )
        checked[title] = level
    return checked


def _line(text: str, title: str) -> int | str:
    """The line that a title is on, about: where it stands first."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().lstrip("\"'").startswith(title):
            return number
    return "?"


def credit_table(settings: Settings) -> dict[str, Rule]:
    """What each type of event credits by the settings. Raises UserError, as `titles` does."""
    return credits(settings.substantive_words, titles(settings).level)
