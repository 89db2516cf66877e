"""`handpick lists`: print the published list of a user, a segment or a phone."""

from __future__ import annotations

from typing import Annotated

import typer

from handpick.cli.list_tables import make_table, print_table


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    app.command("lists", rich_help_panel="Lists")(lists)


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
    variant = f", {first['variant']} of {first['experiment']}" if first.get("experiment") else ""
    version = f"version {first['list_version']} of {first['generated_at']:%Y-%m-%d %H:%M} UTC"
    table = make_table(
        f"{kind} {name}: {version}{variant}",
        ("#", "phone", settings.shop.currency, "score", "placed by", "reason", "source"),
        right=("#", settings.shop.currency, "score"),
    )
    for row in rows:
        relaxed = f" (relaxed: {row['relaxed_rules']})" if row.get("relaxed_rules") else ""
        placed_by = row.get("placed_by") or "score"
        table.add_row(
            str(row["rank"]),
            (row["title"] or row["item_id"]) + _describe_variants(row.get("phone_variants")),
            "" if row["price"] is None else f"{row['price']:,.0f}",
            f"{row['score']:.3f}",
            placed_by.replace("_", " "),
            row["reason"] + relaxed,
            row["source"],
        )
    print_table(table)


def _describe_variants(variants: str | None) -> str:
    """Return a second line that names a phone's other variants; empty for none."""
    return f"\n  also: {variants}" if variants else ""
