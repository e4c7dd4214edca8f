"""Options that several commands have, and what they mean."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from agents.errors import UserError

Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", help="Events: NDJSON, plain or gzip, or Parquet; - is standard input."),
]
NdjsonFiles = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", help="Events, NDJSON, plain or gzip; - is standard input."),
]
FilesOrLive = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[FILE...]",
        help="Events: NDJSON, plain or gzip, or Parquet; - is standard input. Without: the live state.",
    ),
]
AsOf = Annotated[
    str | None, typer.Option(metavar="DATE", help="The day of the scores, YYYY-MM-DD; without: today (UTC).")
]
RubricFile = Annotated[
    Path | None, typer.Option(help="Score by this rubric (TOML) instead of the one that is set.")
]


def date_of(as_of: str | None) -> date | None:
    """The date that --as-of gives; raises UserError when it is none."""
    if as_of is None:
        return None
    try:
        return date.fromisoformat(as_of)
    except ValueError:
        raise UserError(f"--as-of {as_of}: give a date, such as 2026-11-20") from None
