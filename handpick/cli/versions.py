"""`handpick versions`, `rollback`, `diff`: the kept versions of the lists, and which one is current."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from handpick.cli.list_tables import make_table, print_table
from handpick.runtime.log import print_result

if TYPE_CHECKING:
    from handpick.serving.diff import VersionDiff


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    panel = "Lists"
    app.command("versions", rich_help_panel=panel)(versions)
    app.command("rollback", rich_help_panel=panel)(rollback)
    app.command("diff", rich_help_panel=panel)(diff)


def versions() -> None:
    """List the versions that are kept, newest first, and mark the current one."""
    from handpick.serving.versions import list_versions
    from handpick.settings.load import load

    table = make_table(
        "List versions; consumers read the one marked *",
        ("version", "night", "users", "rows", "shop", "model of", "digest", "published (UTC)"),
        right=("version", "users", "rows"),
        whole=("night", "shop", "model of", "digest", "published (UTC)"),
    )
    for one in list_versions(load()):
        table.add_row(
            f"* {one.version}" if one.is_current else str(one.version),
            str(one.logical_date),
            f"{one.user_count:,}",
            f"{one.recommendation_count:,}",
            {None: "", True: "demo", False: "own"}[one.is_demo],
            one.model or "",
            one.digest[:8],
            f"{one.published_at:%Y-%m-%d %H:%M}",
            style="bold" if one.is_current else "",
        )
    print_table(table)


def rollback(
    version: Annotated[
        str | None, typer.Argument(help="The version. Default: the newest before the current one.")
    ] = None,
    why: Annotated[str, typer.Option(help="The reason, kept in the audit log.")] = "",
) -> None:
    """Make another version, older or newer, the current one, at once for all consumers."""
    from handpick.serving.browse import name_os_user, record_action
    from handpick.serving.versions import rollback as make_current
    from handpick.settings.load import load

    settings = load()
    made = make_current(settings, version)
    record_action(settings, who=name_os_user(), action="roll back", target=f"to version {made}", why=why)
    print_result(f"Version {made} is current.")


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
        table = make_table(
            f"user {user}",
            ("before", "after", "phone", "what happened", "reason", "source"),
            right=("before", "after"),
        )
        for row in found.user_rows:
            cells = (row["title"], row["happened"], row["reason_code"], row["source"])
            table.add_row(_rank(row["old_rank"]), _rank(row["new_rank"]), *cells)
        print_table(table)


def _show(found: VersionDiff) -> None:
    """Print a difference of two versions: users by what happened to their list, rows by reason, phones."""
    print_result(
        f"Version {found.before.version} to {found.after.version}: "
        f"{'; '.join(found.overall_causes) or 'same night and model'}"
    )
    table = make_table("For whom", ("users", "their list"), right=("users",))
    for name, count in found.user_counts.items():
        table.add_row(f"{count:,}", name.replace("_", " "))
    print_table(table)
    for title, rows in (("Added to lists", found.added), ("Removed from lists", found.removed)):
        table = make_table(title, ("rows", "users", "why"), right=("rows", "users"))
        for row in rows:
            table.add_row(f"{row['rows']:,}", f"{row['users']:,}", row["why"])
        print_table(table)
    table = make_table(
        "Phones that are on more or fewer lists",
        ("added", "removed", "phone", "what happened to it"),
        right=("added", "removed"),
    )
    for row in found.phones:
        table.add_row(f"{row['came']:,}", f"{row['went']:,}", row["title"], row["happened"])
    print_table(table)


def _rank(value: Any) -> str:
    """Format a rank; `-` where the phone is not on the list."""
    return "-" if value is None else str(value)
