"""dbt's documentation of the warehouse, as one page that opens from a file."""

from __future__ import annotations

from pathlib import Path

from handpick.night import Night
from handpick.stages.warehouse.dbt import WarehouseError, alone, invoke
from handpick.stages.warehouse.project import environment, environment_of, project_folder, target_folder


def docs_page(night: Night) -> Path:
    """The page; written anew only when the project has changed since, as it tells of models and not of nights.

    Raises:
        WarehouseError: If dbt cannot write it.
    """
    page = target_folder(night.settings) / "static_index.html"
    if not page.is_file() or page.stat().st_mtime < changed_at(project_folder()):
        options = ["--static"]
        if night.settings.warehouse.target == "spark":
            # dbt-spark stumbles over temporary views, which other stages may have left in the session.
            options.append("--empty-catalog")
        with alone(night.settings), environment_of(environment(night.settings, night.logical_date)):
            outcome = invoke(night.settings, "docs generate", *options)
        if not outcome.success:
            raise WarehouseError(f"dbt could not write its documentation: {outcome.exception}")
    return page


def changed_at(folder: Path) -> float:
    """When any file of the project was last changed, in seconds."""
    return max(file.stat().st_mtime for kind in ("*.sql", "*.yml") for file in folder.rglob(kind))
