"""Tables on narrow terminals: a name or a number is never cut off; columns are left out instead, and named."""

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from agents.screens.fitting import LEAST, Fitting

HEADERS = ("rank", "member", "score", "brand", "band")
SPARE = ("band", "brand")


def drawn(table: Fitting, width: int) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, highlight=False).print(table)
    return out.getvalue().splitlines()


def fitting(members: list[str]) -> Fitting:
    table = Table(box=None, pad_edge=False)
    for header in HEADERS:
        if header == "member":
            table.add_column(header, overflow="fold")
        else:
            table.add_column(header, justify="right", no_wrap=True)
    for number, member in enumerate(members, 1):
        table.add_row(str(number), member, "100.00", "25.00", "middle")
    return Fitting(table, SPARE)


@given(
    st.lists(st.text("abc-0123456789", min_size=1, max_size=60), min_size=1, max_size=5),
    st.integers(30, 120),
)
def test_names_and_numbers_are_whole_at_every_width(members: list[str], width: int) -> None:
    lines = drawn(fitting(members), width)
    assert all(len(line) <= width for line in lines)
    assert "…" not in "".join(lines)
    header, *rows = lines
    column = header.index("member")
    after = header.index("score") - 2
    # a name may be folded, but all of it is there
    name = "".join(row[column:after].strip() for row in rows if "no room" not in row)
    assert name == "".join(members)
    assert sum("100.00" in row for row in rows) == len(members)


def test_what_is_left_out_is_named_and_nothing_more_than_needed() -> None:
    table = fitting(["m-1"])
    assert drawn(table, 60)[0].split() == list(HEADERS)
    assert [line.split() for line in drawn(table, 30)] == [
        ["rank", "member", "score", "brand"],
        ["1", "m-1", "100.00", "25.00"],
        ["no", "room", "for:", "band"],
    ]
    assert drawn(table, 25)[-1] == "no room for: band, brand"


def test_a_long_name_needs_only_a_few_columns() -> None:
    lines = drawn(fitting(["m" * 200]), 4 + 2 + LEAST + 2 + 6 + 2 + 5 + 2 + 6)
    assert lines[0].split() == list(HEADERS)
