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
    # The two others are named by `placed by`.
    sources = {row["source"] for row in rows} - {"exploration", "campaign"}
    version = f"version {first['list_version']} of {first['generated_at']:%Y-%m-%d %H:%M} UTC"
    title = f"{kind} {name}: {version}{variant}"
    if kind == "user" and len(sources) == 1:
        title += f", from {next(iter(sources))}"
    cells = [
        {
            "#": str(row["rank"]),
            "phone": (row["title"] or row["item_id"]) + _describe_variants(row.get("phone_variants")),
            settings.shop.currency: "" if row["price"] is None else f"{row['price']:,.0f}",
            "score": f"{row['score']:.3f}",
            "placed by": (row.get("placed_by") or "score").replace("_", " "),
            "reason": row["reason"]
            + (f" (relaxed: {row['relaxed_rules']})" if row.get("relaxed_rules") else ""),
            "source": row["source"],
        }
        for row in rows
    ]
    # A column that says the same of every phone would only make the others narrow.
    silent = {
        "placed by": all(row["placed by"] == "score" for row in cells),
        "reason": not any(row["reason"] for row in cells),
        "source": len(sources) <= 1,
    }
    columns = tuple(name for name in cells[0] if not silent.get(name))
    table = make_table(title, columns, right=("#", settings.shop.currency, "score"))
    for row in cells:
        table.add_row(*(row[name] for name in columns))
    print_table(table)


def _describe_variants(variants: str | None) -> str:
    """Return a second line that names a phone's other variants; empty for none."""
    return f"\n  also: {variants}" if variants else ""
