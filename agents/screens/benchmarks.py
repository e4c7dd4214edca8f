"""Benchmarks as tables for the terminal."""

import difflib
from collections.abc import Iterable, Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from agents.screens.fitting import Fitting
from agents.screens.visible import identity
from pipeline.rubric.components import PILLARS
from schemas.benchmarks import Benchmark

_BAR = 40


_STEP = 5
"""Points of a bin of the histogram."""


def nearest(cohort: str, known: Sequence[str]) -> str:
    """A hint for a cohort that there isn't."""
    near = difflib.get_close_matches(cohort, known, 1)
    return f"; did you mean {identity(near[0])}?" if near else ""


def table(found: Iterable[Benchmark]) -> Fitting:
    """Benchmarks, a line each."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("cohort", overflow="fold")
    for column in ("members", "mean", "median", "90th percentile", "7-day change"):
        shown.add_column(column, justify="right", no_wrap=True)
    for b in found:
        name = Text(identity(b.cohort))
        if b.mean is None or b.median is None or b.deciles is None:
            shown.add_row(name, f"under {b.fewer_than}", *[""] * 4)
            continue
        numbers = [f"{b.size:,}", *(f"{points:.2f}" for points in (b.mean, b.median, b.deciles[8]))]
        shown.add_row(name, *numbers, f"{b.week.mean:+.2f}" if b.week is not None else "")
    return Fitting(shown, ("7-day change", "90th percentile", "median"))


def detail(b: Benchmark) -> Iterator[RenderableType]:
    """One benchmark in full."""
    yield Text(f"{identity(b.cohort)}, as of {b.as_of}", "bold")
    if b.mean is None or b.deciles is None or b.histogram is None or b.bands is None or b.pillars is None:
        yield Text(f"fewer than {b.fewer_than} members: no statistics are shown")
        return
    yield Text(f"{b.size:,} members, mean {b.mean:.2f}, median {b.median:.2f}")
    if b.week is not None:
        size, mean, median = b.week.size, b.week.mean, b.week.median
        yield Text(f"change over a week: members {size:+,}, mean {mean:+.2f}, median {median:+.2f}")
    yield Text("deciles: " + ", ".join(f"{score:.2f}" for score in b.deciles))
    yield Text(", ".join(f"{band} {size:,}" for band, size in b.bands.model_dump().items()))
    means = ", ".join(f"{pillar} {getattr(b.pillars, pillar).mean:.2f}" for pillar in PILLARS)
    yield Text(f"pillar means: {means}")
    bars = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(2):
        bars.add_column(justify="right")
    largest = max(b.histogram)
    for at, count in enumerate(b.histogram):
        bars.add_row(f"{at * _STEP}–{(at + 1) * _STEP}", f"{count:,}", "█" * -(-count * _BAR // largest))
    yield bars
