"""`handpick lists`, `versions`, `rollback`, `diff`: the published lists and their versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from handpick.serving.diff import VersionDiff


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    panel = "Lists"
    app.command("lists", rich_help_panel=panel)(lists)
    app.command("versions", rich_help_panel=panel)(versions)
    app.command("rollback", rich_help_panel=panel)(rollback)
    app.command("diff", rich_help_panel=panel)(diff)


def lists(
    user: Annotated[str | None, typer.Argument(help="The user_id.")] = None,
    segment: Annotated[
        str | None, typer.Option(help="Show the popular phones of a country, or of `all`, instead.")
    ] = None,
    phone: Annotated[
        str | None, typer.Option(help="Show the phones similar to this item_id instead.")
    ] = None,
) -> None:
    """Show the published list of a user, a segment or a phone, as consumers read it."""
    from handpick.serving.read_lists import read_list
    from handpick.settings.load import load

    requested = {"user": user, "segment": segment, "phone": phone}
    given = [(kind, name) for kind, name in requested.items() if name is not None]
    # Typer cannot declare that exactly one of three parameters is needed.
    if len(given) != 1:
        raise typer.BadParameter("give a user_id, or one of --segment and --phone")
    settings = load()
    kind, name = given[0]
    rows = read_list(settings, kind, name)
    first = rows[0]
    table = _table(
        f"{kind} {name}: version {first['list_version']} of {first['generated_at']:%Y-%m-%d %H:%M} UTC",
        ("#", "phone", settings.shop.currency, "score", "reason", "source"),
        right=("#", settings.shop.currency, "score"),
    )
    for row in rows:
        relaxed = f" (relaxed: {row['relaxed_rules']})" if row.get("relaxed_rules") else ""
        table.add_row(
            str(row["rank"]),
            row["title"] or row["item_id"],
            "" if row["price"] is None else f"{row['price']:,.0f}",
            f"{row['score']:.3f}",
            row["reason"] + relaxed,
            row["source"],
        )
    _print(table)


def versions() -> None:
    """List the versions that are kept, newest first, and mark the current one."""
    from handpick.serving.versions import list_versions
    from handpick.settings.load import load

    table = _table(
        "List versions",
        ("version", "night", "", "users", "rows", "model of", "digest", "published at (UTC)"),
        right=("version", "users", "rows"),
    )
    for one in list_versions(load()):
        table.add_row(
            str(one.version),
            str(one.logical_date),
            "current" if one.is_current else "",
            f"{one.user_count:,}",
            f"{one.recommendation_count:,}",
            one.model or "",
            one.digest[:12],
            f"{one.published_at:%Y-%m-%d %H:%M:%S}",
            style="bold" if one.is_current else "",
        )
    _print(table)


def rollback(
    version: Annotated[
        str | None, typer.Argument(help="The version. Default: the newest before the current one.")
    ] = None,
) -> None:
    """Make another version, older or newer, the current one, at once for all consumers."""
    from handpick.serving.versions import rollback as make_current
    from handpick.settings.load import load

    typer.echo(f"Version {make_current(load(), version)} is current.")


def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="The version before.")],
    after: Annotated[str, typer.Argument(metavar="B", help="The version after.")],
    user: Annotated[str | None, typer.Option(help="Also compare the two lists of this user.")] = None,
) -> None:
    """Show what changed from version A to version B: for which users, which phones, and why."""
    from handpick.serving.diff import compare_versions
    from handpick.settings.load import load

    found = compare_versions(load(), before, after, user)
    _show(found)
    if user is not None:
        table = _table(
            f"user {user}",
            ("before", "after", "phone", "what happened", "reason", "source"),
            right=("before", "after"),
        )
        for row in found.user_rows:
            cells = (row["title"], row["happened"], row["reason_code"], row["source"])
            table.add_row(_rank(row["old_rank"]), _rank(row["new_rank"]), *cells)
        _print(table)


def _show(found: VersionDiff) -> None:
    """Print a difference of two versions: users by what happened to their list, rows by reason, phones."""
    typer.echo(
        f"Version {found.before.version} to {found.after.version}: "
        f"{'; '.join(found.overall_causes) or 'same night and model'}"
    )
    table = _table("For whom", ("users", "their list"), right=("users",))
    for name, count in found.user_counts.items():
        table.add_row(f"{count:,}", name.replace("_", " "))
    _print(table)
    for title, rows in (("Added to lists", found.added), ("Removed from lists", found.removed)):
        table = _table(title, ("rows", "users", "why"), right=("rows", "users"))
        for row in rows:
            table.add_row(f"{row['rows']:,}", f"{row['users']:,}", row["why"])
        _print(table)
    table = _table(
        "Phones that are on more or fewer lists",
        ("added", "removed", "phone", "what happened to it"),
        right=("added", "removed"),
    )
    for row in found.phones:
        table.add_row(f"{row['came']:,}", f"{row['went']:,}", row["title"], row["happened"])
    _print(table)


def _rank(value: Any) -> str:
    """Format a rank; `-` where the phone is not on the list."""
    return "-" if value is None else str(value)


def _table(title: str, columns: tuple[str, ...], right: tuple[str, ...]) -> Table:
    """Build an empty table; columns in `right` are right-aligned."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return table


def _print(table: Table) -> None:
    """Print a table; titles of phones may hold brackets, which rich would take for markup."""
    Console(highlight=False, markup=False).print(table)
