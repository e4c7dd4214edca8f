"""`pillarscore explain`: why a member has this score."""

from typing import Annotated

import typer

from agents.cli._options import AsOf, FilesOrLive, RejectedFile, RubricFile
from agents.config.errors import UserError

app = typer.Typer()


@app.command(no_args_is_help=True)
def explain(
    member: Annotated[str, typer.Argument(help="The member's id.")],
    files: FilesOrLive = None,
    as_of: AsOf = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also show the components for which nothing counts yet.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON; points in hundredths.")] = False,
    rubric: RubricFile = None,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Use PILLARSCORE_SHADOW_RUBRIC, as the workers have it.")
    ] = False,
    rejected: RejectedFile = None,
) -> None:
    """Explain a member's score by pillar, component and signal, and show what the next steps would gain.

    Shows a bar for each pillar, and only what counts: --all shows the rest too. The points shown add up to the
    score; gains are computed by the same function. Without FILE it explains
    the live score, from the workers' ledger and the frames since. The target is that of the member's role;
    ranks are among all members of the file or of the live state, and among the member's own connections.

    Example: pillarscore explain m-42 events.ndjson.gz --as-of 2004-06-14
    """
    from agents.cli._members import members
    from agents.config import rubric_file
    from agents.config.settings import Settings
    from agents.screens import console
    from agents.screens.explanation import tree
    from pipeline.reports.explain import explain as explained

    settings = Settings.load()
    if shadow and rubric is not None:
        raise UserError("Give either --rubric or --shadow")
    if shadow and settings.shadow_rubric is None:
        raise UserError("--shadow needs PILLARSCORE_SHADOW_RUBRIC, as the workers have it")
    chosen = rubric_file.load(settings.shadow_rubric if shadow else rubric or settings.rubric)
    found = members(settings, chosen, files or (), as_of=as_of, member=member, rejected=rejected)
    known = found.find(member)
    explanation = explained(chosen, found.population.day, known.member, role=known.role)
    added = {"ranks": found.ranks(member), "network": found.network(member)}
    explanation = explanation.model_copy(update=added)
    if as_json:
        typer.echo(explanation.model_dump_json(indent=2))
    else:
        console.console().print(tree(member, explanation, everything=everything))
