"""`handpick lineage`: the origin of a column."""

import sys
from typing import Annotated

import typer

from handpick.runtime.log import print_result


def register(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command("lineage", rich_help_panel="Look inside")(lineage)


def lineage(
    column: Annotated[str, typer.Argument(help="`table.column`, such as serving.recommendations.score.")],
) -> None:
    """Print the columns that a column is computed from, back to the landing files."""
    from handpick.lineage.dbt_columns import DbtModels
    from handpick.lineage.graph import ColumnRef, LineageGraph, check_serving_column
    from handpick.settings.load import load

    start = ColumnRef.parse(column)
    # A misspelled column would otherwise print a lineage without any origin.
    check_serving_column(start.table, start.name)
    settings = load()
    manifest = settings.path(settings.lineage.manifest)
    for step in LineageGraph(DbtModels(manifest)).walk(start):
        made = f"  [{step.stage}]" if step.stage else ""
        print_result(f"{'  ' * step.depth}{step.column}{made}{' (see above)' if step.is_repeated else ''}")
    if not manifest.is_file():
        print_result(
            f"dbt has left no manifest in {manifest}, so the lineage stops at the marts. Run `handpick "
            "warehouse` first.",
            file=sys.stderr,
        )
