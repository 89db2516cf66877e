"""An example of a downstream DAG: runs whenever a new list version is current, and reads it as a consumer would."""

from __future__ import annotations

from airflow.sdk import dag, task
from stage_task import PUBLISHED, without_traceback


@dag(schedule=[PUBLISHED], catchup=False, doc_md=__doc__, tags=["handpick", "example"])
def example_consumer():
    @task
    def count_lists() -> dict[str, int]:
        """How many users have a list tonight, by source."""
        from handpick.config import load
        from handpick.serving.connection import connect

        query = "select source, count(distinct user_id) from serving.recommendations group by source order by source"

        def read() -> dict[str, int]:
            with connect(load()) as connection:
                return {str(source): int(users) for source, users in connection.execute(query)}

        return without_traceback(read)

    count_lists()


example_consumer()
