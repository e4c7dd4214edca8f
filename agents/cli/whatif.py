"""`pillarscore whatif`: what another rubric would do to everybody, or more of something to one member."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from agents.cli._json import AsJson
from agents.cli._options import AsOf, FilesOrLive, RejectedFile
from agents.config.errors import UserError

if TYPE_CHECKING:
    from agents.cli._members import Members
    from pipeline.reports.member_trial import Trial
    from pipeline.reports.rubric_comparison import Comparison
    from pipeline.rubric.model import Rubric

app = typer.Typer()
Plot = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Also draw the comparison; .png, .svg or .html.")
]


@app.command(no_args_is_help=True)
def whatif(
    files: FilesOrLive = None,
    rubric: Annotated[Path | None, typer.Option(metavar="NEW.toml", help="The rubric to try out.")] = None,
    base: Annotated[
        Path | None,
        typer.Option(metavar="OLD.toml", help="The rubric to compare with. Default: the configured one."),
    ] = None,
    settings_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="MEMBER:SIGNAL=+N",
            help="Try N more of a signal for one member, today or on another day (+N@-3d, +N@2026-11-20), or "
            "another register value (MEMBER:media=3). Repeatable.",
        ),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Use all live members: the ledger and the frames since.")
    ] = False,
    as_of: AsOf = None,
    format: Annotated[Literal["table", "json"], typer.Option(help="json: points in hundredths.")] = "table",
    top: Annotated[int, typer.Option(min=0, metavar="N", help="Show the N largest gains and losses.")] = 10,
    plot: Plot = None,
    rejected: RejectedFile = None,
    as_json: AsJson = False,
) -> None:
    """Compare two rubrics over all members before switching, or try out changes for one member.

    Both rubrics score the same state on the same day; live scores do not change. Shows both distributions,
    band changes, the largest gains and losses, and the change by pillar and component. Bands follow from the
    day's score alone. --set adds only the named signal: a substantive comment is comment=+1 and
    comment_substantive=+1.

    Example: pillarscore whatif --rubric rubrics/ssi-rhythm.toml events.ndjson.gz --plot whatif.png
    """
    from agents.cli._members import members
    from agents.config import rubric_file as rubrics
    from agents.config.settings import Settings
    from agents.screens import console

    if rubric is None and not settings_:
        raise UserError("Nothing to try: give --rubric NEW.toml or --set MEMBER:SIGNAL=+N")
    if bool(files) == live:
        raise UserError("Give either FILE or --live")
    if plot is not None:
        _check_plot(plot, rubric)
    settings = Settings.load()
    old, new = rubrics.load(base or settings.rubric), rubrics.load(rubric) if rubric is not None else None
    found = members(settings, old, files or (), as_of=as_of, rejected=rejected)
    trials = list(_trials(settings_ or (), [old] if new is None else [old, new], found))
    comparison = None if new is None or trials else _compared(old, new, found, top)
    _show("json" if as_json else format, comparison, trials)
    if plot is not None and comparison is not None and new is not None:
        from agents.screens import comparison_plot

        comparison_plot.write(plot, comparison, new.bands)
        console.report(f"Drawn: {plot}")
    console.report(f"From {found.account}")


def _check_plot(plot: Path, rubric: Path | None) -> None:
    from agents.screens import comparison_plot

    comparison_plot.check(plot)
    if rubric is None:
        raise UserError("--plot needs --rubric NEW.toml: it draws a comparison")


def _trials(texts: "list[str] | tuple[()]", rubrics: "list[Rubric]", found: "Members") -> "Iterator[Trial]":
    """Each member that is named, with all that is set for it, by each rubric."""
    from agents.screens.visible import visible
    from pipeline.reports.member_trial import Setting, TrialError, attempt

    day = found.population.day
    by_member: dict[str, list[Setting]] = {}
    for text in texts:
        try:
            setting = Setting.parse(text, day)
        except TrialError as error:
            raise UserError(visible(str(error))) from None
        by_member.setdefault(setting.member, []).append(setting)
    for name, settings in by_member.items():
        member = found.find(name).member
        for rubric in rubrics:
            yield attempt(rubric, day, member, settings=settings)


def _compared(old: "Rubric", new: "Rubric", found: "Members", top: int) -> "Comparison":
    """The comparison over all members; what both rubrics have in common is reported first."""
    from agents.screens import console
    from pipeline.reports.rubric_comparison import compare

    if old.fingerprint == new.fingerprint:
        console.report("Both rubrics are identical")
    elif (old.name, old.version) == (new.name, new.version):
        console.report(
            f"Both rubrics are called {new.name} {new.version}: raise the version before you switch"
        )
    population = found.population
    return compare(old, new, day=population.day, people=population.batches(), max_movers=top)


def _show(format: str, comparison: "Comparison | None", trials: "list[Trial]") -> None:
    import orjson

    from agents.screens import comparison as shown
    from agents.screens import console

    if format == "json":
        content = {
            "comparison": comparison and comparison.model_dump(mode="json"),
            "trials": [trial.model_dump(mode="json") for trial in trials],
        }
        typer.echo(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))
        return
    tables = [*map(shown.trial_table, trials), *(shown.tables(comparison) if comparison else ())]
    for at, table in enumerate(tables):
        if at:
            typer.echo()
        console.console().print(table)
