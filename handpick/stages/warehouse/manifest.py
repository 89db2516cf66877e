"""The dbt manifest that the DAG is drawn from: parsed once for each state of the project."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from handpick.settings.load import Settings
from handpick.stages.warehouse.dbt_runner import WarehouseError, run_dbt
from handpick.stages.warehouse.docs_page import find_last_change
from handpick.stages.warehouse.project import (
    build_environment,
    find_project_folder,
    find_target_folder,
    set_environment,
)

MANIFEST_NAME = "manifest.json"


def parse_manifest(settings: Settings) -> Path:
    """Return the file of the project's manifest; dbt parses only if a file of the project has changed since.

    This is not the manifest that lineage reads: dbt rewrites that one in place, while Airflow may be reading.

    Raises:
        WarehouseError: If the project cannot be parsed.
    """
    manifest = find_target_folder(settings) / "drawn" / MANIFEST_NAME
    if not manifest.is_file() or manifest.stat().st_mtime < find_last_change(find_project_folder()):
        manifest.parent.mkdir(parents=True, exist_ok=True)
        # The DAG processor and a worker may both find the manifest out of date: each parses in a folder of
        # its own.
        with TemporaryDirectory(dir=manifest.parent) as staging, set_environment(build_environment(settings)):
            outcome = run_dbt(settings, "parse", target=Path(staging))
            if not outcome.success:
                raise WarehouseError(
                    f"dbt cannot parse {find_project_folder()}: {outcome.exception}. The DAG cannot be "
                    "drawn; fix the project."
                )
            (Path(staging) / MANIFEST_NAME).replace(manifest)
    return manifest
