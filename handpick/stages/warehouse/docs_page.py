"""Renders dbt's documentation of the warehouse as one static page."""

from __future__ import annotations

from pathlib import Path

from handpick.night import Night
from handpick.stages.warehouse.dbt_runner import WarehouseError, lock_warehouse, run_dbt
from handpick.stages.warehouse.project import (
    build_environment,
    find_project_folder,
    find_target_folder,
    set_environment,
)


def render_docs_page(night: Night) -> Path:
    """Return the page, written again only if the project has changed since: it documents models, not nights.

    Raises:
        WarehouseError: If dbt cannot write it.
    """
    page = find_target_folder(night.settings) / "static_index.html"
    if not page.is_file() or page.stat().st_mtime < find_last_change(find_project_folder()):
        options = ["--static"]
        if night.settings.warehouse.target == "spark":
            # dbt-spark fails on temporary views, which other stages may have left in the session.
            options.append("--empty-catalog")
        with (
            lock_warehouse(night.settings),
            set_environment(build_environment(night.settings, night.logical_date)),
        ):
            outcome = run_dbt(night.settings, "docs generate", *options)
        if not outcome.success:
            raise WarehouseError(
                f"dbt could not write its documentation: {outcome.exception}. Tonight's marts are written; "
                f"run `handpick warehouse --date {night.logical_date}` again."
            )
    return page


def find_last_change(folder: Path) -> float:
    """Return when any SQL or YAML file below a folder was last changed, in seconds since 1970."""
    return max(file.stat().st_mtime for kind in ("*.sql", "*.yml") for file in folder.rglob(kind))
