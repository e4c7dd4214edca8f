"""Tables on a narrow terminal: whole columns are left out, and named, before a name or a number is cut off."""

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text

LEAST = 12
"""Columns that a text which can be wrapped needs at least."""
_BETWEEN = 2


class Fitting:
    """A table without a frame. spare: the headers of columns that may be left out, the first one first."""

    def __init__(self, table: Table, spare: Sequence[str]) -> None:
        self.table = table
        self.spare = spare

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table with as many columns as fit, and a line about the others."""
        columns, left_out = list(self.table.columns), list[str]()
        for header in self.spare:
            if needed(console, options, columns) <= options.max_width:
                break
            if len(kept := [column for column in columns if column.header != header]) < len(columns):
                columns = kept
                left_out.append(header)
        yield _of(columns)
        if named := [header for header in left_out if header]:
            yield Text(f"no room for: {', '.join(named)}", "dim")


def _of(columns: Sequence[Column]) -> Table:
    """A table of these columns of another one."""
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(
            column.header, justify=column.justify, overflow=column.overflow, no_wrap=column.no_wrap
        )
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*cells)
    return table


def needed(console: Console, options: ConsoleOptions, columns: Sequence[Column]) -> int:
    """How wide a terminal must be for these columns."""
    return sum(_least(console, options, column) for column in columns) + _BETWEEN * (len(columns) - 1)


def _least(console: Console, options: ConsoleOptions, column: Column) -> int:
    endless = options.update(width=10_000)
    cells = [column.header, *column.cells]
    whole = max(Measurement.get(console, endless, cell).maximum for cell in cells)
    return whole if column.no_wrap else min(whole, LEAST)
