"""Tables of lists and versions for the terminal."""

from __future__ import annotations

from rich.table import Table

from handpick.runtime.log import SafeConsole


def make_table(title: str, columns: tuple[str, ...], right: tuple[str, ...]) -> Table:
    """Build an empty table; columns in `right` are right-aligned."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return table


def print_table(table: Table) -> None:
    """Print a table; titles of phones may hold brackets, which rich would take for markup."""
    SafeConsole().print(table)
