"""Finds damage in the warehouse's DuckDB file, and removes it: it can always be built again from the lake."""

from __future__ import annotations

from pathlib import Path

from handpick.settings.load import Settings
from handpick.stages.warehouse.dbt_runner import lock_warehouse


def find_warehouse_damage(settings: Settings) -> str | None:
    """Read all of the warehouse; return what is damaged in it, None if nothing is or it is not there.

    DuckDB compares each block with its checksum when it reads it.
    """
    import duckdb

    file = _get_file(settings)
    if file is None:
        return None
    with lock_warehouse(settings):
        try:
            with duckdb.connect(str(file), read_only=True) as connection:
                tables = connection.execute(
                    "select table_schema, table_name from information_schema.tables "
                    "where table_type = 'BASE TABLE' order by all"
                ).fetchall()
                for schema, name in tables:
                    # Reads every column.
                    connection.execute(f'select bit_xor(hash(t)) from "{schema}"."{name}" t').fetchall()  # noqa: S608 - names from the catalog
        except (duckdb.Error, UnicodeDecodeError) as error:
            return f"{file} cannot be read ({str(error).splitlines()[0].rstrip('.')[:300]})"
    return None


def remove_warehouse(settings: Settings) -> None:
    """Remove the warehouse's file; the next build makes it anew from the lake."""
    file = _get_file(settings)
    if file is not None:
        with lock_warehouse(settings):
            for each in (file, file.with_name(f"{file.name}.wal")):
                each.unlink(missing_ok=True)


def _get_file(settings: Settings) -> Path | None:
    """Return the warehouse's file, None where it is in no file or none has been built."""
    file = settings.path(settings.warehouse.path)
    return file if settings.warehouse.target == "duckdb" and file.is_file() else None
