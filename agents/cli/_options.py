"""Options that several commands have, and what they mean."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from agents.config.errors import UserError

Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE...", help="Event files: NDJSON (plain or compressed) or Parquet; - is standard input."
    ),
]
NdjsonFiles = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", help="Event files: NDJSON (plain or compressed); - is standard input."),
]
FilesOrLive = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[FILE...]",
        help="Events: NDJSON (plain or compressed) or Parquet; - is standard input. Without FILE: the live state.",
    ),
]
AsOf = Annotated[
    str | None,
    typer.Option(
        metavar="DATE", help="The day of the scores, YYYY-MM-DD. Default: PILLARSCORE_AS_OF, otherwise today."
    ),
]
RejectedFile = Annotated[
    Path | None,
    typer.Option(
        "--rejected",
        metavar="FILE",
        help="Write every rejected line to this file as NDJSON, with the reason.",
    ),
]
RubricFile = Annotated[
    Path | None, typer.Option(help="Use this rubric (TOML) instead of the configured one.")
]


def date_of(given: str | None, option: str = "--as-of") -> date | None:
    """The date that an option gives; raises UserError when it is none."""
    if given is None:
        return None
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise UserError(f"{option} {given}: give a date, such as 2026-11-20") from None


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(option: str, text: str | None) -> int | None:
    """The time, ms since 1970, that an option gives: RFC 3339, a date (UTC), or how long ago (90m, 2h, 3d).

    Raises UserError when it is none.
    """
    if text is None:
        return None
    try:
        if ago := re.fullmatch(r"(\d{1,6})([smhd])", text):
            at = datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        else:
            at = datetime.fromisoformat(text)
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        return int(at.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise UserError(
            f"{option} {text}: give a time such as 2026-11-20T08:30:00Z, a date, or an age such as 2h"
        ) from None
