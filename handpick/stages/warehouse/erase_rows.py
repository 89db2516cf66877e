"""Erases a person's rows from the warehouse's DuckDB file, which is written anew without them."""

from __future__ import annotations

import shutil

from handpick.runtime.dataframes.duckdb_column import write_literal
from handpick.settings.load import Settings
from handpick.stages.warehouse.dbt_runner import WAREHOUSE_SCHEMA, WarehouseError, lock_warehouse

KEY_COLUMNS = ("user_id", "event_id", "query_id")


def erase_warehouse_user(settings: Settings, user_id: str) -> int:
    """Delete a user's rows from all tables, and write the file anew, so that its free blocks keep nothing.

    Args:
        settings: All settings; `[warehouse]` names the file.
        user_id: The user.

    Returns:
        The number of rows deleted.

    Raises:
        WarehouseError: If another program has the file open.
    """
    import duckdb

    file = settings.path(settings.warehouse.path)
    if settings.warehouse.target == "spark":
        # Its tables are files that the next build replaces; what they are made from is in the lake.
        shutil.rmtree(file.with_suffix(".spark"), ignore_errors=True)
    if not file.is_file():
        return 0
    staged = file.with_name(f".{file.name}.erasing")
    staged.unlink(missing_ok=True)
    with lock_warehouse(settings):
        try:
            with duckdb.connect(config={"threads": str(settings.warehouse.threads)}) as db:
                db.execute(f"ATTACH {write_literal(str(file))} AS old")
                found = _delete_rows(db, user_id)
                db.execute(f"ATTACH {write_literal(str(staged))} AS new")
                db.execute("COPY FROM DATABASE old TO new")
                db.execute("DETACH old")
                db.execute("DETACH new")
        except duckdb.IOException as error:
            staged.unlink(missing_ok=True)
            raise WarehouseError(
                f"the warehouse cannot be written: {str(error).splitlines()[0]} The person is still in it. "
                f"Close the program that has {file} open and run the erasure again."
            ) from None
        staged.replace(file)
        file.with_name(f"{file.name}.wal").unlink(missing_ok=True)
    return found


def _delete_rows(db: duckdb.DuckDBPyConnection, user_id: str) -> int:  # type: ignore[name-defined]  # noqa: F821
    """Delete the user's rows from every table with a column of users; return how many."""
    tables = db.execute(
        "SELECT table_name FROM duckdb_columns() JOIN duckdb_tables() USING (database_name, schema_name, "
        "table_name) WHERE database_name = 'old' AND schema_name = ? AND column_name = 'user_id'",
        [WAREHOUSE_SCHEMA],
    ).fetchall()
    found = 0
    for (table,) in tables:
        ((count,),) = db.execute(
            f'DELETE FROM old.{WAREHOUSE_SCHEMA}."{table}" WHERE trim(user_id) = ?',  # noqa: S608 - names are declared by us, values are parameters
            [user_id],
        ).fetchall()
        found += int(count)
    return found
