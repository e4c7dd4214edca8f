"""Source permissions of an installation: a TOML file that `PILLARSCORE_SOURCES` names, or one that ships."""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agents.config.errors import UserError
from agents.config.settings import Settings
from pipeline.common.suggestions import nearest
from pipeline.common.tile_keys import WINDOW
from pipeline.intake.permissions import NAMESPACE, Permissions, SourceRule
from schemas.activities import DATA

SHIPPED = "default"
_MOST = 1 << 20
"""Bytes of a file."""
_TABLE = "[[rule]]"
_ORIGIN = "origin_header"


class _Rule(BaseModel):
    """A rule as it stands in the file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    source: str = Field(min_length=1)
    topic: str = Field("*", min_length=1)
    types: list[str] = ["*"]
    without: list[str] = Field([], alias="except")
    subjects: list[str] = ["*"]
    counterparts: list[str] = ["*"]
    late_days: float | None = Field(None, ge=0, le=WINDOW)
    backfill: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> "_Rule":
        for pattern in (*self.types, *self.without):
            if "*" not in pattern and pattern not in DATA:
                raise ValueError(f"{pattern!a} is no event type{nearest(pattern, list(DATA))}")
        if self.backfill and self.late_days is not None:
            raise ValueError("late_days and backfill exclude one another: a backfill has no limit")
        if "*" not in self.source and any(NAMESPACE in one for one in (*self.subjects, *self.counterparts)):
            raise ValueError(f"{NAMESPACE} stands for the first * of source, and source has none")
        return self

    def rule(self) -> SourceRule:
        lists = {
            name: tuple(getattr(self, name)) for name in ("types", "without", "subjects", "counterparts")
        }
        return SourceRule(self.source, self.topic, late_days=self.late_days, backfill=self.backfill, **lists)


def permissions(settings: Settings) -> Permissions:
    """Who may publish what by the settings. Raises UserError, one line that names file and line."""
    path = settings.sources
    name = str(path or SHIPPED)
    shipped = name in bundled() and (path is None or not path.exists())
    text = (
        resources.files("agents.config.sources").joinpath(f"{name}.toml").read_text("utf-8")
        if shipped
        else _text(path or Path(name))
    )
    rules, origin_header = parsed(name, text)
    return Permissions(rules, settings.late_days, origin_header)


def bundled() -> list[str]:
    """The names of the permissions that ship."""
    names = (file.name for file in resources.files("agents.config.sources").iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        names = (
            f"; those that ship are {', '.join(bundled())}" if isinstance(error, FileNotFoundError) else ""
        )
        raise UserError(f"Sources {path} can't be read: {error.strerror}{names}") from None
    except UnicodeDecodeError:
        raise UserError(f"Sources {path} is not UTF-8: is it a TOML file?") from None
    if len(data) > _MOST:
        raise UserError(f"Sources {path} is larger than {_MOST >> 20} MiB")
    return text


def parsed(name: str, text: str) -> tuple[list[SourceRule], str]:
    """(the rules, `origin_header`) in the text of a file of this name. Raises UserError, one line."""
    try:
        found = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"Sources {name}: {error}".replace("\n", " ")) from None
    listed = found.get("rule")
    if others := sorted(found.keys() - {"rule", _ORIGIN}):
        raise UserError(f"Sources {name}: {others[0]!a} is not known: all rules begin with {_TABLE}")
    origin = found.get(_ORIGIN, "")
    if not isinstance(origin, str):
        raise UserError(f"Sources {name}: {_ORIGIN} must be the name of a header, as a text")
    if not isinstance(listed, list) or not listed:
        raise UserError(f"Sources {name}: there is no rule, so nobody may publish: begin one with {_TABLE}")
    return [_rule(name, text, one, number=number) for number, one in enumerate(listed)], origin


def _rule(name: str, text: str, given: Any, *, number: int) -> SourceRule:
    try:
        return _Rule.model_validate(given).rule()
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0]) if first["loc"] else ""
        what = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            known = [alias or key for key, alias in ((k, f.alias) for k, f in _Rule.model_fields.items())]
            what = f"is not known{nearest(field, known) or '; known: ' + ', '.join(known)}"
        where = f"Sources {name}, line {_line(text, number, field)}"
        raise UserError(f"{where}: {field + ': ' if field else ''}{what}".replace("\n", " ")) from None


def _line(text: str, number: int, field: str) -> int | str:
    """The line of a field of a rule, or that on which the rule begins."""
    begins, seen = 0, -1
    for at, line in enumerate(text.splitlines(), 1):
        if line.replace(" ", "").startswith(_TABLE):
            if seen == number:
                break
            begins, seen = at, seen + 1
        elif seen == number and field and line.lstrip().lstrip("\"'").startswith(field):
            return at
    return begins or "?"
