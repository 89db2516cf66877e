"""An example downstream DAG: runs when a new list version becomes current, and reads its lists."""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag, task
from stage_task import DAG_OPTIONS, PUBLISHED, without_traceback


@dag(schedule=[PUBLISHED], doc_md=__doc__, **{**DAG_OPTIONS, "tags": ["handpick", "example"]})
def example_consumer() -> None:
    """Read the current version, then the files of its night."""

    @task(doc_md="Reads which version is current, as any consumer would.")
    def current_version() -> dict[str, Any]:
        """Return the current version, its night and users by source, read by SQL in the consumers' role."""
        from handpick.serving.connection import connect
        from handpick.serving.statements import compose_statement
        from handpick.settings.load import load

        def read() -> dict[str, Any]:
            settings = load()
            with connect(settings, reader=True) as connection:
                schema = settings.serving.schema_name
                query = (
                    "select version, logical_date from {schema}.current_version "
                    "join {schema}.list_versions using (version)"
                )
                ((version, day),) = connection.execute(compose_statement(query, schema=schema)).fetchall()
                query = (
                    "select source, count(distinct user_id) from {schema}.recommendations "
                    "group by 1 order by 1"
                )
                users = dict(connection.execute(compose_statement(query, schema=schema)).fetchall())
            return {"version": version, "logical_date": day.isoformat(), "users_by_source": users}

        return without_traceback(read)

    @task(doc_md="Reads the files of the night, for consumers without SQL.")
    def read_exports(current: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Return file, users and rows of each segment, from the exports for consumers without SQL."""
        from datetime import date

        import pyarrow.parquet as pq

        from handpick.night import Night
        from handpick.settings.load import load

        def read() -> dict[str, dict[str, Any]]:
            night = Night(load(), date.fromisoformat(current["logical_date"]))
            folder = night.lake.partition("exports", night.logical_date) / "recommendations"
            files = {file.stem: file for file in sorted(folder.glob("*.parquet"))}
            tables = {segment: pq.read_table(file, columns=["user_id"]) for segment, file in files.items()}
            return {
                segment: {
                    "file": str(files[segment].with_suffix(".csv")),
                    "users": len(table["user_id"].unique()),
                    "rows": len(table),
                }
                for segment, table in tables.items()
            }

        return without_traceback(read)

    read_exports(current_version())


example_consumer()
