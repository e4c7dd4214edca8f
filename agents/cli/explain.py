"""`pillarscore explain`: why a member has this score."""

from typing import Annotated

import typer

from agents.cli._options import AsOf, Files, RubricFile, date_of

app = typer.Typer()


@app.command(no_args_is_help=True)
def explain(
    member: Annotated[str, typer.Argument(help="The member's id.")],
    files: Files,
    as_of: AsOf = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON; points in hundredths.")] = False,
    rubric: RubricFile = None,
) -> None:
    """Explain a member's score: pillar, component, signal; and what the next steps would gain.

    Every point shown adds up to the score, and the gains are computed by the same function.

    Example: pillarscore explain m-42 events.ndjson.gz --as-of 2004-06-14
    """
    from agents import rubrics, screen
    from agents.clock import Clock
    from agents.errors import UserError
    from agents.explanation import tree
    from agents.ndjson import Lines
    from agents.offline import Offline
    from agents.settings import Settings
    from pipeline.explain import explain as explained

    settings = Settings.load()
    chosen = rubrics.load(rubric or settings.rubric)
    run = Offline(settings, chosen, Clock(date_of(as_of) or settings.as_of).today())
    lines = Lines(files)
    with screen.reading("reading", lines) as told:
        run.read(lines, told)
    known = run.member(member)
    if known is None:
        near = run.like(member)
        hint = f"; did you mean {' or '.join(map(screen.printable, near))}?" if near else ""
        about = screen.account(run.counters)
        raise UserError(f"Nothing counts for member {screen.printable(member)} on that day{hint} ({about})")
    explanation = explained(chosen, run.day, known)
    if as_json:
        typer.echo(explanation.model_dump_json(indent=2))
    else:
        screen.console().print(tree(member, explanation))
