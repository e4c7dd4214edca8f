"""`pillarscore audit`: what it takes to buy a score, and who looks as if they did."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli._json import AsJson, emit
from agents.cli._options import AsOf, FilesOrLive, RejectedFile, RubricFile

if TYPE_CHECKING:
    from rich.console import RenderableType

    from agents.config.settings import Settings
    from pipeline.abuse.exchanges import Exchanges, Table
    from pipeline.abuse.findings import Report
    from pipeline.rubric.model import Rubric

app = typer.Typer(no_args_is_help=True)


@app.callback()
def audit() -> None:
    """Find out what it takes to buy a score, and who looks as if they did. Only reports: no score changes."""


@app.command()
def rubric(
    rubric: RubricFile = None,
    days: Annotated[
        list[int] | None,
        typer.Option(min=1, max=90, metavar="N", help="Within how many days. Repeatable. Default: 1, 7, 30."),
    ] = None,
    targets: Annotated[
        list[int] | None,
        typer.Option("--target", min=1, max=100, metavar="POINTS", help="Repeatable. Default: 40, 70, 90."),
    ] = None,
    helpers: Annotated[
        list[int] | None,
        typer.Option(
            min=0,
            max=1_000,
            metavar="N",
            help="Accounts that help. Repeatable. Default: 0 and 7, a pod of eight.",
        ),
    ] = None,
    plans: Annotated[bool, typer.Option("--plans", help="Also print every plan, action by action.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what it takes a new account to reach a score by this rubric, alone and with accounts that help.

    Prints the score that nobody can exceed ("at most"), and for each target the events of the cheapest plan that was
    found, computed by the scorer, and how many every plan needs at least. Needs no events and no Kafka.

    Example: pillarscore audit rubric --rubric ssi-2 --plans
    """
    from agents.config import rubric_file
    from agents.config.seniority_file import credit_table
    from agents.config.settings import Settings
    from agents.screens import audit as shown
    from agents.screens import console
    from pipeline.abuse.plans import LENGTHS, TARGETS, prices

    settings = Settings.load()
    chosen = rubric_file.load(rubric or settings.rubric)
    lengths, wanted, numbers = (
        sorted({*given})
        for given in (days or LENGTHS, targets or TARGETS, [0, 7] if helpers is None else helpers)
    )
    found = []
    with console.progress("looking for plans") as advance:
        for price in prices(
            chosen, helpers=numbers, lengths=lengths, targets=wanted, table=credit_table(settings)
        ):
            found.append(price)
            advance(0, len(found), len(lengths) * len(numbers))
    if as_json:
        emit({"rubric": _named(chosen), "prices": [price.model_dump(mode="json") for price in found]})
        return
    _print(shown.prices(found), *(shown.plans(found) if plans else ()))
    console.report(f"A new account by {chosen.name} {chosen.version}, if nobody reports it as spam")


@app.command()
def members(
    files: FilesOrLive = None,
    as_of: AsOf = None,
    top: Annotated[int, typer.Option(min=1, metavar="N", help="Print at most N of each kind.")] = 20,
    as_json: AsJson = False,
    rubric: RubricFile = None,
    rejected: RejectedFile = None,
) -> None:
    """Find pods (members who have agreed to engage with one another), bursts, floods that nobody answers, and members
    lifted by accounts that do little else.

    Prints the score of each, and the score without what was found. Without FILE: the live state, and the events that
    Kafka still has. Exit code 1 if anybody is named.

    Example: pillarscore audit members events.ndjson.gz --as-of 2026-11-26
    """
    from agents.screens import audit as shown

    report, _, account = _audited(files, as_of=as_of, rubric=rubric, rejected=rejected)
    if as_json:
        emit(report.model_dump(mode="json"))
    else:
        _print(*shown.report(report, most=top))
    _account(report, account)
    raise typer.Exit(1 if report.named else 0)


@app.command()
def member(
    member: Annotated[str, typer.Argument(help="The member's id.")],
    files: FilesOrLive = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
    rubric: RubricFile = None,
    rejected: RejectedFile = None,
) -> None:
    """Show the evidence about one member: what names them, and with whom they exchange most engagement.

    Exit code 1 if the member is named.

    Example: pillarscore audit member m-42 events.ndjson.gz --as-of 2026-11-26
    """
    from agents.screens import audit as shown
    from pipeline.abuse.search import partners

    whole, table, account = _audited(files, as_of=as_of, rubric=rubric, rejected=rejected, member=member)
    report, exchanged = whole.about(member), partners(whole, table, member)
    if as_json:
        emit(report.model_dump(mode="json") | {"partners": [one.model_dump() for one in exchanged]})
    else:
        _print(*shown.report(report, most=20), *([shown.partners(exchanged)] if exchanged else []))
    _account(whole, account)
    raise typer.Exit(1 if member in report.named else 0)


def _audited(
    files: list[Path] | None,
    *,
    as_of: str | None,
    rubric: Path | None,
    rejected: Path | None,
    member: str | None = None,
) -> "tuple[Report, Table, str]":
    """The report on all members, who has credited whom, and where it is from; member: one there must be."""
    from agents.cli._members import members
    from agents.cli._options import date_of
    from agents.config import rubric_file
    from agents.config.clock import clock
    from agents.config.errors import UserError
    from agents.config.settings import Settings
    from pipeline.abuse.exchanges import Exchanges, TooManyError
    from pipeline.abuse.search import audit

    settings = Settings.load()
    chosen = rubric_file.load(rubric or settings.rubric)
    now = clock(settings, date_of(as_of))
    gathered = Exchanges(now.today(), now.zone)
    try:
        found = members(settings, chosen, files or (), as_of=as_of, rejected=rejected, on_rows=gathered.add)
        account = found.account if files else _read_live(settings, chosen, gathered)
    except TooManyError as error:
        raise UserError(f"Too much for one audit: {error}") from None
    if member is not None:
        found.find(member)
    table = gathered.table()
    return audit(chosen, found.population.day, found.population.batches(), table=table), table, account


def _read_live(settings: "Settings", rubric: "Rubric", gathered: "Exchanges") -> str:
    """Gather from the events that Kafka still has."""
    import asyncio

    from agents.config.clock import clock
    from agents.local.broker import connected
    from agents.offline.engine import AsLive, Offline
    from agents.queries import live_events
    from agents.screens import console

    settings = connected(settings, report=console.report)
    latest = AsLive(clock(settings).latest_ms(gathered.last))
    run = Offline(settings, rubric, gathered.last, as_live=latest, on_rows=gathered.add)
    with console.progress("reading the events") as advance:
        found = asyncio.run(live_events.read(settings, run, on_progress=advance))
    since = f", the oldest of {found.oldest:%Y-%m-%d %H:%M} UTC" if found.oldest is not None else ""
    return f"the live state, and the {found.count:,} events that Kafka still has{since}"


def _account(report: "Report", account: str) -> None:
    from agents.screens import console

    console.report(
        f"{report.members:,} members as of {report.as_of} by {report.rubric.name} {report.rubric.version}, "
        f"{len(report.named):,} named; {account}"
    )


def _named(rubric: "Rubric") -> dict[str, str]:
    return {"name": rubric.name, "version": str(rubric.version)}


def _print(*parts: "RenderableType") -> None:
    from rich.table import Table

    from agents.screens import console

    for at, part in enumerate(parts):
        if at and not isinstance(part, Table):
            typer.echo()
        console.console().print(part)
