"""Tables of lists and versions for the terminal."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import JustifyMethod
from rich.table import Table

from handpick.runtime.log import SafeConsole


def make_table(
    title: str, columns: tuple[str, ...], right: tuple[str, ...], whole: tuple[str, ...] = ()
) -> Table:
    """Build an empty table that is legible on a terminal of 80 columns.

    Args:
        title: Its title.
        columns: Headings of its columns.
        right: Columns of numbers: right-aligned, and never broken.
        whole: Columns of other values that are never broken, such as dates.
    """
    table = Table(
        title=title,
        title_justify="left",
        header_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for name in columns:
        justify: JustifyMethod = "right" if name in right else "left"
        table.add_column(name, justify=justify, overflow="fold", no_wrap=name in (*right, *whole))
    return table


def print_table(table: Table) -> None:
    """Print a table; titles of phones may hold brackets, which rich would take for markup."""
    SafeConsole().print(table)
