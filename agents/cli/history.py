"""`pillarscore history`: a member's score and pillars day by day."""

from typing import Annotated

import typer

app = typer.Typer()


@app.command(no_args_is_help=True)
def history(
    member: Annotated[str, typer.Argument(help="The member's id.")],
    last: Annotated[int, typer.Option("--days", min=1, max=90, metavar="N", help="Number of days.")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, one day per line.")] = False,
) -> None:
    """Show a member's score and pillars at the end of each of the last days.

    Read from the workers' ledger, which keeps 90 days; the topic member.history keeps two years. A day is
    recorded once it is over; late events or another rubric do not change it.

    Example: pillarscore history m-42 --days 14
    """
    from agents.cli._members import members
    from agents.config import rubric_file
    from agents.config.errors import UserError
    from agents.config.settings import Settings
    from agents.screens import console
    from agents.screens import history as timeline

    settings = Settings.load()
    found = members(settings, rubric_file.load(settings.rubric), (), as_of=None, member=member)
    days = found.population.past(member, last)
    if days is None:
        found.find(member)  # reports an unknown member, with similar names
    if not days:
        raise UserError(f"Member {member} has no finished day yet: the first is recorded after midnight")
    if as_json:
        for day in days:
            typer.echo(day.model_dump_json())
    else:
        console.console().print(timeline.table(days))
