"""Tables of lists and versions for the terminal."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Table

from handpick.runtime.log import SafeConsole


def make_table(title: str, columns: tuple[str, ...], right: tuple[str, ...]) -> Table:
    """Build an empty table; columns in `right` are right-aligned, and their numbers are never broken."""
    table = Table(
        title=title,
        title_justify="left",
        header_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for name in columns:
        is_number = name in right
        table.add_column(
            name, justify="right" if is_number else "left", overflow="fold", no_wrap=is_number
        )
    return table


def print_table(table: Table) -> None:
    """Print a table; titles of phones may hold brackets, which rich would take for markup."""
    SafeConsole().print(table)
