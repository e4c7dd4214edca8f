"""What `pillarscore rubric check` does, step by step."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from agents.config.errors import UserError

if TYPE_CHECKING:
    from agents.config.settings import Settings
    from agents.screens.rubric_report import Report
    from pipeline.reports.golden import Golden
    from pipeline.reports.rubric_comparison import Comparison
    from pipeline.rubric.model import Bands, Rubric


@dataclass(frozen=True, slots=True)
class Impact:
    """On whom a change is measured: the members of files, all live ones, or without both the golden ones.

    against: the rubric before, None for no change to measure. top: how many of the biggest movers are named.
    """

    against: Path | None
    files: Sequence[Path]
    live: bool
    as_of: str | None
    top: int


def checked(
    rubric: Path, golden: "Golden", impact: Impact, *, limits: tuple[float | None, float | None, float | None]
) -> "Report":
    """The report. limits: of the change of the mean and of any score, in points, and per cent that change band.

    Raises UserError.
    """
    from agents.cli._options import date_of
    from agents.config import rubric_file
    from agents.config.clock import clock
    from agents.config.settings import Settings
    from agents.screens.rubric_report import Report
    from pipeline.docgen.factors import credited
    from pipeline.reports import rubric_check
    from pipeline.reports.rubric_diff import differences

    if impact.against is None and (impact.files or impact.live or any(one is not None for one in limits)):
        raise UserError("FILE, --live and limits need --against OLD.toml: they are about a change")
    if impact.files and impact.live:
        raise UserError("Give either FILE or --live")
    settings, after = Settings.load(), rubric_file.load(rubric)
    day = clock(settings, date_of(impact.as_of)).today()
    found = rubric_check.check(after, golden, day, fed_by=credited())
    problems = list(found.problems())
    if impact.against is None:
        return Report(found, problems)
    before = rubric_file.load(impact.against)
    if before.id == after.id and before.fingerprint != after.fingerprint:
        problems.append(f"both rubrics are called {after.name} {after.version}: raise the version")
    comparison = _compared(settings, before, after, impact) or rubric_check.compare_golden(
        before, after, golden, day=day
    )
    mean, move, bands = limits
    allowed = rubric_check.Limits(mean=_hundredths(mean), move=_hundredths(move), bands=bands)
    problems += rubric_check.exceeded(comparison, allowed)
    return Report(found, problems, list(differences(before, after)), comparison)


def _hundredths(points: float | None) -> int | None:
    return None if points is None else round(points * 100)


def _compared(settings: "Settings", before: "Rubric", after: "Rubric", impact: Impact) -> "Comparison | None":
    """The comparison over the members of files or over the live ones; None for neither."""
    from agents.cli._members import members
    from agents.screens import console
    from pipeline.reports.rubric_comparison import compare

    if not impact.files and not impact.live:
        return None
    found = members(settings, before, impact.files, as_of=impact.as_of)
    population = found.population
    console.report(f"From {found.account}")
    return compare(before, after, day=population.day, people=population.batches(), max_movers=impact.top)


def reported(report: "Report", bands: "Bands", *, html: Path | None, as_json: bool) -> None:
    """Write the report to stdout, and as a page to `html`. bands: those of the rubric that is checked."""
    import orjson

    from agents.files.text_files import writer
    from agents.screens import console, rubric_report
    from agents.screens.visible import visible

    if html is not None:
        with writer(html) as write:
            write(rubric_report.page(report, bands).encode())
        console.report(f"Written: {html}")
    if as_json:
        content = {
            "check": report.check.model_dump(mode="json"),
            "problems": list(report.problems),
            "differences": list(report.differences),
            "comparison": report.comparison and report.comparison.model_dump(mode="json"),
        }
        typer.echo(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))
        return
    for table in rubric_report.tables(report):
        console.console().print(table)
        typer.echo()
    for problem in report.problems:
        typer.echo(visible(f"PROBLEM: {problem}"))
    typer.echo(visible(report.title))
