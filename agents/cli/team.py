"""`pillarscore team`: a team's members ranked, and how a week has moved them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli._options import AsOf, FilesOrLive, RejectedFile
from agents.config.errors import UserError

if TYPE_CHECKING:
    from agents.cli._members import Members
    from pipeline.reports.team import Team
    from pipeline.rubric.model import Rubric

app = typer.Typer()
TABLE_ROWS, PAGE_ROWS = 20, 500
_STDOUT = Path("-")


# Its options are most of it, so it is long.
@app.command()
def team(
    name: Annotated[
        str | None, typer.Argument(metavar="[TEAM]", help="The team's name. Without TEAM: list all teams.")
    ] = None,
    files: FilesOrLive = None,
    as_of: AsOf = None,
    teams: Annotated[
        bool, typer.Option("--list", help="List all teams; every argument is then a FILE.")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help=f"Show only the best N members. Default: {TABLE_ROWS} in the table, {PAGE_ROWS} on the page; "
            "CSV and JSON always have all.",
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write an HTML page, also for printing.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all members as CSV; - is stdout.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON with all members; points in hundredths.")
    ] = False,
    rejected: RejectedFile = None,
) -> None:
    """Rank the members of a team: rank, score, pillars, band, and the change over a week.

    Also shows the team's average, median, bands and weakest pillar, and the largest gains and losses. Members
    with the same score share a rank. The report is meant for the team's lead, so it shows all members even of
    small teams; the list shows no average for teams below PILLARSCORE_COHORT_MINIMUM.

    Example: pillarscore team --list events.ndjson; pillarscore team sales events.ndjson --html team.html
    """
    from agents.cli._members import members
    from agents.config import rubric_file
    from agents.config.settings import Settings

    if teams and name is not None:
        files, name = [Path(name), *(files or ())], None
    if as_json and csv == _STDOUT:
        raise UserError("--json and --csv - both write to stdout: give only one")
    if name is None and (html is not None or csv is not None or limit is not None):
        raise UserError("--html, --csv and --limit need a TEAM")
    settings = Settings.load()
    chosen = rubric_file.load(settings.rubric)
    found = members(settings, chosen, files or (), as_of=as_of, week=name is not None, rejected=rejected)
    if name is None:
        _list(found, as_json, settings.cohort_minimum)
        return
    one = _team(found, name)
    _write(one, chosen, limit=limit, html=html, csv=csv, as_json=as_json)
    from agents.screens import console

    console.report(f"From {found.account}")


def _team(found: "Members", name: str) -> "Team":
    from agents.screens.visible import identity
    from pipeline.reports.team import like, team, teams

    one = team(found.population, name, found.week_ago)
    if one is None:
        near = like(name, [other.team for other in teams(found.population, 1)])
        hint = f"; did you mean {' or '.join(map(identity, near))}?" if near else ""
        raise UserError(f"Team {identity(name)} has no members on that day{hint} ({found.account})")
    return one


def _list(found: "Members", as_json: bool, minimum: int) -> None:
    import orjson

    from agents.screens import console
    from agents.screens import team as team_report
    from pipeline.reports.team import teams

    listed = teams(found.population, minimum)
    if as_json:
        made = [one.model_dump() for one in listed]
        typer.echo(orjson.dumps(made, option=orjson.OPT_INDENT_2))
        return
    if listed:
        console.console().print(team_report.list_table(listed))
    hidden = sum(one.mean is None for one in listed)
    small = f"; {hidden:,} with fewer than {minimum} members, shown without an average" if hidden else ""
    count = "1 team" if len(listed) == 1 else f"{len(listed):,} teams"
    console.report(f"{count}{small} ({found.account})")


def _write(
    one: "Team",
    rubric: "Rubric",
    *,
    limit: int | None,
    html: Path | None,
    csv: Path | None,
    as_json: bool,
) -> None:
    """The report in the forms that were asked for; files first, since these may fail."""
    from agents.files.text_files import writer
    from agents.screens import console, team_html
    from agents.screens import team as team_report

    summary = one.summary()
    if html is not None:
        with writer(html) as write:
            for piece in team_html.page(one, summary, rubric, limit=limit or PAGE_ROWS):
                write(piece)
        console.report(f"Written: {html}")
    if csv is not None:
        with writer(None if csv == _STDOUT else csv) as write:
            for piece in team_report.as_csv(one):
                write(piece)
        if csv != _STDOUT:
            console.report(f"Written: {csv}")
    if as_json:
        with writer(None) as write:
            write(team_report.as_json(one, summary, rubric))
    elif csv != _STDOUT:
        rows = limit or TABLE_ROWS
        console.console().print(team_report.table(one, rows))
        if len(one) > rows:
            typer.echo(f"and {len(one) - rows:,} more: show more with --limit or --csv")
        for line in team_report.lines(one, summary, rubric):
            typer.echo(line)
