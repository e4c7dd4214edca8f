"""`pillarscore rubric`: show, begin, check and compare rubrics before workers serve them."""

from pathlib import Path
from typing import Annotated

import typer

from agents.cli._json import AsJson, emit
from agents.cli._options import AsOf, FilesOrLive
from agents.config.errors import UserError

app = typer.Typer(no_args_is_help=True)
_RubricArgument = Annotated[
    Path, typer.Argument(metavar="RUBRIC", help="A TOML file, or a bundled rubric's name.")
]


@app.callback()
def rubric() -> None:
    """Show, begin, check and compare rubrics. No command here changes what workers serve."""


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the bundled rubrics.

    Example: pillarscore rubric list
    """
    from agents.config import rubric_file
    from agents.config.settings import Settings

    served = Settings.load().rubric or Path(rubric_file.SHIPPED.removesuffix(".toml"))
    if as_json:
        listed = {name: rubric_file.load(Path(name)) for name in rubric_file.bundled()}
        emit(
            {
                "configured": str(served),
                "bundled": [
                    {"name": name, "rubric": one.name, "version": one.version, "title": one.title}
                    for name, one in listed.items()
                ],
            }
        )
        return
    for name in rubric_file.bundled():
        one = rubric_file.load(Path(name))
        mark = "*" if name == str(served) else " "
        typer.echo(f"{mark} {name:<12} {one.name} {one.version}: {one.title or 'without a title'}")
    if str(served) not in rubric_file.bundled():
        typer.echo(f"* {served} (PILLARSCORE_RUBRIC)")


@app.command(no_args_is_help=True)
def show(name: _RubricArgument) -> None:
    """Print a rubric with its comments.

    Example: pillarscore rubric show ssi-2
    """
    from agents.config import rubric_file

    rubric_file.load(name)
    typer.echo(rubric_file.read(name), nl=False)


@app.command(no_args_is_help=True)
def new(
    file: Annotated[Path, typer.Argument(metavar="NEW.toml", help="The file to write; it must not exist.")],
    base: Annotated[
        Path | None,
        typer.Option("--from", metavar="RUBRIC", help="What to begin with. Default: the configured one."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Its name. Default: as before, with the next version.")
    ] = None,
) -> None:
    """Begin a rubric of your own: a copy with the next version, or with another name and version 1.

    Example: pillarscore rubric new ours.toml --from ssi-2 --name ours
    """
    import re

    from agents.config import rubric_file
    from agents.config.settings import Settings
    from agents.screens import console
    from pipeline.rubric.model import Rubric, RubricError

    chosen = base or Settings.load().rubric
    before, text = rubric_file.load(chosen), rubric_file.read(chosen)
    version = 1 if name is not None and name != before.name else before.version + 1
    text = re.sub(r"^version *= *\d+", f"version = {version}", text, count=1, flags=re.MULTILINE)
    if name is not None:
        text = re.sub(r"^name *= *.*$", lambda found: f'name = "{name}"', text, count=1, flags=re.MULTILINE)
    try:
        made = Rubric.parse(text)
    except RubricError as error:
        raise UserError(f"--name {name}: {error}") from None
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except OSError as error:
        raise UserError(f"{file} can't be written: {error.strerror}") from None
    console.report(f"Written: {file}, {made.name} {made.version}. Next: pillarscore rubric check {file}")


@app.command(no_args_is_help=True)
def diff(old: _RubricArgument, new: _RubricArgument, as_json: AsJson = False) -> None:
    """Say in words what differs between two rubrics. Exit code 0, also if something does.

    Example: pillarscore rubric diff ssi ssi-2
    """
    from agents.config import rubric_file
    from agents.screens.visible import visible
    from pipeline.reports.rubric_diff import differences

    found = list(differences(rubric_file.load(old), rubric_file.load(new)))
    if as_json:
        emit({"differences": found})
        return
    for line in found or ["Nothing differs"]:
        typer.echo(visible(line))


# Its options are most of it, so it is long.
@app.command(no_args_is_help=True)
def check(
    rubric: Annotated[
        Path, typer.Argument(metavar="NEW.toml", help="The rubric to check, or a bundled one's name.")
    ],
    files: FilesOrLive = None,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="OLD.toml", help="Also say what differs from this rubric, and who would move how far."
        ),
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Measure the impact on all live members.")] = False,
    as_of: AsOf = None,
    golden: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Golden members and their expected scores. Default: the bundled ones."
        ),
    ] = None,
    max_mean: Annotated[
        float | None, typer.Option(min=0, metavar="POINTS", help="Fail if the mean score moves further.")
    ] = None,
    max_move: Annotated[
        float | None, typer.Option(min=0, metavar="POINTS", help="Fail if any member's score moves further.")
    ] = None,
    max_bands: Annotated[
        float | None, typer.Option(min=0, metavar="PERCENT", help="Fail if more of the members change band.")
    ] = None,
    top: Annotated[int, typer.Option(min=0, metavar="N", help="Show the N largest gains and losses.")] = 10,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report as an HTML page.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON; points in hundredths.")] = False,
) -> None:
    """Check a rubric before it is served: for people, and for a CI job.

    It must be valid; every component must be earnable, by events that exist; own actions must not lower a score on
    their day; and golden members must get the scores expected of them. With --against also the impact: on the
    members of FILE, on all live members (--live), or otherwise on the golden ones. Exit code 1 if something does not
    hold or moves further than allowed.

    Example: pillarscore rubric check ours.toml --against ssi-2 events.ndjson.gz --max-move 10 --html report.html
    """
    from agents.cli._rubric_check import Impact, checked, reported
    from agents.config import rubric_file

    report = checked(
        rubric,
        rubric_file.golden(golden),
        Impact(against, files or (), live=live, as_of=as_of, top=top),
        limits=(max_mean, max_move, max_bands),
    )
    reported(report, rubric_file.load(rubric).bands, html=html, as_json=as_json)
    raise typer.Exit(1 if report.problems else 0)
