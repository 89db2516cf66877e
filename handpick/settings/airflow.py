"""`[airflow]`: the Airflow that `handpick run` and `handpick up` start on this machine."""

from pathlib import Path

from pydantic import Field

from handpick.settings import Section


class AirflowSettings(Section):
    """The local Airflow. A deployment of your own needs only `dags/` and `plugins/`; see docs/operate.md."""

    home: Path = Field(
        Path("var/airflow"), description="AIRFLOW_HOME: logs, the password file and process ids."
    )
    port: int = Field(8080, ge=1, le=65535, description="Port of the web UI and API on 127.0.0.1.")
    database: str = Field(
        "airflow", description="Name of Airflow's database on the embedded PostgreSQL server."
    )
    schedule: str | None = Field(
        None,
        description="Cron expression (UTC) of `nightly_recommendations`, such as `0 2 * * *`. Without it, "
        "nights run only when they are triggered, as the demo shop gets no new day by itself.",
    )
    retries: int = Field(1, ge=0, description="Retries of a failed stage before the night fails.")
    retry_delay_seconds: int = Field(60, ge=0, description="Seconds before a retry.")
    owner: str = Field("operations", min_length=1, description="Owner of the DAGs, as Airflow shows it.")
    stage_timeout_minutes: int = Field(
        720, ge=1, description="Minutes after which a stage's task is stopped; it counts as failed then."
    )
    gpu_pool: str | None = Field(
        None,
        description="Airflow pool whose slots the stages take that train or encode, so that no more of them "
        'share a GPU. It must exist, or they never start: `airflow pools set gpu 1 "the GPU"`.',
    )
